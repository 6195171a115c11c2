"""Limits of a tenant: calls a minute over all instances, active jobs, and what both cost."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.access.job_limits import COUNT_EVERY, RECOUNT_AFTER, JobLimits
from orchestration.access.rate_limits import LIMITS, RateLimits
from orchestration.adapters.memory import MemoryJobStore
from orchestration.bootstrap import App
from orchestration.checkpoints import Row
from orchestration.errors import RequestRefused, RowConflict, StorageUnavailable
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Role
from orchestration.jobs import ActiveJob
from orchestration.ports import RowTable, TaggedRow
from orchestration.routes import ROUTES
from tests.orchestration.support import FakeClock, World, body_of, new_job
from tests.orchestration.test_apikeys import ask, issued
from tests.orchestration.test_controller import call

REQUEST = {"topic": "A topic of its own", "contentType": "blog_post", "audience": "b2b"}


def limited(per_minute: int = 20, most: int = 3) -> World:
    return World(
        environment={
            "AUTH_MODE": "apikey",
            "INTERNAL_API_TOKEN": "the-internal-token",
            "RATE_LIMIT_PER_MINUTE": str(per_minute),
            "MAX_ACTIVE_JOBS": str(most),
        }
    )


def left(reply: HttpReply) -> int:
    match = re.fullmatch(r'"tenant";r=(\d+);t=(\d+)', reply.headers["RateLimit"])
    assert match
    return int(match.group(1))


async def calls(world: World, key: str, number: int, app: App | None = None) -> list[HttpReply]:
    replies = []
    for _ in range(number):
        replies.append(await ask(world, key, app=app))
        await asyncio.sleep(0)
    return replies


# ---------------------------------------------------------------- calls


async def test_calls_beyond_the_limit_wait_for_the_next_minute() -> None:
    world = limited(20)
    key = await issued(world)
    world.clock.advance(13)
    replies = await calls(world, key, 25)
    assert [200] * 20 + [429] * 5 == [reply.status for reply in replies]
    assert list(range(19, -1, -1)) == [left(reply) for reply in replies[:20]]
    last = replies[-1]
    assert ("rate_limited", "47", '"tenant";q=20;w=60') == (
        body_of(last)["code"],
        last.headers["Retry-After"],
        last.headers["RateLimit-Policy"],
    )
    assert '"tenant";r=0;t=47' == last.headers["RateLimit"]
    world.clock.advance(47)
    assert 200 == (await ask(world, key)).status


async def test_answers_that_refuse_say_what_is_left_too_and_open_ones_do_not() -> None:
    world = limited(20)
    key = await issued(world)
    reply = await ask(world, key, "job", route={"jobId": "x"})
    assert (404, 19) == (reply.status, left(reply))
    assert "RateLimit" not in (await ask(world, key, "health_live")).headers
    assert "RateLimit" not in (await ask(world, "wrong")).headers


async def test_a_limit_is_the_tenants_whatever_key_it_uses_and_nobody_elses() -> None:
    world = limited(20)
    first, second, other = await issued(world), await issued(world), await issued(world, tenant="other")
    await calls(world, first, 15)
    assert [200] * 5 + [429] == [reply.status for reply in await calls(world, second, 6)]
    assert 200 == (await ask(world, other)).status


async def test_the_operator_of_the_installation_is_not_limited() -> None:
    world = limited(2, 1)
    assert {200} == {reply.status for reply in await calls(world, "the-internal-token", 30)}
    for _ in range(3):
        assert 202 == (await ask(world, "the-internal-token", "generate", REQUEST)).status


async def test_instances_share_the_limit_up_to_a_block_each() -> None:
    world = limited(100)
    key = await issued(world)
    apps = [world.app, world.instance("two"), world.instance("three")]
    passed = 0
    for _ in range(100):
        for app in apps:
            (reply,) = await calls(world, key, 1, app)
            passed += reply.status == 200
    assert 100 <= passed <= 100 + 10 * len(apps)


async def test_s3_rate_limiting_a_request_pays_no_round_trip() -> None:
    world = limited(1000)
    key = await issued(world)
    await calls(world, key, 1)
    table: Any = world.store.table(LIMITS)
    used: Counter[str] = Counter()

    class Counting:
        def __getattr__(self, name: str) -> Any:
            used[name] += 1
            return getattr(table, name)

    world.store._tables[LIMITS] = Counting()  # type: ignore[assignment]
    await calls(world, key, 500)
    assert 10 <= used.total() <= 14, "one read and one write for each block of 100"


@pytest.mark.parametrize("per_minute", [1, 2, 5, 9, 10, 11])
async def test_small_limits_are_exact(per_minute: int) -> None:
    world = limited(per_minute)
    key = await issued(world)
    replies = await calls(world, key, per_minute + 3)
    assert per_minute == sum(reply.status == 200 for reply in replies)


async def test_calls_are_let_through_and_logged_while_tables_are_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)

    class Down:
        async def read_tagged(self, *_: str) -> Any:
            raise StorageUnavailable("no tables")

    store._tables[LIMITS] = Down()  # type: ignore[assignment]
    rates = RateLimits(store=store, clock=clock, per_minute=10)
    for _ in range(10):
        await rates.spend("acme")
    assert "not counted" in caplog.text
    with pytest.raises(RequestRefused):  # a process alone lets no more through than the tenant has
        await rates.spend("acme")


async def test_tables_that_are_slow_hold_a_call_for_a_moment_and_do_not_refuse_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.access.rate_limits.WAIT_SECONDS", 0.001)
    clock = FakeClock()
    store = MemoryJobStore(clock)
    answered = asyncio.Event()

    class Slow:
        async def read_tagged(self, *_: str) -> Any:
            await answered.wait()

        insert = staticmethod(store.table(LIMITS).insert)

    store._tables[LIMITS] = Slow()  # type: ignore[assignment]
    rates = RateLimits(store=store, clock=clock, per_minute=20)
    for _ in range(6):
        headers = await rates.spend("acme")
    answered.set()
    assert headers["RateLimit"].startswith('"tenant";r=1')


@dataclass
class Rivals:
    """The row of calls where, ``times`` times, another instance takes a block just before one is written."""

    table: RowTable
    block: int
    times: int
    conflicts: int = 0

    async def read_tagged(self, partition: str, key: str) -> TaggedRow | None:
        return await self.table.read_tagged(partition, key)

    async def insert(self, partition: str, rows: Sequence[Row]) -> None:
        await self._take_first(partition, rows[0])
        await self.table.insert(partition, rows)

    async def replace(self, partition: str, row: Row, *, etag: str) -> None:
        await self._take_first(partition, row)
        await self.table.replace(partition, row, etag=etag)

    async def _take_first(self, partition: str, row: Row) -> None:
        if self.conflicts == self.times:
            return
        self.conflicts += 1
        taken = str(self.conflicts * self.block)
        await self.table.put(partition, [Row(key=row.key, values={**row.values, "taken": taken})])


@pytest.mark.parametrize("others", range(11))
async def test_a_limit_holds_however_many_of_its_blocks_others_take_at_the_same_moment(
    others: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    rivals = Rivals(store.table(LIMITS), block=5, times=others)
    store._tables[LIMITS] = rivals  # type: ignore[assignment]
    rates = RateLimits(store=store, clock=clock, per_minute=50)
    passed = 0
    for _ in range(60):
        with suppress(RequestRefused):
            await rates.spend("acme")
            passed += 1
        await asyncio.sleep(0)
    on_credit = 5 if others == 10 else 0
    assert (50 - 5 * others + on_credit, others) == (passed, rivals.conflicts)
    assert "not counted" not in caplog.text
    assert [0.025] * others == clock.slept, "half of the longest pause: chance is a half here"


async def test_a_row_that_everybody_writes_is_no_reason_to_refuse(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    table = store.table(LIMITS)

    class Contended:
        read_tagged = staticmethod(table.read_tagged)

        async def insert(self, *_: object) -> None:
            raise RowConflict("somebody was faster")

    store._tables[LIMITS] = Contended()  # type: ignore[assignment]
    rates = RateLimits(store=store, clock=clock, per_minute=10)
    for _ in range(10):
        await rates.spend("acme")
    assert "not counted" in caplog.text


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=60), st.integers(1, 30)
)
def test_no_schedule_of_two_instances_lets_more_through_than_the_limit_and_their_credit(
    schedule: list[tuple[int, int]], per_minute: int
) -> None:
    async def run() -> None:
        clock = FakeClock()
        store = MemoryJobStore(clock)
        instances = [RateLimits(store=store, clock=clock, per_minute=per_minute) for _ in range(2)]
        passed: Counter[int] = Counter()
        for number, seconds in schedule:
            clock.advance(seconds)
            minute = int(clock.now().timestamp()) // 60
            try:
                headers = await instances[number].spend("acme")
            except RequestRefused as refused:
                headers = refused.headers
            else:
                passed[minute] += 1
            remaining = re.search(r"r=(\d+)", headers["RateLimit"])
            assert remaining
            assert 0 <= int(remaining.group(1)) <= per_minute
        block = -(-per_minute // 10)
        assert all(count <= per_minute + 2 * block for count in passed.values())

    asyncio.run(run())


async def test_no_limit_is_no_header_and_no_row() -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    assert {} == await RateLimits(store=store, clock=clock, per_minute=0).spend("acme")
    assert [] == store.table(LIMITS).all()


# ---------------------------------------------------------------- active jobs


async def submit(world: World, key: str, **headers: str) -> HttpReply:
    parts = call(REQUEST, headers={"authorization": f"Bearer {key}", **headers})
    return await world.app.api.answer(ROUTES["generate"], HttpCall(**parts))


async def test_a_tenant_has_so_many_jobs_under_way_and_no_more() -> None:
    world = limited(most=3)
    key, other = await issued(world), await issued(world, tenant="other")
    assert [202, 202, 202] == [(await submit(world, key)).status for _ in range(3)]
    reply = await submit(world, key)
    assert (429, "too_many_jobs", "10") == (
        reply.status,
        body_of(reply)["code"],
        reply.headers["Retry-After"],
    )
    assert 3 == len(world.store.active())
    assert 202 == (await submit(world, other)).status
    await world.work()
    world.clock.advance(RECOUNT_AFTER)
    assert 202 == (await submit(world, key)).status


async def test_retry_and_fork_need_room_as_well() -> None:
    world = limited(most=1)
    key = await issued(world)
    job = {"jobId": body_of(await submit(world, key))["jobId"]}
    assert 202 == (await ask(world, key, "job_cancel", route=job)).status
    world.clock.advance(RECOUNT_AFTER)
    await submit(world, key)
    assert 429 == (await ask(world, key, "job_retry", route=job)).status
    step = body_of(await ask(world, key, "job", route=job))["steps"][0]["name"]
    assert 429 == (await ask(world, key, "job_fork", {"fromStep": step}, route=job)).status


async def test_a_repeated_key_gives_its_job_also_when_there_is_no_room() -> None:
    world = limited(most=1)
    key = await issued(world)
    first = await submit(world, key, **{"idempotency-key": "abc"})
    world.clock.advance(1)
    again = await submit(world, key, **{"idempotency-key": "abc"})
    assert (202, "true") == (again.status, again.headers["Idempotent-Replayed"])
    assert body_of(first)["jobId"] == body_of(again)["jobId"]
    assert 429 == (await submit(world, key, **{"idempotency-key": "new"})).status


class CountedStore(MemoryJobStore):
    """Counts how often active rows are counted, and refuses when told."""

    counts = 0
    down = False

    async def active_of(self, tenant: str, *, limit: int) -> Any:
        self.counts += 1
        if self.down:
            raise StorageUnavailable("no tables")
        return await super().active_of(tenant, limit=limit)


async def test_s3_rate_limiting_active_jobs_are_counted_every_few_seconds_and_behind_the_callers_back() -> (
    None
):
    clock = FakeClock()
    store = CountedStore(clock)
    limits = JobLimits(store=store, clock=clock, most=1000)
    for _ in range(20):
        await limits.admit("acme")
    assert 1 == store.counts
    clock.advance(COUNT_EVERY)
    await limits.admit("acme")
    assert 1 == store.counts, "the caller does not wait for it"
    await asyncio.sleep(0)
    assert 2 == store.counts


async def test_near_the_limit_a_caller_waits_for_a_fresh_count() -> None:
    clock = FakeClock()
    store = CountedStore(clock)
    limits = JobLimits(store=store, clock=clock, most=10)
    for _ in range(8):
        await limits.admit("acme")
    for number in range(10):
        await store.put_active(active(number))
    clock.advance(COUNT_EVERY)
    with pytest.raises(RequestRefused):
        await limits.admit("acme")
    assert 2 == store.counts


def active(number: int) -> ActiveJob:
    job = new_job(job_id=f"018f3c5e-0000-7000-8000-{number:012d}", tenant="acme")
    return ActiveJob(
        tenant=job.tenant,
        job_id=job.job_id,
        priority=job.priority.value,
        check_at=job.created_at,
        created_at=job.created_at,
    )


async def test_storage_that_does_not_answer_refuses_nobody_here(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    store = CountedStore(clock)
    store.down = True
    limits = JobLimits(store=store, clock=clock, most=1)
    for _ in range(3):
        await limits.admit("acme")
    assert "not counted" in caplog.text
    store.down = False
    limits = JobLimits(store=store, clock=clock, most=10)
    await limits.admit("acme")
    store.down = True
    clock.advance(COUNT_EVERY)
    await limits.admit("acme")
    await asyncio.sleep(0)


async def test_no_limit_of_jobs_counts_nothing() -> None:
    clock = FakeClock()
    store = CountedStore(clock)
    await JobLimits(store=store, clock=clock, most=0).admit("acme")
    assert 0 == store.counts


async def test_a_role_matters_before_a_limit() -> None:
    world = limited(1)
    viewer = await issued(world, role=Role.VIEWER)
    assert 403 == (await ask(world, viewer, "generate", REQUEST)).status
    assert 200 == (await ask(world, viewer)).status


async def test_many_who_come_at_once_share_the_first_count() -> None:
    class Slow(CountedStore):
        async def active_of(self, tenant: str, *, limit: int) -> Any:
            await asyncio.sleep(0)
            return await super().active_of(tenant, limit=limit)

    clock = FakeClock()
    store = Slow(clock)
    limits = JobLimits(store=store, clock=clock, most=10)
    results = await asyncio.gather(*(limits.admit("acme") for _ in range(64)), return_exceptions=True)
    assert [type(result) for result in results].count(RequestRefused) == 54
    assert store.counts == 1


async def test_a_count_has_the_jobs_whose_rows_are_on_their_way() -> None:
    clock = FakeClock()
    store = CountedStore(clock)
    limits = JobLimits(store=store, clock=clock, most=3)
    await limits.admit("acme")
    await store.put_active(active(1))
    with limits.on_its_way("acme"), limits.on_its_way("acme"):
        await limits.admit("acme")
        await limits.admit("acme")
        clock.advance(RECOUNT_AFTER)
        with pytest.raises(RequestRefused):
            await limits.admit("acme")
    clock.advance(RECOUNT_AFTER)
    await limits.admit("acme")  # the two came to nothing
    assert limits._on_their_way == {}
