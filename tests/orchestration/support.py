"""What the tests of the orchestration core share: a clock that nobody waits for, fake steps, a wired app in memory."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pydantic import create_model

from layers.catalog import CATALOG, StepDeclaration, StepFunction
from layers.contract import Artifact, StepContext, Tools
from orchestration.adapters.memory import MemoryJobStore, MemoryPublisher, MemoryQueue
from orchestration.adapters.memory_callbacks import MemoryCallbackSender
from orchestration.adapters.memory_deadletters import MemoryDeadLetters
from orchestration.adapters.memory_tokens import MemoryTokenVerifier
from orchestration.bootstrap import App, wire
from orchestration.connections import Outside
from orchestration.controller import Handler
from orchestration.errors import QueueUnavailable
from orchestration.http import HttpCall, HttpReply
from orchestration.jobs import Job, JobStatus, Priority, StepRecord, StoredJob, stamp
from orchestration.messages import Delivery
from orchestration.outcomes import DeadLetter, Outcome
from orchestration.ports import OutgoingMessage
from orchestration.routes import CATCH_ALL, ROUTES, Route
from orchestration.service import Origin, Submission
from orchestration.settings import Settings, load_settings
from orchestration.sockets.groups import Watcher
from tests.orchestration.contract import assert_in_contract

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
API = "https://api.example.org"
REQUEST: dict[str, Any] = {
    "topic": "Artificial intelligence in healthcare",
    "contentType": "blog_post",
    "audience": "b2b",
}
MAX_DELIVERIES = 5


@dataclass
class FakeClock:
    """Time stands still until somebody sleeps or a test moves it; chance is always the same."""

    at: datetime = START
    drawn: float = 0.5
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    def chance(self) -> float:
        return self.drawn

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def new_job(**changes: Any) -> Job:
    """A queued job with two steps."""
    values: dict[str, Any] = {
        "job_id": "018f3c5e-0000-7000-8000-000000000001",
        "tenant": "local",
        "type": "content_generation",
        "topic": "A topic",
        "status": JobStatus.QUEUED,
        "priority": Priority.NORMAL,
        "queue": "content-jobs",
        "workflow_type": "standard",
        "created_at": stamp(START),
        "updated_at": stamp(START),
        "fingerprint": "f" * 64,
        "max_attempts": 3,
        "timeout_seconds": 900.0,
        "expires_at": stamp(START + timedelta(days=30)),
        "estimated_seconds": 10.0,
        "sequence": 1,
        "steps": (
            StepRecord(name="first", layer="bottom", service="one"),
            StepRecord(name="second", layer="top", service="two"),
        ),
    }
    return Job(**{**values, **changes})


def stored(job: Job, *, modified: datetime = START, read_at: datetime = START) -> StoredJob:
    return StoredJob(job=job, etag='W/"1"', modified=modified, read_at=read_at)


# ---------------------------------------------------------------- fake steps

Behaviour = Callable[[StepContext], Awaitable[object]]


class FakeArtifact(Artifact):
    """What every fake step gives: a digest of all that it saw."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    article: dict[str, str] | None = None
    sources: tuple[dict[str, str], ...] = ()


@cache
def kind_of(name: str) -> type[FakeArtifact]:
    """The artifact class of this name."""
    return create_model(name, __base__=FakeArtifact)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDeclaration(StepDeclaration):
    """A declaration whose implementation is a function in the test's hands."""

    function: StepFunction

    def load(self) -> StepFunction:
        return self.function


class FakeSteps:
    """Implements a catalog: counts executions by service, keeps their order, and misbehaves where a test says so."""

    artifacts: Callable[[str], type[Artifact]] = staticmethod(kind_of)

    def __init__(self, catalog: Mapping[str, StepDeclaration] = CATALOG) -> None:
        self.executions: Counter[str] = Counter()
        self.order: list[str] = []
        self.running = self.most_running = 0
        self.behaviours: dict[str, Behaviour] = {}
        self.changes: dict[str, dict[str, Any]] = {}
        self.catalog = {name: self._fake(declaration) for name, declaration in catalog.items()}

    def _fake(self, declaration: StepDeclaration) -> FakeDeclaration:
        async def run(context: StepContext) -> Artifact:
            return await self._run(declaration, context)

        values = {name: getattr(declaration, name) for name in StepDeclaration.__dataclass_fields__}
        return FakeDeclaration(**values, function=run)

    async def _run(self, declaration: StepDeclaration, context: StepContext) -> Artifact:
        service = declaration.service
        self.executions[service] += 1
        self.order.append(service)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)
            if service in self.behaviours:
                await self.behaviours[service](context)
            return await self._make(declaration, context)
        finally:
            self.running -= 1

    async def _make(self, declaration: StepDeclaration, context: StepContext) -> Artifact:
        """The artifact: a digest of what the step saw."""
        service = declaration.service
        seen = {kind.__name__: artifact.model_dump() for kind, artifact in context.artifacts.items()}
        wanted = {name: seen.get(name) for name in (*declaration.requires, *declaration.uses)}
        text = json.dumps([service, context.brief.topic, wanted], sort_keys=True)
        values: dict[str, Any] = {"text": hashlib.sha256(text.encode()).hexdigest()}
        if declaration.provides == "ContentPackage":
            values["article"] = {"markdown": "# An article", "html": "<h1>An article</h1>"}
            values["sources"] = ({"title": "A source"},)
        return kind_of(declaration.provides)(**{**values, **self.changes.get(service, {})})


