"""The unmodified JavaScript SDK against the broker: one Node process runs all cases of `js_cases.mjs`."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from localcloud.servicebus.amqp import encode
from tests.servicebus.conftest import KEY
from tests.servicebus.wire import DISPOSITION, RECEIVER, SENDER, TRANSFER, Wire

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

HERE = Path(__file__).parent
SCRIPT = HERE / "js_cases.mjs"
CASES = re.findall(r'^  async "(.+)"\(\)', SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def results(broker: Any) -> dict[str, str | None]:
    """Sends what the first case waits for, runs the script, and returns the error of each case."""
    properties = encode.map_([(encode.string("tenant"), encode.string("local"))])
    message = (
        encode.composite(0x73, [encode.string("py-1")]),
        encode.described(0x74, properties),
        encode.described(0x75, encode.binary(b"from python")),
    )
    async with await Wire.opened(broker.broker.port, KEY) as wire:
        wire.attach(1, SENDER, "node-from-python")
        wire.transfer(1, 0, b"".join(message))
        await wire.expect(DISPOSITION)
    environment = {
        **os.environ,
        "CONNECTION_STRING": broker.broker.connection_string,
        "PACKAGE_ROOT": str(HERE.parent.parent),
    }
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPT), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    lines = [json.loads(line) for line in output.splitlines()]
    return {line["case"]: line["error"] for line in lines}


@pytest.mark.parametrize("case", CASES)
async def test_javascript(results: dict[str, str | None], case: str) -> None:
    assert results[case] is None


async def test_a_message_from_javascript_reaches_python(results: dict[str, str | None], broker: Any) -> None:
    async with await Wire.opened(broker.broker.port, KEY) as wire:
        wire.attach(1, RECEIVER, "node-to-python", settle=1)
        wire.credit(1, 1)
        payload = (await wire.expect(TRANSFER, lambda fields: fields[0] == 1))[3]
    assert b"js-1" in payload
    assert b"from js" in payload


async def test_nothing_is_left_behind(results: dict[str, str | None], broker: Any) -> None:
    assert {
        queue: broker.stats(queue)["total"] for queue in ("node", "node-short-locks", "node-from-python")
    } == {
        "node": 0,
        "node-short-locks": 0,
        "node-from-python": 1,  # received, not settled
    }
