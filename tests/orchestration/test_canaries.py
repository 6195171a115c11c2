"""Secrets stay where they belong: canaries in every secret setting and credential header, and a look into every sink.

Sinks are the logs of all libraries at their most talkative, answers, rows, events, callbacks, messages, realtime.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from socket import socket
from typing import Any

import pytest

from layers.contract import ChatFailed, ChatRequest, StepContext, Tools
from orchestration.access.apikeys import KeyRequest
from orchestration.adapters.clock import SystemClock
from orchestration.adapters.llm import ChatEndpoint, ChatTarget
from orchestration.adapters.llm_auth import key_headers
from orchestration.adapters.memory_callbacks import MemoryCallbackSender
from orchestration.bootstrap import App, answer, wire
from orchestration.connections import Outside, connect
from orchestration.errors import ConfigurationError, ContentArchitectError
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Caller, Role
from orchestration.ids import key_part
from orchestration.routes import BASE, CATCH_ALL, ROUTES
from orchestration.settings import Settings, load_settings
from orchestration.telemetry.logs import SecretsFilter
from tests.orchestration.support import REQUEST, FakeSteps, body_of, kind_of, message
from tests.telemetry.recorder import Recorder, recording
from tests.webpubsub.support import StandIn

USES_SERVICES = True
CANARY = "c4n4ry"
SETTINGS = {
    "AUTH_MODE": "apikey",
    "INTERNAL_API_TOKEN": f"{CANARY}-internal-token",
    "LLM_ENDPOINT": "http://127.0.0.1:9/v1",
    "LLM_MODEL": "m",
    "LLM_API_KEY": f"{CANARY}-llm-key",
    "AzureWebJobsStorage": f"AccountName=a;AccountKey={CANARY}-host-storage",
    "TRUSTED_PROXY_HOPS": "1",
}
ADDRESS = "198.51.100.77"
CREDENTIALS = {
    "x-functions-key": f"{CANARY}-functions-key",
    "x-ms-client-principal": f"{CANARY}-principal",
    "cookie": f"session={CANARY}-cookie",
    "x-zumo-auth": f"{CANARY}-zumo",
    "proxy-authorization": f"Basic {CANARY}-proxy",
    "x-forwarded-for": ADDRESS,
}
TOPIC = f"The topic {CANARY}-topic of somebody"


class Everything(logging.Handler):
    """Keeps every record of every logger as text, with all that hangs on it."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.addFilter(SecretsFilter())  # as telemetry.logs.share_handlers does for handlers of the process
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except (TypeError, ValueError):
            text = f"{record.msg} {record.args}"
        own = {k: v for k, v in record.__dict__.items() if k not in ("msg", "args", "message", "exc_info")}
        self.lines.append(f"{record.name} {record.levelname} {text} {own!r}")


@pytest.fixture
def log() -> Iterator[Everything]:
    """Every logger at its most talkative, those of the SDKs as well."""
    handler = Everything()
    loggers = [
        logging.getLogger(),
        *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict)),
    ]
    before = [(logger, logger.level, logger.disabled) for logger in loggers]
    logging.getLogger().addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
    yield handler
    logging.getLogger().removeHandler(handler)
    for logger, level, disabled in before:
        logger.setLevel(level)
        logger.disabled = disabled


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """All spans and metrics."""
    with recording() as found:
        yield found


async def call(app: App, name: str, key: str, body: object = None, **parts: Any) -> HttpReply:
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {key}",
        **CREDENTIALS,
        **parts.pop("headers", {}),
    }
    data = json.dumps(body).encode() if body is not None else b""
    route = CATCH_ALL if name == CATCH_ALL.name else ROUTES[name]
    query = parts.pop("query", {"code": f"{CANARY}-code", "sig": f"{CANARY}-sig"})
    asked = HttpCall(method=route.method, headers=headers, body=data, query=query, **parts)
    return await app.api.answer(route, asked)


async def rows_of(outside: Outside, tenant: str, job_id: str) -> str:
    """All rows that a tenant can have, but for the two tables whose business secrets are."""
    found = []
    for name in ("jobindex", "stats", "state", "audit", "workflows", "limits", "jobs"):
        table = outside.store.table(name)
        for partition in (tenant, job_id, key_part("")):
            found += await table.between(partition, after="", before="~", limit=1000)
    return repr(found)


