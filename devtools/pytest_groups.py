"""A pytest plugin: which tests run in the same worker process of pytest-xdist.

The tests of a file stay together, so that its fixtures are made once. All files that need the local stack go to
one worker, so that one stack is started. (The ``xdist_group`` mark has no effect with pytest 9.2.)
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped] # pytest-xdist has no type information
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_NEEDS_STACK = "pytest.mark.stack"


class OneStackScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out whole groups of tests, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(self.config.rootpath / nodeid.partition("::")[0])


@cache
def group_of(file: Path) -> str:
    """The group of a test file's tests."""
    return "stack" if _NEEDS_STACK in file.read_text(encoding="utf-8") else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """The scheduler for this run, whatever ``--dist`` says."""
    return OneStackScheduling(config, log)
