"""Whatever lies in a queue: nothing dies, nothing is lost.

Each message ends as a job that has ended, or dead-lettered with one audit row that says why, or acknowledged with a
row that says what it was about. A small share runs always; ``./dev test --full`` takes ten thousand.
"""

import asyncio
import json
import string
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from orchestration.jobs import JobStatus
from orchestration.management.letters import QUEUES
from orchestration.messages import Delivery
from orchestration.outcomes import Completed, DeadLetter, Outcome
from tests.orchestration.support import MAX_DELIVERIES, REQUEST, World, again

FEW, MANY = 150, 10_000
KNOWN = "018f3c5e-0000-7000-8000-00000000beef"

NASTY_TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "",
            "\x00",
            "'; DROP TABLE jobs; --",
            "../../etc/passwd",
            "a/b\\c#d?e",
            "\ud7ff\uffff",
            "ℵ" * 300,
            "{{7*7}}",
            "%00",
        ]
    ),
)
NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(10**30), 0.1, 1e308]),
    NASTY_TEXT,
    st.lists(st.integers(), max_size=3),
    st.dictionaries(NASTY_TEXT, st.integers(), max_size=3),
)
ANY_JSON = st.recursive(
    NASTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY_TEXT, inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    *("topic", "contentType", "audience", "targetLength", "keyPoints", "sources", "content", "callbackUrl"),
    *(
        "workflowType",
        "workflowId",
        "priority",
        "scheduledFor",
        "deadlineSeconds",
        "language",
        "author",
        "type",
    ),
    *("includeCitations", "async", "tags", "colour", "__proto__", "tenantId"),
]
VALID: dict[str, Any] = {"type": "content_generation", "request": REQUEST}


@st.composite
def nearly_valid(draw: st.DrawFn) -> bytes:
    """A producer's message with up to three things changed or missing."""
    request = {**REQUEST, **draw(st.dictionaries(st.sampled_from(FIELDS), NASTY, max_size=3))}
    message: dict[str, Any] = {"type": "content_generation", "request": request}
    if draw(st.booleans()):
        message["jobId"] = draw(st.sampled_from([KNOWN, KNOWN.upper(), "1", None, 7, "x" * 400]))
    if draw(st.integers(0, 9)) == 0:
        message.pop(draw(st.sampled_from(["type", "request"])))
    if draw(st.integers(0, 9)) == 0:
        message[draw(NASTY_TEXT)] = draw(NASTY)
    return json.dumps(message).encode()


HOSTILE = st.sampled_from(
    [
        b"",
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b'{"jobId":"' + b"x" * 100_000,
        b'{"jobId": NaN}',
        b'{"jobId": "\\ud800"}',
        b"\xff\xfe\x00{",
        b"\xef\xbb\xbf{}",
        b'{"type": 1e999, "request": {}}',
        b"9" * 5_000,
        b'{"jobId": "018f3c5e-0000-7000-8000-00000000beef", "jobId": "x"}',
        json.dumps({"jobId": KNOWN}).encode(),
        json.dumps({"jobId": "018f3c5e-0000-7000-8000-00000000dead"}).encode(),
        json.dumps(VALID).encode(),
        json.dumps({"jobId": KNOWN, "sequence": 1}).encode(),
        b" " * 2_000_000,
    ]
)
BODIES = st.one_of(
    st.binary(max_size=60), ANY_JSON.map(lambda v: json.dumps(v).encode()), nearly_valid(), HOSTILE
)
PROPERTIES = st.dictionaries(
    st.sampled_from(["tenantId", "traceparent", "originalMessageId", "attempt", "x"]),
    st.one_of(
        st.sampled_from(["local", "acme", "a/b", ""]), NASTY_TEXT, st.integers(), st.binary(max_size=5)
    ),
    max_size=3,
)
IDS = st.one_of(st.text(string.ascii_letters, min_size=1, max_size=8), NASTY_TEXT.filter(bool))


@dataclass
class Broker:
    """One service, fed with messages one after the other."""

    world: World = field(default_factory=World)
    taken: int = 0

    async def take(self, delivery: Delivery) -> None:
        """Deliver it, if need be once more for the last time, then everything that it led to; look at what is left."""
        self.taken += 1
        jobs, audits = set(self.world.store._rows), len(self.world.store.audits)
        outcome = await self._deliver(delivery)
        await self._settle()
        new_jobs, new_audits = set(self.world.store._rows) - jobs, len(self.world.store.audits) - audits
        if isinstance(outcome, DeadLetter):
            assert outcome.reason
            failed = [j for j in new_jobs if (await self.world.job(j)).status is JobStatus.FAILED]
            # The same id again is the same message: its row was written the first time.
            assert failed or (new_audits == 1 and not new_jobs) or self._known(delivery), (delivery, outcome)
        else:
            assert isinstance(outcome, Completed), outcome

    async def _deliver(self, delivery: Delivery) -> Outcome:
        outcome: Outcome = Completed("never delivered")
        for count in (1, MAX_DELIVERIES):
            outcome = await self.world.process(again(delivery, count), self.world.app)
            if not isinstance(outcome, DeadLetter):
                break
        return outcome

    async def _settle(self) -> None:
        """Let time pass until nothing is scheduled; then every job has ended."""
        for _ in range(40):
            await self.world.work()
            if not self.world.queue.sent:
                break
            self.world.clock.advance(86_400)
        statuses = {job_id: (await self.world.job(job_id)).status for job_id in self.world.store._rows}
        assert all(status.terminal for status in statuses.values()), statuses
        assert [] == list(await self.world.store.due_active("9999", limit=10))

    def _known(self, delivery: Delivery) -> bool:
        kept = [key for partition, key in self.world.store.audits if partition == f"message:{delivery.queue}"]
        return any(json.loads(key)[0] == delivery.identity for key in kept)


def fuzz(count: int, few_at_once: int = 50) -> int:
    """Take that many messages; the number taken."""
    loop = asyncio.new_event_loop()
    brokers: list[Broker] = []

    @seed(20261122)
    @settings(
        max_examples=count, phases=[Phase.generate], deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(body=BODIES, properties=PROPERTIES, message_id=IDS, queue=st.sampled_from(QUEUES))
    def take(body: bytes, properties: dict[str, Any], message_id: str, queue: str) -> None:
        if not brokers or brokers[-1].taken >= few_at_once:
            brokers.append(Broker())
        delivery = Delivery(
            queue=queue, message_id=message_id, delivery_count=1, body=body, properties=properties
        )
        loop.run_until_complete(brokers[-1].take(delivery))

    take()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    return sum(broker.taken for broker in brokers)


def test_messages_of_every_kind_are_worked_on_or_refused_and_none_is_lost() -> None:
    assert fuzz(FEW) >= FEW


@pytest.mark.long
def test_ten_thousand_messages_are_worked_on_or_refused_and_none_is_lost() -> None:
    assert fuzz(MANY) >= MANY
