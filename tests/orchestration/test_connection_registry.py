"""The ``connections`` table, on the memory twin and on Table Storage."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from orchestration.adapters.memory import MemoryJobStore, MemoryPublisher
from orchestration.connections import Outside
from orchestration.errors import DependencyUnavailable, RequestRefused, StorageUnavailable
from orchestration.jobs import stamp
from orchestration.ports import JobStore
from orchestration.sockets.connection_registry import (
    ConnectionRegistry,
    OpenConnection,
    figures_of,
)
from orchestration.sockets.groups import Watcher
from orchestration.sockets.interest import (
    KEPT,
    LOOK_SECONDS,
    WATCHED_SECONDS,
    Interest,
    tenant_name,
    user_name,
)
from tests.orchestration.support import START, FakeClock
from tests.orchestration.upstream_events import ANN, BOB, EVE

USES_SERVICES = True


@dataclass
class Bench:
    """A registry with what it stands on; ``own`` makes ids that no other test uses."""

    registry: ConnectionRegistry
    publisher: MemoryPublisher
    clock: FakeClock
    ids: Iterator[str]

    def connected(self) -> str:
        connection = next(self.ids)
        self.publisher.members[connection] = set()
        return connection

    async def listed(self) -> list[OpenConnection]:
        return [c for c in await self.registry.listed() if c.connection_id in self.used]

    @property
    def used(self) -> set[str]:
        return set(self.publisher.members)


def fresh_ids() -> Iterator[str]:
    while True:
        yield f"{uuid.uuid4().hex}/+= {uuid.uuid4().hex}"


@pytest.fixture(params=["memory", "azure"])
def store(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryJobStore(FakeClock())
    outside: Outside = request.getfixturevalue("outside")
    return outside.store


@pytest.fixture
async def bench(store: JobStore) -> AsyncIterator[Bench]:
    clock, publisher = FakeClock(), MemoryPublisher()
    interest = Interest(store=store, clock=clock)
    registry = ConnectionRegistry(store=store, publisher=publisher, interest=interest, clock=clock)
    yield Bench(registry=registry, publisher=publisher, clock=clock, ids=fresh_ids())
    for connection in await registry.listed():
        await registry.close(connection.connection_id, connection.watcher)


def watching(job: str) -> Callable[[OpenConnection], OpenConnection]:
    return lambda connection: replace(connection, jobs=(*connection.jobs, job))


async def test_a_connection_is_bound_to_the_first_who_opened_it(bench: Bench) -> None:
    connection = bench.connected()
    await bench.registry.open(connection, ANN, ANN.group)
    bench.clock.advance(5)
    await bench.registry.open(connection, ANN, ANN.group)
    for other in (BOB, EVE):
        with pytest.raises(RequestRefused, match="not known"):
            await bench.registry.open(connection, other, other.group)
        with pytest.raises(RequestRefused):
            await bench.registry.bound(connection, other)
    assert await bench.listed() == [
        OpenConnection(
            connection_id=connection, watcher=ANN, group=ANN.group, since=stamp(START), last_seen=stamp(START)
        )
    ]


async def test_changes_at_one_time_are_all_kept(bench: Bench) -> None:
    connection = bench.connected()
    await bench.registry.open(connection, ANN, "job:x")
    bench.clock.advance(7)
    await asyncio.gather(*(bench.registry.change(connection, ANN, watching(str(n))) for n in range(5)))
    (row,) = await bench.listed()
    assert set(row.jobs) == {"0", "1", "2", "3", "4"}
    assert (row.since, row.last_seen) == (stamp(START), stamp(bench.clock.now()))


async def test_a_connection_is_closed_by_its_own_watcher_and_once_is_as_good_as_twice(bench: Bench) -> None:
    connection = bench.connected()
    await bench.registry.open(connection, ANN, "")
    await bench.registry.close(connection, BOB)
    assert len(await bench.listed()) == 1
    for _ in range(2):
        await bench.registry.close(connection, ANN)
    assert await bench.listed() == []
    with pytest.raises(RequestRefused):
        await bench.registry.change(connection, ANN, watching("j"))


async def test_the_clean_up_removes_what_is_dead_and_spares_what_lives_or_was_seen_just_now(
    bench: Bench,
) -> None:
    dead, alive, fresh = bench.connected(), bench.connected(), next(bench.ids)
    for connection in (dead, alive):
        await bench.registry.open(connection, ANN, "")
    bench.clock.advance(601)
    await bench.registry.open(fresh, ANN, "")
    del bench.publisher.members[dead]
    done = await bench.registry.clean()
    assert (done.checked, done.removed) == (2, 1)
    rows = {row.connection_id: row for row in await bench.registry.listed()}
    assert set(rows) == {alive, fresh}
    assert rows[alive].last_seen == stamp(bench.clock.now()), "it is asked about again in ten minutes"
    assert (await bench.registry.clean()).checked == 0


async def test_nothing_is_removed_while_web_pubsub_does_not_answer(bench: Bench) -> None:
    connection = bench.connected()
    await bench.registry.open(connection, ANN, "")
    bench.clock.advance(601)

    async def down(_: str) -> bool:
        raise DependencyUnavailable("down", code="realtime_unavailable")

    bench.publisher.exists = down  # type: ignore[method-assign]
    with pytest.raises(DependencyUnavailable):
        await bench.registry.clean()
    assert len(await bench.listed()) == 1


async def test_an_end_that_is_told_during_the_clean_up_is_no_error(bench: Bench) -> None:
    connection = bench.connected()
    await bench.registry.open(connection, ANN, "")
    bench.clock.advance(601)

    async def ended(_: str) -> bool:
        await bench.registry.close(connection, ANN)
        return True

    bench.publisher.exists = ended  # type: ignore[method-assign]
    assert (await bench.registry.clean()).removed == 0


def test_figures_count_a_jobs_watchers_once_each() -> None:
    def connection(number: int, watcher: Watcher, group: str, *jobs: str) -> OpenConnection:
        return OpenConnection(
            connection_id=str(number), watcher=watcher, group=group, jobs=jobs, since="", last_seen=""
        )

    figures = figures_of(
        [
            connection(1, ANN, ANN.group, "x", "y"),
            connection(2, ANN, "job:x", "x"),
            connection(3, BOB, "job:y"),
            connection(4, EVE, ""),
        ]
    )
    assert (figures.connections, figures.users, figures.by_job) == (4, 3, {"x": 2, "y": 2})


# ---------------------------------------------------------------- who may be watching


@pytest.mark.parametrize("own_jobs", [True, False])
async def test_a_socket_is_handed_out_once_every_process_knows_of_it(
    store: JobStore, *, own_jobs: bool
) -> None:
    clock, watcher = FakeClock(), Watcher(tenant=uuid.uuid4().hex, user=uuid.uuid4().hex)
    names = [tenant_name(watcher.tenant), *([user_name(watcher.user)] if own_jobs else [])]
    here, there = Interest(store=store, clock=clock), Interest(store=store, clock=clock)
    assert [await there.has(name) for name in names] == [False] * len(names)
    assert [there.known(name) for name in names] == [False] * len(names)
    await here.note(watcher, own_jobs=own_jobs)
    assert clock.slept == [LOOK_SECONDS], "the other process may believe what it saw for that long"
    assert [there.known(name) for name in names] == [None] * len(names)
    assert all([await each.has(name) for name in names for each in (here, there)])
    assert all(there.known(name) for name in names)
    await here.note(watcher, own_jobs=own_jobs)
    await there.note(watcher, own_jobs=own_jobs)
    assert clock.slept == [LOOK_SECONDS], "from then on there is nothing to wait for"


async def test_who_watches_is_looked_up_once_a_minute_and_who_does_not_twice_a_second() -> None:
    clock = FakeClock()
    interest = Interest(store=MemoryJobStore(clock), clock=clock)
    await interest.keep(ANN, own_jobs=False)
    watching, sleeping = tenant_name(ANN.tenant), tenant_name("sleeping")
    assert (await interest.has(watching), await interest.has(sleeping)) == (True, False)
    clock.advance(LOOK_SECONDS)
    assert (interest.known(watching), interest.known(sleeping)) == (True, None)
    clock.advance(WATCHED_SECONDS - LOOK_SECONDS)
    assert interest.known(watching) is None


async def test_those_who_ask_at_one_time_share_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    interest, looks = Interest(store=store, clock=clock), list[str]()

    async def counted() -> None:
        looks.append("a look")
        await asyncio.sleep(0)

    monkeypatch.setattr(store, "prepare", counted)
    assert await asyncio.gather(*(interest.has("a") for _ in range(5))) == [False] * 5
    assert (looks, interest._looking) == (["a look"], {})


async def test_who_watches_one_job_first_and_all_of_theirs_later_waits_again(store: JobStore) -> None:
    clock, watcher = FakeClock(), Watcher(tenant=uuid.uuid4().hex, user=uuid.uuid4().hex)
    interest = Interest(store=store, clock=clock)
    await interest.note(watcher, own_jobs=False)
    assert not await interest.has(user_name(watcher.user))
    await interest.note(watcher, own_jobs=True)
    assert clock.slept == [LOOK_SECONDS] * 2
    assert await interest.has(user_name(watcher.user))


async def test_interest_ends_a_day_after_the_last_sign_of_life(bench: Bench) -> None:
    interest = bench.registry.interest
    connection = bench.connected()
    await interest.note(ANN, own_jobs=True)
    await bench.registry.open(connection, ANN, ANN.group)
    for _ in range(3):
        bench.clock.advance(KEPT.total_seconds() - 60)
        assert await interest.has(user_name(ANN.user))
        assert await interest.has(tenant_name(ANN.tenant))
        await bench.registry.clean()
    del bench.publisher.members[connection]
    bench.clock.advance(KEPT.total_seconds() + 1)
    await bench.registry.clean()
    assert not await interest.has(user_name(ANN.user))
    assert not await interest.has(tenant_name(ANN.tenant))


async def test_what_was_seen_is_believed_for_half_a_second_and_without_storage_everybody_may_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    interest = Interest(store=store, clock=clock)
    assert not await interest.has("u")

    async def down() -> None:
        raise StorageUnavailable("no tables")

    monkeypatch.setattr(store, "prepare", down)
    assert not await interest.has("u")
    clock.advance(LOOK_SECONDS)
    assert await interest.has("u")


async def test_the_memory_of_looks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.sockets.interest._MOST_REMEMBERED", 3)
    clock = FakeClock()
    interest = Interest(store=MemoryJobStore(clock), clock=clock)
    for number in range(10):
        await interest.has(str(number))
    assert len(interest._looks) <= 3
