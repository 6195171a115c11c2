"""The outline of an article, from the sides of its topic to worded sections."""
