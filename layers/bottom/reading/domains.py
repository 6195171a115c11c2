"""The registrable domain of an address: what tells two publishers apart."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


def registrable_domain(url: str | None) -> str | None:
    """``example.co.uk`` for ``https://www.example.co.uk/page``; None for what is no address with a public suffix."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    found = _suffixes().privatesuffix(host.rstrip(".")) if host else None
    return str(found) if found else None


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
