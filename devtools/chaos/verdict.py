"""What must hold after a chaos run, as pure rules over what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devtools.chaos.plan import Fate

_TERMINAL = frozenset({"completed", "failed", "cancelled"})
_ALLOWED = {
    # A cancel request that comes after the last step loses against the result.
    Fate.CANCEL: frozenset({"cancelled", "completed"}),
    Fate.COMPLETE: frozenset({"completed"}),
    Fate.FAIL: frozenset({"failed"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """What storage says of one job. ``events`` are envelopes in order of their row keys.

    ``steps`` are the step records of the job row, ``unreadable`` names what could not be read back,
    ``latched`` is the message with which it failed.
    """

    job_id: str
    fate: Fate
    status: str | None
    sequence: int = 0
    steps: Sequence[Mapping[str, Any]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    unreadable: Sequence[str] = ()
    latched: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter. ``original_id`` is the first message's id where this one is a later copy."""

    queue: str
    message_id: str
    original_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that a run left behind."""

    jobs: Sequence[FoundJob]
    letters: Sequence[Letter]
    poison: frozenset[str]
    active_rows: Sequence[str] = ()
    messages_left: Mapping[str, int] = field(default_factory=dict)


def breaches(found: Found) -> list[str]:
    """Every rule that is broken, one sentence each; none is what a run is for."""
    told = [f"{job.job_id}: {text}" for job in found.jobs for text in _of_job(job)]
    told += [f"active row of {job_id} is left" for job_id in found.active_rows]
    told += [f"{count} messages are left in {queue}" for queue, count in found.messages_left.items() if count]
    return [*told, *_of_letters(found)]


def _of_job(job: FoundJob) -> Iterator[str]:
    if job.status is None:
        yield "was accepted and is gone"
        return
    if job.status not in _TERMINAL:
        yield f"is still {job.status}"
        return
    if job.status not in _ALLOWED[job.fate]:
        yield f"was meant to {job.fate} and is {job.status}" + (f" ({job.error})" if job.error else "")
    numbers = [event.get("sequence") for event in job.events]
    if numbers != list(range(1, job.sequence + 1)):
        yield f"its events are {numbers}, not 1 to {job.sequence}"
    yield from _of_steps(job)
    ends = [event["type"] for event in job.events if _ends(event)]
    if len(ends) != 1:
        yield f"it ended {len(ends)} times"
    for name in job.unreadable:
        yield f"{name} cannot be read"


def _ends(event: Mapping[str, Any]) -> bool:
    return event["data"].get("status") in _TERMINAL and event["type"] != "step_completed"


def _of_steps(job: FoundJob) -> Iterator[str]:
    told = Counter(e["data"]["step"] for e in job.events if e["type"] == "step_completed")
    for name, times in told.items():
        if times > 1:
            yield f"step {name} was committed {times} times"
    through = {step["name"] for step in job.steps if step["status"] in ("completed", "skipped")}
    if through != set(told):
        yield f"its steps {sorted(through ^ set(told))} are in the row or in the log alone"
    if job.status == "completed" and len(through) != len(job.steps):
        yield f"completed with {len(through)} of {len(job.steps)} steps"


def _of_letters(found: Found) -> Iterator[str]:
    failed = {job.latched: job.job_id for job in found.jobs if job.status == "failed" and job.latched}
    yield from (
        f"{job.job_id} failed without a message to be dead-lettered" for job in _unlatched(found.jobs)
    )
    times = Counter(letter.original_id for letter in found.letters)
    for letter in found.letters:
        if letter.original_id not in failed and letter.original_id not in found.poison:
            yield f"dead letter {letter.message_id} in {letter.queue} belongs to nothing ({letter.reason})"
    for message_id in found.poison:
        if times[message_id] != 1:
            yield f"poison {message_id} was dead-lettered {times[message_id]} times"
    for message_id, job_id in failed.items():
        if times[message_id] != 1:
            yield f"the message of failed job {job_id} was dead-lettered {times[message_id]} times"


def _unlatched(jobs: Iterable[FoundJob]) -> Iterator[FoundJob]:
    return (job for job in jobs if job.status == "failed" and not job.latched)


def summary(found: Found, *, seed: int, seconds: float, counts: Mapping[str, int]) -> dict[str, Any]:
    """The verdict as it is printed: counts, and the breaches in full."""
    statuses = Counter(job.status for job in found.jobs)
    return {
        "seed": seed,
        "jobs": len(found.jobs),
        "terminal": sum(count for status, count in statuses.items() if status in _TERMINAL),
        "statuses": {str(status): count for status, count in sorted(statuses.items(), key=str)},
        "stepsCommitted": sum(e["type"] == "step_completed" for job in found.jobs for e in job.events),
        "deadLetters": len(found.letters),
        "activeRows": len(found.active_rows),
        "seconds": round(seconds, 1),
        "inflicted": dict(counts),
        "breaches": breaches(found),
    }