async def stumbling(context: StepContext) -> None:
    """A step that fails with a secret in its error: of an SDK's exceptions nobody knows what they hold."""
    del context
    raise RuntimeError(f"POST https://example.org/?sig={CANARY}-exception failed")


async def test_s3_secrets_no_canary_comes_out_anywhere(
    outside: Outside, azurite: str, web_pubsub: StandIn, log: Everything, recorder: Recorder
) -> None:
    tenant = f"t{id(log)}"
    sender = MemoryCallbackSender()
    outside = replace(outside, sender=sender)
    steps = FakeSteps()
    settings = load_settings({**SETTINGS, "CONTENT_STORAGE_CONNECTION_STRING": azurite})
    app = wire(settings, outside, Tools, catalog=steps.catalog, artifacts=kind_of)
    owner = Caller(tenant=tenant, subject="command", role=Role.ADMIN)
    _, key = await app.api.access.keys.issue(owner, KeyRequest(name="n", role=Role.ADMIN))
    replies: list[bytes] = []
    hook = f"https://hooks.example/in?token={CANARY}-hook"

    def keep(reply: HttpReply) -> None:
        """The topic and the callback's address are the job's own, and shown to its tenant."""
        own = reply.body.replace(TOPIC.encode(), b"").replace(hook.encode(), b"")
        replies.append(own + repr(dict(reply.headers)).encode())

    async def ask(name: str, credential: str = key, body: object = None, **parts: Any) -> HttpReply:
        reply = await call(app, name, credential, body, **parts)
        keep(reply)
        return reply

    made = await ask("generate", body={**REQUEST, "topic": TOPIC, "callbackUrl": hook}, query={"wait": "0"})
    assert 202 == made.status, made.body
    job = {"jobId": body_of(made)["jobId"]}
    await app.processor.process(message(job, message_id=f"{job['jobId']}:1", tenantId=tenant))
    failing = await ask(
        "generate", body=REQUEST, headers={"idempotency-key": f"{CANARY}-key"}, query={"wait": "0"}
    )
    steps.behaviours["llmContentOptimizer"] = stumbling
    other = {"jobId": body_of(failing)["jobId"]}
    await app.processor.process(message(other, message_id=f"{other['jobId']}:1", tenantId=tenant))
    for sent in ({"jobId": job["jobId"], "sequence": n} for n in range(1, 30)):
        delivery = message(sent, message_id=str(sent["sequence"]), queue="content-callbacks", tenantId=tenant)
        await app.callbacks.deliver(delivery)
    assert sender.sent, "the callback was made"
    for name, route in ROUTES.items():
        if route.role is not None and name != "job_delete":
            for credential in (key, f"{CANARY}-wrong", SETTINGS["INTERNAL_API_TOKEN"]):
                for query in ({}, {"x": f"{CANARY}-query"}):
                    reply = await call(app, name, credential, {}, route=job, query=query)
                    if name not in SHOWN:
                        keep(reply)
    negotiated = await call(app, "job_negotiate", key, route=job, query={})
    rotated = await call(app, "webhooks_rotate", key, query={})
    issued = await call(app, "apikey_create", key, {"name": "n", "role": "viewer"}, query={})
    for name in ("health", "health_live", "health_ready", "openapi"):
        await ask(name)
    await ask(CATCH_ALL.name, route={"rest": f"{BASE}/nothing"})
    await app.realtime.drain()
    rows = await rows_of(outside, tenant, job["jobId"])
    events = repr(await outside.store.read_events(job["jobId"], after=0, limit=100))
    secrets = {
        "the key of the tables": azurite.partition("AccountKey=")[2].partition(";")[0],
        "the key of the queues": "local-secret",
        "the key of Web PubSub": web_pubsub.connection_string.partition("AccessKey=")[2].partition(";")[0],
        "a client's token": body_of(negotiated)["url"].partition("access_token=")[2],
        "a webhook secret": body_of(rotated)["secret"],
        "an API key": key.rpartition("_")[2],
        "another API key": body_of(issued)["key"].rpartition("_")[2],
        "a canary": CANARY,
        "an address": ADDRESS,
    }
    assert all(secrets.values())
    calls = repr([(body, headers) for _, body, headers in sender.sent])
    spans = repr([span.to_json() for span in recorder.spans]) + str(recorder.reader.get_metrics_data())
    assert recorder.spans
    sinks = {
        "spans": spans,
        "logs": "\n".join(log.lines),
        "answers": repr(replies),
        "events": events,
        "callbacks": calls,
    }
    assert len(log.lines) > 50
    assert leaks(secrets, sinks) == []
    # The topic and the callback's address are the job's own: they are kept with it.
    own = rows.replace(TOPIC, "").replace(hook, "")
    assert leaks(secrets, {"rows": own}) == []


