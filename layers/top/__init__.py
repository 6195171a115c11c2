"""Top layer: research, writing, citations, facts, E-E-A-T, schema, package."""
