"""The fault proxies: decisions from a seed, and what a client sees of each fault."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from localcloud.faults.decisions import STATUSES, Decision, Fault, FaultDice, FaultRates, decide
from localcloud.faults.tables import TableFaultProxy, is_conditional
from localcloud.faults.tcp import TcpProxy

ALWAYS = {fault: FaultRates(shares={fault: 1.0}, longest_delay=0.01) for fault in Fault}


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True), st.booleans())
def test_a_roll_beyond_all_shares_meets_no_fault_and_delays_stay_below_the_longest(roll, chance, conditional):
    rates = FaultRates(shares={Fault.DELAY: 0.25, Fault.CONFLICT: 0.25}, longest_delay=2.0)
    decision = decide(rates, roll=roll, chance=chance, conditional=conditional)
    assert (decision.fault is Fault.DELAY) == (roll < 0.25)
    assert (decision.fault is Fault.CONFLICT) == (0.25 <= roll < 0.5 and conditional)
    assert 0 <= decision.delay < 2.0


def test_the_same_seed_decides_the_same_way_whatever_the_rates_were_before():
    rough = FaultRates(shares=dict.fromkeys((Fault.LOST_ANSWER, Fault.THROTTLED), 0.3))
    calm_first, rough_all = FaultDice(7), FaultDice(7)
    assert calm_first.next(FaultRates(), conditional=True) == Decision(fault=Fault.NONE)
    rough_all.next(rough, conditional=False)
    drawn = [[dice.next(rough, conditional=True) for _ in range(50)] for dice in (calm_first, rough_all)]
    assert drawn[0] == drawn[1]
    assert {decision.fault for decision in drawn[0]} == {Fault.NONE, Fault.LOST_ANSWER, Fault.THROTTLED}


@pytest.mark.parametrize("shares", [{Fault.DELAY: 0.6, Fault.CONFLICT: 0.6}, {Fault.DELAY: -0.1}])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(ValueError, match="shares"):
        FaultRates(shares=shares)


@pytest.mark.parametrize(
    ("if_match", "body", "expected"),
    [
        ('W/"1"', b"", True),
        ("*", b"", False),
        (None, b"PUT x HTTP/1.1\r\nIf-Match: W/1\r\n", True),
        (None, b"PUT x HTTP/1.1\r\nIf-Match: *\r\n", False),
        (None, b"POST", False),
    ],
)
def test_a_condition_is_seen_in_the_header_or_inside_a_batch(if_match, body, expected):
    assert is_conditional(if_match, body) is expected


@contextlib.asynccontextmanager
async def service():
    """A service that notes what reaches it and answers with what it got."""
    seen = []

    async def answer(request):
        seen.append(request.raw_path)
        headers = {"ETag": "W/1", "Date": "then", "X-Auth": request.headers.get("Authorization", "")}
        return web.Response(body=b"got " + await request.read(), headers=headers)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1], seen
    finally:
        await runner.cleanup()


async def post(proxy, path="/account/jobs(PartitionKey='a%2Fb')", **options):
    url = aiohttp.client.URL(f"http://127.0.0.1:{proxy.port}{path}", encoded=True)
    async with aiohttp.ClientSession() as session, session.post(url, data=b"rows", **options) as reply:
        return reply.status, await reply.read(), reply.headers


async def test_an_unhurt_request_passes_with_its_path_and_headers_as_they_are():
    async with service() as (port, seen), TableFaultProxy(lambda: port, seed=1, rates=FaultRates()) as proxy:
        status, body, headers = await post(proxy, headers={"Authorization": "SharedKey x:y"})
    assert (status, body, headers["ETag"], headers["X-Auth"]) == (200, b"got rows", "W/1", "SharedKey x:y")
    assert headers.getall("Date") == ["then"]
    assert seen == ["/account/jobs(PartitionKey='a%2Fb')"]


@pytest.mark.parametrize("fault", STATUSES)
async def test_a_refused_request_never_reaches_the_service(fault):
    async with service() as (port, seen), TableFaultProxy(lambda: port, seed=1, rates=ALWAYS[fault]) as proxy:
        status, body, _ = await post(proxy, headers={"If-Match": "W/1"})
    assert (status, seen) == (STATUSES[fault], [])
    assert b"odata.error" in body


async def test_a_failed_condition_of_a_batch_comes_inside_a_202():
    async with (
        service() as (port, seen),
        TableFaultProxy(lambda: port, seed=1, rates=ALWAYS[Fault.CONFLICT]) as proxy,
    ):
        status, body, _ = await post(proxy, "/account/$batch", headers={"If-Match": "W/1"})
    assert (status, seen) == (202, [])
    assert b"HTTP/1.1 412 " in body


@pytest.mark.parametrize(("fault", "reaches"), [(Fault.LOST_REQUEST, 0), (Fault.LOST_ANSWER, 1)])
async def test_a_lost_answer_was_carried_out_and_a_lost_request_was_not(fault, reaches):
    async with service() as (port, seen), TableFaultProxy(lambda: port, seed=1, rates=ALWAYS[fault]) as proxy:
        with pytest.raises(aiohttp.ClientError):
            await post(proxy)
    assert len(seen) == reaches
    assert proxy.counts[fault] == 1


@contextlib.asynccontextmanager
async def echo():
    async def handle(reader, writer):
        with contextlib.suppress(OSError):
            while chunk := await reader.read(100):
                writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_held_connection_delivers_everything_in_order_once_it_flows_again():
    async with echo() as port, TcpProxy(lambda: port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one ")
        assert await reader.readexactly(4) == b"one "
        proxy.pause()
        writer.write(b"two ")
        answer = asyncio.create_task(reader.readexactly(8))
        writer.write(b"tri ")
        done, _ = await asyncio.wait((answer,), timeout=0.05)
        assert not done
        proxy.resume()
        assert await answer == b"two tri "
        writer.close()


async def test_cut_connections_end_and_new_ones_work():
    async with echo() as port, TcpProxy(lambda: port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        await reader.readexactly(1)
        assert proxy.cut() == 1
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"y")
        assert await reader.readexactly(1) == b"y"
        writer.close()


async def test_a_client_of_a_dead_service_sees_its_connection_end():
    async with echo() as port:
        dead = port
    async with TcpProxy(lambda: dead) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
