"""What a fresh process pays before its first work: imports, clients, and the first call of each trigger.

The floor of an import is ``import azure.functions``, which every Python function app pays, and of a start the same in a
process of its own; ``bare`` is the ratio to ``python -c pass``. Bytecode is there, as in a deployment that was built.
"""

from __future__ import annotations

import socket
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cold_process import BROKER_STATS, ColdHost, timed_program, with_bytecode
from benchmarks.report import median, report
from benchmarks.rig import Rig, stack_with
from localcloud.supervisor.endpoints import HUB

RUNS = 5
IMPORT_GOAL_MS, MEMORY_GOAL_MB, FIRST_202_GOAL_S = 900, 90, 1.5
NOTHING = "import azure.functions as func\napp = func.FunctionApp()\n"
"""The stack's own runner serves this, so that it takes no message and no timer from the hosts that are measured."""

CLIENTS = """
import asyncio
from orchestration.connections import connect
from orchestration.settings import load_settings
async def main():
    outside = await connect(load_settings())
    await outside.close()
asyncio.run(main())
"""
PROGRAMS = {
    "pass": "pass",
    "azure_functions": "import azure.functions",
    "function_app": "import function_app",
    "function_app_and_clients": f"import function_app\n{CLIENTS}",
}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stack_with(NOTHING) as rig:
        environment = with_bytecode(f"{folder}/bytecode", _settings(rig))
        _imports(environment)
        _triggers(environment, Path(folder))


def _settings(rig: Rig) -> dict[str, str]:
    endpoints = rig.running.endpoints
    return {
        "AzureWebJobsStorage": endpoints["storage"],
        "CONTENT_STORAGE_CONNECTION_STRING": endpoints["storage"],
        "AZURE_SERVICE_BUS_CONNECTION_STRING": endpoints["serviceBus"],
        "WEB_PUBSUB_CONNECTION_STRING": endpoints["webPubSub"],
        "WEB_PUBSUB_HUB": HUB,
        "CONTENT_LIBRARY_DIR": "samples/library",
        "RESEARCH_PROVIDERS": "library",
        "AUTH_MODE": "off",
        "SWEEP_SCHEDULE": "0 0 0 1 1 *",
        BROKER_STATS: endpoints["serviceBusStats"],
    }


def _imports(environment: Mapping[str, str]) -> None:
    """Rounds in turn, so that a busy moment hits all programs alike."""
    names = list(PROGRAMS)
    for name in names:
        timed_program(PROGRAMS[name], environment)  # compiles
    rounds = [{name: timed_program(PROGRAMS[name], environment) for name in names} for _ in range(RUNS)]

    def middle(name: str, field: str) -> float:
        return median([one[name][field] for one in rounds])

    for name in names[2:]:
        is_import = name == "function_app"
        report(
            f"coldstart.{name}.time",
            middle(name, "ms"),
            "ms",
            floor=middle("azure_functions", "ms"),
            goal=IMPORT_GOAL_MS if is_import else None,
            cpu_ms=round(middle(name, "cpu_ms")),
            process_ms=round(middle(name, "total_ms")),
            bare=round(middle(name, "total_ms") / middle("pass", "total_ms"), 1),
            modules=round(middle(name, "modules")),
        )
        report(
            f"coldstart.{name}.memory",
            middle(name, "mb"),
            "MB",
            floor=middle("azure_functions", "mb"),
            goal=MEMORY_GOAL_MB if is_import else None,
            bare=round(middle(name, "mb") / middle("pass", "mb"), 1),
        )
    nowhere = {**environment, "PYTHONPYCACHEPREFIX": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    compiling = [timed_program(PROGRAMS["function_app"], nowhere) for _ in range(RUNS)]
    report(
        "coldstart.function_app.without_bytecode",
        median([one["ms"] for one in compiling]),
        "ms",
        floor=middle("function_app", "ms"),
        cpu_ms=round(median([one["cpu_ms"] for one in compiling])),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How one process began. Times are seconds by case, the last one the end."""

    times: Mapping[str, float]
    cpu_s: float
    memory_mb: float


def _triggers(environment: Mapping[str, str], folder: Path) -> None:
    """One process a trigger and round; the job that the first one accepts is the message of the second."""
    floor: list[float] = []
    starts: dict[str, list[Start]] = {"http": [], "servicebus": [], "timer": []}
    for _ in range(RUNS + 1):
        floor.append(timed_program(PROGRAMS["azure_functions"], environment)["total_ms"] / 1000)
        starts["http"].append(_start(environment, folder, "generate", _first_202))
        starts["servicebus"].append(_start(environment, folder, "ContentJobProcessor", _first_message))
        starts["timer"].append(_start(environment, folder, "sweep", _first_tick))
    for trigger, rounds in starts.items():
        _report_starts(trigger, rounds[1:], median(floor[1:]))  # the first round compiles


def _report_starts(trigger: str, starts: Sequence[Start], floor: float) -> None:
    *others, end = starts[0].times
    for case in (*others, end):
        usage = {
            "cpu_s": round(median([start.cpu_s for start in starts]), 2),
            "memory_mb": round(median([start.memory_mb for start in starts])),
        }
        report(
            f"coldstart.{trigger}.{case}",
            median([start.times[case] for start in starts]),
            "s",
            floor=floor,
            goal=FIRST_202_GOAL_S if case == "first_202" else None,
            **(usage if case == end else {}),
        )


def _start(
    environment: Mapping[str, str],
    folder: Path,
    function: str,
    measure: Callable[[ColdHost], Mapping[str, float]],
) -> Start:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    data = folder / uuid.uuid4().hex  # no timer of an earlier process counts as past due
    with ColdHost(environment, data, [function], port) as host:
        times = measure(host)
        return Start(times=times, cpu_s=host.cpu_s(), memory_mb=host.memory_mb())


def _first_202(host: ColdHost) -> Mapping[str, float]:
    request = {"topic": f"Cold starts {uuid.uuid4().hex}", "contentType": "blog_post", "audience": "b2b"}
    sent, answered, status = host.post("/content-architect/generate", request)
    assert status == 202, status
    request["topic"] += " again"
    again, done, status = host.post("/content-architect/generate", request)
    assert status == 202, status
    host.until_waiting(2)  # messages follow answers, and the next process is to find them
    return {
        "listens": sent,
        "first_call": answered - sent,
        "second_call": done - again,
        "first_202": answered,
    }


def _first_message(host: ColdHost) -> Mapping[str, float]:
    begun = host.logged("Executing 'Functions.ContentJobProcessor'")
    done = host.logged("Executed 'Functions.ContentJobProcessor' (Succeeded")
    return {"first_delivery": begun, "first_job_done": done}


def _first_tick(host: ColdHost) -> Mapping[str, float]:
    begun = host.logged("Executing 'Functions.sweep'")
    return {"first_tick": begun, "first_tick_done": host.logged("Executed 'Functions.sweep' (Succeeded")}


if __name__ == "__main__":
    main()
