"""A job store that notes, for each job, its round trips and the moments of its claim and its last commit."""

from __future__ import annotations

import json
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.noop_workflow import first_steps
from orchestration.jobs import ActiveJob, Job, JobStatus
from orchestration.ports import Commit


class MeasuredStore:
    """Passes every call on. One JSON line a job goes to ``log`` when its active row is removed.

    Times are ``time.perf_counter``: on Linux one clock for all processes.
    """

    def __init__(self, store: Any, log: Path) -> None:
        self._store = store
        self._log = log.open("a", buffering=1)
        self._notes: dict[str, dict[str, Any]] = {}
        self.derived_calls = 0

    def table(self, name: str) -> Any:
        """A table of derived rows, whose calls are counted for the process: they name no job."""
        return _CountedRows(self._store.table(name), self)

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, name, getattr(self._store, name))

    async def _call(self, name: str, method: Any, *given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        result = await method(*given, **named)
        job_id = _job_id(given)
        if job_id is not None:
            self._note(job_id, name, given, began)
        return result

    def _note(self, job_id: str, name: str, given: tuple[Any, ...], began: float) -> None:
        note = self._notes.setdefault(job_id, {"calls": Counter()})
        note["calls"][name] += given[2] if name == "read_rows" else 1
        if name == "read_job":
            note.setdefault("delivered", began)
        if name == "commit":
            job: Job = given[0].job
            note.setdefault("claimed", began)
            if job.status is JobStatus.COMPLETED:
                note["done"] = time.perf_counter()
                note["topic"] = job.topic
        if name == "remove_active" and "done" in note:
            note["derived_calls_so_far"] = self.derived_calls
            note["first_step"] = first_steps.pop(note["topic"], None)
            self._log.write(json.dumps(self._notes.pop(job_id)) + "\n")


class _CountedRows:
    def __init__(self, rows: Any, store: MeasuredStore) -> None:
        self._rows, self._store = rows, store

    def __getattr__(self, name: str) -> Any:
        self._store.derived_calls += 1
        return getattr(self._rows, name)


def _job_id(given: tuple[Any, ...]) -> str | None:
    match given:
        case (Commit() as commit, *_):
            return commit.job.job_id
        case (Job() | ActiveJob() as row, *_):
            return row.job_id
        case (str(), str() as job_id):
            return job_id  # remove_active(tenant, job_id)
        case (str() as job_id, *_):
            return job_id
    return None
