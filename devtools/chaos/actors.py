"""What acts during a chaos run: submitters, producers of messages, cancellers; each keeps at it until it is heard."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Self

import aiohttp
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

from devtools.api import Api, ApiError, ApiUnreachableError
from devtools.chaos.plan import PlannedJob, PlannedMessage
from orchestration.ids import derived_job_id

TENANT = "local"
_PAUSE = 0.5
_SEND_SECONDS = 8.0
_CALL_SECONDS = 20.0
_FINAL = frozenset({400, 401, 403, 404, 405, 413, 422})


class Broker:
    """Sends messages past the proxies; keeps trying, since a message that counts must arrive."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._client: ServiceBusClient | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def send(self, queue: str, message_id: str, body: str, *, delay: float = 0.0) -> None:
        """Send until the broker took it. A repeat has the same id, so the broker keeps one of them."""
        later = datetime.now(UTC) + timedelta(seconds=delay) if delay else None
        message = ServiceBusMessage(body, message_id=message_id, scheduled_enqueue_time_utc=later)
        while True:
            async with self._lock:
                try:
                    async with asyncio.timeout(_SEND_SECONDS), self._open().get_queue_sender(queue) as sender:
                        await sender.send_messages(message)
                except (ServiceBusError, TimeoutError, OSError, ValueError):
                    await self._close()  # it was killed: a new connection, then the same message again
                else:
                    return
            await asyncio.sleep(_PAUSE)

    def _open(self) -> ServiceBusClient:
        if self._client is None:
            self._client = ServiceBusClient.from_connection_string(
                self._connection, retry_total=0, socket_timeout=3
            )
        return self._client

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                async with asyncio.timeout(_SEND_SECONDS):
                    await client.close()
            except (ServiceBusError, TimeoutError, OSError):
                return  # it was broken already


class Submitter:
    """Submits and cancels jobs at whichever runner answers. ``job_ids`` holds the accepted ones by number."""

    def __init__(
        self, addresses: Callable[[int], str], *, instances: int, broker: Broker, callback_url: str
    ) -> None:
        self._addresses = [addresses(number) for number in range(1, instances + 1)]
        self._turn = itertools.cycle(self._addresses)
        self._broker = broker
        self._callback_url = callback_url
        self.job_ids: dict[int, str] = {}
        self.refused: list[str] = []

    async def watch(self) -> None:
        """Ask for a socket, so that updates of all jobs are published: nobody need hold it."""
        async with Api(self._addresses[0]) as api:
            await api.own_socket_url()

    async def submit(self, job: PlannedJob) -> None:
        """Hand the job in, by HTTP or as a producer's message, until it is taken."""
        if job.message is None:
            await self._by_http(job)
            return
        await self._broker.send(job.queue, job.message, job.producer_body(self._callback_url))
        self.job_ids[job.number] = job.job_id or derived_job_id("message", TENANT, job.message)

    async def cancel(self, number: int) -> None:
        """Ask until somebody answers; a job that has ended, or is not there yet, says so."""
        job_id = self.job_ids[number]
        while True:
            try:
                async with asyncio.timeout(_CALL_SECONDS), Api(next(self._turn)) as api:
                    await api.cancel(job_id)
            except ApiError as error:
                if error.status < 500 and error.status != 429:
                    return
            except (ApiUnreachableError, TimeoutError):
                pass
            else:
                return
            await asyncio.sleep(_PAUSE)

    async def _by_http(self, job: PlannedJob) -> None:
        while True:
            try:
                async with asyncio.timeout(_CALL_SECONDS), Api(next(self._turn)) as api:
                    accepted = await api.submit(job.request(self._callback_url), key=job.key)
            except ApiError as error:
                if error.status in _FINAL:
                    self.refused.append(f"{job.key}: {error}")
                    return
            except (ApiUnreachableError, TimeoutError, aiohttp.ClientError):
                pass
            else:
                self.job_ids[job.number] = str(accepted["jobId"])
                return
            await asyncio.sleep(_PAUSE)


async def send_message(broker: Broker, message: PlannedMessage, job_ids: Mapping[int, str]) -> None:
    """Send poison, or another wake-up of a job that has been accepted by now."""
    if message.body is not None:
        await broker.send(message.queue, message.message_id, message.body, delay=message.delay)
    elif message.number is not None and (job_id := job_ids.get(message.number)):
        body = f'{{"jobId": "{job_id}"}}'
        await broker.send(message.queue, message.message_id, body, delay=message.delay)
