"""Two tenants on one installation, and each of them alone: what one is answered must not depend on the other.

A scenario is a list of operations. It runs in a world that both share, then the very same calls of one tenant run in
a world where the other never called: every answer has to be the same byte for byte. A call for something of the
other tenant is there a call for something that does not exist.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from layers.contract import StepContext, StepError
from orchestration.access.apikeys import KeyRequest
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Caller, Role
from orchestration.ids import derived_job_id
from orchestration.management.letters import DeadLetter as Letter
from orchestration.outcomes import DeadLetter
from orchestration.ports import OutgoingMessage
from orchestration.routes import ROUTES
from orchestration.sockets.groups import Watcher
from tests.orchestration.support import MAX_DELIVERIES, REQUEST, START, World, body_of, delivery_of
from tests.orchestration.test_custom_workflows import definition
from tests.orchestration.upstream_events import ENDPOINT, WITH_KEY, event

TENANTS = ("acme", "zeta")
NOBODY = "nobody"
SECONDS = timedelta(seconds=7)
"""Between two operations."""

FAILING = "This one fails"
ENVIRONMENT = {"AUTH_MODE": "apikey", "RATE_LIMIT_PER_MINUTE": "400", "MAX_ACTIVE_JOBS": "6", **WITH_KEY}
HOST = ENDPOINT.partition("//")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A tenant (by number) calls a route, or time does something (``route`` is one of TIMES).

    ``owner`` says whose thing it names: its own, the other's or nobody's. ``number`` and ``variant`` choose the thing
    and the way.
    """

    tenant: int
    route: str
    owner: int = 0
    number: int = 0
    variant: int = 0


@dataclass
class Scene:
    """What operations name: keys that were issued and links that were given, by tenant."""

    keys: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in (*TENANTS, NOBODY)})
    links: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in (*TENANTS, NOBODY)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One operation's choice of a thing."""

    operation: Operation
    scene: Scene

    @property
    def tenant(self) -> str:
        return TENANTS[self.operation.tenant]

    @property
    def owner(self) -> str:
        return (self.tenant, TENANTS[1 - self.operation.tenant], NOBODY)[self.operation.owner]

    @property
    def key(self) -> str:
        return f"k{self.operation.number}"

    @property
    def job(self) -> dict[str, str]:
        return {"jobId": derived_job_id("request", self.owner, self.key)}

    @property
    def workflow(self) -> dict[str, str]:
        """Both tenants may call a workflow by the same name; each has names of its own as well."""
        return {"workflowId": ("both", f"of-{self.owner}", f"of-{self.owner}-2")[self.operation.number % 3]}

    @property
    def api_key(self) -> dict[str, str]:
        known = self.scene.keys[self.owner]
        return {"keyId": known[self.operation.number % len(known)] if known else "0" * 32}

    def one_of(self, *choices: Any) -> Any:
        return choices[self.operation.variant % len(choices)]

    def cursor(self) -> dict[str, str]:
        """The query of a link that somebody was given."""
        known = self.scene.links[self.owner]
        link = known[-1 - self.operation.number % len(known)] if known else "?cursor=AAAA"
        return dict(part.split("=", 1) for part in link.partition("?")[2].split("&"))


Parts = dict[str, Any]


def _generate(pick: Pick) -> Parts:
    topic = FAILING if pick.operation.number == 1 else f"The topic of {pick.tenant}"
    more: Parts = pick.one_of(
        {},
        {"callbackUrl": f"https://{pick.tenant}.example/hook", "userId": "ann", "tags": ["x"]},
        {"workflowType": "custom", **pick.workflow},
    )
    headers = {"idempotency-key": pick.key}
    return {"body": {**REQUEST, "topic": topic, **more}, "headers": headers}


def _listing(*choices: Parts) -> Callable[[Pick], Parts]:
    """A listing with some filters, in short pages, or by a link that was given before."""

    def probe(pick: Pick) -> Parts:
        query = pick.one_of({"pageSize": "1"}, None, *choices)
        return {"query": pick.cursor() if query is None else query}

    return probe


def _at_job(*choices: Parts) -> Callable[[Pick], Parts]:
    return lambda pick: {"route": pick.job, **(pick.one_of(*choices) if choices else {})}


def _at_workflow(*choices: Parts) -> Callable[[Pick], Parts]:
    return lambda pick: {"route": pick.workflow, **(pick.one_of(*choices) if choices else {})}


