"""Function keys and the admin API."""

import json

import pytest

from localcloud.host.keys import AccessLevel, KeyRing, load_or_create_keys
from tests.host.support import until

APP = """
@app.route(route="open", auth_level=func.AuthLevel.ANONYMOUS)
def anyone(req: func.HttpRequest) -> str: return "open"

@app.route(route="closed", auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> str: return "closed"

@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="MISSING_CONNECTION")
async def on_message(msg: func.ServiceBusMessage) -> None:
    seen.append(msg.get_body())
    logging.warning("body %s count %s", msg.get_body(), msg.delivery_count)

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
async def on_time(timer: func.TimerRequest) -> None:
    logging.warning("timer by hand, past due %s", timer.past_due)
"""


async def test_case_19_keys_are_not_checked_unless_asked_for(serve):
    app = await serve(APP)
    assert await app.get("/api/closed") == (200, "closed")


async def test_case_19_case_20_keys_are_checked_with_enable_auth(serve, tmp_path):
    app = await serve(APP, options={"enable_auth": True})
    keys = json.loads((tmp_path / "data" / "keys.json").read_text())
    good, master = keys["functionKeys"]["default"], keys["masterKey"]
    assert await app.get("/api/closed") == (401, "")
    assert (await app.get("/api/closed", headers={"x-functions-key": "wrong"}))[0] == 401
    assert (await app.get("/api/closed", headers={"x-functions-key": good}))[0] == 200
    assert (await app.get(f"/api/closed?code={good}"))[0] == 200
    assert (await app.get(f"/api/closed?code={good}", headers={"x-functions-key": "wrong"}))[0] == 401
    assert (await app.get("/api/closed", headers={"x-functions-key": master}))[0] == 200
    assert (await app.get("/api/open", headers={"x-functions-key": "wrong"}))[0] == 200
    assert (await app.get("/admin/host/status", headers={"x-functions-key": good}))[0] == 401
    assert (await app.get("/admin/host/status", headers={"x-functions-key": master}))[0] == 200


def test_the_key_file_is_private_and_shared_by_later_instances(tmp_path):
    path = tmp_path / "data" / "keys.json"
    first = load_or_create_keys(path)
    assert first == load_or_create_keys(path)
    assert path.stat().st_mode & 0o077 == 0
    assert [path] == list(path.parent.iterdir())


def test_a_system_key_does_not_pass_a_function_and_a_function_key_only_its_own():
    ring = KeyRing(
        master="m", function_keys={}, system_keys={"s": "sys"}, per_function={"f": {"default": "own"}}
    )
    assert ring.level("sys", "f") == AccessLevel.SYSTEM
    assert not ring.allows("FUNCTION", "sys", "f")
    assert ring.allows("FUNCTION", "own", "f")
    assert not ring.allows("FUNCTION", "own", "g")
    assert ring.allows("ADMIN", "m", "g")


async def test_case_39_a_function_can_be_started_by_hand(serve, caplog):
    app = await serve(APP)
    assert await app.post("/admin/functions/ON_message", json={"input": '{"a":1}'}) == (202, "")
    await until(lambda: "body b'{\"a\":1}' count 1" in caplog.text)
    assert (await app.post("/admin/functions/on_time", json={}))[0] == 202
    await until(lambda: "timer by hand, past due False" in caplog.text)
    assert (await app.post("/admin/functions/nobody", json={"input": ""}))[0] == 404
    assert (await app.post("/admin/functions/on_message"))[0] == 400


async def test_a_test_can_invoke_a_function_and_see_how_it_ended(serve):
    app = await serve(
        APP
        + "\n@app.route(route='bad')\ndef bad(req: func.HttpRequest) -> str: raise OSError(req.get_body())\n"
    )
    assert (await app.host.invoke("on_message", "x")).succeeded
    outcome = await app.host.invoke("bad", "y")
    assert isinstance(outcome.error, OSError)
    assert outcome.error.args == (b"y",)
    with pytest.raises(KeyError):
        await app.host.invoke("nobody")


async def test_status_ping_and_drain(serve):
    app = await serve(APP, options={"instance_id": "instance-7"})
    status = json.loads((await app.get("/admin/host/status"))[1])
    assert (status["state"], status["instanceId"]) == ("Running", "instance-7")
    assert (await app.get("/admin/host/ping"))[0] == 200
    assert json.loads((await app.get("/admin/host/drain/status"))[1])["state"] == "Disabled"
    assert (await app.post("/admin/host/drain"))[0] == 202
    drained = json.loads((await app.get("/admin/host/drain/status"))[1])
    assert drained == {"state": "Completed", "outstandingInvocations": 0, "outstandingRetries": 0}
    assert await app.get("/api/open") == (200, "open")
    assert (await app.get("/admin/nothing"))[0] == 404
