"""Whether a claim is supported, by what, and how far its source can be relied on."""
