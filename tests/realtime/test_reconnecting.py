"""Every event once and in order, however often the socket is cut: official clients, both protocols, the event log."""

import asyncio
import itertools
import shutil
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.contract import StepContext
from tests.realtime.support import HUB, LiveApp, SequenceMerger, live_app, until
from tests.realtime.watchers import SDK, WATCHERS, merge

CUTS = 10

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        shutil.which("node") is None or not SDK.exists(), reason="Node or its packages are not installed"
    ),
]


class Cutter:
    """Before each step of the job: waits until every watcher has a socket, and cuts them all."""

    def __init__(self, app: LiveApp, watchers: int) -> None:
        self._app = app
        self._watchers = watchers
        self._one_at_a_time = asyncio.Lock()
        self.cuts = 0

    async def __call__(self, _: StepContext) -> None:
        async with self._one_at_a_time:
            if self.cuts == CUTS:
                return
            await until(self._all_cut, f"{self._watchers} sockets to cut")
            self.cuts += 1

    async def _all_cut(self) -> bool:
        """A socket that was cut just now may still be counted; then not all are there to be cut again."""
        if await self._app.sockets() != self._watchers:
            return False
        return len((await self._app.fault("drop", hub=HUB))["dropped"]) == self._watchers


async def test_a_client_that_is_cut_ten_times_in_a_job_sees_every_event_once_and_in_order() -> None:
    kinds = list(itertools.product(WATCHERS, ("json", "reliable")))
    async with live_app() as app, AsyncExitStack() as stack:
        await app.fault("duplicate", times=20)
        job_id = (
            await app.call(
                "POST",
                "generate",
                {
                    "topic": "Cut sockets",
                    "contentType": "blog_post",
                    "audience": "b2b",
                    "workflowType": "research_heavy",
                },
            )
        )["jobId"]
        mergers: dict[tuple[str, str], SequenceMerger] = {}
        for kind in kinds:
            url = (await app.call("POST", f"job/{job_id}/negotiate"))["url"]
            inbox = await stack.enter_async_context(WATCHERS[kind[0]](url, kind[1]))
            mergers[kind] = SequenceMerger(read_after=lambda after: app.events_after(job_id, after))
            task = asyncio.create_task(merge(inbox, mergers[kind]))
            stack.callback(task.cancel)
        cutter = Cutter(app, len(kinds))
        for step in (await app.world.job(job_id)).steps:
            app.world.steps.behaviours[step.service] = cutter
        await app.world.work()
        await app.world.app.realtime.drain()
        wanted = await app.events_after(job_id, 0)

        async def complete() -> bool:
            return all(merger.last == wanted[-1]["sequence"] for merger in mergers.values())

        await until(complete, "the last event at every watcher")
        assert cutter.cuts == CUTS
        for kind, merger in mergers.items():
            assert wanted == merger.seen, kind
        assert wanted[-1]["type"] == "result_ready"
        assert all(m.from_log for (_, protocol), m in mergers.items() if protocol == "json"), (
            "without a replay the log is what fills the holes"
        )
        figures = app.world.app.realtime.figures()
        assert (figures.failed, figures.dropped) == (0, 0)


# ---------------------------------------------------------------- the merge itself


@given(data=st.data(), last=st.integers(1, 12))
async def test_any_loss_and_any_repetition_of_messages_ends_in_the_whole_log_in_order(
    data: Any, last: int
) -> None:
    """The log grows while messages are lost and repeated; order within what arrives is kept, as the service does."""
    log = [{"sequence": number} for number in range(1, last + 1)]
    committed = 0

    async def read_after(sequence: int) -> list[dict[str, Any]]:
        return log[sequence:committed]

    merger = SequenceMerger(read_after=read_after)
    for number in range(1, last + 1):
        committed = number
        for _ in range(data.draw(st.sampled_from([0, 1, 1, 2]))):
            await merger.take(log[number - 1])
        if data.draw(st.booleans()):
            await merger.connected()
        await merger.take({"ephemeral": True})
        assert merger.seen == log[: merger.last]
    await merger.connected()
    assert log == merger.seen
    assert merger.from_log + merger.from_socket == last
