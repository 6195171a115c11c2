"""Service Bus functions end to end: the official client of the host against the local broker in its own process."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

from localcloud.host.host import FunctionHost, HostOptions
from tests.host.support import LIMIT_S, host_process, ready_line, until, write_app

QUEUES = {
    "fields": {}, "failing": {"MaxDeliveryCount": 3}, "long": {"LockDuration": "PT2S"}, "busy": {}, "stopped": {},
    "batch": {}, "restart": {}, "cut": {}, "short": {"LockDuration": "PT1S"}, "drained": {},
    "scaled": {},
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """A broker process; senders stay open, because the SDK takes half a second to open one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        self.process = process
        self.connection_string: str = ready["connectionString"]
        self._stats = f"http://127.0.0.1:{ready['statsPort']}/stats"
        self._client = ServiceBusClient.from_connection_string(self.connection_string)
        self._senders: dict[str, ServiceBusSender] = {}

    def send(self, queue: str, *messages: Any) -> None:
        sender = self._senders.setdefault(queue, self._client.get_queue_sender(queue))
        sender.send_messages(
            [m if isinstance(m, ServiceBusMessage) else ServiceBusMessage(m) for m in messages]
        )

    def total(self, queue: str) -> int:
        with urllib.request.urlopen(self._stats) as response:
            return int(json.load(response)["queues"][queue]["total"])

    def is_empty(self, queue: str) -> bool:
        return self.total(queue) == 0

    def close(self) -> None:
        self._client.close()