# ---------------------------------------------------------------- a wired app in memory


async def _nothing() -> None:
    return None


@dataclass
class Queue(MemoryQueue):
    """A memory queue that refuses as many sends as a test says."""

    failures: int = 0

    async def send(self, message: OutgoingMessage) -> None:
        if self.failures:
            self.failures -= 1
            raise QueueUnavailable("the queue refuses")
        await super().send(message)


def settings_for(**environment: str) -> Settings:
    return load_settings({"CONTENT_ARCHITECT_API_URL": API, "WEBSITE_INSTANCE_ID": "one", **environment})


@dataclass
class World:
    """One or more app instances on one store, one queue and one clock, and a broker for its messages."""

    clock: FakeClock = field(default_factory=FakeClock)
    steps: FakeSteps = field(default_factory=FakeSteps)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    queue: Queue = field(default_factory=Queue)
    letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)
    sender: MemoryCallbackSender = field(default_factory=MemoryCallbackSender)
    environment: dict[str, str] = field(default_factory=dict)
    tools: Callable[[], Tools] = Tools
    dead: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryJobStore(self.clock)
        self.tokens = MemoryTokenVerifier(self.clock, settings_for(**self.environment).entra_tenants)
        self.app = self.instance("one")

    def instance(self, instance_id: str, *, store: Any = None, queue: Any = None) -> App:
        """Another app on the same store and queue, or on ones that stand before them."""
        outside = Outside(
            store=store or self.store,
            queue=queue or self.queue,
            publisher=self.publisher,
            letters=self.letters,
            sender=self.sender,
            tokens=self.tokens,
            clock=self.clock,
            close=_nothing,
        )
        settings = settings_for(**{**self.environment, "WEBSITE_INSTANCE_ID": instance_id})
        return wire(settings, outside, self.tools, catalog=self.steps.catalog, artifacts=self.steps.artifacts)

    async def submit(self, *, origin: Origin | None = None, **changes: Any) -> Submission:
        from orchestration.schemas import parse_request

        request = parse_request({**REQUEST, **changes}, now=self.clock.now(), can_write=frozenset({"en"}))
        return await self.app.service.submit(request, origin or Origin(tenant="local"))

    async def watch(self, tenant: str = "local") -> None:
        """Let somebody of this tenant hold a socket, since without one nothing is published."""
        watcher = Watcher(tenant=tenant, user="somebody")
        await self.app.sockets.interest.keep(watcher, own_jobs=False)

    async def job(self, job_id: str) -> Job:
        found = await self.store.read_job(job_id)
        assert found is not None
        return found.job

    async def deliver(self, message: OutgoingMessage, app: App | None = None, count: int = 1) -> Outcome:
        return await self.process(delivery_of(message, count=count), app or self.app)

    async def process(self, delivery: Delivery, app: App) -> Outcome:
        """Hand a delivery to the function that its queue triggers."""
        if delivery.queue == "content-callbacks":
            return await app.callbacks.deliver(delivery)
        return await app.processor.process(delivery)

    async def work(self, app: App | None = None) -> list[Outcome]:
        """Deliver all messages that are due until none is left, as the broker would."""
        outcomes: list[Outcome] = []
        while message := self.due():
            for count in range(1, MAX_DELIVERIES + 1):
                outcome = await self.deliver(message, app, count)
                outcomes.append(outcome)
                if not isinstance(outcome, DeadLetter):
                    break
            else:
                self.dead.append(delivery_of(message, count=MAX_DELIVERIES))
        return outcomes

    def due(self) -> OutgoingMessage | None:
        """Take the first message whose time has come."""
        for number, message in enumerate(self.queue.sent):
            if message.not_before is None or message.not_before <= self.clock.now():
                return self.queue.sent.pop(number)
        return None

    async def call(self, handler: Handler, method: str = "GET", **parts: Any) -> HttpReply:
        return await self.answer(route_of(handler), HttpCall(method=method, **parts))

    async def answer(self, route: Route, call: HttpCall) -> HttpReply:
        """Answer a call; whatever a test asks for, the answer is held to the contract."""
        reply = await self.app.api.answer(route, call)
        if route.name in ROUTES:
            assert_in_contract(route.name, reply, fake=True)
        return reply

    async def events(self, job_id: str) -> list[dict[str, Any]]:
        return [u.to_wire() for u in await self.store.read_events(job_id, after=0, limit=1000)]


def route_of(handler: Handler) -> Route:
    """The first route that a handler serves; one that is in no table gets an open route."""
    test = Route(name="test", method="GET", path="test", role=None, handler=handler)
    return next((route for route in (*ROUTES.values(), CATCH_ALL) if route.handler is handler), test)


def delivery_of(message: OutgoingMessage, *, count: int = 1) -> Delivery:
    return Delivery(
        queue=message.queue,
        message_id=message.message_id,
        delivery_count=count,
        body=message.body.encode(),
        properties=message.properties,
    )


def message(
    body: object, *, message_id: str = "m-1", queue: str = "content-jobs", **properties: Any
) -> Delivery:
    """A message as a producer would send it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(queue=queue, message_id=message_id, delivery_count=1, body=data, properties=properties)


def again(delivery: Delivery, count: int) -> Delivery:
    return replace(delivery, delivery_count=count)


def body_of(reply: HttpReply) -> Any:
    return json.loads(reply.body)
