"""Time to live and duplicate detection as a client meets them, with the real clock."""

import asyncio
from collections.abc import Callable
from typing import Any

from localcloud.servicebus.amqp import encode
from localcloud.servicebus.amqp.decode import decode
from localcloud.servicebus.messages import parse
from tests.servicebus.conftest import KEY
from tests.servicebus.wire import DISPOSITION, RECEIVER, SENDER, TRANSFER, Wire, message


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def test_an_expired_message_becomes_a_dead_letter_where_the_queue_says_so(broker: Any) -> None:
    async with await Wire.opened(broker.broker.port, KEY) as wire:
        wire.attach(1, SENDER, "short-lived")
        # A week is what the client wants; the queue caps it.
        header = encode.composite(0x70, [encode.NULL, encode.NULL, encode.uint(7 * 86_400_000)])
        wire.transfer(1, 0, header + message())
        await wire.expect(DISPOSITION)
        await until(lambda: broker.stats("short-lived")["deadLetter"] == 1)
        wire.attach(2, RECEIVER, "short-lived/$DeadLetterQueue", settle=1)
        wire.credit(2, 1)
        payload = (await wire.expect(TRANSFER, lambda fields: fields[0] == 2))[3]
    properties = {decode(key)[0]: decode(value)[0] for key, value in parse(payload).application_properties}
    assert properties["DeadLetterReason"] == "TTLExpiredException"


async def test_an_expired_message_is_dropped_elsewhere_and_no_timer_is_needed_to_see_it(broker: Any) -> None:
    async with await Wire.opened(broker.broker.port, KEY) as wire:
        wire.attach(1, SENDER, "forgetful")
        wire.transfer(1, 0, message())
        await wire.expect(DISPOSITION)
        await until(lambda: broker.stats("forgetful")["total"] == 0)
    assert broker.stats("forgetful")["deadLetter"] == 0


async def test_a_repeated_message_id_is_accepted_and_dropped_within_the_window_alone(broker: Any) -> None:
    def copy(message_id: str) -> bytes:
        return encode.composite(0x73, [encode.string(message_id)]) + message()

    async with await Wire.opened(broker.broker.port, KEY) as wire:
        wire.attach(1, SENDER, "unique")
        batch = b"".join(encode.described(0x75, encode.binary(copy(each))) for each in "aba")
        wire.transfer(1, 0, batch, kind=0x80013700)
        wire.transfer(1, 1, copy("a"))
        for _ in range(2):
            assert (await wire.expect(DISPOSITION))[2][4].descriptor == 0x24
        assert broker.stats("unique")["active"] == 2
        number = 2

        async def again() -> bool:
            nonlocal number
            wire.transfer(1, number, copy("a"))
            number += 1
            await wire.expect(DISPOSITION)
            return broker.stats("unique")["active"] == 3

        async with asyncio.timeout(10):
            while not await again():
                await asyncio.sleep(0.1)