def letter_number(job_id: str) -> int:
    return int(job_id[:7], 16)


def _redrive(pick: Pick) -> Parts:
    return {
        "body": {
            "queue": "content-jobs",
            **pick.one_of(
                {"jobIds": [pick.job["jobId"]]},
                {"all": True},
                {"sequenceNumbers": [letter_number(pick.job["jobId"])]},
                {"all": True, "purgeMalformed": True},
            ),
        }
    }


def _event(pick: Pick) -> Parts:
    """Web PubSub tells about a socket of this tenant, which asks for somebody's job."""
    kind, name = pick.one_of(
        ("sys", "connect"),
        ("user", "SubscribeToJob"),
        ("user", "UnsubscribeFromJob"),
        ("sys", "disconnected"),
    )
    watcher = Watcher(tenant=pick.tenant, user="a" * 32)
    told = event(kind, name, watcher=watcher, connection=f"{pick.tenant}-{pick.operation.number}")
    return {"headers": told.headers, "body": pick.job}


PROBES: dict[str, Callable[[Pick], Parts]] = {
    "generate": _generate,
    "job": _at_job({}, {"query": {"wait": "1"}}, {"headers": {"if-none-match": "*"}}),
    "job_result": _at_job({}, {"headers": {"accept": "text/html"}}),
    "job_events": _at_job({}, {"query": {"after": "1"}}),
    "job_cancel": _at_job(),
    "job_retry": _at_job({}, {"query": {"fromScratch": "true"}}),
    "job_fork": _at_job(
        {"body": {"fromStep": "optimize_content", "request": {"toneOfVoice": "technical"}}},
        {"body": {"fromStep": "no such step"}},
    ),
    "job_delete": _at_job(),
    "job_negotiate": _at_job(),
    "job_deliveries": _at_job(),
    "job_redeliver": lambda pick: {"route": {**pick.job, "deliveryId": pick.one_of("1", "9", "11", "x")}},
    "jobs": _listing({"status": "failed"}, {"userId": "ann"}, {"tag": "x"}),
    "jobs_statistics": lambda _: {},
    "workflows": lambda _: {},
    "workflow_create": lambda pick: {"body": definition(id=pick.workflow["workflowId"])},
    "workflow_validate": lambda pick: {"body": definition(id=pick.workflow["workflowId"])},
    "workflow": _at_workflow({}, {"query": {"version": "1"}}),
    "workflow_update": _at_workflow({"body": definition(description="changed")}),
    "workflow_delete": _at_workflow(),
    "workflow_activate": _at_workflow({"body": {"version": 1}}, {"body": {}}),
    "dead_letters": _listing({}),
    "dead_letters_redrive": _redrive,
    "webhooks_rotate": lambda _: {},
    "webhooks_test": lambda pick: {"body": {"url": f"https://{pick.owner}.example/hook"}},
    "apikeys": lambda _: {},
    "apikey_create": lambda pick: {"body": {"name": f"n{pick.operation.number}", "role": "viewer"}},
    "apikey_revoke": lambda pick: {"route": pick.api_key},
    "audit": _listing({"action": "submit"}, {"action": "auth_failure"}),
    "realtime_negotiate": lambda _: {},
    "realtime_connections": lambda _: {},
    "realtime_handshake": lambda _: {"headers": {"webhook-request-origin": HOST}},
    "realtime_upstream": _event,
    "health": lambda _: {},
    "health_live": lambda _: {},
    "health_ready": lambda _: {},
    "openapi": lambda _: {},
    "docs": lambda _: {},
    "docs_file": lambda pick: {"route": {"file": pick.one_of("swagger-ui.css", "..", "no-such-file")}},
}
"""How each route is called. A route that is missing here fails the test: nobody would know whether it keeps tenants apart."""

TIMES = ("work", "sweep", "close_hours", "clean_up")


async def _fail_some(context: StepContext) -> None:
    if context.brief.topic == FAILING:
        raise StepError("the writer broke", code="broken", retryable=False)


@contextmanager
def chance_of(number: int) -> Iterator[None]:
    """Secrets follow from the number of the operation alone, so that a call makes the same ones in every world."""
    dice = random.Random(number)  # noqa: S311 - the same in every world
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_hex", lambda size=32: dice.randbytes(size).hex())
        patch.setattr(secrets, "token_bytes", lambda size=32: dice.randbytes(size))
        patch.setattr(secrets, "randbits", dice.getrandbits)
        yield


