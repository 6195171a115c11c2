"""``./dev generate``: from a topic on the command line to an article on disk."""
