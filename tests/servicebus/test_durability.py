"""What the broker has answered for survives its death by SIGKILL; what a client has completed never returns."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.servicebus.access import AccessKey
from localcloud.servicebus.amqp import encode, frames
from localcloud.servicebus.broker import Broker, BrokerSettings
from localcloud.servicebus.messages import parse
from localcloud.servicebus.queues import QueueSettings
from localcloud.servicebus.store import Store, StoreError
from tests.servicebus.wire import CLOSE, DISPOSITION, RECEIVER, SENDER, TRANSFER, Wire, message

KEY = AccessKey(name="RootManageSharedAccessKey", secret="k")
CONFIG = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "sbemulatorns",
                "Queues": [
                    {
                        "Name": "jobs",
                        "Properties": {"LockDuration": "PT5M", "RequiresDuplicateDetection": True},
                    },
                ],
            }
        ]
    }
}


class BrokerProcess:
    """The broker as its users run it, on one data file over several lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "localcloud.servicebus", "--port", "0", "--key-name", KEY.name]
        command += ["--config", str(self.folder / "config.json"), "--data", str(self.folder / "data.sqlite3")]
        environment = {**os.environ, "LOCALCLOUD_SERVICEBUS_KEY": KEY.secret}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def restart_after_kill(self) -> None:
        self.end(signal.SIGKILL)
        self.start()

    def stats(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ready['statsPort']}/stats", timeout=5) as answer:
            counts = json.load(answer)["queues"]["jobs"]
        return {name: count for name, count in counts.items() if "ing" not in name and "Out" not in name}

    async def wire(self) -> Wire:
        return await Wire.opened(self.ready["port"], KEY)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[BrokerProcess]:
    running = BrokerProcess(tmp_path)
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def named(name: str, *, at: int | None = None) -> bytes:
    annotations = b""
    if at is not None:
        moment = (encode.symbol("x-opt-scheduled-enqueue-time"), encode.timestamp(at))
        annotations = encode.described(0x72, encode.map_([moment]))
    return annotations + encode.composite(0x73, [encode.string(name)]) + message(name.encode())


async def send(wire: Wire, *payloads: bytes) -> None:
    wire.attach(1, SENDER, "jobs")
    for number, payload in enumerate(payloads):
        wire.transfer(1, number, payload)
    for _ in payloads:
        assert (await wire.expect(DISPOSITION))[2][4].descriptor == 0x24


async def receive(
    wire: Wire, count: int, *, handle: int = 2, queue: str = "jobs"
) -> list[tuple[int, Any, int]]:
    """Receives `count` messages; returns delivery id, content and delivery count of each."""
    wire.attach(handle, RECEIVER, queue)
    wire.credit(handle, count)
    found = []
    for _ in range(count):
        _, _, fields, payload = await wire.expect(TRANSFER, lambda fields: fields[0] == handle)
        count_field = payload[: payload.index(b"\x00\x53\x72")]
        found.append((fields[1], parse(payload), count_field[-1] if count_field[-2] == 0x52 else 0))
    return found


async def drain(wire: Wire, queue: str = "jobs") -> list[str]:
    """Everything that can be received now, for good."""
    wire.attach(9, RECEIVER, queue, settle=1)
    wire.credit(9, 5000, window=65536, drain=True)
    await wire.expect(0x13, lambda fields: fields[4:5] == [9])
    return [parse(each[3]).message_id for each in wire.received if each[1] == TRANSFER and each[2][0] == 9]


