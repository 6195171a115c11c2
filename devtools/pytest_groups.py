"""A pytest plugin: which tests must run in the same worker process.

Every test that needs the local stack goes to one worker, so that one stack is started; the tests of any other
file stay together, so that their module's fixtures are made once.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = "stack" if item.get_closest_marker("stack") else str(item.path)
            item.add_marker(pytest.mark.xdist_group(group))
