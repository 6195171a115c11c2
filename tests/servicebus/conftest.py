"""A broker on a thread of its own, so that the synchronous SDK, the asynchronous one and Node can all talk to it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from localcloud.servicebus.access import AccessKey
from localcloud.servicebus.broker import Broker, BrokerSettings
from localcloud.servicebus.queues import QueueSettings

KEY = AccessKey(name="RootManageSharedAccessKey", secret="local-secret")
QUEUES = (
    QueueSettings(name="sdk-sync", lock_duration=20_000, max_delivery_count=3),
    QueueSettings(name="sdk-aio", lock_duration=20_000, max_delivery_count=3),
    QueueSettings(name="node", lock_duration=20_000, max_delivery_count=2),
    QueueSettings(name="node-from-python"),
    QueueSettings(name="node-to-python"),
    QueueSettings(name="node-short-locks", lock_duration=2000),
    QueueSettings(name="wire", lock_duration=20_000),
    QueueSettings(name="quick-locks", lock_duration=400),
    QueueSettings(name="short-locks-sync", lock_duration=2000),
    # The asynchronous SDK looks once a second whether a lock needs renewal.
    QueueSettings(name="short-locks-aio", lock_duration=3000),
    QueueSettings(name="short-lived", default_ttl=300, dead_letter_expired=True),
    QueueSettings(name="forgetful", default_ttl=300),
    QueueSettings(name="unique", duplicate_window=1500),
    QueueSettings(name="strict-sync", duplicate_window=600_000, dead_letter_expired=True),
    QueueSettings(name="strict-aio", duplicate_window=600_000, dead_letter_expired=True),
    QueueSettings(name="strict-node", duplicate_window=600_000, dead_letter_expired=True),
    QueueSettings(name="windows"),
    QueueSettings(name="managed"),
    QueueSettings(name="crowd"),
)


class BrokerThread:
    """A broker that other threads may use."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self.broker: Broker
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._stop = lambda: self._loop.call_soon_threadsafe(stop.set)
        async with Broker(BrokerSettings(queues=QUEUES, key=KEY)) as self.broker:
            self._ready.set()
            await stop.wait()

    def stats(self, queue: str) -> dict[str, int]:
        async def read() -> dict[str, int]:
            return self.broker.stats()["queues"][queue]

        return self.call(read())

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def stop(self) -> None:
        self._stop()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture(scope="session")
def broker() -> Iterator[BrokerThread]:
    running = BrokerThread()
    yield running
    running.stop()
