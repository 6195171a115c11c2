"""The thirty properties of ``infra/`` and some more, each asserted on evaluated values."""

from infra.checks.properties import (
    app,
    identity,
    messaging,
    monitoring,
    network,
    repository,
    settings,
    storage,
    templates,
)
from infra.checks.registry import PROPERTIES

__all__ = [
    "PROPERTIES",
    "app",
    "identity",
    "messaging",
    "monitoring",
    "network",
    "repository",
    "settings",
    "storage",
    "templates",
]
