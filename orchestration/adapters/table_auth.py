"""Where tables are and how requests to them are signed: by account key, or by identity."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol
from urllib.parse import urlsplit

from orchestration.errors import ConfigurationError

API_VERSION = "2020-12-06"
IDENTITY_SCOPE = "https://storage.azure.com/.default"


class TableAuth(Protocol):
    """Adds what a table request needs to be let in."""

    async def headers(self, method: str, url: str, content_type: str) -> Mapping[str, str]:
        """Date, version and authorization for one request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAccount:
    """A table endpoint without a trailing slash, with the account key where there is one."""

    endpoint: str
    name: str
    key: str | None = None

    @classmethod
    def from_connection_string(cls, text: str) -> TableAccount:
        """Read ``AccountName``, ``AccountKey`` and ``TableEndpoint`` (or ``EndpointSuffix``).

        Raises :class:`ConfigurationError` without repeating the text: it holds a key.
        """
        pairs = (part.partition("=") for part in text.split(";") if part.strip())
        values = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if values.get("usedevelopmentstorage") == "true":
            raise ConfigurationError(
                "CONTENT_STORAGE_CONNECTION_STRING: write the emulator's endpoint out in full"
            )
        name, key = values.get("accountname"), values.get("accountkey")
        if not name or not key:
            raise ConfigurationError("CONTENT_STORAGE_CONNECTION_STRING has no AccountName or AccountKey")
        try:
            base64.b64decode(key, validate=True)
        except binascii.Error:
            raise ConfigurationError("CONTENT_STORAGE_CONNECTION_STRING: AccountKey is not base64") from None
        scheme = values.get("defaultendpointsprotocol", "https")
        suffix = values.get("endpointsuffix", "core.windows.net")
        endpoint = values.get("tableendpoint") or f"{scheme}://{name}.table.{suffix}"
        return cls(endpoint=endpoint.rstrip("/"), name=name, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKeyAuth:
    """Shared Key for the Table service (Microsoft Learn, "Authorize with Shared Key", Table service section).

    Signed are method, content MD5 (empty), content type, date and ``/account/path``.
    """

    account: TableAccount

    async def headers(self, method: str, url: str, content_type: str) -> Mapping[str, str]:
        """Headers with the signature of this request."""
        date = formatdate(usegmt=True)
        resource = f"/{self.account.name}{urlsplit(url).path}"
        signed = f"{method}\n\n{content_type}\n{date}\n{resource}"
        key = base64.b64decode(self.account.key or "")
        signature = base64.b64encode(hmac.digest(key, signed.encode(), "sha256")).decode()
        return {
            "x-ms-date": date,
            "x-ms-version": API_VERSION,
            "Authorization": f"SharedKey {self.account.name}:{signature}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAuth:
    """A bearer token of a managed identity; ``token`` caches and refreshes it."""

    token: Callable[[], Awaitable[str]]

    async def headers(self, method: str, url: str, content_type: str) -> Mapping[str, str]:
        """Headers with the current token."""
        del method, url, content_type  # a token speaks for the caller, not for one request
        return {
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": API_VERSION,
            "Authorization": f"Bearer {await self.token()}",
        }
