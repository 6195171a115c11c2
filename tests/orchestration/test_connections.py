"""The composition root: settings to adapters, and what happens when they name nothing, nonsense or the wrong place."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

import pytest

from orchestration import bootstrap, connections
from orchestration.adapters.clock import SystemClock
from orchestration.adapters.tables import TableJobStore
from orchestration.bootstrap import current_app
from orchestration.connections import connect
from orchestration.errors import AddressRefused, ConfigurationError, StorageUnavailable
from orchestration.http import HttpCall
from orchestration.jobs import ActiveJob, JobStatus
from orchestration.ports import Clock
from orchestration.routes import ROUTES
from orchestration.settings import load_settings
from orchestration.step_tools import research_tools
from tests.orchestration.support import REQUEST, FakeClock, FakeSteps, body_of, kind_of, new_job
from tests.webpubsub.support import StandIn

USES_SERVICES = True

SECRET = "S3CRETKEYS3CRETKEYS3CRETKEYS3CRETKEY"
STORAGE = "CONTENT_STORAGE_CONNECTION_STRING"
BUS = "AZURE_SERVICE_BUS_CONNECTION_STRING"
REALTIME = "WEB_PUBSUB_CONNECTION_STRING"
GOOD = {
    STORAGE: "AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1:1/a",
    BUS: "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
    REALTIME: f"Endpoint=http://127.0.0.1:1;AccessKey={SECRET};Version=1.0;",
}
IDENTITY = {
    "CONTENT_STORAGE__tableServiceUri": "https://account.table.core.windows.net/",
    "AZURE_SERVICE_BUS_CONNECTION_STRING__fullyQualifiedNamespace": "name.servicebus.windows.net",
    "WEB_PUBSUB__endpoint": "https://name.webpubsub.azure.com",
}


async def test_with_all_connections_named_nothing_is_contacted_before_the_first_use() -> None:
    outside = await connect(load_settings(GOOD))
    assert isinstance(outside.clock, SystemClock)
    await outside.close()


async def test_what_was_opened_early_is_closed_when_another_service_is_not_named() -> None:
    settings = load_settings({name: value for name, value in GOOD.items() if name != REALTIME})
    with pytest.raises(ConfigurationError, match=REALTIME):
        await connect(settings, sends_soon=["content-jobs"])
    assert [task for task in asyncio.all_tasks() if "ServiceBusQueue" in repr(task)] == []


async def test_the_sender_of_callbacks_is_made_when_it_is_first_asked_and_only_once() -> None:
    outside = await connect(load_settings(GOOD))
    made: Any = outside.sender
    assert made._made is None
    for refused in await asyncio.gather(
        *(outside.sender.check("http://169.254.169.254/") for _ in range(3)), return_exceptions=True
    ):
        assert isinstance(refused, AddressRefused)
    inner = made._made
    answer = await outside.sender.post("http://169.254.169.254/", b"{}", {})
    assert answer.status is None
    assert made._made is inner
    await outside.close()


QUEUES = ("content-jobs", "content-jobs-high", "content-jobs-low")


@pytest.mark.parametrize(("method", "expected"), [("POST", QUEUES), ("GET", ())])
async def test_a_first_call_that_may_send_opens_the_ways_to_the_broker_early(
    monkeypatch: pytest.MonkeyPatch, method: str, expected: tuple[str, ...]
) -> None:
    asked: list[Sequence[str]] = []

    async def refuse(_settings: object, *, sends_soon: Sequence[str] = ()) -> None:
        asked.append(sends_soon)
        raise ConfigurationError("enough")

    monkeypatch.setattr(bootstrap, "connect", refuse)
    monkeypatch.setattr(bootstrap, "_apps", {})
    call = HttpCall(method=method, headers={}, query={}, route={}, body=b"")
    assert (await bootstrap.answer(ROUTES["generate"], call)).status == 500
    assert asked == [expected]


async def test_a_managed_identity_stands_in_for_every_key() -> None:
    outside = await connect(load_settings(IDENTITY))
    assert isinstance(outside.store, TableJobStore)
    assert outside.store._batch.link.endpoint == "https://account.table.core.windows.net"
    queue = outside.queue
    queue._sender("content-jobs")  # type: ignore[attr-defined]
    await outside.close()


@pytest.mark.parametrize("missing", [STORAGE, BUS, REALTIME])
async def test_what_is_missing_is_named_and_nothing_is_left_open(missing: str) -> None:
    settings = load_settings({name: value for name, value in GOOD.items() if name != missing})
    with pytest.raises(ConfigurationError, match=missing):
        await connect(settings)


@pytest.mark.parametrize("name", [STORAGE, BUS, REALTIME])
@pytest.mark.parametrize(
    "value", ["nonsense", f"AccessKey={SECRET}", f"Endpoint=;AccessKey={SECRET};Version=1.0;"]
)
async def test_nonsense_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        await connect(load_settings({**GOOD, name: value}))
    assert SECRET not in str(caught.value)


def test_tools_are_made_once_and_with_what_the_settings_name() -> None:
    tools = research_tools(load_settings({"CONTENT_LIBRARY_DIR": "samples/library"}))
    assert tools() is tools()
    assert tools().library is not None
    assert research_tools(load_settings({}))().library is None
    web = load_settings({"RESEARCH_PROVIDERS": "wikipedia,crossref", "CONTENT_LIBRARY_DIR": "x"})
    assert [p.name for p in research_tools(web)().providers] == ["wikipedia", "crossref"]


# ---------------------------------------------------------------- storage that is not there


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Accepts connections and never says a word."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in held:
            writer.close()
        await server.wait_closed()


ROW = ActiveJob(job_id="j", tenant="t", priority="normal", check_at="c", etag="e")


@pytest.mark.parametrize("silent", [False, True], ids=["refusing", "silent"])
async def test_storage_that_does_not_answer_is_unavailable_whatever_is_asked(
    silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the client waits five minutes for each answer, ten times as long as a lease."""
    assert sum(connections.TABLE_TIMEOUTS.values()) * (1 + connections.TABLE_RETRIES["retry_total"]) < 30
    monkeypatch.setattr(connections, "TABLE_TIMEOUTS", dict.fromkeys(connections.TABLE_TIMEOUTS, 0.3))
    monkeypatch.setitem(connections.TABLE_RETRIES, "retry_total", 0)
    async with silent_server() as port:
        place = f"AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1:{port if silent else 1}/a"
        outside = await connect(load_settings({**GOOD, STORAGE: place}))
        store = outside.store
        calls = [
            store.prepare(),
            store.read_job("j"),
            store.insert_job(new_job(), []),
            store.request_cancel("j", "now"),
            store.read_rows("j", "input", 1),
            store.read_events("j", after=0, limit=1),
            store.delete_rows("j"),
            store.put_active(ROW),
            store.move_active(ROW),
            store.remove_active("t", "j"),
            store.due_active("now", limit=1),
            store.audit("p", "k", {}),
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        await outside.close()
    assert [type(result) for result in results] == [StorageUnavailable] * len(calls)


async def test_a_service_that_refuses_the_key_is_unavailable_and_not_a_missing_job(azurite: str) -> None:
    wrong = azurite.replace("AccountKey=", "AccountKey=AAAA")
    outside = await connect(load_settings({**GOOD, STORAGE: wrong}))
    with pytest.raises(StorageUnavailable, match="403"):
        await outside.store.read_job("j")
    await outside.close()


# ---------------------------------------------------------------- the whole, once


async def test_a_job_runs_through_the_real_adapters(
    azurite: str, broker: str, web_pubsub: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.messages import Delivery
    from orchestration.outcomes import Completed

    for name, value in {STORAGE: azurite, BUS: broker, REALTIME: web_pubsub.connection_string}.items():
        monkeypatch.setenv(name, value)
    steps = FakeSteps()
    wire = bootstrap.wire
    monkeypatch.setattr(
        bootstrap, "wire", lambda *given: wire(*given, catalog=steps.catalog, artifacts=kind_of)
    )
    app = await current_app()
    assert await current_app() is app
    body = b'{"type":"content_generation","request":' + str(REQUEST).replace("'", '"').encode() + b"}"
    delivery = Delivery(queue="content-jobs", message_id="m-1", delivery_count=1, body=body)
    assert await app.processor.process(delivery) == Completed("completed")
    assert await app.processor.process(delivery) == Completed("the job has ended")
    assert set(steps.executions.values()) == {1}
    reply = await app.api.answer(
        ROUTES["generate"],
        HttpCall(
            method="POST", body=str(REQUEST).replace("'", '"').encode(), headers={"idempotency-key": "k"}
        ),
    )
    job_id = body_of(reply)["jobId"]
    cancelled = await app.service.cancel("local", job_id)
    assert cancelled.status is JobStatus.CANCELLED
    await app.realtime.drain()
    assert app.realtime.figures().dropped == 0
    await app.outside.close()


async def test_the_app_starts_while_storage_is_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(connections.TABLE_RETRIES, "retry_total", 0)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.WARNING):
        app = await current_app()
    assert "predecessor" in caplog.text
    call = HttpCall(method="GET")
    assert (await app.api.answer(ROUTES["health_live"], call)).status == 200
    reply = await app.api.answer(ROUTES["health"], call)
    dependencies = body_of(reply)["dependencies"]
    assert reply.status == 503
    assert set(dependencies) == {"tableStorage", "serviceBus", "webPubSub", "callbacks", "stepThreads"}
    assert set(dependencies["tableStorage"]) == {"status", "circuit", "reason"}, (
        "one entry of probe and circuit"
    )
    await app.outside.close()


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()], ids=["system", "fake"])
async def test_a_clock_is_aware_never_goes_back_and_sleeps(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC
    before, first = clock.monotonic(), clock.now()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    assert clock.now() > first
    assert all(0 <= clock.chance() < 1 for _ in range(100))
