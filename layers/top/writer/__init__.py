"""The embedded writer: an article made of verbatim evidence."""
