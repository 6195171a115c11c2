"""Pure text functions that several layers share."""
