"""The queue of updates: any use of it keeps jobs in order, stays within its bounds and loses no newest event."""

from collections import defaultdict

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orchestration.sockets.outgoing import Outgoing, OutgoingQueue

MESSAGES, JOBS = 6, 3
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


class Publishing(RuleBasedStateMachine):
    """Pushes, takes and failures in any order; ``text`` numbers the messages of a job."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = OutgoingQueue(messages=MESSAGES, jobs=JOBS)
        self.pushed: dict[str, int] = defaultdict(int)
        self.newest: dict[str, int] = {}
        self.sent: dict[str, int] = defaultdict(int)
        self.taken: dict[str, Outgoing] = {}
        self.now = 0.0
        self.crowded = False

    @rule(job=NAMES, durable=st.booleans())
    def push(self, job: str, durable: bool) -> None:
        self.pushed[job] += 1
        number = self.pushed[job]
        if durable:
            self.newest[job] = number
        before = self.queue.dropped
        self.queue.push(
            Outgoing(
                job_id=job,
                tenant="t",
                submitter=None,
                text=str(number),
                durable=durable,
                expires_at=self.now + 100,
            )
        )
        self.crowded |= self.queue.dropped > before

    @rule()
    def take(self) -> None:
        message = self.queue.take(self.now)
        if message is None:
            return
        assert message.job_id not in self.taken, "one message of a job at a time"
        assert int(message.text) > self.sent[message.job_id], "in order, none twice"
        self.taken[message.job_id] = message

    @precondition(lambda self: self.taken)
    @rule()
    def succeed(self) -> None:
        job, message = self.taken.popitem()
        self.sent[job] = int(message.text)
        self.queue.done(job)

    @precondition(lambda self: self.taken)
    @rule()
    def fail(self) -> None:
        _, message = self.taken.popitem()
        self.queue.put_back(message)

    @rule(seconds=st.sampled_from([1, 60, 200]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(value=st.booleans())
    def thin(self, value: bool) -> None:
        self.queue.thinning = value

    @invariant()
    def bounded(self) -> None:
        assert len(self.queue) <= MESSAGES + JOBS
        assert len(self.queue._lanes) <= JOBS + len(self.taken) + 1

    def teardown(self) -> None:
        for job in self.taken:
            self.queue.done(job)
        last = {}
        while message := self.queue.take(self.now - 1000):
            last[message.job_id] = int(message.text)
            self.queue.done(message.job_id)
        assert len(self.queue) == 0
        assert self.queue._lanes == {}


TestPublishing = Publishing.TestCase


def message(job: str, number: int, *, durable: bool = True, expires_at: float = 100.0) -> Outgoing:
    return Outgoing(
        job_id=job, tenant="t", submitter=None, text=str(number), durable=durable, expires_at=expires_at
    )


def drained(queue: OutgoingQueue, now: float = 0.0) -> list[tuple[str, str]]:
    found = []
    while taken := queue.take(now):
        found.append((taken.job_id, taken.text))
        queue.done(taken.job_id)
    return found


def test_jobs_take_turns() -> None:
    queue = OutgoingQueue(messages=100, jobs=100)
    for number in (1, 2):
        for job in ("a", "b"):
            queue.push(message(job, number))
    assert drained(queue) == [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2")]


def test_what_failed_waits_again_as_the_newest_durable_event_of_its_job() -> None:
    queue = OutgoingQueue(messages=100, jobs=100)
    for number in (1, 2):
        queue.push(message("a", number))
    queue.push(message("a", 3, durable=False))
    taken = queue.take(0.0)
    assert taken is not None
    queue.put_back(taken)
    assert drained(queue) == [("a", "2")]
    assert queue.dropped == 2


def test_the_newest_event_survives_any_crowd_within_its_job_and_the_oldest_job_makes_room() -> None:
    queue = OutgoingQueue(messages=4, jobs=2)
    for number in range(1, 20):
        queue.push(message("a", number))
    queue.push(message("b", 1))
    queue.push(message("c", 1))
    assert drained(queue) == [("b", "1"), ("c", "1")]


def test_what_has_expired_is_not_taken() -> None:
    queue = OutgoingQueue(messages=4, jobs=2)
    queue.push(message("a", 1, expires_at=5))
    queue.push(message("a", 2, expires_at=50))
    assert drained(queue, now=10) == [("a", "2")]
    assert queue.dropped == 1
