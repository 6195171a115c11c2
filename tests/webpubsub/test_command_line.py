"""The command: its ready line, its stop, and its refusals."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from localcloud.webpubsub.__main__ import parse_arguments
from tests.webpubsub.support import KEY, LIMIT_SECONDS, StandIn, connected


@asynccontextmanager
async def command() -> AsyncIterator[tuple[asyncio.subprocess.Process, StandIn]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localcloud.webpubsub"),
        env={**os.environ, "LOCALCLOUD_WEBPUBSUB_KEY": KEY},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), LIMIT_SECONDS))
        assert ready["ready"] is True
        yield process, StandIn(port=ready["port"], connection_string=ready["connectionString"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_is_and_stops_cleanly(number: signal.Signals) -> None:
    async with command() as (process, server), connected(server, "h") as client:
        assert server.connection_string == f"Endpoint={server.endpoint};AccessKey={KEY};Version=1.0;"
        process.send_signal(number)
        assert (await client.receive())["event"] == "disconnected"
        assert await client.closed_with() == aiohttp.WSCloseCode.GOING_AWAY
        assert await asyncio.wait_for(process.wait(), LIMIT_SECONDS) == 0


async def test_a_port_in_use_is_one_clear_sentence(stand_in: StandIn) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localcloud.webpubsub", "--key", KEY, "--port", str(stand_in.port)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await asyncio.wait_for(process.communicate(), LIMIT_SECONDS)
    assert process.returncode == 1
    assert f"could not start on port {stand_in.port}".encode() in error
    assert b"Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--key", "short"],
        ["--key", KEY, "--upstream", "ftp://x"],
        ["--key", KEY, "--upstream", "http://x/{event}"],
    ],
)
def test_unusable_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(arguments, None)
    assert "error:" in capsys.readouterr().err


def test_a_second_key_is_taken_and_a_short_one_is_not() -> None:
    second = "the-second-key-is-long-enough-for-hs256-too"
    assert parse_arguments(["--secondary-key", second], KEY).keys == (KEY, second)
    with pytest.raises(SystemExit):
        parse_arguments(["--secondary-key", "short"], KEY)


def test_the_command_line_wins_over_the_environment() -> None:
    chosen = parse_arguments(["--key", KEY, "--port", "5", "--upstream", "http://x/y", "--faults"], "z" * 40)
    assert (chosen.key, chosen.port, chosen.upstream, chosen.faults) == (KEY, 5, "http://x/y", True)
    assert chosen.upstream_hub == "contentjobs"
