"""Calls of a function by hand: from the admin API or from a test, with one input text."""

import uuid
from datetime import UTC, datetime

from localcloud.host.http_datums import HttpInput, http_datum
from localcloud.host.invoker import Call
from localcloud.host.servicebus_calls import message_call
from localcloud.host.servicebus_datums import MessageData, batch_datums
from localcloud.host.timers import timer_datum
from localcloud.host.triggers import HttpTrigger, IndexedFunction, ServiceBusTrigger

_REASON = "This function was programmatically called via the host APIs."


def manual_call(function: IndexedFunction, text: str) -> Call:
    """Build a call whose trigger carries the text: as the body of a POST, as a message, or not at all for a timer."""
    trigger = function.trigger
    if isinstance(trigger, HttpTrigger):
        headers = {"content-type": "application/json"}
        request = HttpInput(
            method="POST",
            url=f"http://localhost/admin/functions/{function.name}",
            headers=headers,
            body=text.encode(),
        )
        return Call(reason=_REASON, trigger=http_datum(request))
    if isinstance(trigger, ServiceBusTrigger):
        message = MessageData(
            body=text.encode(), message_id=uuid.uuid4().hex, delivery_count=0, enqueued_time=datetime.now(UTC)
        )
        if trigger.batch:
            body, metadata = batch_datums([message], binary=trigger.binary)
            return Call(reason=_REASON, trigger=body, metadata=metadata)
        return message_call(message, binary=trigger.binary)
    return Call(reason=_REASON, trigger=timer_datum(None, past_due=False))
