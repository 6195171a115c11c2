"""Addresses that lead inside, in every way that they can be written. No packet leaves the machine: the resolver does
what the operating system's does with numbers, and the network is a stub."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.contract import StepError
from orchestration.adapters.address_guard import _DENIED_V4, check_url, is_public
from orchestration.adapters.callback_http import LIMITS, HttpCallbackSender
from orchestration.adapters.clock import SystemClock
from orchestration.adapters.guarded_http import GuardedClient
from orchestration.errors import AddressRefused
from tests.adapters.stub_web import PUBLIC, StubWeb, response

METADATA = "169.254.169.254"
NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "metadata.google.internal": [METADATA],
    "inside.example": ["10.0.0.5"],
    "both.example": [PUBLIC, "192.168.0.10"],
    "six.example": ["2606:4700::1111", "fd00::1"],
}


class Numbers(StubWeb):
    """Resolves numbers as getaddrinfo does, with all their old ways of writing; names from a table."""

    async def resolve(self, host, port):
        text = host.rstrip(".").strip("[]")
        try:
            return [socket.inet_ntoa(socket.inet_aton(text))]
        except (OSError, UnicodeError):
            pass
        try:
            return [
                socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text.partition("%")[0]))
            ]
        except (OSError, UnicodeError):
            return await super().resolve(text, port)


HOSTILE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://１２７.０.０.１/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[fd00:ec2::254]/",
    "https://[2001:0:7f00:1::]/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://metadata.google.internal/computeMetadata/v1/",
    f"https://{METADATA}/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://168.63.129.16/machine?comp=goalstate",
    "https://192.0.0.192/",
    "https://100.100.100.200/",
    "https://inside.example/",
    "https://both.example/",
    "https://six.example/",
]


@pytest.mark.parametrize("url", HOSTILE)
async def test_s3_ssrf_a_callback_goes_nowhere_inside_however_it_is_written(url: str) -> None:
    web = Numbers({}, NAMES)
    client = GuardedClient(user_agent="Test/1", limits=LIMITS, resolve=web.resolve, network=web)
    sender = HttpCallbackSender(client, SystemClock())
    with pytest.raises(AddressRefused):
        await sender.check(url)
    answer = await sender.post(url, b"{}", {})
    assert answer.status is None
    assert answer.error
    assert [] == web.connected
    await sender.close()


@pytest.mark.parametrize("url", HOSTILE)
async def test_s3_ssrf_research_and_its_redirects_lead_nowhere_inside(url: str) -> None:
    location = url.encode().decode("latin-1")
    hop = response(302).replace(b"\r\n\r\n", b"\r\nlocation: " + location.encode("latin-1") + b"\r\n\r\n", 1)
    web = Numbers({"start.example/": hop}, NAMES)
    client = GuardedClient(user_agent="Test/1", resolve=web.resolve, network=web)
    for first in (url, url.replace("https:", "http:"), "https://start.example/"):
        with pytest.raises(StepError) as caught:
            await client.get(first)
        assert "source_refused" == caught.value.code
    assert {(PUBLIC, 443)} == set(web.connected), "the first hop alone"
    await client.aclose()


async def test_s3_ssrf_a_name_that_changes_between_check_and_call_is_checked_again() -> None:
    """DNS rebinding: the answer of the name server is good when the job is submitted and bad when it ends."""
    answers = [[PUBLIC], ["127.0.0.1"], [PUBLIC], [PUBLIC, METADATA]]

    class Rebinding(StubWeb):
        async def resolve(self, host, port):
            return answers.pop(0)

    web = Rebinding({"hook.example/": response(200)})
    client = GuardedClient(user_agent="Test/1", limits=LIMITS, resolve=web.resolve, network=web)
    sender = HttpCallbackSender(client, SystemClock())
    await sender.check("https://hook.example/")
    assert (await sender.post("https://hook.example/", b"{}", {})).status is None
    await sender.check("https://hook.example/")
    assert (await sender.post("https://hook.example/", b"{}", {})).status is None
    assert ([], []) == (web.connected, answers)
    await sender.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com:22/",
        "https://example.com:6379/",
        "https://example.com:0/",
        "https://user@example.com/",
        "https://a:b@127.0.0.1/",
        "https://example.com#@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://exa\tmple.com/",
        "https://example.com\r\nHost: inside/",
        "gopher://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "https:example.com",
        "https://" + "a." * 400 + "com/",
    ],
)
async def test_s3_ssrf_other_schemes_ports_and_credentials_are_refused_or_mean_what_they_say(
    url: str,
) -> None:
    web = Numbers({"example.com/": response(200)}, NAMES)
    client = GuardedClient(
        user_agent="Test/1", limits=LIMITS, allow_http=False, resolve=web.resolve, network=web
    )
    sender = HttpCallbackSender(client, SystemClock())
    answer = await sender.post(url, b"{}", {})
    if url == "https://example.com#@127.0.0.1/":
        assert [(PUBLIC, 443)] == web.connected, "everything behind # is a fragment"
    else:
        assert answer.status is None
        assert [] == web.connected
    await sender.close()


def test_s3_ssrf_every_special_network_of_the_registry_is_denied() -> None:
    """IANA's special-purpose registries, and what Azure adds; first and last address of each."""
    networks = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
        "224.0.0.0/4", "168.63.129.16/32", "::1/128", "::/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ]  # fmt: skip
    import ipaddress

    for text in networks:
        network = ipaddress.ip_network(text)
        assert not is_public(str(network[0])), text
        assert not is_public(str(network[-1])), text
    assert len(_DENIED_V4) <= len(networks)


@given(st.ip_addresses())
def test_s3_ssrf_nothing_that_the_library_calls_private_is_public(address) -> None:
    if address.is_private or address.is_loopback or address.is_multicast or address.is_link_local:
        assert not is_public(str(address))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://exämple.com/ü?q=ö#ß", "https://xn--exmple-cua.com/%C3%BC?q=%C3%B6"),
        ("https://example.com/\u2028", "https://example.com/%E2%80%A8"),
        ("https://example.com/%zz?a=%26", "https://example.com/%zz?a=%26"),
        ("https://example.com:443/ü", "https://example.com:443/%C3%BC"),
    ],
)
def test_an_address_goes_out_in_ascii(url: str, expected: str) -> None:
    assert expected == check_url(url, allow_http=False).url


async def test_a_redirect_beyond_ascii_is_followed_as_it_was_meant() -> None:
    hop = response(301).replace(b"\r\n\r\n", "\r\nlocation: /größe?a=ü\r\n\r\n".encode(), 1)
    web = StubWeb({"a.example/": hop, "a.example/gr%C3%B6%C3%9Fe": response(200, b"found")})
    client = GuardedClient(user_agent="Test/1", resolve=web.resolve, network=web)
    assert b"found" == (await client.get("https://a.example/")).body
    await client.aclose()
