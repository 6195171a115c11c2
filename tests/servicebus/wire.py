"""A bare AMQP client for what the SDKs cannot be made to do: odd frames, tiny windows, many connections."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any, Self

from localcloud.servicebus.access import AccessKey
from localcloud.servicebus.amqp import encode, frames
from localcloud.servicebus.amqp.decode import decode
from localcloud.servicebus.amqp.types import Described
from localcloud.servicebus.messages import sections
from tests.servicebus.tokens import sas_token

SENDER, RECEIVER = False, True
OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
Fields = list[Any]


def message(body: bytes = b"hello") -> bytes:
    return encode.described(0x75, encode.binary(body))


class Wire:
    """One connection; received frames are kept as (channel, code, fields, payload)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.requests = 0
        self.received: list[tuple[int, int, Fields, bytes]] = []

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def opened(
        cls, port: int, key: AccessKey, *, max_frame: int = 65536, window: int = 1000, idle: int = 0
    ) -> Self:
        """Connects, logs in, opens, begins session 0 and puts a token for everything."""
        wire = await cls.connect(port)
        await wire.login("ANONYMOUS")
        wire.open(max_frame=max_frame, idle=idle)
        wire.begin(window=window)
        await wire.expect(BEGIN)
        await wire.put_token(sas_token(key, f"sb://127.0.0.1:{port}/", time.time() + 600))
        return wire

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def send(self, code: int, fields: list[bytes], payload: bytes = b"", *, channel: int = 0) -> None:
        self.writer.write(frames.frame(channel, encode.composite(code, fields) + payload))

    async def login(self, mechanism: str, response: bytes = b"") -> int:
        self.writer.write(frames.SASL_HEADER)
        assert await self.read(8) == frames.SASL_HEADER
        await self.read_frame()
        init = encode.composite(0x41, [encode.symbol(mechanism), encode.binary(response)])
        self.writer.write(frames.frame(0, init, frames.SASL_FRAME))
        outcome = (await self.read_frame())[2][0]
        if outcome == 0:
            self.writer.write(frames.AMQP_HEADER)
            assert await self.read(8) == frames.AMQP_HEADER
        return int(outcome)

    def open(self, *, max_frame: int = 65536, idle: int = 0) -> None:
        idle_field = encode.uint(idle) if idle else encode.NULL
        self.send(OPEN, [encode.string("wire"), encode.NULL, encode.uint(max_frame), encode.NULL, idle_field])

    def begin(self, *, window: int = 1000, channel: int = 0) -> None:
        self.send(
            BEGIN, [encode.NULL, encode.uint(0), encode.uint(window), encode.uint(1000)], channel=channel
        )

    def attach(
        self, handle: int, role: bool, address: str, *, settle: int = 0, target: bytes | None = None
    ) -> None:
        near = frames.source(address) if role is RECEIVER else frames.target(address)
        far = frames.target("me") if role is RECEIVER else frames.source("me")
        source, own_target = (near, far) if role is RECEIVER else (far, target or near)
        modes = [encode.ubyte(settle), encode.ubyte(0)]
        start = encode.NULL if role is RECEIVER else encode.uint(0)
        self.send(
            ATTACH,
            [
                encode.string(f"link-{handle}"),
                encode.uint(handle),
                encode.boolean(role),
                *modes,
                source,
                own_target,
                encode.NULL,
                encode.NULL,
                start,
            ],
        )

    def transfer(
        self, handle: int, number: int, payload: bytes, *, more: bool = False, kind: int = 0
    ) -> None:
        self.writer.write(self.transfer_frame(handle, number, payload, more=more, kind=kind))

    @staticmethod
    def transfer_frame(handle: int, number: int, payload: bytes, *, more: bool, kind: int = 0) -> bytes:
        tag = encode.binary(number.to_bytes(4, "big"))
        fields = [
            encode.uint(handle),
            encode.uint(number),
            tag,
            encode.uint(kind),
            encode.FALSE,
            encode.boolean(more),
        ]
        return frames.frame(0, encode.composite(TRANSFER, fields) + payload)

    def credit(
        self,
        handle: int,
        credit: int,
        *,
        count: int = 0,
        window: int = 1000,
        seen: int = 0,
        drain: bool = False,
    ) -> None:
        session = [encode.uint(seen), encode.uint(window), encode.uint(0), encode.uint(1000)]
        link = [
            encode.uint(handle),
            encode.uint(count),
            encode.uint(credit),
            encode.NULL,
            encode.boolean(drain),
        ]
        self.send(FLOW, session + link)

    def window(self, *, seen: int, window: int) -> None:
        self.send(FLOW, [encode.uint(seen), encode.uint(window), encode.uint(0), encode.uint(1000)])

    def dispose(self, first: int, last: int, state: bytes, *, settled: bool = False) -> None:
        numbers = [encode.uint(first), encode.uint(last)]
        self.send(DISPOSITION, [encode.boolean(RECEIVER), *numbers, encode.boolean(settled), state])

    async def put_token(self, token: str) -> None:
        self.pair(100, "$cbs")
        properties = {
            "operation": "put-token",
            "type": "servicebus.windows.net:sastoken",
            "name": "sb://127.0.0.1/",
        }
        answer, _ = await self.request(100, properties, encode.string(token))
        assert answer["status-code"] == 202, answer

    def pair(self, handle: int, address: str) -> None:
        """Attaches the two links of a request node, with the handles `handle` and the next one."""
        self.attach(handle, SENDER, address)
        self.attach(handle + 1, RECEIVER, address)
        self.credit(handle + 1, 100)

    async def request(
        self, handle: int, properties: dict[str, str], body: bytes
    ) -> tuple[dict[str, Any], Any]:
        """Sends a request; returns the application properties and the body of the answer."""
        pairs = [(encode.string(name), encode.string(value)) for name, value in properties.items()]
        message_id = uuid.uuid4()
        self.requests += 1
        parts = (
            encode.composite(0x73, [encode.uuid_(message_id)]),
            encode.described(0x74, encode.map_(pairs)),
            encode.described(0x77, body),
        )
        self.transfer(handle, self.requests, b"".join(parts))
        payload, more = b"", True
        while more:
            _, _, fields, part = await self.expect(TRANSFER, lambda fields: fields[0] == handle + 1)
            payload, more = payload + part, fields[5]
        await self.expect(DISPOSITION)
        answer = {code: decode(raw, 3)[0] for code, raw in sections(payload)}
        assert answer[0x73][5] == message_id
        return answer[0x74], answer[0x77]

    async def read(self, size: int) -> bytes:
        async with asyncio.timeout(20):
            return await self.reader.readexactly(size)

    async def read_body(self) -> tuple[int, bytes]:
        head = await self.read(8)
        return int.from_bytes(head[6:8], "big"), await self.read(int.from_bytes(head[:4], "big") - 8)

    async def heartbeat(self) -> None:
        """Reads until an empty frame."""
        while (await self.read_body())[1]:
            pass

    async def read_frame(self) -> tuple[int, int, Fields, bytes]:
        channel, body = await self.read_body()
        value, end = decode(body)
        assert isinstance(value, Described)
        return channel, value.descriptor, value.value, body[end:]

    async def expect(
        self, code: int, where: Callable[[Fields], bool] = lambda _: True
    ) -> tuple[int, int, Fields, bytes]:
        """Reads until a frame of a kind; the ones before are kept in `received`."""
        while True:
            frame = await self.read_frame()
            self.received.append(frame)
            if frame[1] == code and where(frame[2]):
                return frame

    async def ended(self) -> bool:
        """Whether the broker closes the connection."""
        async with asyncio.timeout(20):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                return True
        return True
