"""Reads what a chaos run left behind, past the proxies, with the official clients."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient

from devtools.chaos.plan import QUEUES, Fate
from devtools.chaos.verdict import FoundJob, Letter
from layers.catalog import CATALOG
from orchestration.checkpoints import JOB_KEY, result_key, row_keys, step_key, unpack
from orchestration.event_log import updates_of
from orchestration.workflows import RESULT_ARTIFACT

_PAGE = 100
ALL_QUEUES = (*QUEUES, "content-callbacks")
_TERMINAL = ("completed", "failed", "cancelled")
_WAITING = ("active", "locked", "scheduled")


class Tables:
    """The tables of the stack. Use :meth:`close` at the end."""

    def __init__(self, connection: str) -> None:
        self._service = TableServiceClient.from_connection_string(connection)
        self._jobs: TableClient = self._service.get_table_client("jobs")
        self._active: TableClient = self._service.get_table_client("activejobs")

    async def close(self) -> None:
        """Close all connections."""
        await self._service.close()

    async def status(self, job_id: str) -> str | None:
        """The job's status; None while there is no row or storage restarts."""
        try:
            row = await self._jobs.get_entity(job_id, JOB_KEY, select=["status"])
        except (ResourceNotFoundError, ServiceRequestError, HttpResponseError):
            return None
        return str(row["status"])

    async def unfinished(self, job_ids: Sequence[str]) -> list[str]:
        """Those of these jobs that have not ended."""
        return [job_id for job_id in job_ids if await self.status(job_id) not in _TERMINAL]

    async def active_rows(self) -> list[str]:
        """The job ids of all active rows."""
        return [row["RowKey"] async for row in self._active.list_entities(select=["RowKey"])]

    async def job(self, job_id: str, fate: Fate) -> FoundJob:
        """All of one job."""
        try:
            row = await self._jobs.get_entity(job_id, JOB_KEY)
        except ResourceNotFoundError:
            return FoundJob(job_id=job_id, fate=fate, status=None)
        steps = json.loads(row.get("steps", "[]"))
        error = json.loads(row["error"]) if "error" in row else None
        return FoundJob(
            job_id=job_id,
            fate=fate,
            status=row["status"],
            sequence=row["sequence"],
            steps=steps,
            events=[event async for event in self._events(job_id)],
            unreadable=[name async for name in self._unreadable(row, steps)],
            latched=row.get("latchedMessage"),
            error=f"{error['code']}: {error['message']}" if error else None,
            callback_events=_callback_events(row),
            undelivered=[key async for key in self._undelivered(job_id)],
        )

    async def _undelivered(self, job_id: str) -> AsyncIterator[str]:
        query = "PartitionKey eq @job and RowKey ge 'callback|' and RowKey lt 'callback}'"
        async for row in self._jobs.query_entities(query, parameters={"job": job_id}):
            if row["RowKey"].count("|") == 1 and row["status"] != "delivered":
                yield f"{row['RowKey']} is {row['status']}"

    async def webhook_secret(self, tenant: str) -> str | None:
        """The secret that signs this tenant's callbacks; None where nobody was called yet."""
        query = "PartitionKey eq @tenant and RowKey ge 'webhook|' and RowKey lt 'webhook}'"
        secrets = self._service.get_table_client("secrets")
        found = [row async for row in secrets.query_entities(query, parameters={"tenant": tenant})]
        return str(found[-1]["secret"]) if found else None

    async def _events(self, job_id: str) -> AsyncIterator[dict[str, Any]]:
        query = "PartitionKey eq @job and RowKey ge 'event|' and RowKey lt 'event}'"
        async for row in self._jobs.query_entities(query, parameters={"job": job_id}):
            for update in updates_of(row, after=0):
                yield update.to_wire()

    async def _unreadable(
        self, row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]
    ) -> AsyncIterator[str]:
        """Checkpoints that do not come back as the JSON that was stored, the result's among them."""
        run = row.get("run", 1)
        for step in steps:
            if step["status"] != "completed":
                continue
            is_result = CATALOG[step["service"]].provides == RESULT_ARTIFACT
            prefix = result_key(run) if is_result else step_key(run, step["name"])
            try:
                keys = row_keys(prefix, step["rows"])
                parts = [await self._jobs.get_entity(row["PartitionKey"], key) for key in keys]
                json.loads(unpack(parts))
            except (ResourceNotFoundError, zlib.error, ValueError):
                yield f"checkpoint {prefix}"


def _callback_events(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The events that the job calls back for; empty for its end alone, None for none."""
    if not row.get("callbackUrl"):
        return None
    return tuple(json.loads(row.get("callbackEvents") or "[]"))


async def dead_letters(connection: str) -> list[Letter]:
    """All dead letters, without taking them."""
    letters: list[Letter] = []
    async with ServiceBusClient.from_connection_string(connection) as client:
        for queue in ALL_QUEUES:
            receiver = client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
            async with receiver:
                following = 0
                while page := await receiver.peek_messages(_PAGE, sequence_number=following):
                    letters += [_letter(queue, message) for message in page]
                    following = (page[-1].sequence_number or 0) + 1
    return letters


def _letter(queue: str, message: ServiceBusReceivedMessage) -> Letter:
    properties = message.application_properties or {}
    original = properties.get("originalMessageId") or properties.get(b"originalMessageId")
    if isinstance(original, bytes):
        original = original.decode()
    return Letter(
        queue=queue,
        message_id=str(message.message_id),
        original_id=str(original or message.message_id),
        reason=(message.dead_letter_reason or "")[:100],
    )


async def messages_left(stats_url: str) -> dict[str, int]:
    """Messages that wait, are held back or are being worked on, by queue."""
    async with aiohttp.ClientSession() as session, session.get(stats_url) as answer:
        queues = (await answer.json())["queues"]
    return {name: sum(queues[name][state] for state in _WAITING) for name in ALL_QUEUES}
