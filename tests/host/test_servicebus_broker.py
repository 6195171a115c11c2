"""Service Bus functions end to end: the official client of the host against the local broker in its own process."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from localcloud.host.host import FunctionHost, HostOptions
from tests.host.support import until, write_app

QUEUES = {
    "fields": {}, "failing": {"MaxDeliveryCount": 3}, "long": {"LockDuration": "PT5S"}, "busy": {}, "stopped": {},
    "batch": {}, "restart": {},
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker_process(
    folder: Path, *, port: int = 0, data: str = ":memory:"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the broker and give its process and its connection string."""
    queues = [{"Name": name, "Properties": properties} for name, properties in QUEUES.items()]
    config = folder / "queues.json"
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [{"Name": "local", "Queues": queues}]}}))
    arguments = [
        "--port", str(port), "--data", data, "--config", str(config), "--key-name", "N", "--key", "K", "--stats-port", "0"
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "localcloud.servicebus", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["connectionString"]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with broker_process(tmp_path_factory.mktemp("broker")) as (_, connection_string):
        yield connection_string


@pytest.fixture(scope="module")
def client(broker: str) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(broker) as opened:
        yield opened


@pytest.fixture
def namespace(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SB", broker)


def send(client: ServiceBusClient, queue: str, *messages: Any) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(
            [m if isinstance(m, ServiceBusMessage) else ServiceBusMessage(m) for m in messages]
        )


def logged(caplog: pytest.LogCaptureFixture, mark: str = "SEEN ") -> list[Any]:
    """What a function told the test through its log."""
    texts = [record.getMessage() for record in caplog.records]
    return [json.loads(text.removeprefix(mark)) for text in texts if text.startswith(mark)]


def trigger(queue: str, extra: str = "") -> str:
    return f'@app.service_bus_queue_trigger(arg_name="msg", queue_name="{queue}", connection="SB"{extra})\n'


SAY = "import json\ndef say(*what): logging.warning('SEEN %s', json.dumps(what))\n"


async def test_a_message_arrives_with_its_fields_and_is_completed(serve, namespace, client, caplog):
    source = (
        SAY
        + trigger("fields")
        + """
async def f(msg: func.ServiceBusMessage, context: func.Context) -> None:
    say(msg.get_body().decode(), msg.message_id, msg.delivery_count, msg.sequence_number, msg.subject,
        msg.application_properties, str(msg.locked_until), msg.enqueued_time_utc.tzinfo is None,
        msg.lock_token is not None, context.trace_context.trace_parent[:35])
"""
    )
    await serve(source)
    trace = "00-0af7651916cd43dd8448eb211c80319c"
    properties = {"k": "v", "n": 1, "Diagnostic-Id": f"{trace}-b7ad6b7169203331-01"}
    message = ServiceBusMessage('{"a": 1}', message_id="m-1", subject="s", application_properties=properties)
    send(client, "fields", message)
    await until(lambda: logged(caplog))
    assert [['{"a": 1}', "m-1", 1, 1, "s", properties, "None", True, True, trace]] == logged(caplog)
    with client.get_queue_receiver("fields") as receiver:
        await until(lambda: not receiver.peek_messages())


async def test_a_failing_message_is_delivered_at_once_again_until_it_is_a_dead_letter(
    serve, namespace, client, caplog
):
    source = (
        SAY
        + trigger("failing")
        + """
async def fails(msg: func.ServiceBusMessage):
    say("try", msg.delivery_count)
    return "a value that may not be returned"
"""
        + trigger("failing/$deadletterqueue")
        + """
def buries(msg: func.ServiceBusMessage) -> None:
    say("dead", msg.application_properties["DeadLetterReason"], msg.dead_letter_reason)
"""
    )
    await serve(source)
    send(client, "failing", "x")
    await until(lambda: len(logged(caplog)) == 4)
    assert logged(caplog) == [["try", 1], ["try", 2], ["try", 3], ["dead", "MaxDeliveryCountExceeded", None]]
    assert "without a $return binding returned a non-None value" in caplog.text


async def test_a_function_may_run_longer_than_the_lock(serve, namespace, client, caplog):
    source = (
        SAY
        + trigger("long")
        + "async def f(msg):\n    say('begin')\n    await asyncio.sleep(7)\n    say('end')\n"
    )
    await serve(source)
    send(client, "long", "x")
    await until(lambda: ["end"] in logged(caplog))
    with client.get_queue_receiver("long") as receiver:
        await until(lambda: not receiver.peek_messages())
    assert logged(caplog) == [["begin"], ["end"]]


async def test_concurrency_is_limited_and_several_instances_share_a_queue(serve, namespace, client, caplog):
    source = (
        SAY
        + "running = 0\n"
        + trigger("busy")
        + """
async def f(msg: func.ServiceBusMessage) -> None:
    global running
    running += 1
    say(msg.get_body().decode(), running)
    await asyncio.sleep(0.05)
    running -= 1
"""
    )
    limit = {"extensions": {"serviceBus": {"maxConcurrentCalls": 2}}}
    await serve(source, host_json=limit)
    await serve(source, host_json=limit)
    send(client, "busy", *(str(number) for number in range(12)))
    await until(lambda: len(logged(caplog)) == 12)
    assert {str(number) for number in range(12)} == {body for body, _ in logged(caplog)}
    assert max(running for _, running in logged(caplog)) <= 2


async def test_a_success_while_stopping_is_delivered_again(namespace, client, caplog, tmp_path):
    source = (
        SAY
        + trigger("stopped")
        + """
async def f(msg: func.ServiceBusMessage) -> None:
    say(msg.get_body().decode(), msg.delivery_count)
    await asyncio.sleep(0.3)
"""
    )
    options = HostOptions(app=write_app(tmp_path / "app", source), data=tmp_path / "data")
    first = FunctionHost(options)
    await first.start()
    await first.ready()
    send(client, "stopped", "x")
    await until(lambda: logged(caplog))
    await first.stop()
    assert "succeeded while the host was stopping" in caplog.text
    second = FunctionHost(options)
    await second.start()
    await until(lambda: len(logged(caplog)) == 2)
    with client.get_queue_receiver("stopped") as receiver:
        await until(lambda: not receiver.peek_messages())
    await second.stop()
    assert logged(caplog) == [["x", 1], ["x", 2]]


async def test_a_batch_function_gets_a_list(serve, namespace, client, caplog):
    source = (
        SAY
        + trigger("batch", ", cardinality='many'")
        + """
def f(msg: typing.List[func.ServiceBusMessage]) -> None:
    say([[one.get_body().decode(), one.application_properties] for one in msg])
"""
    )
    send(
        client,
        "batch",
        *(ServiceBusMessage(text, application_properties={"t": text}) for text in ("a", "b", "c")),
    )
    await serve(source)
    await until(lambda: sum(len(batch) for (batch,) in logged(caplog)) == 3)
    assert [[text, {"t": text}] for text in ("a", "b", "c")] == [
        one for (batch,) in logged(caplog) for one in batch
    ]
    with client.get_queue_receiver("batch") as receiver:
        await until(lambda: not receiver.peek_messages())


async def test_functions_whose_queue_is_not_there_do_not_hold_up_the_others(serve, namespace, client, caplog):
    source = (
        SAY
        + "".join(
            f"{trigger(queue)}async def f{number}(msg): ...\n"
            for number, queue in enumerate(("nowhere", "%MISSING%"))
        )
        + '@app.route(route="alive")\ndef alive(req: func.HttpRequest) -> str: return "yes"\n'
    )
    app = await serve(source)
    assert await app.get("/api/alive") == (200, "yes")
    assert "The 'f1' function is in error: '%MISSING%' does not resolve" in caplog.text
    assert "The listener for f0 on 'nowhere' has lost its connection" in caplog.text


# The SDK leaves the sockets of connections that the broker broke to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_restarted_broker_is_found_again(serve, monkeypatch, caplog, tmp_path):
    caplog.set_level("INFO")
    port, data = free_port(), str(tmp_path / "broker.db")
    source = SAY + trigger("restart") + "async def f(msg): say(msg.get_body().decode())\n"
    retry = {"clientRetryOptions": {"maxRetries": 0}, "maxConcurrentCalls": 2}
    with broker_process(tmp_path, port=port, data=data) as (process, connection_string):
        monkeypatch.setenv("SB", connection_string)
        app = await serve(source, host_json={"extensions": {"serviceBus": retry}})
        with ServiceBusClient.from_connection_string(connection_string) as sender:
            send(sender, "restart", "before")
        await until(lambda: ["before"] in logged(caplog))
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: "has lost its connection" in caplog.text)
    with broker_process(tmp_path, port=port, data=data) as (_, connection_string):
        with ServiceBusClient.from_connection_string(connection_string) as sender:
            send(sender, "restart", "after")
        await until(lambda: ["after"] in logged(caplog))
        assert caplog.text.count("has lost its connection") == 1
        assert "is connected again" in caplog.text
        await app.host.stop()
    gc.collect()
