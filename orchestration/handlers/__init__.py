"""Handlers of the routes, one module a subject."""
