"""Adapters: the only importers of the Azure SDKs and of HTTP clients."""
