"""The guarded POST and the sender on it, against a web that never leaves the process."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import httpcore
import pytest

from layers.contract import StepError
from orchestration.adapters.callback_http import HttpCallbackSender
from orchestration.adapters.guarded_http import GuardedClient, Limits
from orchestration.callbacks import CallbackAnswer
from orchestration.errors import AddressRefused
from tests.adapters.stub_web import PUBLIC, StubWeb, response
from tests.orchestration.support import FakeClock

HOOK = "https://example.com/hook"
HERE = "http://127.0.0.1:8123/hook"


def sender_for(web, *, loopback=(), **limits):
    client = GuardedClient(
        user_agent="Test/1",
        limits=Limits(**{"size": 4096, **limits}),
        resolve=web.resolve,
        network=web,
        loopback=frozenset(loopback),
    )
    return HttpCallbackSender(client, FakeClock())


async def post(web, url=HOOK, **options):
    sender = sender_for(web, **options)
    try:
        return await sender.post(url, b'{"type":"x"}', {"webhook-id": "a.1"})
    finally:
        await sender.close()


async def test_the_body_goes_as_json_to_the_address_that_was_checked():
    web = StubWeb({"example.com/hook": response(204)})
    assert await post(web) == CallbackAnswer(status=204)
    assert web.connected == [(PUBLIC, 443)]
    (request,) = web.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1")
    for line in (
        b"content-type: application/json",
        b"content-length: 12",
        b"webhook-id: a.1",
        b"host: example.com",
    ):
        assert line in head.lower()
    assert body == b'{"type":"x"}'


async def test_a_redirect_is_an_answer_and_is_not_followed():
    web = StubWeb({"example.com/hook": response(302, location="https://example.com/other")})
    assert await post(web) == CallbackAnswer(status=302, error="status 302")
    assert web.asked == ["example.com/hook"]


async def test_what_a_receiver_says_beyond_4_kb_is_left_unread():
    assert (await post(StubWeb({"example.com/hook": response(200, b"x" * 1_000_000)}))).accepted


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("http://example.com/hook", {}),
        ("https://example.com:8443/hook", {}),
        ("https://inside.example/hook", {"inside.example": ["10.0.0.7"]}),
        ("https://both.example/hook", {"both.example": [PUBLIC, "127.0.0.1"]}),
        ("https://169.254.169.254/metadata", {"169.254.169.254": ["169.254.169.254"]}),
        (HERE, {"127.0.0.1": ["127.0.0.1"]}),
        ("http://localhost:8123/hook", {"localhost": ["127.0.0.1"]}),
    ],
)
async def test_addresses_that_are_not_public_are_refused_when_named_and_when_called(url, names):
    web = StubWeb({}, names)
    sender = sender_for(web)
    with pytest.raises(AddressRefused):
        await sender.check(url)
    answer = await sender.post(url, b"", {})
    assert (answer.status, answer.accepted, bool(answer.error)) == (None, False, True)
    assert web.connected == []
    await sender.close()


@pytest.mark.parametrize("listed", ["127.0.0.1", "127.0.0.1:8123"])
async def test_a_listed_host_of_this_machine_may_be_called_over_http(listed):
    web = StubWeb({"127.0.0.1:8123/hook": response(200)}, {"127.0.0.1": ["127.0.0.1"]})
    assert (await post(web, HERE, loopback=[listed])).status == 200
    assert web.connected == [("127.0.0.1", 8123)]


@pytest.mark.parametrize(
    ("url", "listed", "address"),
    [
        ("http://127.0.0.1:9000/hook", "127.0.0.1:8123", "127.0.0.1"),
        ("http://127.0.0.2:8123/hook", "127.0.0.1", "127.0.0.2"),
        ("http://u:p@127.0.0.1:8123/hook", "127.0.0.1", "127.0.0.1"),
        ("http://localhost:8123/hook", "localhost", "10.0.0.7"),
        ("http://localhost:8123/hook", "localhost", PUBLIC),
    ],
)
async def test_a_list_opens_nothing_but_what_it_names_on_this_machine(url, listed, address):
    web = StubWeb({}, {name: [address] for name in ("127.0.0.1", "127.0.0.2", "localhost")})
    assert (await post(web, url, loopback=[listed])).status is None
    assert web.connected == []


async def test_a_name_that_cannot_be_looked_up_passes_the_check_and_fails_the_call():
    web = StubWeb({}, {"example.com": OSError("no name server")})
    sender = sender_for(web)
    await sender.check(HOOK)
    assert "cannot be resolved" in (await sender.post(HOOK, b"", {})).error
    await sender.close()


async def test_a_name_that_points_inside_only_when_called_is_refused():
    web = StubWeb({"example.com/hook": response(200)})
    sender = sender_for(web)
    await sender.check(HOOK)
    web.names["example.com"] = ["10.0.0.7"]
    assert (await sender.post(HOOK, b"", {})).error == "example.com is not a public host"
    assert web.connected == []
    await sender.close()


@pytest.mark.parametrize("fault", [httpcore.ReadError("reset"), httpcore.ConnectError("refused")])
async def test_a_broken_connection_is_an_answer(fault):
    answer = await post(StubWeb({"example.com/hook": fault}))
    assert (answer.status, answer.error) == (None, type(fault).__name__)


async def test_a_receiver_that_takes_too_long_is_cut_off():
    class Silent(StubWeb):
        async def connect_tcp(self, *_, **__):
            await asyncio.Event().wait()

    assert "no answer within" in (await post(Silent({}), seconds=0.01)).error


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (format_datetime(FakeClock().now() + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(FakeClock().now() - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
async def test_retry_after_is_read_as_seconds_or_as_a_date(value, seconds):
    web = StubWeb({"example.com/hook": response(503, **{"retry-after": value})})
    assert (await post(web)).retry_after == seconds


async def test_at_most_four_calls_go_to_one_host_at_once():
    class Counting(GuardedClient):
        running = most = 0

        async def post(self, url, body, headers):
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            raise StepError("no", code="source_unreachable", retryable=True)

    client = Counting(user_agent="Test/1")
    sender = HttpCallbackSender(client, FakeClock())
    await asyncio.gather(*(sender.post(HOOK, b"", {}) for _ in range(20)))
    assert client.most == 4
    await sender.close()


async def test_a_host_that_fails_all_the_time_is_spared_for_a_while_and_others_are_not():
    web = StubWeb({"example.com/hook": response(500), "other.com/hook": response(200)})
    sender = sender_for(web)
    for _ in range(5):
        assert (await sender.post(HOOK, b"", {})).status == 500
    spared = await sender.post(HOOK, b"", {})
    assert (spared.status, spared.deferred) == (None, 30.0)
    assert (await sender.post("https://other.com/hook", b"", {})).accepted
    assert len(web.asked) == 6
    await sender.close()


async def test_addresses_that_the_guard_refuses_say_nothing_about_their_host():
    web = StubWeb({"example.com/hook": response(200)}, {"example.com": ["10.0.0.7"]})
    sender = sender_for(web)
    for _ in range(9):
        assert (await sender.post(HOOK, b"", {})).deferred is None
    web.names.clear()
    assert (await sender.post(HOOK, b"", {})).accepted
    await sender.close()


async def test_hosts_that_were_not_called_for_long_are_forgotten():
    web = StubWeb({f"h{number}.com/": response(200) for number in range(300)})
    sender = sender_for(web)
    for number in range(300):
        assert (await sender.post(f"https://h{number}.com/", b"", {})).accepted
    assert len(sender._hosts) == 256
    await sender.close()
