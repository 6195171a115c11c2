"""Whatever bytes arrive, a connection answers or ends; no exception escapes, and what the queue holds stays sound."""

import asyncio
import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.servicebus.access import AccessKey
from localcloud.servicebus.amqp import encode, frames
from localcloud.servicebus.amqp.connection import Connection
from localcloud.servicebus.namespace import Namespace, Visitor
from localcloud.servicebus.queues import Queue, QueueSettings
from tests.servicebus.wire import RECEIVER, SENDER, Wire, message

KEY = AccessKey(name="n", secret="k")


class Recorder:
    """Collects what a bare client would write."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.chunks.append(data)


class Pipe(asyncio.Transport):
    """A transport into nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data: Any) -> None:
        assert data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def conversation() -> list[bytes]:
    """All frames of a client that sends, receives, settles and peeks, logged in with SASL PLAIN."""
    recorder: Any = Recorder()
    wire = Wire(recorder, recorder)
    init = encode.composite(0x41, [encode.symbol("PLAIN"), encode.binary(b"\0n\0k")])
    recorder.chunks = [frames.SASL_HEADER, frames.frame(0, init, frames.SASL_FRAME), frames.AMQP_HEADER]
    wire.open()
    wire.begin()
    wire.pair(10, "q/$management")
    wire.attach(1, SENDER, "q")
    body = encode.composite(0x73, [encode.string("id")]) + message()
    wire.transfer(1, 0, body[:9], more=True)
    wire.transfer(1, 0, body[9:])
    wire.transfer(1, 1, encode.described(0x75, encode.binary(body)), kind=0x80013700)
    wire.attach(2, RECEIVER, "q")
    wire.credit(2, 5)
    wire.dispose(0, 0, encode.composite(0x27, [encode.NULL, encode.TRUE, encode.map_([])]))
    error = encode.composite(
        0x1D, [encode.symbol("x"), encode.NULL, encode.map_([(encode.symbol("a"), encode.TRUE)])]
    )
    wire.dispose(1, 1, encode.composite(0x25, [error]))
    properties = encode.map_([(encode.string("operation"), encode.string("com.microsoft:peek-message"))])
    fields = encode.map_(
        [
            (encode.string("from-sequence-number"), encode.long(1)),
            (encode.string("message-count"), encode.int_(9)),
        ]
    )
    request = encode.described(0x74, properties) + encode.described(0x77, fields)
    wire.transfer(10, 2, encode.composite(0x73, [encode.ulong(7)]) + request)
    wire.window(seen=3, window=1)
    wire.send(0x16, [encode.uint(2), encode.TRUE])
    wire.send(0x17, [])
    wire.send(0x18, [])
    return list(recorder.chunks)


CONVERSATION = conversation()
changes = st.lists(
    st.tuples(st.integers(0, len(CONVERSATION) - 1), st.integers(0, 400), st.binary(max_size=6)), max_size=4
)


def changed(chunks: list[bytes], edits: list[tuple[int, int, bytes]]) -> list[bytes]:
    result = list(chunks)
    for index, position, replacement in edits:
        chunk = result[index]
        at = position % len(chunk)
        edited = chunk[:at] + replacement + chunk[at + len(replacement) :]
        # Most edits would only break the frame's size, so it is made right again where it can be.
        is_frame = index not in {0, 2} and len(edited) == len(chunk)
        result[index] = chunk[:4] + edited[4:] if is_frame and len(replacement) % 2 else edited
    return result


def converse(chunks: list[bytes], cut: int) -> Queue:
    queue = Queue(QueueSettings(name="q"), clock=lambda: 1000)
    namespace = Namespace([queue])
    connection = Connection(
        Visitor(namespace, KEY, time.time), container_id="c", touched=lambda _: None, ended=lambda _: None
    )
    connection.connection_made(Pipe())
    data = b"".join(chunks)
    for start in range(0, len(data), cut):
        connection.data_received(data[start : start + cut])
        for entity in namespace:
            entity.advance()
        connection.flush()
    connection.connection_lost(None)
    return queue


async def test_the_unchanged_conversation_does_what_it_says() -> None:
    for cut in (1, 7, 10_000):
        queue = converse(CONVERSATION, cut)
        assert queue.messages.counts() == {"active": 0, "locked": 0, "scheduled": 0, "deferred": 1}
        assert queue.dead_letters.counts()["active"] == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes, st.sampled_from([13, 10_000]))
def test_a_damaged_conversation_raises_nothing(edits: list[tuple[int, int, bytes]], cut: int) -> None:
    async def run() -> None:
        queue = converse(changed(CONVERSATION, edits), cut)
        everything = queue.messages.peek(0, 100) + queue.dead_letters.peek(0, 100)
        assert len({message.sequence for message in everything}) == len(everything) <= 4

    asyncio.run(run())
