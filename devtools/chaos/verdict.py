"""What must hold after a chaos run, as pure rules over what was found."""

from __future__ import annotations

import json
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
    ``latched`` is the message with which it failed. ``callback_events`` are those that it calls back for: none
    of them means its end alone, None that it does not call; ``undelivered`` names callbacks that did not arrive.
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
    callback_events: Sequence[str] | None = None
    undelivered: Sequence[str] = ()

    @property
    def owed(self) -> dict[str, Mapping[str, Any]]:
        """What the job calls back for: the event by its webhook id."""
        if self.callback_events is None:
            return {}
        chosen = [e for e in self.events if e["type"] in self.callback_events]
        events = chosen if self.callback_events else [e for e in self.events if _ends(e)]
        return {f"{self.job_id}.{event['sequence']}": event for event in events}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedCall:
    """A callback as its receiver took it. ``signed`` says whether the signature fits."""

    webhook_id: str
    body: str
    signed: bool = True


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
    calls: Sequence[ReceivedCall] = ()


def breaches(found: Found) -> list[str]:
    """Every rule that is broken, one sentence each; none is what a run is for."""
    told = [f"{job.job_id}: {text}" for job in found.jobs for text in _of_job(job)]
    told += [f"active row of {job_id} is left" for job_id in found.active_rows]
    told += [f"{count} messages are left in {queue}" for queue, count in found.messages_left.items() if count]
    return [*told, *_of_letters(found), *_of_calls(found)]


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
    yield from job.undelivered


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


def _of_calls(found: Found) -> Iterator[str]:
    """One callback for each owed event; the same one may arrive more than once, and is then the same."""
    owed = {webhook_id: event for job in found.jobs for webhook_id, event in job.owed.items()}
    bodies: dict[str, set[str]] = {}
    for call in found.calls:
        bodies.setdefault(call.webhook_id, set()).add(call.body)
        if not call.signed:
            yield f"callback {call.webhook_id} is not signed as it should be"
    yield from (f"callback {webhook_id} never came" for webhook_id in owed.keys() - bodies.keys())
    for webhook_id, texts in bodies.items():
        if webhook_id not in owed:
            yield f"callback {webhook_id} is owed to nobody"
        elif len(texts) > 1:
            yield f"callback {webhook_id} came with {len(texts)} bodies"
        elif json.loads(next(iter(texts)))["data"] != owed[webhook_id]:
            yield f"callback {webhook_id} does not tell its event"


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
        "callbacksOwed": sum(len(job.owed) for job in found.jobs),
        "callbacksReceived": len({call.webhook_id for call in found.calls}),
        "callbacksRepeated": len(found.calls) - len({call.webhook_id for call in found.calls}),
        "activeRows": len(found.active_rows),
        "seconds": round(seconds, 1),
        "inflicted": dict(counts),
        "breaches": breaches(found),
    }
