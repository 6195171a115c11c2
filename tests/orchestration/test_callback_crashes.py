"""The guarantee of callbacks under crashes: every owed event is called back, under one id, with one body."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.bootstrap import App
from orchestration.callbacks import CallbackAnswer, CallbackStatus
from orchestration.jobs import Job
from tests.orchestration.support import REQUEST
from tests.orchestration.test_crashes import STORE_WRITES, Simulation
from tests.orchestration.unreliable import Crashing

EVENTS = ["status_change", "step_completed", "result_ready"]
FAILED = CallbackAnswer(status=500, error="status 500")


@dataclass
class CallbackSimulation(Simulation):
    """The same, with calls that can crash before they leave and after they arrived."""

    request: dict[str, Any] = field(
        default_factory=lambda: {
            **REQUEST,
            "callbackUrl": "https://example.org/hook",
            "webhookEvents": EVENTS,
        }
    )

    def _process(self) -> App:
        world, sender, reached = self.world, self.world.sender, self._lifeline()
        world.sender = Crashing(sender, ("post",), reached)  # type: ignore[assignment]
        try:
            return world.instance(
                f"process-{self.crashes}",
                store=Crashing(world.store, STORE_WRITES, reached),
                queue=Crashing(world.queue, ("send",), reached),
            )
        finally:
            world.sender = sender

    async def check_callbacks(self, job: Job, *, owed: list[int]) -> None:
        bodies: Mapping[str, set[bytes]] = defaultdict(set)
        for _, body, headers in self.world.sender.sent:
            bodies[headers["webhook-id"]].add(body)
        assert sorted(bodies) == sorted(f"{job.job_id}.{sequence}" for sequence in owed)
        assert all(len(different) == 1 for different in bodies.values())
        rows = [callback for callback, _ in await self.world.app.callbacks.deliveries(job)]
        assert [callback.sequence for callback in rows] == owed
        assert {callback.status for callback in rows} == {CallbackStatus.DELIVERED}
        assert self.world.dead == []


async def simulate(plan: set[int], *, every: bool = True, failures: int = 0) -> CallbackSimulation:
    simulation = CallbackSimulation(plan)
    simulation.world.sender.answers = deque([FAILED] * failures)
    if not every:
        del simulation.request["webhookEvents"]
    await simulation.submit()
    job = await simulation.run()
    await simulation.check(job)
    await simulation.check_callbacks(job, owed=list(range(1, job.sequence + 1)) if every else [job.sequence])
    return simulation


NAMES = asyncio.run(simulate(set(), every=False)).points
POINTS = len(NAMES)


@pytest.mark.parametrize(
    "point", range(1, POINTS + 1), ids=[f"{number} {name}" for number, name in enumerate(NAMES, 1)]
)
async def test_a_crash_before_or_after_any_write_or_call_loses_no_callback(point: int) -> None:
    assert (await simulate({point}, every=False)).crashes == 1


@settings(max_examples=30)
@given(st.sets(st.integers(1, POINTS + 60), max_size=4), st.integers(0, 5))
def test_no_schedule_of_crashes_and_failed_calls_loses_or_changes_a_callback(
    plan: set[int], failures: int
) -> None:
    asyncio.run(simulate(plan, failures=failures))
