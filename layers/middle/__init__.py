"""Middle layer: structure, queries, relationships, platforms."""
