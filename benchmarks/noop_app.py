"""The product's own function app, with the workflow that does nothing and a store that takes notes.

``BENCH_LOG`` names the file for the notes; ``BENCH_PEERS`` the folder whose ``common.astep`` every step calls;
``BENCH_STEPS`` a file that gets a line for each step that begins, which then takes ``BENCH_STEP_SECONDS``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measured_store import MeasuredStore
from benchmarks.noop_workflow import Hook, install, noop_artifact
from orchestration import bootstrap

ROOT = Path(bootstrap.__file__).resolve().parents[1]
_wire = bootstrap.wire


def _wire_measured(settings: Any, outside: Any, tools: Any) -> bootstrap.App:
    if log := os.environ.get("BENCH_LOG"):
        outside = replace(outside, store=MeasuredStore(outside.store, Path(log)))
    return _wire(settings, outside, tools, artifacts=noop_artifact)


def _product() -> Any:
    spec = importlib.util.spec_from_file_location("product_function_app", ROOT / "function_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def _slow_step(topic: str, step: str) -> None:
    log.write(f"{os.getpid()}|{topic}|{step}|{time.time()}\n")
    await asyncio.sleep(float(os.environ["BENCH_STEP_SECONDS"]))


install()
if steps := os.environ.get("BENCH_STEPS"):
    log = Path(steps).open("a", buffering=1)  # noqa: SIM115 - as long as the process
    Hook.call = _slow_step
bootstrap.wire = _wire_measured
if peers := os.environ.get("BENCH_PEERS"):
    sys.path.insert(0, peers)
    from common import astep

    Hook.call = astep
app = _product().app