async def test_a_burst_cut_by_sigkill_loses_nothing_accepted_and_returns_nothing_completed(
    process: BrokerProcess,
) -> None:
    accepted: set[str] = set()
    asked: set[str] = set()
    completed: set[str] = set()
    async with await process.wire() as sender, await process.wire() as receiver:
        sender.attach(1, SENDER, "jobs")
        receiver.attach(2, RECEIVER, "jobs")
        receiver.credit(2, 400, window=65536)

        async def produce() -> None:
            for number in range(3000):
                sender.transfer(1, number, named(f"{number}"))
            while True:
                accepted.add(f"{(await sender.expect(DISPOSITION))[2][1]}")

        async def consume() -> None:
            names: dict[int, str] = {}
            while True:
                _, code, fields, payload = await receiver.read_frame()
                if code == TRANSFER:
                    names[fields[1]] = parse(payload).message_id
                    asked.add(names[fields[1]])
                    receiver.dispose(fields[1], fields[1], frames.ACCEPTED)
                elif code == DISPOSITION:
                    completed.add(names[fields[1]])
                    if len(completed) == 200:
                        process.process.kill()

        results = await asyncio.gather(produce(), consume(), return_exceptions=True)
        assert all(isinstance(result, (OSError, asyncio.IncompleteReadError)) for result in results), results
    process.restart_after_kill()
    async with await process.wire() as wire:
        left = await drain(wire)
    assert len(completed) >= 200
    assert accepted - asked
    assert accepted - asked <= set(left)
    assert not completed & set(left)
    assert len(left) == len(set(left))


async def test_every_state_survives_and_locks_do_not(process: BrokerProcess) -> None:
    later = int(time.time() * 1000) + 3_600_000
    async with await process.wire() as wire:
        await send(
            wire,
            named("deferred"),
            named("buried"),
            named("locked"),
            named("waiting"),
            named("due", at=later),
        )
        (deferred, _, _), (buried, _, _), _ = await receive(wire, 3)
        wire.dispose(deferred, deferred, encode.composite(0x27, [encode.NULL, encode.TRUE]))
        wire.dispose(buried, buried, frames.REJECTED)
        for _ in range(2):
            await wire.expect(DISPOSITION)
    process.restart_after_kill()
    assert process.stats() == {
        "active": 2,
        "locked": 0,
        "scheduled": 1,
        "deferred": 1,
        "deadLetter": 1,
        "total": 5,
    }
    async with await process.wire() as wire:
        found = await receive(wire, 2)
        assert [(content.message_id, count) for _, content, count in found] == [("locked", 1), ("waiting", 0)]
        ((_, dead, _),) = await receive(wire, 1, handle=3, queue="jobs/$deadletterqueue")
        assert dead.message_id == "buried"
        # The duplicate window survives too: the same id is accepted and dropped.
        await send(wire, named("waiting"))
        assert await drain(wire) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_stop_it_cleanly_and_tell_connected_clients(
    process: BrokerProcess, number: int
) -> None:
    port, ready = process.ready["port"], process.ready
    expected = f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName={KEY.name};SharedAccessKey={KEY.secret};"
    assert ready["connectionString"] == expected + "UseDevelopmentEmulator=true"
    async with await process.wire() as wire:
        assert process.end(number) == 0
        error = (await wire.expect(CLOSE))[2][0]
    assert error.value[0] == "amqp:connection:forced"


async def test_numbers_go_on_after_a_restart_although_the_queue_is_empty(tmp_path: Path) -> None:
    settings = QueueSettings(name="q", duplicate_window=60_000)
    numbers: list[int] = []
    for _ in range(3):
        store = Store(str(tmp_path / "data.sqlite3"))
        queue = store.load(settings, lambda: 1000)
        numbers += queue.send([parse(named(f"{len(numbers)}")), parse(named("always the same"))])
        while queue.messages.take_and_delete():
            pass
        store.commit([queue])
        store.close()
    assert numbers == [1, 2, 3, 4, 5, 6]


async def test_a_data_file_in_use_or_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.sqlite3"
    store = Store(str(path))
    with pytest.raises(StoreError, match="locked"):
        Store(str(path))
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="version 99"):
        Store(str(path))


async def test_a_broker_that_cannot_write_stops_and_accepts_nothing() -> None:
    async with Broker(BrokerSettings(queues=(QueueSettings(name="jobs"),), key=KEY)) as broker:
        async with await Wire.opened(broker.port, KEY) as wire:
            broker._store._database.execute("PRAGMA query_only = ON")
            wire.attach(1, SENDER, "jobs")
            wire.transfer(1, 0, named("lost"))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await wire.expect(DISPOSITION)
            async with asyncio.timeout(5):
                await broker.failed()
