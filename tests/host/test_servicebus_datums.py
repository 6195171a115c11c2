"""Messages as functions see them, decoded by the SDK's own converter."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from azure.functions import ServiceBusMessage
from azure.servicebus import ServiceBusReceivedMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.host.converters import converter
from localcloud.host.servicebus_calls import message_call
from localcloud.host.servicebus_datums import MessageData, batch_datums, single_datums
from localcloud.host.servicebus_receiver import SdkDelivery, message_data

MOMENT = datetime(2030, 1, 2, 5, 4, 5, 678000, tzinfo=timezone(timedelta(hours=2)))


def decoded(message: MessageData, *, binary: bool = False) -> ServiceBusMessage:
    body, metadata = single_datums(message, binary=binary)
    return converter("serviceBusTrigger").decode(body, trigger_metadata=metadata)


def test_every_field_the_host_sends_arrives():
    message = decoded(
        MessageData(
            body=b'{"a": 1}',
            message_id="m",
            delivery_count=0,
            sequence_number=7,
            lock_token="token",
            locked_until=MOMENT,
            enqueued_time=MOMENT,
            expires_at=MOMENT,
            content_type="application/json",
            correlation_id="c",
            subject="s",
            to="t",
            reply_to="r",
            session_id="session",
            application_properties={
                "n": 1,
                "text": "x",
                "when": MOMENT,
                "id": UUID(int=1),
                "raw": b"\xff",
                "bytes": b"text",
            },
        )
    )
    assert message.get_body() == b'{"a": 1}'
    assert (
        message.message_id, message.delivery_count, message.sequence_number, message.lock_token, message.content_type,
        message.correlation_id, message.subject, message.label, message.to, message.reply_to, message.session_id,
    ) == ("m", 1, 7, "token", "application/json", "c", "s", "s", "t", "r", "session")  # fmt: skip
    naive = datetime(2030, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001 - the point of the test
    assert (naive, naive) == (message.enqueued_time_utc, message.expires_at_utc)
    expected = {
        "n": 1,
        "text": "x",
        "when": MOMENT.isoformat(),
        "id": str(UUID(int=1)),
        "raw": "/w==",
        "bytes": "text",
    }
    assert (expected, expected) == (message.application_properties, message.user_properties)


def test_what_the_host_never_sends_is_none():
    message = decoded(MessageData(body=b"x", message_id="m", delivery_count=2, locked_until=MOMENT))
    absent = (
        "locked_until", "dead_letter_reason", "dead_letter_error_description", "scheduled_enqueue_time_utc", "time_to_live",
        "state", "enqueued_sequence_number", "correlation_id", "session_id",
    )  # fmt: skip
    assert dict.fromkeys(absent) == {name: getattr(message, name) for name in absent}
    assert message.delivery_count == 3
    assert message.expires_at_utc == datetime.max  # noqa: DTZ901 - .NET's DateTime.MaxValue


@pytest.mark.parametrize("binary", [True, False])
def test_an_empty_body_is_empty_bytes(binary):
    assert decoded(MessageData(body=b"", message_id="m", delivery_count=0), binary=binary).get_body() == b""


def test_bytes_that_are_no_text_need_a_binary_function():
    message = MessageData(body=b"\xff", message_id="m", delivery_count=0)
    assert decoded(message, binary=True).get_body() == b"\xff"
    with pytest.raises(UnicodeDecodeError):
        single_datums(message, binary=False)


@settings(max_examples=30)
@given(st.lists(st.text(), min_size=1, max_size=5), st.booleans())
def test_a_batch_gives_each_message_its_own_fields(bodies, binary):
    messages = [
        MessageData(
            body=body.encode(),
            message_id=f"m{index}",
            delivery_count=index,
            enqueued_time=MOMENT,
            correlation_id=None if index % 2 else f"c{index}",
            application_properties={"n": index},
        )
        for index, body in enumerate(bodies)
    ]
    datum, metadata = batch_datums(messages, binary=binary)
    got = converter("serviceBusTrigger").decode(datum, trigger_metadata=metadata)
    assert [body.encode() for body in bodies] == [message.get_body() for message in got]
    assert [{"n": index} for index in range(len(bodies))] == [
        message.application_properties for message in got
    ]
    assert [f"m{index}" for index in range(len(bodies))] == [message.message_id for message in got]
    assert [None if index % 2 else f"c{index}" for index in range(len(bodies))] == [
        m.correlation_id for m in got
    ]
    assert [index + 1 for index in range(len(bodies))] == [message.delivery_count for message in got]


def test_the_senders_trace_is_continued():
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    message = MessageData(
        body=b"", message_id="m", delivery_count=0, application_properties={"Diagnostic-Id": parent}
    )
    assert message_call(message, binary=False).trace.trace_parent[:36] == parent[:36]


def test_a_bare_sdk_message_is_read():
    # An AMQP data section with four bytes and nothing else.
    data = message_data(ServiceBusReceivedMessage.from_bytes(b"\x00\x53\x75\xa0\x04body"))
    assert MessageData(body=b"body", message_id=None, delivery_count=0) == data


def test_a_body_that_is_an_amqp_value_is_refused():
    received = ServiceBusReceivedMessage.from_bytes(b"\x00\x53\x77\xa1\x04text")
    with pytest.raises(ValueError, match="functions receive data bodies only"):
        _ = SdkDelivery(received).data


def test_metadata_is_json_for_everything_but_text():
    _, metadata = single_datums(
        MessageData(body=b"", message_id="m", delivery_count=0, enqueued_time=MOMENT), binary=False
    )
    assert metadata["EnqueuedTimeUtc"].value == "2030-01-02T03:04:05.678000"
    assert metadata["EnqueuedTime"].value == "2030-01-02T03:04:05.678000+00:00"
    assert json.loads(metadata["DeliveryCount"].value) == 1
    assert datetime.fromisoformat(metadata["EnqueuedTime"].value).tzinfo == UTC
