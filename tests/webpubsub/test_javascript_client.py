"""The unmodified JavaScript client, steered line by line from here."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.webpubsub.support import LIMIT_SECONDS, StandIn

HERE = Path(__file__).parent
SDK = HERE.parents[1] / "node_modules" / "@azure" / "web-pubsub-client"
ROLES = ["webpubsub.joinLeaveGroup.mine", "webpubsub.sendToGroup.mine"]

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        shutil.which("node") is None or not SDK.exists(), reason="Node or its packages are not installed"
    ),
]


class Script:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), LIMIT_SECONDS)
        step = json.loads(line)
        assert isinstance(step, dict)
        return step

    async def does(self, command: str, argument: str = "") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command} {argument}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def javascript(url: str, protocol: str) -> AsyncIterator[Script]:
    process = await asyncio.create_subprocess_exec(
        *("node", str(HERE / "client.mjs"), url, protocol),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Script(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("protocol", ["json", "reliable"])
async def test_it_joins_sends_and_receives(stand_in: StandIn, hub: str, protocol: str) -> None:
    async with stand_in.async_service(hub) as service:
        url = (await service.get_client_access_token(user_id="ann", roles=ROLES, groups=["told"]))["url"]
        async with javascript(url, protocol) as script:
            assert (await script.says())["user"] == "ann"
            await service.send_to_group("told", {"n": 1})
            assert await script.says() == {"group": "told", "data": {"n": 1}}
            await script.does("join", "mine")
            assert await script.says() == {"joined": "mine"}
            await script.does("join", "other")
            assert await script.says() == {"failed": "Forbidden"}
            for command, data in (("text", "from js"), ("binary", [0, 255])):
                await script.does(command, "mine")
                assert {"group": "mine", "data": data} in [await script.says(), await script.says()]
            await script.does("event", "e")
            assert await script.says() == {"failed": "InternalServerError"}
            await script.does("invoke", "e")
            assert await script.says() == {"failed": "NotSupported"}
            await script.does("leave", "mine")
            assert await script.says() == {"left": "mine"}
            await script.does("stop")
            assert "disconnected" in await script.says()
            assert await script.says() == {"stopped": True}


async def test_after_a_lost_socket_it_misses_nothing_and_is_connected_once(
    stand_in: StandIn, hub: str
) -> None:
    async with stand_in.async_service(hub) as service:
        url = (await service.get_client_access_token(groups=["g"]))["url"]
        async with javascript(url, "reliable") as script:
            identity = (await script.says())["connected"]
            async with aiohttp.ClientSession() as session:
                order = {"hub": hub, "connectionId": identity}
                async with session.post(f"{stand_in.endpoint}/_faults/drop", json=order) as response:
                    assert (await response.json())["dropped"] == [identity]
            for number in range(5):
                await service.send_to_group("g", {"n": number})
            assert [(await script.says())["data"]["n"] for _ in range(5)] == [0, 1, 2, 3, 4]
            await service.close_connection(identity, reason="enough")
            assert await script.says() == {"disconnected": "enough"}
            assert (await script.says())["connected"] != identity
