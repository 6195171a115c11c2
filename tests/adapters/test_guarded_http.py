import gzip
import zlib

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.contract import StepError
from orchestration.adapters.address_guard import check_url, is_public
from orchestration.adapters.guarded_http import GuardedClient, Limits, require_success
from tests.adapters.stub_web import PUBLIC, StubWeb, response


async def fetch(web, url, *, allow_http=True, **limits):
    client = GuardedClient(
        user_agent="Test/1", allow_http=allow_http, limits=Limits(**limits), resolve=web.resolve, network=web
    )
    try:
        return await client.get(url)
    finally:
        await client.aclose()


async def refusal(web, url, **options):
    with pytest.raises(StepError) as caught:
        await fetch(web, url, **options)
    return caught.value.code


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "100.64.0.1", "168.63.129.16", "169.254.169.254", "172.31.0.1", "192.168.1.1", "0.0.0.0",
        "192.0.0.8", "192.88.99.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fc00::1", "fe80::1%eth0", "fec0::1",
        "ff02::1", "::10.0.0.1", "not an address",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_told(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "2001:4860:4860::8888"])
def test_public_addresses_are_let_through(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "https://user:pw@example.com/", "https://example.com:8443/", "http://example.com:443/",
        "https:///nohost", "file:///etc/passwd", "https://exa mple.com/", "https://example.com\\@evil.com/", "example.com",
        "https://example.com:port/", "https://[::1", "https://" + "a" * 3000, "https://a..b/",
    ],
)  # fmt: skip
def test_addresses_of_a_suspicious_form_are_refused_before_any_name_is_looked_up(url):
    with pytest.raises(StepError) as caught:
        check_url(url, allow_http=True)
    assert caught.value.code == "source_refused"


@given(st.text(max_size=60))
def test_whatever_the_address_the_check_gives_a_target_or_refuses(text):
    try:
        target = check_url(text, allow_http=False)
    except StepError:
        return
    assert target.scheme == "https"
    assert target.port == 443


def test_plain_http_is_for_those_who_allow_it():
    assert check_url("http://example.com/a#part", allow_http=True).url == "http://example.com/a"
    with pytest.raises(StepError):
        check_url("http://example.com/", allow_http=False)


async def test_the_connection_goes_to_the_address_that_was_checked():
    web = StubWeb({"example.com/a": response(200, b"hello")})
    answer = await fetch(web, "https://example.com/a")
    assert (answer.status, answer.body, web.connected) == (200, b"hello", [(PUBLIC, 443)])


@pytest.mark.parametrize("addresses", [["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::1"], ["2130706433"]])
async def test_a_name_with_any_private_address_is_never_connected(addresses):
    web = StubWeb({}, {"evil.example": addresses})
    assert await refusal(web, "http://evil.example/") == "source_refused"
    assert web.connected == []


async def test_a_redirect_into_the_private_network_is_refused_at_that_hop():
    web = StubWeb(
        {"a.example/": response(302, location="http://inner.example/x")},
        {"inner.example": ["169.254.169.254"]},
    )
    assert await refusal(web, "https://a.example/") == "source_refused"
    assert len(web.connected) == 1


async def test_redirects_are_followed_and_counted():
    hops = {f"a.example/{n}": response(301, location=f"/{n + 1}") for n in range(9)}
    web = StubWeb({**hops, "a.example/3": response(200, b"end")})
    assert (await fetch(web, "https://a.example/0")).url == "https://a.example/3"
    assert await refusal(StubWeb(hops), "https://a.example/0") == "source_refused"
    assert await refusal(StubWeb({"a.example/": response(302)}), "https://a.example/") == "source_refused"


async def test_answers_are_inflated_within_the_limit_only():
    packed = response(200, gzip.compress(b"a" * 5000), content_encoding="gzip")
    web = StubWeb({"a.example/": packed})
    assert len((await fetch(web, "https://a.example/")).body) == 5000
    assert await refusal(web, "https://a.example/", size=4000) == "source_refused"


async def test_a_bomb_is_stopped_and_stacked_or_false_codings_are_refused():
    bomb = response(200, zlib.compress(b"\0" * 30_000_000, wbits=31), content_encoding="gzip")
    assert (
        await refusal(StubWeb({"a.example/": bomb}), "https://a.example/", size=100_000) == "source_refused"
    )
    for coding, code in (
        ("gzip, gzip", "source_refused"),
        ("br", "source_refused"),
        ("gzip", "source_unreachable"),
    ):
        web = StubWeb({"a.example/": response(200, b"plain", content_encoding=coding)})
        assert await refusal(web, "https://a.example/") == code


async def test_failures_of_the_network_are_translated():
    for failure in (httpcore.ReadTimeout(), httpcore.ConnectError(), httpcore.RemoteProtocolError()):
        assert await refusal(StubWeb({"a.example/": failure}), "https://a.example/") == "source_unreachable"
    lost = StubWeb({}, {"a.example": OSError("no such name")})
    assert await refusal(lost, "https://a.example/") == "source_unreachable"
    assert await refusal(StubWeb({}, {"a.example": []}), "https://a.example/") == "source_unreachable"


async def test_a_status_says_whether_another_try_makes_sense():
    busy = await fetch(StubWeb({"a.example/": response(503, retry_after="7")}), "https://a.example/")
    gone = await fetch(StubWeb({}), "https://a.example/")
    with pytest.raises(StepError) as caught:
        require_success(busy)
    assert (caught.value.retryable, caught.value.retry_after) == (True, 7.0)
    with pytest.raises(StepError) as caught:
        require_success(gone)
    assert not caught.value.retryable