@contextmanager
def broker_process(folder: Path, *, port: int = 0, data: str = ":memory:") -> Iterator[Broker]:
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
        with contextlib.closing(Broker(process)) as broker:
            yield broker
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker_process(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def broker(shared_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    monkeypatch.setenv("SB", shared_broker.connection_string)
    return shared_broker


def logged(caplog: pytest.LogCaptureFixture, mark: str = "SEEN ") -> list[Any]:
    """What a function told the test through its log."""
    texts = [record.getMessage() for record in caplog.records]
    return [json.loads(text.removeprefix(mark)) for text in texts if text.startswith(mark)]


def trigger(queue: str, extra: str = "") -> str:
    return f'@app.service_bus_queue_trigger(arg_name="msg", queue_name="{queue}", connection="SB"{extra})\n'


SAY = "import json\ndef say(*what): logging.warning('SEEN %s', json.dumps(what))\n"


async def test_case_23_case_24_a_message_arrives_with_its_fields_and_is_completed(serve, broker, caplog):
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
    broker.send("fields", message)
    await until(lambda: logged(caplog))
    assert [['{"a": 1}', "m-1", 1, 1, "s", properties, "None", True, True, trace]] == logged(caplog)
    broker.send("fields", b"")
    await until(lambda: len(logged(caplog)) == 2)
    assert logged(caplog)[1][0] == ""
    await until(lambda: broker.is_empty("fields"))


async def test_case_25_case_26_a_failing_message_is_delivered_at_once_again_until_it_is_a_dead_letter(
    serve, broker, caplog
):
    source = (
        SAY
        + trigger("failing")
        + """
async def fails(msg: func.ServiceBusMessage):
    say("try", msg.delivery_count)
    if msg.delivery_count == 2:
        return "a value that may not be returned"
    raise LookupError("on purpose")
"""
        + trigger("failing/$deadletterqueue")
        + """
def buries(msg: func.ServiceBusMessage) -> None:
    say("dead", msg.application_properties["DeadLetterReason"], msg.dead_letter_reason)
"""
    )
    await serve(source)
    broker.send("failing", "x")
    await until(lambda: len(logged(caplog)) == 4)
    assert logged(caplog) == [["try", 1], ["try", 2], ["try", 3], ["dead", "MaxDeliveryCountExceeded", None]]
    assert "without a $return binding returned a non-None value" in caplog.text
    assert "LookupError: on purpose" in caplog.text


async def test_case_27_a_function_may_run_longer_than_the_lock(serve, broker, caplog):
    source = (
        SAY
        + trigger("long")
        + "async def f(msg):\n    say('begin')\n    await asyncio.sleep(3)\n    say('end')\n"
    )
    await serve(source)
    broker.send("long", "x")
    await until(lambda: ["end"] in logged(caplog))
    await until(lambda: broker.is_empty("long"))
    assert logged(caplog) == [["begin"], ["end"]]


async def test_case_27_beyond_the_longest_renewal_a_message_comes_again_while_its_function_still_runs(
    serve, broker, caplog
):
    source = (
        SAY
        + "again = asyncio.Event()\n"
        + trigger("short")
        + """
async def f(msg):
    if msg.delivery_count == 1:
        say("begin")
        await again.wait()
        say("end")
    else:
        say("again", msg.delivery_count)
        again.set()
"""
    )
    options = {"maxAutoLockRenewalDuration": "00:00:00", "maxConcurrentCalls": 2}
    await serve(source, host_json={"extensions": {"serviceBus": options}})
    broker.send("short", "x")
    await until(lambda: len(logged(caplog)) == 3)
    assert logged(caplog) == [["begin"], ["again", 2], ["end"]]
    await until(lambda: "the lock of a message is lost" in caplog.text)
    await until(lambda: broker.is_empty("short"))


async def test_case_28_concurrency_is_limited_and_several_instances_share_a_queue(serve, broker, caplog):
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
    broker.send("busy", *(str(number) for number in range(12)))
    await until(lambda: len(logged(caplog)) == 12)
    assert {str(number) for number in range(12)} == {body for body, _ in logged(caplog)}
    assert max(running for _, running in logged(caplog)) <= 2


async def test_case_32_a_success_while_stopping_is_delivered_again(broker, caplog, tmp_path):
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
    broker.send("stopped", "x")
    await until(lambda: logged(caplog))
    await first.stop()
    assert "succeeded while the host was stopping" in caplog.text
    second = FunctionHost(options)
    await second.start()
    await until(lambda: len(logged(caplog)) == 2)
    await until(lambda: broker.is_empty("stopped"))
    await second.stop()
    assert logged(caplog) == [["x", 1], ["x", 2]]


async def test_case_32_a_host_that_drains_when_stopping_completes_what_succeeds(
    broker, caplog, tmp_path, monkeypatch
):
    monkeypatch.setenv("FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING", "true")
    source = SAY + trigger("scaled") + "async def f(msg):\n    say('begin')\n    await asyncio.sleep(0.2)\n"
    app = write_app(tmp_path / "app", source)
    host = FunctionHost(HostOptions(app=app, data=tmp_path / "data"))
    await host.start()
    await host.ready()
    broker.send("scaled", "x")
    await until(lambda: logged(caplog))
    await host.stop()
    assert broker.is_empty("scaled")
    assert logged(caplog) == [["begin"]]
    assert "succeeded while the host was stopping" not in caplog.text


async def test_case_32_a_drained_host_finishes_what_runs_and_takes_nothing_more(serve, broker, caplog):
    source = (
        SAY
        + "free = asyncio.Event()\n"
        + trigger("drained")
        + """
async def f(msg: func.ServiceBusMessage) -> None:
    say(msg.get_body().decode())
    await free.wait()

@app.route(route="free")
async def let_go(req: func.HttpRequest) -> str:
    free.set()
    return "ok"
"""
    )
    app = await serve(source)
    broker.send("drained", "first")
    await until(lambda: logged(caplog))
    assert (await app.post("/admin/host/drain"))[0] == 202
    broker.send("drained", "second")
    state = json.loads((await app.get("/admin/host/drain/status"))[1])
    assert (state["state"], state["outstandingInvocations"]) == ("InProgress", 1)
    assert await app.get("/api/free") == (200, "ok")
    await until(lambda: broker.total("drained") == 1)
    assert json.loads((await app.get("/admin/host/drain/status"))[1])["state"] == "Completed"
    await app.host.stop()
    assert logged(caplog) == [["first"]]
    await serve(source.replace("await free.wait()", "return"))
    await until(lambda: broker.is_empty("drained"))
    assert logged(caplog) == [["first"], ["second"]]


async def test_case_33_a_batch_function_gets_a_list(serve, broker, caplog):
    source = (
        SAY
        + trigger("batch", ", cardinality='many'")
        + """
def f(msg: typing.List[func.ServiceBusMessage]) -> None:
    say([[one.get_body().decode(), one.application_properties] for one in msg])
"""
    )
    broker.send(
        "batch",
        *(ServiceBusMessage(text, application_properties={"t": text}) for text in ("a", "b", "c")),
    )
    await serve(source)
    await until(lambda: sum(len(batch) for (batch,) in logged(caplog)) == 3)
    assert [[text, {"t": text}] for text in ("a", "b", "c")] == [
        one for (batch,) in logged(caplog) for one in batch
    ]
    await until(lambda: broker.is_empty("batch"))


async def test_case_35_functions_whose_queue_is_not_there_do_not_hold_up_the_others(serve, broker, caplog):
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


class Wire:
    """A proxy in front of the broker whose connections can be cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._ends: list[asyncio.StreamWriter] = []

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._ends += [writer, far_writer]
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    def cut(self) -> None:
        while self._ends:
            self._ends.pop().transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()


async def test_a_message_is_completed_although_its_connection_was_cut_meanwhile(
    tmp_path, broker, monkeypatch
):
    source = (
        SAY + trigger("cut") + "async def f(msg):\n    say(msg.delivery_count)\n    await asyncio.sleep(1)\n"
    )
    options = {"extensions": {"serviceBus": {"maxConcurrentCalls": 1}}}
    app = write_app(tmp_path / "app", source, host_json=options)
    port = int(broker.connection_string.partition(";")[0].rpartition(":")[2])
    wire = Wire(port)
    server = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    through = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("SB", broker.connection_string.replace(str(port), str(through)))
    async with host_process(app, tmp_path / "data") as process:
        await ready_line(process)
        broker.send("cut", "x")
        async with asyncio.timeout(LIMIT_S):
            while b"SEEN [1]" not in await process.stderr.readline():
                pass
        wire.cut()
        await until(lambda: broker.is_empty("cut"))
        process.terminate()
        async with asyncio.timeout(LIMIT_S):
            _, errors = await process.communicate()
    assert b"SEEN [2]" not in errors
    wire.cut()
    server.close()
    await server.wait_closed()


async def test_a_restarted_broker_is_found_again(tmp_path, monkeypatch):
    port, data = free_port(), str(tmp_path / "broker.db")
    source = SAY + trigger("restart") + "async def f(msg): say(msg.get_body().decode())\n"
    options = {"maxConcurrentCalls": 2}
    app = write_app(tmp_path / "app", source, host_json={"extensions": {"serviceBus": options}})

    async def log_until(mark: str) -> None:
        while mark not in log[-1]:
            log.append((await process.stderr.readline()).decode())

    log = [""]
    async with contextlib.AsyncExitStack() as stack:
        with broker_process(tmp_path, port=port, data=data) as broker:
            monkeypatch.setenv("SB", broker.connection_string)
            process = await stack.enter_async_context(host_process(app, tmp_path / "data"))
            await ready_line(process)
            async with asyncio.timeout(LIMIT_S):
                broker.send("restart", "before")
                await log_until('SEEN ["before"]')
                # The SDK needs seconds to close a client whose broker is gone, and leaves its socket behind.
                broker.close()
                broker.process.kill()
                await log_until("has lost its connection")
        with broker_process(tmp_path, port=port, data=data) as broker:
            async with asyncio.timeout(LIMIT_S):
                broker.send("restart", "after")
                await log_until('SEEN ["after"]')
            process.terminate()
            async with asyncio.timeout(LIMIT_S):
                await process.wait()
    text = "".join(log)
    assert text.count("has lost its connection") == 1
    assert "is connected again" in text