class Installation:
    """A world where both tenants have a key of every kind of caller, and operations are carried out."""

    def __init__(self) -> None:
        self.world = World(environment=ENVIRONMENT)
        self.world.steps.behaviours["llmContentOptimizer"] = _fail_some
        self.world.publisher.members = {
            f"{tenant}-{number}": set() for tenant in TENANTS for number in range(4)
        }
        self.credentials: dict[str, str] = {}

    async def open(self) -> None:
        for number, tenant in enumerate(TENANTS):
            owner = Caller(tenant=tenant, subject="command", role=Role.ADMIN)
            with chance_of(-1 - number):
                _, text = await self.world.app.api.access.keys.issue(
                    owner, KeyRequest(name="first", role=Role.ADMIN)
                )
            self.credentials[tenant] = text

    async def call(self, number: int, name: str, call: HttpCall) -> HttpReply:
        """Carry out one call at the time that belongs to its number."""
        self.world.clock.at = START + number * SECONDS
        with chance_of(number):
            reply = await self.world.app.api.answer(ROUTES[name], call)
            await self.world.app.realtime.drain()
        return reply

    async def pass_time(self, number: int, what: str) -> None:
        """Let workers or timers do their part; every delivery begins at the same moment."""
        base = self.world.clock.at = START + number * SECONDS
        app = self.world.app
        with chance_of(number):
            if what == "sweep":
                await app.sweeper.sweep()
            elif what == "close_hours":
                await app.jobs.statistics.close_hours()
            elif what == "clean_up":
                await app.jobs.retention.clean()
                await app.jobs.audit_log.clean()
            while message := self.world.due():
                for count in range(1, MAX_DELIVERIES + 1):
                    self.world.clock.at = base
                    if not isinstance(await self.world.deliver(message, count=count), DeadLetter):
                        break
                else:
                    self._bury(message)
                self.world.clock.at = base
            await app.realtime.drain()

    def _bury(self, message: OutgoingMessage) -> None:
        """Numbers of letters are the broker's, over all tenants; here they follow from the job alone."""
        delivery = delivery_of(message, count=MAX_DELIVERIES)
        number = letter_number(json.loads(message.body)["jobId"])
        self.world.letters.letters.append(
            Letter(sequence_number=number, delivery=delivery, reason="MaxDeliveryCountExceeded")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An operation as it was carried out: what was called by whom, and what was answered."""

    operation: Operation
    call: HttpCall | None
    reply: HttpReply | None


def call_of(number: int, operation: Operation, scene: Scene, credential: str) -> HttpCall:
    pick = Pick(operation=operation, scene=scene)
    parts = dict(PROBES[operation.route](pick))
    body = parts.pop("body", None)
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {credential}",
        "traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01",
        **parts.pop("headers", {}),
    }
    data = json.dumps(body).encode() if body is not None else b""
    return HttpCall(method=ROUTES[operation.route].method, headers=headers, body=data, **parts)


async def together(operations: Sequence[Operation]) -> tuple[list[Step], Installation]:
    """Both tenants on one installation."""
    installation, scene = Installation(), Scene()
    await installation.open()
    steps = []
    for number, operation in enumerate(operations):
        if operation.route in TIMES:
            await installation.pass_time(number, operation.route)
            steps.append(Step(operation=operation, call=None, reply=None))
            continue
        tenant = TENANTS[operation.tenant]
        call = call_of(number, operation, scene, installation.credentials[tenant])
        reply = await installation.call(number, operation.route, call)
        steps.append(Step(operation=operation, call=call, reply=reply))
        if operation.route == "apikey_create" and reply.status == 201:
            scene.keys[tenant].append(body_of(reply)["id"])
        if reply.status == 200 and b'"nextLink":"http' in reply.body:
            scene.links[tenant].append(body_of(reply)["nextLink"])
    return steps, installation


async def alone(steps: Sequence[Step], tenant: int) -> tuple[list[HttpReply | None], Installation]:
    """The same calls of one tenant, on an installation where the other never calls."""
    installation = Installation()
    await installation.open()
    replies: list[HttpReply | None] = []
    for number, step in enumerate(steps):
        reply = None
        if step.call is None:
            await installation.pass_time(number, step.operation.route)
        elif step.operation.tenant == tenant:
            reply = await installation.call(number, step.operation.route, step.call)
        replies.append(reply)
    return replies, installation
