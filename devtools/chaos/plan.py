"""The plan of one chaos run, drawn from a seed: jobs, messages and blows, each with its moment. Pure."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

QUEUES = ("content-jobs", "content-jobs-high", "content-jobs-low")
_PRIORITIES = {"content-jobs": "normal", "content-jobs-high": "urgent", "content-jobs-low": "low"}
_SUBMITTED_WITHIN = 0.75
"""Share of the rough phase in which jobs are submitted; the rest of it hits those that run."""


class Fate(StrEnum):
    """What a job is meant to come to."""

    COMPLETE = "complete"
    CANCEL = "cancel"
    FAIL = "fail"
    """It has a deadline that nobody can keep."""


class Blow(StrEnum):
    """What is done to the stack."""

    KILL_RUNNER = "kill_runner"
    KILL_BROKER = "kill_broker"
    RESTART_STORAGE = "restart_storage"
    CUT_BROKER = "cut_broker"
    PAUSE_BROKER = "pause_broker"
    SLOW_BROKER = "slow_broker"


_WEIGHTS = {
    Blow.KILL_RUNNER: 8,
    Blow.KILL_BROKER: 2,
    Blow.RESTART_STORAGE: 1,
    Blow.CUT_BROKER: 4,
    Blow.PAUSE_BROKER: 2,
    Blow.SLOW_BROKER: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """One job. ``at`` and ``cancel_after`` are seconds; ``message`` is a producer's message id, None for HTTP.

    ``names_itself``: the producer's message carries the job id; otherwise it comes from the message id.
    """

    number: int
    at: float
    key: str
    queue: str
    fate: Fate
    body: dict[str, Any]
    message: str | None = None
    names_itself: bool = False
    job_id: str | None = None
    cancel_after: float = 0.0
    call_back: bool = False

    def request(self, callback_url: str) -> dict[str, Any]:
        """The request, which names that address where the job is to call back."""
        return {**self.body, "callbackUrl": callback_url} if self.call_back else self.body

    def producer_body(self, callback_url: str) -> str:
        """The producer's message."""
        named = {"jobId": self.job_id} if self.names_itself else {}
        request = self.request(callback_url)
        return json.dumps({"type": self.body["type"], "request": request, **named})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """A message from outside that is no job: poison, or a wake-up of job ``number`` under another id.

    ``delay`` is the seconds for which the broker is told to hold it, which reorders it among the others.
    """

    at: float
    queue: str
    message_id: str
    body: str | None = None
    number: int | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBlow:
    """A blow at its moment; ``seconds`` is for those that last."""

    at: float
    blow: Blow
    instance: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that happens in a run."""

    seed: int
    jobs: tuple[PlannedJob, ...]
    wakeups: tuple[PlannedMessage, ...]
    poison: tuple[PlannedMessage, ...]
    blows: tuple[PlannedBlow, ...]


def make_plan(*, seed: int, jobs: int, rough_seconds: float, instances: int) -> Plan:
    """The plan of this seed: the same arguments give the same plan."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    span = rough_seconds * _SUBMITTED_WITHIN
    planned = tuple(_job(chance, seed, number, span) for number in range(jobs))
    return Plan(
        seed=seed,
        jobs=planned,
        wakeups=tuple(wakeup for job in planned for wakeup in _wakeups(chance, seed, job)),
        poison=tuple(_poison(chance, seed, number, span) for number in range(max(2, jobs // 30))),
        blows=tuple(_blows(chance, rough_seconds, instances)),
    )


def _job(chance: random.Random, seed: int, number: int, span: float) -> PlannedJob:
    queue = chance.choices(QUEUES, (6, 2, 2))[0]
    fate = chance.choices((Fate.COMPLETE, Fate.CANCEL, Fate.FAIL), (88, 9, 3))[0]
    by_message = chance.random() < 0.3
    key = f"chaos-{seed}-{number}"
    named = by_message and chance.random() < 0.5
    body = _request(number, _PRIORITIES[queue])
    if fate is Fate.FAIL:
        body["deadlineSeconds"] = 0.001
    call_back = chance.random() < 0.6
    if call_back and chance.random() < 0.3:
        body["webhookEvents"] = chance.choice(
            (["step_completed", "result_ready"], ["status_change", "error"])
        )
    return PlannedJob(
        number=number,
        at=chance.random() * span,
        key=key,
        queue=queue,
        fate=fate,
        body=body,
        message=f"{key}-producer" if by_message else None,
        names_itself=named,
        job_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)) if named else None,
        cancel_after=chance.random() * 6,
        call_back=call_back,
    )


def _request(number: int, priority: str) -> dict[str, Any]:
    """A small job on material of its own: it needs nothing from outside and gives the same result every time."""
    plant = ("tomato", "bean", "leek", "carrot", "lettuce", "cabbage", "onion", "pea")[number % 8]
    text = (
        f"Mulch is a layer of organic material that covers the soil between {plant} plants. "
        f"A mulch layer of 5 cm reduced the water need of {plant} beds by 25 percent in a 2021 field trial. "
        f"Straw mulch keeps the soil of {plant} beds cooler in July and suppresses most annual weeds. "
        f"Mulch also feeds earthworms, which loosen the soil of {plant} beds. "
        f"Gardeners water {plant} beds in the morning, since less water evaporates than at noon."
    )
    return {
        "type": "content_generation",
        "topic": f"Mulch for {plant} beds, part {number}",
        "contentType": "blog_post",
        "audience": "b2c",
        "priority": priority,
        "sources": [{"title": f"Mulch and {plant}", "text": text}],
        "sourcesOnly": True,
    }


def _wakeups(chance: random.Random, seed: int, job: PlannedJob) -> Iterator[PlannedMessage]:
    """Copies of a job's wake-up, some early, some late, some out of order."""
    for copy in range(chance.choices((0, 1, 2), (5, 3, 2))[0]):
        yield PlannedMessage(
            at=max(0.0, job.at + chance.uniform(-1, 8)),
            queue=chance.choice(QUEUES),
            message_id=f"chaos-{seed}-{job.number}-copy-{copy}",
            number=job.number,
            delay=chance.choice((0.0, 0.0, chance.uniform(1, 6))),
        )


_POISON = (
    "this is not JSON",
    "[1, 2, 3]",
    '{"jobId": "not-a-uuid"}',
    '{"type": "content_generation", "request": {"topic": "Mulch", "bogus": true}}',
    '{"type": "no_such_type", "request": {}}',
)


def _poison(chance: random.Random, seed: int, number: int, span: float) -> PlannedMessage:
    return PlannedMessage(
        at=chance.random() * span,
        queue=chance.choice(QUEUES),
        message_id=f"chaos-{seed}-poison-{number}",
        body=_POISON[number % len(_POISON)],
    )


def _blows(chance: random.Random, seconds: float, instances: int) -> Iterator[PlannedBlow]:
    """A blow every 5 s or so, from the moment when jobs run until the rough phase ends."""
    at = 3.0
    while at < seconds:
        yield PlannedBlow(
            at=at,
            blow=chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0],
            instance=chance.randint(1, instances),
            seconds=chance.uniform(0.5, 4.0),
        )
        at += chance.uniform(2.0, 8.0)
