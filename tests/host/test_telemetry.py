"""The runner sets telemetry up as the worker does: by one setting, once, and with each invocation's trace."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.host.context import TraceContext
from localcloud.host.settings import AppSettings
from localcloud.host.telemetry import attach_trace, configure_telemetry, flush_telemetry
from localcloud.telemetry.faults import Behaviour, Fault
from localcloud.telemetry.server import TelemetryServer, running
from localcloud.telemetry.store import TelemetryStore

ROOT = Path(__file__).parents[2]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONNECTION = "InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint=http://127.0.0.1:9"

PROGRAM = """
import json, logging, os, sys
from pathlib import Path
from localcloud.host.context import TraceContext
from localcloud.host.settings import AppSettings
from localcloud.host.telemetry import attach_trace, configure_telemetry, flush_telemetry
logging.disable(logging.CRITICAL)
settings = AppSettings(json.loads(sys.argv[1]))
said = [configure_telemetry(settings, Path(sys.argv[2])) for _ in range(2)]
from opentelemetry import trace
if said[0]:
    attach_trace(TraceContext(trace_parent=sys.argv[3]))
current = trace.get_current_span().get_span_context()
tracer = trace.get_tracer("test")
with tracer.start_as_current_span("one") as span:
    context = span.get_span_context()
handlers = len(logging.getLogger("orchestration").handlers)
flushed = flush_telemetry(2.0)
print(json.dumps([said, f"{current.trace_id:032x}", context.trace_flags.sampled, handlers, flushed]), flush=True)
if not flushed:
    os._exit(0)
"""


def run(settings: dict[str, str], folder: Path) -> list[object]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        "OTEL_TRACES_SAMPLER": "microsoft.fixed_percentage",
        "OTEL_TRACES_SAMPLER_ARG": "1.0",
    }
    arguments = [json.dumps(settings), str(folder), PARENT]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_nothing_happens_without_the_setting() -> None:
    assert configure_telemetry(AppSettings({}), Path("unused")) is False
    attach_trace(TraceContext(trace_parent=PARENT))
    assert flush_telemetry() is True


def test_with_the_setting_it_is_configured_once_and_a_dead_endpoint_does_not_hold_up_the_end(
    tmp_path: Path,
) -> None:
    said = run(
        {
            "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": CONNECTION,
            "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME": "orchestration",
        },
        tmp_path / "kept",
    )
    assert said == [[True, True], "0af7651916cd43dd8448eb211c80319c", True, 1, True]
    assert (tmp_path / "kept").exists(), "what could not be sent is kept for the next time"


async def test_an_endpoint_that_does_not_answer_holds_up_the_end_no_longer_than_allowed(
    tmp_path: Path,
) -> None:
    server = TelemetryServer(
        store=TelemetryStore(tmp_path / "t.db"), behaviour=Behaviour(fault=Fault.SLOW, seconds=20)
    )
    async with running(server):
        connection = CONNECTION.replace(":9", f":{server.port}")
        settings = {
            "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": connection,
        }
        said = await asyncio.to_thread(run, settings, tmp_path / "kept")
    assert said[-1] is False


@pytest.mark.parametrize("connection", ["nonsense"])
def test_a_connection_string_that_cannot_be_used_leaves_it_off(tmp_path: Path, connection: str) -> None:
    settings = {
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "1",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": connection,
    }
    assert run(settings, tmp_path)[0] == [False, False]
