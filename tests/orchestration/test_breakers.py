"""A dependency that is down costs no waiting: calls are refused at once, one at a time asks whether it is back."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from layers.contract import RawDocument, StepError
from orchestration.adapters.bare_http import Answer, NoAnswer
from orchestration.adapters.guarded_provider import GuardedProvider
from orchestration.adapters.servicebus import ServiceBusQueue
from orchestration.adapters.table_auth import SharedKeyAuth, TableAccount
from orchestration.adapters.table_link import TableLink
from orchestration.breaker import PROMPT, SLOW_TO_FAIL, Breaker, BreakerState
from orchestration.errors import QueueUnavailable, StorageUnavailable
from orchestration.ports import OutgoingMessage
from tests.orchestration.support import FakeClock

ENDPOINT = "http://127.0.0.1:1"


class Service:
    """A client of a service that a test switches off and on."""

    def __init__(self, status: int | None = 200) -> None:
        self.status = status
        self.asked = 0

    async def request(self, *_: object) -> Answer:
        self.asked += 1
        if self.status is None:
            raise NoAnswer("TimeoutError")
        return Answer(status=self.status, headers={}, payload=b"")


def table_link(service: Service, clock: FakeClock) -> TableLink:
    account = TableAccount(endpoint=ENDPOINT, name="a", key="c2VjcmV0")
    breaker = Breaker("table storage", clock.monotonic, policy=PROMPT)
    return TableLink(client=service, endpoint=ENDPOINT, auth=SharedKeyAuth(account=account), breaker=breaker)  # type: ignore[arg-type]


async def ask(link: TableLink) -> int:
    return (await link.request("GET", "/t", headers={})).status


async def test_storage_that_does_not_answer_is_asked_once_a_second() -> None:
    service, clock = Service(None), FakeClock()
    link = table_link(service, clock)
    for _ in range(PROMPT.fewest + 10):
        with pytest.raises(StorageUnavailable):
            await ask(link)
    assert service.asked == PROMPT.fewest
    clock.advance(PROMPT.pause)
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await ask(link)
    assert service.asked == PROMPT.fewest + 1
    clock.advance(PROMPT.pause)
    service.status = 200
    assert [await ask(link), await ask(link)] == [200, 200]


@pytest.mark.parametrize("status", [503, 429, 412, 404])
async def test_storage_that_is_busy_or_says_no_is_alive(status: int) -> None:
    service, clock = Service(status), FakeClock()
    link = table_link(service, clock)
    assert [await ask(link) for _ in range(PROMPT.fewest * 2)] == [status] * PROMPT.fewest * 2


async def test_a_few_lost_answers_do_not_stop_a_job() -> None:
    service, clock = Service(None), FakeClock()
    link = table_link(service, clock)
    for _ in range(PROMPT.fewest // 2 - 1):
        with pytest.raises(StorageUnavailable):
            await ask(link)
    service.status = 200
    assert [await ask(link) for _ in range(PROMPT.fewest)] == [200] * PROMPT.fewest
    assert link.breaker.state is BreakerState.CLOSED


async def test_a_broker_that_is_down_costs_a_submission_no_wait() -> None:
    clock, opened = FakeClock(), []

    def connect() -> Any:
        opened.append(1)
        raise OSError("refused")

    queue = ServiceBusQueue(connect, Breaker("service bus", clock.monotonic, policy=SLOW_TO_FAIL))
    message = OutgoingMessage(queue="content-jobs", message_id="m", body="{}")
    for _ in range(SLOW_TO_FAIL.fewest + 5):
        with pytest.raises(QueueUnavailable):
            await queue.send(message)
    assert len(opened) == SLOW_TO_FAIL.fewest
    clock.advance(SLOW_TO_FAIL.pause)
    with pytest.raises(QueueUnavailable):
        await queue.send(message)
    assert len(opened) == SLOW_TO_FAIL.fewest + 1
    await queue.close()


class Provider:
    name = "wikipedia"

    def __init__(self, failure: StepError | None) -> None:
        self.failure = failure
        self.asked = 0

    async def search(self, query: str, *, limit: int, since: date | None) -> Sequence[RawDocument]:
        del query, limit, since
        self.asked += 1
        if self.failure:
            raise self.failure
        return ()


def down() -> StepError:
    return StepError("down", code="source_unreachable", retryable=True)


def refused() -> StepError:
    return StepError("refused", code="source_refused")


@pytest.mark.parametrize(("failure", "asked"), [(down, 5), (refused, 9)], ids=["down", "refused"])
async def test_a_research_provider_that_is_down_is_left_alone(
    failure: Callable[[], StepError], asked: int
) -> None:
    provider, clock = Provider(failure()), FakeClock()
    guarded = GuardedProvider(provider, Breaker(provider.name, clock.monotonic))
    assert guarded.name == "wikipedia"
    for _ in range(9):
        with pytest.raises(StepError):
            await guarded.search("q", limit=1, since=None)
    assert provider.asked == asked
    provider.failure = None
    clock.advance(30)
    assert await guarded.search("q", limit=1, since=None) == ()
