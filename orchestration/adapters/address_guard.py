"""Which addresses may be spoken to: public ones on web ports, and nothing else.

The lists are written out instead of asking ``ipaddress.is_global``, which on Python 3.11 calls the Azure wire
server (168.63.129.16), NAT64, 6to4 and site-local addresses global.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from layers.contract import StepError

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
NO_HOSTS: frozenset[str] = frozenset()

_PORTS = {"https": 443, "http": 80}
_LONGEST_URL = 2_048
_LONGEST_HOST = 253
_URI_CHARACTERS = "%/?:@!$&'()*+,;=~"
"""What stays as it is when an address is written in ASCII, letters, digits and ``-._`` apart."""

_DENIED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Everything outside global unicast is denied, which covers loopback, mapped, NAT64, local and multicast.
_ALLOWED_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A checked address: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    url: str


def check_url(url: str, *, allow_http: bool, loopback: frozenset[str] = NO_HOSTS) -> Target:
    """Check the form of an address, before any name is looked up.

    ``loopback`` are hosts of this machine (``host`` or ``host:port``) that may be spoken to over http on any port.
    Raises :class:`StepError` (``source_refused``) unless it is one of those, or https (or http where allowed) on
    the scheme's own port, without credentials, with a host name.
    """
    parts = _split(url)
    if (
        parts.scheme == "http"
        and "@" not in parts.netloc
        and is_listed(parts.hostname, _port(parts), loopback)
    ):
        host = parts.hostname or ""
        return Target(scheme="http", host=host, port=_port(parts), url=_plain(parts, host))
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise refused(f"{parts.scheme or 'no scheme'} is not allowed")
    if "@" in parts.netloc:
        raise refused("credentials in an address are not allowed")
    port = _port(parts)
    if port != _PORTS[parts.scheme]:
        raise refused(f"port {port} is not allowed")
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except UnicodeError:
        raise refused("the host name is not valid") from None
    if len(host) > _LONGEST_HOST:
        raise refused("the host name is not valid")
    if not host or len(url) > _LONGEST_URL:
        raise refused("the address has no host name" if not host else "the address is too long")
    return Target(scheme=parts.scheme, host=host, port=port, url=_plain(parts, host))


def is_listed(host: str | None, port: int, loopback: frozenset[str]) -> bool:
    """Whether this is one of the hosts of this machine that may be spoken to."""
    return host in loopback or f"{host}:{port}" in loopback


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _DENIED_V4)
    return parsed in _ALLOWED_V6 and not any(parsed in network for network in _DENIED_V6)


def is_loopback(address: str) -> bool:
    """Whether a numeric address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def resolve_public(
    resolve: Resolver, host: str, port: int, *, loopback: frozenset[str] = NO_HOSTS
) -> str:
    """One address of the host. Raises :class:`StepError` if ANY of its addresses is not public.

    A host that ``loopback`` lists must be this machine instead, and nothing else. A name that has a private address beside a public one is an attack or a mistake; either way it is refused.
    """
    try:
        addresses = await resolve(host, port)
    except OSError as error:
        raise StepError(f"{host} cannot be resolved", code="source_unreachable", retryable=True) from error
    if not addresses:
        raise StepError(f"{host} has no address", code="source_unreachable", retryable=True)
    listed = is_listed(host, port, loopback)
    if not all(map(is_loopback if listed else is_public, addresses)):
        raise refused(f"{host} is not this machine" if listed else f"{host} is not a public host")
    return addresses[0]


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the operating system gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def refused(reason: str) -> StepError:
    """The error for an address that is not spoken to."""
    return StepError(reason, code="source_refused")


def _split(url: str) -> SplitResult:
    if any(ord(character) < 0x21 or character == "\\" for character in url):
        raise refused("the address holds characters that no address has")
    try:
        return urlsplit(url)
    except ValueError:
        raise refused("the address is not valid") from None


def _plain(parts: SplitResult, host: str) -> str:
    """The address without its fragment, in ASCII: beyond it as an IRI is written on the wire (RFC 3987, section 3.1)."""
    plain = parts._replace(fragment="")
    if plain.geturl().isascii():
        return plain.geturl()
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    path, query = (quote(part, safe=_URI_CHARACTERS, errors="replace") for part in (parts.path, parts.query))
    return plain._replace(netloc=netloc, path=path, query=query).geturl()


def _port(parts: SplitResult) -> int:
    try:
        return _PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        raise refused("the port is not valid") from None
