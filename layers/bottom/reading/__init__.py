"""From a document as it came to clean running text with its metadata and references."""
