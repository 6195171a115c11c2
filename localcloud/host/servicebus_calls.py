"""Turns received messages into calls of a function."""

import logging
from collections.abc import Sequence

from localcloud.host.context import TraceContext
from localcloud.host.invoker import Call
from localcloud.host.receiving import Delivery
from localcloud.host.servicebus_datums import MessageData, batch_datums, single_datums

_LOG = logging.getLogger("host.servicebus")

_REASON = "(null)"
"""What the host logs as the reason of a Service Bus invocation."""


def single_call(delivery: Delivery, *, binary: bool) -> Call | None:
    """Build the call for one message; None, with an error in the log, when its body cannot be handed over."""
    try:
        return message_call(delivery.data, binary=binary)
    except ValueError as error:
        _LOG.error("A message cannot be handed to the function: %s", error)
        return None


def message_call(message: MessageData, *, binary: bool) -> Call:
    """Build the call for a message.

    Raises:
        ValueError: the body travels as text and is not UTF-8.
    """
    body, metadata = single_datums(message, binary=binary)
    return Call(
        reason=_REASON,
        trigger=body,
        metadata=metadata,
        trace=TraceContext.continued(_text(message.application_properties.get("Diagnostic-Id"))),
        details=(
            f"MessageId: {message.message_id}, SequenceNumber: {message.sequence_number}, "
            f"DeliveryCount: {message.shown_delivery_count}, EnqueuedTimeUtc: {message.enqueued_time}, "
            f"LockedUntilUtc: {message.locked_until}, SessionId: {message.session_id or '(null)'}"
        ),
    )


def batch_call(deliveries: Sequence[Delivery], *, binary: bool) -> Call | None:
    """Build the call for a batch; None, with an error in the log, when a body cannot be handed over."""
    try:
        body, metadata = batch_datums([delivery.data for delivery in deliveries], binary=binary)
    except ValueError as error:
        _LOG.error("A batch cannot be handed to the function: %s", error)
        return None
    return Call(
        reason=_REASON,
        trigger=body,
        metadata=metadata,
        details=f"MessageIdArray: {metadata['MessageIdArray'].value}",
    )


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return None if value is None else str(value)
