"""What a fresh process pays before its first work: imports, clients, and the first call of each trigger.

The floor of an import is ``import azure.functions``, which every Python function app pays, and of a start the same in a
process of its own; ``bare`` is the ratio to ``python -c pass``. Bytecode is there, as in a deployment that was built.
"""

from __future__ import annotations

import socket
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cold_process import ColdHost, timed_program, with_bytecode
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
    without = {key: value for key, value in environment.items() if key != "PYTHONPYCACHEPREFIX"}
    uncompiled = [
        timed_program(
            PROGRAMS["function_app"],
            without | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/nowhere"},
        )
        for _ in range(RUNS)
    ]
    report(
        "coldstart.function_app.without_bytecode",
        median([one["ms"] for one in uncompiled]),
        "ms",
        floor=middle("function_app", "ms"),
    )


def _triggers(environment: Mapping[str, str], folder: Path) -> None:
    """One process a trigger and round; the job that the first one accepts is the message of the second."""
    floor: list[float] = []
    found: dict[str, list[dict[str, float]]] = {"http": [], "servicebus": [], "timer": []}
    for number in range(RUNS + 1):
        bare = timed_program(PROGRAMS["azure_functions"], environment)["total_ms"] / 1000
        measured = {
            "http": _measured(environment, folder, ["generate"], _first_202),
            "servicebus": _measured(environment, folder, ["ContentJobProcessor"], _first_message),
            "timer": _measured(environment, folder, ["sweep"], _first_timer),
        }
        if number:  # the first round compiles
            floor.append(bare)
            for trigger, values in measured.items():
                found[trigger].append(values)
    for trigger, rounds in found.items():
        for case in rounds[0]:
            if case in ("cpu_s", "memory_mb"):
                continue
            last = case == list(rounds[0])[-3]
            extra = (
                {key: round(median([one[key] for one in rounds]), 2) for key in ("cpu_s", "memory_mb")}
                if last
                else {}
            )
            report(
                f"coldstart.{trigger}.{case}",
                median([one[case] for one in rounds]),
                "s",
                floor=median(floor),
                goal=FIRST_202_GOAL_S if case == "first_202" else None,
                **extra,
            )


def _measured(
    environment: Mapping[str, str],
    folder: Path,
    functions: list[str],
    measure: Callable[[ColdHost], dict[str, float]],
) -> dict[str, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    data = folder / uuid.uuid4().hex  # no timer of an earlier process counts as past due
    with ColdHost(environment, data, functions, port) as host:
        return measure(host) | {"cpu_s": host.cpu_s(), "memory_mb": host.memory_mb()}


def _first_202(host: ColdHost) -> dict[str, float]:
    request = {"topic": f"Cold starts {uuid.uuid4().hex}", "contentType": "blog_post", "audience": "b2b"}
    sent, answered, status = host.post("/content-architect/generate", request)
    assert status == 202, status
    request["topic"] += " again"
    again, done, status = host.post("/content-architect/generate", request)
    assert status == 202, status
    return {
        "listens": sent,
        "first_call": answered - sent,
        "second_call": done - again,
        "first_202": answered,
    }


def _first_message(host: ColdHost) -> dict[str, float]:
    begun = host.logged("Executing 'Functions.ContentJobProcessor'")
    done = host.logged("Executed 'Functions.ContentJobProcessor' (Succeeded")
    return {"first_delivery": begun, "first_job_done": done}


def _first_timer(host: ColdHost) -> dict[str, float]:
    begun = host.logged("Executing 'Functions.sweep'")
    return {"first_tick": begun, "first_tick_done": host.logged("Executed 'Functions.sweep' (Succeeded")}


if __name__ == "__main__":
    main()
