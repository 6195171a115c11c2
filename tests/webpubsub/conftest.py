"""One stand-in per module, one hub per test."""

from collections.abc import Iterator

import pytest

from tests.webpubsub.support import StandIn, fresh_hub, started


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with started(faults=True) as server:
        yield server


@pytest.fixture
def hub() -> str:
    return fresh_hub()
