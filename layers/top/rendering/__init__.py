"""The article as Markdown, as a page, and in the forms of platforms."""
