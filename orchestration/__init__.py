"""Orchestration of content jobs: values, engine, services and the adapters to Azure."""
