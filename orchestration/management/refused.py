"""Refused messages: the row that says why, written before the message dies and found again from its dead letter.

The broker notes no more in a dead letter than that it was delivered too often. A row belongs to the message itself,
by identity, tenant and body: producers of two tenants may use the same ids, and one id may come twice.
"""

from __future__ import annotations

import hashlib
import json

from orchestration.jobs import RowValue
from orchestration.messages import Delivery
from orchestration.ports import JobStore

PARTITION = "message:"
"""Partitions of refused messages begin so, and end with the queue's name."""

_MOST_SHOWN = 1000


async def keep_refusal(store: JobStore, delivery: Delivery, reason: str, *, tenant: str, at: str) -> bool:
    """Write why a message was refused. False when its row is there: it was delivered before.

    Raises :class:`StorageUnavailable`.
    """
    values: dict[str, RowValue] = {
        "action": "refuse",
        "reason": reason[:_MOST_SHOWN],
        "at": at,
        "bytes": len(delivery.body),
    }
    return await store.audit(f"{PARTITION}{delivery.queue}", _key(delivery, tenant), values)


async def refusal_of(store: JobStore, delivery: Delivery, *, tenant: str) -> str | None:
    """Why this message was refused; None when it was not, or the row's time is over. Raises :class:`StorageUnavailable`."""
    values = await store.read_audit(f"{PARTITION}{delivery.queue}", _key(delivery, tenant))
    return str(values["reason"]) if values else None


def _key(delivery: Delivery, tenant: str) -> str:
    return json.dumps([delivery.identity, tenant, hashlib.sha256(delivery.body).hexdigest()])
