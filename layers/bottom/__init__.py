"""Bottom layer: intent, keywords, sources, freshness, passages."""
