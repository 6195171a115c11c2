"""The invariant under crashes: every accepted job ends once, and no committed step runs twice.

A process may die before or after any write or send. Then its messages come back, its lease runs out, the sweeper of
another process looks; the job must end as if nothing had happened.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.contract import StepContext, StepError
from orchestration.bootstrap import App
from orchestration.checkpoints import result_key
from orchestration.jobs import Job, JobStatus, StepStatus
from orchestration.management.job_index import ALL, INDEX, JobSummary, status_prefix
from orchestration.management.job_statistics import STATS
from orchestration.management.statistics import EndedJob
from orchestration.messages import Delivery
from orchestration.outcomes import DeadLetter
from orchestration.schemas import parse_request
from orchestration.service import Origin
from tests.orchestration.support import MAX_DELIVERIES, REQUEST, World, delivery_of, message
from tests.orchestration.unreliable import Crashing, SimulatedCrash

STORE_WRITES = (
    "insert_job",
    "commit",
    "put_active",
    "move_active",
    "remove_active",
    "request_cancel",
    "audit",
)
ORIGIN = Origin(tenant="local", key="the-key")
PRODUCED = {"type": "content_generation", "request": REQUEST}
ROUNDS = 400


@dataclass
class Simulation:
    """Processes that die at the planned points, a broker that delivers again, a caller that repeats.

    ``elsewhere``: another process runs the job than accepted it.
    """

    plan: Iterable[int] = ()
    elsewhere: bool = False
    world: World = field(default_factory=World)
    request: dict[str, Any] = field(default_factory=lambda: REQUEST)

    def __post_init__(self) -> None:
        self.points: list[str] = []
        self.crashes = 0
        self._plan = frozenset(self.plan)
        self._counts: dict[str, int] = {}
        self.app = self._process()
        for service in self.world.steps.catalog:
            self.world.steps.behaviours[service] = self._never_again(service)

    def _lifeline(self) -> Callable[[str], None]:
        """What a new process reports its points to. It dies at a planned one, and does nothing any more then."""
        born = self.crashes

        def reached(point: str) -> None:
            if self.crashes == born:
                self.points.append(point)
                self.crashes += len(self.points) in self._plan
            if self.crashes > born:
                raise SimulatedCrash

        return reached

    def _process(self) -> App:
        world, reached = self.world, self._lifeline()
        return world.instance(
            f"process-{self.crashes}",
            store=Crashing(world.store, STORE_WRITES, reached),
            queue=Crashing(world.queue, ("send",), reached),
        )

    def _never_again(self, service: str) -> Any:
        async def check(_: StepContext) -> None:
            (job_id,) = self.world.store._rows
            (step,) = [s for s in (await self.world.job(job_id)).steps if s.service == service]
            assert step.status is StepStatus.PENDING, f"{service} runs although its checkpoint is stored"

        return check

    async def submit(self) -> None:
        """As a caller does: again with the same key until there is an answer."""
        request = parse_request(self.request, now=self.world.clock.now(), can_write=frozenset({"en"}))
        while True:
            try:
                await self.app.service.submit(request, ORIGIN)
            except SimulatedCrash:
                self.app = self._process()
            else:
                break
        if self.elsewhere:
            self.app = self._process()

    async def run(self, *messages: Delivery) -> Job:
        """Deliver and sweep until nothing is left to do, and return the job."""
        waiting = list(messages)
        for _ in range(ROUNDS):
            if (sent := self.world.due()) is not None:
                waiting.append(delivery_of(sent))
            if waiting:
                await self._deliver(waiting.pop(0), waiting)
            elif not self.world.store.active() and not self.world.queue.sent:
                break
            else:
                self.world.clock.advance(15)
                await self._sweep()
        else:
            pytest.fail("the job never came to rest")
        (job_id,) = self.world.store._rows
        return await self.world.job(job_id)

    async def _deliver(self, delivery: Delivery, waiting: list[Delivery]) -> None:
        count = self._counts[delivery.message_id] = self._counts.get(delivery.message_id, 0) + 1
        counted = Delivery(
            queue=delivery.queue,
            message_id=delivery.message_id,
            delivery_count=count,
            body=delivery.body,
            properties=delivery.properties,
        )
        try:
            outcome = await self.world.process(counted, self.app)
        except SimulatedCrash:
            self.app = self._process()
        else:
            if not isinstance(outcome, DeadLetter):
                return
        if count < MAX_DELIVERIES:
            waiting.append(delivery)
        else:
            self.world.dead.append(counted)

    async def _sweep(self) -> None:
        try:
            await self.app.sweeper.sweep()
        except SimulatedCrash:
            self.app = self._process()

    async def result(self, job: Job) -> bytes:
        return await self.world.store.read_rows(job.job_id, result_key(job.run), job.result_rows)

    async def check(self, job: Job, status: JobStatus = JobStatus.COMPLETED) -> None:
        events = await self.world.events(job.job_id)
        assert job.status is status
        assert [e["sequence"] for e in events] == list(range(1, job.sequence + 1))
        ends = [e for e in events if e["data"].get("status") in ("completed", "failed", "cancelled")]
        ends = [e for e in ends if e["type"] != "step_completed"]
        assert len(ends) == 1
        assert ends == events[-1:]
        assert self.world.store.active() == []
        self.check_derived(job)

    def check_derived(self, job: Job) -> None:
        """Index and statistics say what the job row says, once."""
        index = {row.key: row.values for _, row in self.world.store.table(INDEX).all()}
        assert sorted(index) == sorted(f"{kind}{JobSummary.of(job).position}" for kind in kinds(job.status))
        assert all(values == JobSummary.of(job).to_values() for values in index.values())
        (ended,) = [row for partition, row in self.world.store.table(STATS).all() if "ended" in partition]
        assert EndedJob.from_values(ended.values) == EndedJob.of(job)


def kinds(status: JobStatus) -> tuple[str, str]:
    return ALL, status_prefix(status)


async def uninterrupted() -> tuple[bytes, list[str]]:
    simulation = Simulation()
    await simulation.submit()
    job = await simulation.run()
    return await simulation.result(job), simulation.points


RESULT, NAMES = asyncio.run(uninterrupted())
POINTS = len(NAMES)


def test_every_gap_between_two_writes_is_tried() -> None:
    """A change that adds a write adds a gap; this list makes it be seen."""
    written = [name.removeprefix("after ") for name in NAMES if name.startswith("after ")]
    assert written.count("commit") > 3
    assert {name for name in written if name != "commit"} == {
        "put_active", "insert_job", "jobindex.insert", "audit.put", "send",
        "stepcache.put", "jobindex.put", "stats.put", "remove_active",
    }  # fmt: skip


@pytest.mark.parametrize(
    "point", range(1, POINTS + 1), ids=[f"{number} {name}" for number, name in enumerate(NAMES, 1)]
)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same process", "another process"])
async def test_a_crash_before_or_after_any_single_write_changes_nothing(
    point: int, *, elsewhere: bool
) -> None:
    simulation = Simulation([point], elsewhere=elsewhere)
    await simulation.submit()
    job = await simulation.run()
    await simulation.check(job)
    assert simulation.crashes == 1
    assert await simulation.result(job) == RESULT
    assert job.attempt == 1, "a lost worker costs no attempt"


@settings(max_examples=40)
@given(st.sets(st.integers(1, POINTS * 2), max_size=4), st.booleans())
def test_no_schedule_of_crashes_loses_repeats_or_changes_a_job(plan: set[int], elsewhere: bool) -> None:
    async def run() -> None:
        simulation = Simulation(plan, elsewhere=elsewhere)
        await simulation.submit()
        job = await simulation.run()
        await simulation.check(job)
        assert await simulation.result(job) == RESULT

    asyncio.run(run())


@settings(max_examples=15)
@given(st.sets(st.integers(1, POINTS * 2), max_size=4))
def test_a_producers_job_survives_the_same(plan: set[int]) -> None:
    async def run() -> None:
        simulation = Simulation(plan)
        job = await simulation.run(message(PRODUCED, message_id="from-a-producer"))
        await simulation.check(job)
        assert await simulation.result(job) == RESULT

    asyncio.run(run())


@settings(max_examples=15)
@given(st.sets(st.integers(1, POINTS * 2), max_size=4), st.integers(0, 2))
def test_attempts_that_fail_in_between_change_nothing_either(plan: set[int], failures: int) -> None:
    left = [failures * 3]

    async def fail(_: StepContext) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise StepError("no luck", code="broken", retryable=True)

    async def run() -> None:
        simulation = Simulation(plan)
        simulation.world.steps.behaviours["contentChunker"] = fail
        await simulation.submit()
        job = await simulation.run()
        await simulation.check(job)
        assert await simulation.result(job) == RESULT

    left[0] = failures * 3
    asyncio.run(run())


@settings(max_examples=15)
@given(st.sets(st.integers(1, POINTS), max_size=4))
def test_a_job_that_fails_for_good_is_dead_lettered_whatever_crashes(plan: set[int]) -> None:
    async def fail(_: StepContext) -> None:
        raise StepError("no luck", code="broken")

    async def run() -> None:
        simulation = Simulation(plan)
        simulation.world.steps.behaviours["contentChunker"] = fail
        await simulation.submit()
        job = await simulation.run()
        await simulation.check(job, JobStatus.FAILED)
        assert [letter.message_id for letter in simulation.world.dead] == [job.latched_message]

    asyncio.run(run())


async def test_a_job_that_kills_every_worker_ends_as_failed() -> None:
    simulation = Simulation(elsewhere=True)

    async def kill(*_: object) -> bytes:
        raise SimulatedCrash

    simulation.world.store.read_rows = kill  # type: ignore[method-assign]
    await simulation.submit()
    job = await simulation.run()
    await simulation.check(job, JobStatus.FAILED)
    assert job.error is not None
    assert job.error.code == "worker_lost"
