"""Custom workflows: definitions, versions, plans."""
