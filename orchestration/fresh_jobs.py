"""Jobs that this process accepted a moment ago, as they were written: whoever runs one need not read it first.

Most jobs are run within milliseconds by the process that accepted them. What is remembered is never believed: it serves
for a claim alone, which goes with the row's ETag, so that storage refuses it where the row has moved meanwhile; then the
job is read and looked at again.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestration.expiring import ExpiringCache
from orchestration.jobs import StoredJob

REMEMBERED = 256
KEPT_SECONDS = 60.0
MAX_INPUT_BYTES = 16 * 1024
"""Larger inputs (sources that came with the request) are read again instead of held: all fit into 4 MiB."""


class FreshJobs:
    """Remembers each job until it is asked for once, for a minute at most."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._jobs: ExpiringCache[str, StoredJob] = ExpiringCache(
            size=REMEMBERED, seconds=KEPT_SECONDS, monotonic=monotonic
        )

    def remember(self, stored: StoredJob) -> None:
        """A job row that was just created, with its input."""
        if len(stored.given or b"") <= MAX_INPUT_BYTES:
            self._jobs.put(stored.job.job_id, stored)

    def take(self, job_id: str) -> StoredJob | None:
        """The job as it was accepted, or None; the next one who asks reads."""
        stored = self._jobs.get(job_id)
        self._jobs.forget(job_id)
        return stored