SHOWN = frozenset({"job_negotiate", "webhooks_rotate", "apikey_create", "realtime_negotiate"})
"""What these answer is a secret, for its caller alone."""


def leaks(secrets: dict[str, str], sinks: dict[str, str]) -> list[str]:
    found = []
    for sink, text in sinks.items():
        for what, secret in secrets.items():
            if (place := text.find(secret)) >= 0:
                found.append(f"{what} in {sink}: ...{text[max(0, place - 200) : place + 60]!r}")
    return found


def closed_port() -> int:
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_s3_secrets_services_that_cannot_be_reached_are_complained_about_without_their_keys(
    log: Everything,
) -> None:
    port = closed_port()
    key = CANARY + "A" * 42
    settings = load_settings(
        {
            **SETTINGS,
            "CONTENT_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={key};"
            f"TableEndpoint=http://127.0.0.1:{port}/a;",
            "AZURE_SERVICE_BUS_CONNECTION_STRING": f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=n;"
            f"SharedAccessKey={key};UseDevelopmentEmulator=true;",
            "WEB_PUBSUB_CONNECTION_STRING": f"Endpoint=http://127.0.0.1:{port};AccessKey={key};Version=1.0;",
        }
    )
    outside = await connect(settings)
    errors: list[str] = []

    async def fails(work: Any) -> None:
        try:
            await work
        except (ContentArchitectError, ChatFailed) as error:
            errors.append(f"{error!r} {error.__cause__!r}")
        else:
            raise AssertionError("nothing listens there")

    from orchestration.ports import OutgoingMessage

    await fails(outside.store.read_job("x"))
    await fails(outside.queue.send(OutgoingMessage(queue="content-jobs", message_id="m", body="{}")))
    await fails(outside.publisher.publish("group", "{}"))
    target = ChatTarget(endpoint=f"http://127.0.0.1:{port}/v1", model="m")
    model = ChatEndpoint(target, headers=key_headers(target.endpoint, key), clock=SystemClock())
    await fails(
        model.complete(
            ChatRequest(system="s", user="u", schema={}, max_output_tokens=10, purpose="p", seconds=0.5)
        )
    )
    await model.aclose()
    await outside.close()
    text = "\n".join([*log.lines, *errors])
    assert leaks({"a canary": CANARY}, {"logs and errors": text}) == []


@pytest.mark.parametrize(
    "name",
    [str(field.alias) for field in Settings.model_fields.values() if "SecretStr" in str(field.annotation)],
)
async def test_s3_secrets_a_setting_that_is_wrong_is_named_and_not_shown(
    name: str, monkeypatch: pytest.MonkeyPatch, log: Everything
) -> None:
    from orchestration import bootstrap

    for variable in list(SETTINGS):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, f"Endpoint={CANARY};AccountKey={CANARY}")
    monkeypatch.setattr(bootstrap, "_apps", {})
    settings = load_settings({name: f"AccountName={CANARY};AccountKey={CANARY}"})
    assert CANARY not in f"{settings!r}{settings}{settings.model_dump_json()}"
    reply = await answer(ROUTES["health"], HttpCall(method="GET"))
    assert 500 == reply.status
    with pytest.raises(ConfigurationError) as caught:
        await connect(settings)
    text = "\n".join([*log.lines, reply.body.decode(), str(caught.value)])
    assert leaks({"a canary": CANARY}, {"logs and answers": text}) == []


def test_the_search_for_leaks_would_find_one() -> None:
    assert ["a canary in logs: ...'x c4n4ry y'"] == leaks({"a canary": CANARY}, {"logs": "x c4n4ry y"})
