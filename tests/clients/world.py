"""A made-up service for the client's flows: it answers what they ask for, as a test decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from content_architect_client.flows import Close, Effect, Emit, Flow, Now, Open, Receive, Send, Sleep
from content_architect_client.models import Event
from content_architect_client.policy import Answer

JOB_ID = "0193a1b2-7c4d-7e5f-8a9b-0c1d2e3f4a5b"


def event(sequence: int, kind: str = "step_completed", **data: Any) -> Event:
    """An entry of the log; a step's event names the status of the step, which ends nothing."""
    told = {"status": "completed"} | data if kind == "step_completed" else data
    return {
        "event": "JobUpdate",
        "type": kind,  # type: ignore[typeddict-item]
        "jobId": JOB_ID,
        "sequence": sequence,
        "timestamp": "2026-11-22T12:00:00.000Z",
        "data": told,
    }


def progress() -> Event:
    """Progress inside a step, which has no place in the log."""
    told = event(0, "progress_update", percentage=50)
    del told["sequence"]
    return {**told, "ephemeral": True}


def whole_log(count: int) -> list[Event]:
    """A job's events from acceptance to its result."""
    steps = [event(number) for number in range(2, count)]
    return [
        event(1, "status_change", status="queued"),
        *steps,
        event(count, "result_ready", status="completed"),
    ]


def problem(status: int, code: str) -> Answer:
    text = json.dumps({"status": status, "code": code, "detail": "made up", "errors": [], "traceId": "t"})
    return Answer(status=status, text=text)


def ok(value: Any, **headers: str) -> Answer:
    return Answer(status=200, text=json.dumps(value), headers=headers)


@dataclass
class Service:
    """A job whose events are told one by one. Every decision is the test's: ``decide(kind)`` says what happens."""

    events: list[Event]
    decide: Callable[[str], Any]
    page: int = 500
    told: int = 1
    time: float = 0.0
    open: bool = False
    emitted: list[Event] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    @property
    def job(self) -> dict[str, Any]:
        last = self.events[self.told - 1]
        ended = last["type"] in ("result_ready", "error")
        status = last["data"]["status"] if ended else "processing"
        return {"jobId": JOB_ID, "status": status, "sequence": self.told, "message": "made up"}

    def tell(self, count: int = 1) -> None:
        self.told = min(len(self.events), self.told + count)

    def run(self, flow: Flow[Any]) -> Any:
        """The value of a flow."""
        given: Any = None
        while True:
            try:
                effect = flow.send(given)
            except StopIteration as stop:
                return stop.value
            given = self._do(effect)

    def _do(self, effect: Effect) -> Any:
        match effect:
            case Emit(value):
                self.emitted.append(value)
                return None
            case Send():
                self.sent.append(f"{effect.method} {effect.path}")
                return self._answer(effect)
            case Sleep(seconds):
                self.time += seconds
                self.tell(self.decide("sleep"))
                return None
            case Now():
                return self.time
            case Open():
                self.open = bool(self.decide("open"))
                return self.open
            case Receive():
                assert self.open, "nobody listens to a socket that is gone"
                return self._receive()
            case Close():
                self.open = False
                return None

    def _answer(self, send: Send) -> Answer:
        refused: Answer | None = self.decide("answer")
        if refused is not None:
            return refused
        if send.path.endswith("/negotiate"):
            return ok({"url": "wss://made.up"})
        if send.path.endswith("/events"):
            after = int(send.query["after"])
            return ok({"value": self.events[after : min(self.told, after + self.page)]})
        self.tell(self.decide("sleep"))
        return ok(self.job, etag=f'"{self.told}"', **{"retry-after": "0"})

    def _receive(self) -> Any:
        what = self.decide("receive")
        if what == "cut":
            self.open = False
            return False
        if what == "quiet":
            return None
        if what == "progress":
            return progress()
        if what == "old":
            return self.events[max(0, self.told - 2)]
        if what == "lose one":
            self.tell()
        self.tell()
        return self.events[self.told - 1]
