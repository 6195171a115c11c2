"""The address of a caller, as far as it can be trusted, and only ever as a keyed hash. Pure.

Proxies append to ``X-Forwarded-For``: the last entry is what the nearest one saw, the entries before it are what it
was told. With ``n`` proxies of our own in front the n-th entry from the end is the caller's; everything to the left of
it anybody may have written.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping

FORWARDED = "x-forwarded-for"
_MOST = 4096


def caller_address(headers: Mapping[str, str], *, hops: int) -> str | None:
    """The caller's IP address in its shortest form.

    None when no proxy is in front (``hops`` 0), or the header is not what such a proxy writes.
    """
    entries = headers.get(FORWARDED, "")[-_MOST:].split(",")
    if hops < 1 or len(entries) < hops:
        return None
    text = entries[-hops].strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]  # "[2001:db8::1]:443"
    elif text.count(":") == 1:
        text = text.partition(":")[0]  # "203.0.113.7:50123", as App Service writes it
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def address_hash(address: str | None, secret: bytes) -> str:
    """Names an address without giving it away; empty for an unknown one. 64 bits tell addresses apart well enough.

    Of an IPv6 address the network counts (its first 64 bits): whoever has one address has all of its network.
    """
    if address is None:
        return ""
    place = ipaddress.ip_address(address)
    network = ipaddress.ip_network((place, 64 if place.version == 6 else 32), strict=False)
    return hmac.new(secret, f"address:{network}".encode(), hashlib.sha256).hexdigest()[:16]
