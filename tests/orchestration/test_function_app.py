"""The triggers: bindings as the controller believes them, calls handed over, messages settled by returning or raising."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import function_app
from orchestration import bootstrap
from orchestration.errors import ConfigurationError, PoisonMessage, StorageUnavailable
from orchestration.jobs import JobStatus
from orchestration.routes import BASE, CATCH_ALL, ROUTES
from tests.orchestration.support import REQUEST, World

ROOT = Path(__file__).parents[2]


def functions() -> list[Any]:
    """All functions; the SDK counts a second listing as a second registration."""
    function_app.app.functions_bindings = {}
    found = list(function_app.app.get_functions())
    function_app.app.functions_bindings = {}
    return found


def test_the_table_of_routes_is_the_real_bindings() -> None:
    """Roles and the contract come from the table, so a function beside it would be open to everybody."""
    found = {}
    for function in functions():
        trigger: Any = function.get_trigger()
        if trigger.type == "httpTrigger" and function.get_function_name() != CATCH_ALL.name:
            (method,) = (str(getattr(m, "value", m)) for m in trigger.methods)
            found[function.get_function_name()] = (method, trigger.route)
    assert {r.name: (r.method, f"{BASE}/{r.path}") for r in ROUTES.values()} == found


def test_the_catch_all_sorts_last_because_the_host_tries_functions_by_name() -> None:
    names = [function.get_function_name() for function in functions()]
    assert max(names) == CATCH_ALL.name
    (trigger,) = (f.get_trigger() for f in functions() if f.get_function_name() == CATCH_ALL.name)
    assert (trigger.route, trigger.methods) == (CATCH_ALL.path, None), "also outside /content-architect"
    assert len(set(names)) == len(names)


def test_each_queue_has_its_trigger() -> None:
    triggers: list[Any] = [function.get_trigger() for function in functions()]
    queues = {t.queue_name for t in triggers if t.type == "serviceBusTrigger"}
    assert queues == {"content-jobs", "content-jobs-high", "content-jobs-low", "content-callbacks"}
    assert {t.connection for t in triggers if t.type == "serviceBusTrigger"} == {function_app.CONNECTION}


NO_IO = """
import socket, sys
def refuse(event, arguments):
    if event.startswith("socket.") or event == "os.environ.__getitem__":
        raise AssertionError(event)
sys.addaudithook(refuse)
import function_app
heavy = [m for m in ("azure.servicebus", "azure.data.tables", "azure.identity", "aiohttp") if m in sys.modules]
assert heavy == [], heavy
"""


def test_importing_the_app_does_no_io_needs_no_environment_and_loads_no_sdk() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_IO],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The triggers work on an app in memory."""
    made = World()

    async def app() -> Any:
        return made.app

    monkeypatch.setattr(function_app, "current_app", app)
    monkeypatch.setattr(bootstrap, "current_app", app)
    return made


def request(method: str, body: bytes = b"", **parts: Any) -> func.HttpRequest:
    return func.HttpRequest(method=method, url="http://127.0.0.1/", body=body, **parts)


def incoming(body: bytes, **parts: Any) -> Any:
    values: dict[str, Any] = {"message_id": "m-1", "delivery_count": 1, "application_properties": {}}
    from azure.functions.servicebus import ServiceBusMessage

    return ServiceBusMessage(body=body, user_properties={}, **{**values, **parts})


def function(name: str) -> Any:
    """The user's function behind a decorated one."""
    (found,) = [f for f in functions() if f.get_function_name() == name]
    return found.get_user_function()


async def test_a_job_goes_through_the_triggers_from_request_to_result(world: World) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await function("generate")(request("POST", json.dumps(REQUEST).encode(), headers=headers))
    assert (answer.status_code, answer.mimetype) == (202, "application/json")
    job_id = json.loads(answer.get_body())["jobId"]
    sent = world.queue.sent.pop()
    message = incoming(sent.body.encode(), message_id=sent.message_id, application_properties=sent.properties)
    await function("ContentJobProcessor")(message)
    for name in ("job", "job_result", "job_events"):
        answer = await function(name)(request("GET", route_params={"jobId": job_id}))
        assert answer.status_code == 200
    answer = await function("job_cancel")(request("POST", route_params={"jobId": job_id}))
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    answer = await function("job_negotiate")(request("POST", route_params={"jobId": job_id}))
    assert answer.status_code == 200
    for name in ("health", "health_live", "health_ready"):
        assert (await function(name)(request("GET"))).status_code == 200
    assert (await function("zz_not_found")(request("GET", route_params={"rest": "x"}))).status_code == 404
    await function("sweep")(None)


@pytest.mark.parametrize(
    "queue", ["ContentJobProcessor", "ContentJobProcessorHigh", "ContentJobProcessorLow"]
)
async def test_a_message_that_must_be_dead_lettered_raises(world: World, queue: str) -> None:
    with pytest.raises(PoisonMessage, match="not JSON"):
        await function(queue)(incoming(b"garbage"))
    assert len(world.store.audits) == 1


async def test_messages_without_an_id_are_known_by_their_sequence_number(world: World) -> None:
    """The plain SDK sends none; without this all such messages of a tenant would be one job."""
    body = json.dumps({"type": "content_generation", "request": REQUEST}).encode()
    for number in (1, 2, 2):
        await function("ContentJobProcessor")(
            incoming(
                body,
                message_id=None,
                sequence_number=number,
                application_properties=None,
                delivery_count=None,
            )
        )
    assert len(world.store._rows) == 2
    assert {(await world.job(i)).status for i in world.store._rows} == {JobStatus.COMPLETED}


async def test_a_cancelled_invocation_ends_as_an_error_because_an_escaping_cancellation_would_hang_it(
    world: World,
) -> None:
    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    object.__setattr__(world.app, "processor", type("P", (), {"process": staticmethod(cancelled)}))
    with pytest.raises(RuntimeError, match="cancelled"):
        await function("ContentJobProcessor")(incoming(b"{}"))


async def test_what_keeps_the_app_from_starting_is_answered_as_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = []

    async def fail() -> Any:
        tries.append(1)
        raise ConfigurationError("set AZURE_SERVICE_BUS_CONNECTION_STRING")

    monkeypatch.setattr(bootstrap, "_start", fail)
    for _ in range(2):
        answer = await function("health")(request("GET"))
        assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
        assert "AZURE_SERVICE_BUS_CONNECTION_STRING" in json.loads(answer.get_body())["detail"]
    assert len(tries) == 2, "a start that failed is tried again by the next call"


async def test_the_app_is_made_once_per_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    async def start() -> Any:
        made.append(World().app)
        await asyncio.sleep(0)
        return made[-1]

    monkeypatch.setattr(bootstrap, "_start", start)
    apps = await asyncio.gather(*(bootstrap.current_app() for _ in range(5)))
    assert len(made) == 1
    assert all(app is made[0] for app in apps)


async def test_a_timer_whose_dependency_is_down_leaves_its_work_to_the_next_tick(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def app() -> str:
        return "the app"

    async def work(current: object) -> None:
        assert current == "the app"
        raise StorageUnavailable("no tables")

    monkeypatch.setattr(bootstrap, "current_app", app)
    await bootstrap.on_timer(work)  # type: ignore[arg-type]
    assert "left to the next tick" in caplog.text
