"""Bringing a message back later without a row: for when storage itself cannot be read or written.

Never by raising: Service Bus would hand the message over again at once, and count it as a failed delivery.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from orchestration.errors import QueueUnavailable
from orchestration.messages import ORIGINAL_ID, Delivery
from orchestration.outcomes import RetryLater
from orchestration.ports import Clock, MessageQueue, OutgoingMessage

COPY_DELAY = 15.0
"""Seconds until a message is tried again whose rows could not be read or written, on average."""

_TRIES = 4


async def copy_later(queue: MessageQueue, clock: Clock, delivery: Delivery) -> RetryLater:
    """Schedule a copy under a new id; while the queue refuses too, wait here.

    Raises :class:`QueueUnavailable` when it refuses to the end: the message then goes back to the broker.
    """
    delay = COPY_DELAY * (0.5 + clock.chance())
    copy = OutgoingMessage(
        queue=delivery.queue,
        message_id=f"{delivery.identity[:80]}:later:{secrets.token_hex(8)}",
        body=delivery.body.decode(errors="replace"),
        properties={**_plain(delivery.properties), ORIGINAL_ID: delivery.identity},
        not_before=clock.now() + timedelta(seconds=delay),
    )
    await send_patiently(queue, clock, copy)
    return RetryLater(delay)


async def send_patiently(queue: MessageQueue, clock: Clock, message: OutgoingMessage) -> None:
    """Send, and wait a while between tries as long as the queue refuses. Raises :class:`QueueUnavailable`."""
    for number in range(1, _TRIES + 1):
        try:
            await queue.send(message)
        except QueueUnavailable:
            if number == _TRIES:
                raise
            await clock.sleep(COPY_DELAY * clock.chance())
        else:
            return


def _plain(properties: Mapping[str, Any]) -> dict[str, str | int]:
    return {name: value for name, value in properties.items() if isinstance(value, (str, int))}
