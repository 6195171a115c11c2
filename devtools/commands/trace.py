"""Show a job's whole timeline: requests, messages, attempts, steps, calls, errors."""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from contextlib import closing

from devtools.commands.options import add_data_folder
from devtools.paths import shown
from devtools.trace.tree import Timeline, render, timeline
from localcloud.supervisor.specs import TELEMETRY_FILE
from localcloud.telemetry.items import Item
from localcloud.telemetry.store import TelemetryStore

_QUIET = 1.2
"""Seconds without a new item after which what was sent has arrived: exporters send every second."""

_PATIENCE = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which job of which stack."""
    parser.add_argument("job", metavar="JOBID", help="the job's id")
    add_data_folder(parser)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 after the tree, 1 when nothing is known of the job."""
    file = options.data / TELEMETRY_FILE
    if not file.exists():
        print(
            f"No telemetry was ever sent to {shown(options.data)}; start a stack there: ./dev up",
            file=sys.stderr,
        )
        return 1
    job = options.job.strip().lower()
    try:
        with closing(TelemetryStore(file)) as store:
            found = _settled(store, job)
            if found is None:
                print(f"Nothing is known of a job {options.job} in {shown(file)}", file=sys.stderr)
                return 1
            print("\n".join([*render(found, job=job), *_elsewhere(store, job, found.trace)]))
    except sqlite3.DatabaseError as error:
        print(f"{shown(file)} cannot be read: {error}", file=sys.stderr)
        return 1
    return 0


def _settled(store: TelemetryStore, job: str) -> Timeline | None:
    """The job's trace, once nothing is added to it for a moment."""
    until = time.monotonic() + _PATIENCE
    before = _find(store, job)
    while before is not None and time.monotonic() < until:
        time.sleep(_QUIET)
        after = _find(store, job)
        if after is not None and after.spans == before.spans:
            return after
        before = after
    return before


def _find(store: TelemetryStore, job: str) -> Timeline | None:
    traces = store.traces_of(job)
    return timeline(traces[0], store.find(trace=traces[0])) if traces else None


def _elsewhere(store: TelemetryStore, job: str, trace: str) -> list[str]:
    """Calls about the job that belong to other traces: whoever asked for its status, for instance."""
    others = [item for item in store.find(job=job) if item.kind == "RequestData" and item.trace != trace]
    if not others:
        return []
    return ["", f"Calls about it in traces of their own: {len(others)}", *map(_call, others[-5:])]


def _call(item: Item) -> str:
    return f"  {item.time}  {item.name}  {item.data.get('responseCode', '')}  trace {item.trace}"
