"""Health: never slow, never asked twice, and honest about what is down."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from orchestration.adapters.callback_http import HttpCallbackSender
from orchestration.adapters.guarded_http import GuardedClient
from orchestration.adapters.memory import MemoryPublisher
from orchestration.circuits import TABLE_STORAGE, Circuits, CircuitState
from orchestration.errors import ContentArchitectError, DependencyUnavailable
from orchestration.health import HealthService
from tests.orchestration.support import FakeClock, World

ROOT = Path(__file__).parents[2]


async def well() -> None:
    return None


async def test_a_dependency_that_is_not_needed_degrades_and_one_that_is_makes_unhealthy() -> None:
    async def broken() -> None:
        raise ContentArchitectError("it broke")

    clock = FakeClock()
    degraded = await HealthService({TABLE_STORAGE: well, "realtime": broken}, clock).report()
    assert degraded["status"] == "degraded"
    assert degraded["dependencies"]["realtime"] == {"status": "unhealthy", "reason": "it broke"}
    assert (await HealthService({TABLE_STORAGE: broken}, clock).report())["status"] == "unhealthy"


async def test_a_dependency_that_does_not_answer_costs_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.health.PROBE_SECONDS", 0.01)

    async def silent() -> None:
        await asyncio.Event().wait()

    report = await HealthService({TABLE_STORAGE: silent}, FakeClock()).report()
    assert report["dependencies"][TABLE_STORAGE]["reason"] == "no answer in time"


async def test_probes_are_asked_at_most_once_in_five_seconds() -> None:
    asked = []

    async def probe() -> None:
        asked.append(1)

    clock = FakeClock()
    health = HealthService({TABLE_STORAGE: probe}, clock)
    await health.report()
    await health.report()
    clock.advance(5)
    await health.report()
    assert len(asked) == 2


async def test_all_who_ask_while_a_probe_runs_share_it() -> None:
    asked, go = [], asyncio.Event()

    async def slow() -> None:
        asked.append(1)
        await go.wait()

    health = HealthService({TABLE_STORAGE: slow}, FakeClock())
    asking = [asyncio.create_task(health.report()) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    go.set()
    reports = await asyncio.gather(*asking, return_exceptions=True)
    assert len(asked) == 1
    assert isinstance(reports[0], asyncio.CancelledError)
    assert {"healthy"} == {report["status"] for report in reports[1:] if isinstance(report, dict)}


@pytest.mark.parametrize(
    ("state", "status", "overall"),
    [
        ("closed", "healthy", "healthy"),
        ("half_open", "unhealthy", "degraded"),
        ("open", "unhealthy", "degraded"),
    ],
)
async def test_a_circuit_is_shown_as_it_stands_now(state: CircuitState, status: str, overall: str) -> None:
    circuits = Circuits()
    circuits.add("languageModel", lambda: state)
    report = await HealthService({TABLE_STORAGE: well}, FakeClock(), circuits).report()
    assert report["dependencies"]["languageModel"] == {"status": status, "circuit": state}
    assert report["status"] == overall


def test_every_dependency_has_one_name_and_the_documents_list_it() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "orchestration").rglob("*.py"))
    added = set(re.findall(r'circuits\.add\("(\w+)"', code)) | {TABLE_STORAGE, "wikipedia", "crossref"}
    section = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8").partition("## Health")[2]
    rows = re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)
    assert sorted(added) == sorted(re.findall(r"`(\w+)`", " ".join(rows)))


@pytest.mark.parametrize(
    ("state", "answers", "entry", "overall"),
    [
        ("closed", True, {"status": "healthy"}, "healthy"),
        ("closed", False, {"status": "unhealthy", "reason": "it broke"}, "unhealthy"),
        ("half_open", True, {"status": "unhealthy"}, "unhealthy"),
        ("open", True, {"status": "unhealthy"}, "unhealthy"),
        ("open", False, {"status": "unhealthy", "reason": "it broke"}, "unhealthy"),
    ],
)
async def test_storage_is_one_dependency_of_its_probe_and_its_circuit(
    state: CircuitState, answers: bool, entry: dict[str, str], overall: str
) -> None:
    async def probe() -> None:
        if not answers:
            raise ContentArchitectError("it broke")

    circuits = Circuits()
    circuits.add(TABLE_STORAGE, lambda: state)
    report = await HealthService({TABLE_STORAGE: probe}, FakeClock(), circuits).report()
    assert report == {"status": overall, "dependencies": {TABLE_STORAGE: {**entry, "circuit": state}}}


async def test_callbacks_are_down_when_no_host_can_be_called() -> None:
    clock = FakeClock()
    client = GuardedClient(user_agent="Test/1", loopback=frozenset({"127.0.0.1"}))
    sender = HttpCallbackSender(client, clock)

    def fail(name: str) -> None:
        for _ in range(5):
            with sender._host(name).breaker.call() as outcome:
                outcome.worked = False

    assert sender.circuit() == "closed"
    fail("one")
    assert sender.circuit() == "closed", "one receiver that is down says nothing about us"
    fail("two")
    assert sender.circuit() == "open"
    clock.advance(60)
    assert sender.circuit() == "half_open"
    await sender.close()


class Refusing(MemoryPublisher):
    async def publish(self, group: str, message: str) -> None:
        raise DependencyUnavailable("down", code="realtime_unavailable")


async def test_a_pause_of_publishing_shows_and_jobs_are_still_accepted() -> None:
    world = World(publisher=Refusing())
    await world.watch()
    for _ in range(5):
        await world.submit()
        await world.app.realtime.drain()
    report = await world.app.api.controller.health.report()
    assert report["status"] == "degraded"
    assert report["dependencies"]["webPubSub"]["circuit"] in ("open", "half_open"), (
        "time goes on while it waits"
    )
