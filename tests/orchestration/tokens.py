"""Tokens for tests: keys of our own, an authority on loopback that publishes them, and whole worlds behind a mode."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DIRECTORY = "11111111-2222-4333-8444-555555555555"
OTHER_DIRECTORY = "99999999-2222-4333-8444-555555555555"
AUDIENCE = "api://0a0a0a0a-0000-4000-8000-000000000001"
APP = "bbbbbbbb-0000-4000-8000-000000000002"
USER = "cccccccc-0000-4000-8000-000000000003"
ENTRA = {
    "AUTH_MODE": "entra",
    "ENTRA_TENANT_ID": f"{DIRECTORY}, {OTHER_DIRECTORY}",
    "ENTRA_AUDIENCE": AUDIENCE,
}


def claims(**changes: Any) -> dict[str, Any]:
    """Those of an application with the role submitter; None takes a claim away."""
    now = int(datetime.now(UTC).timestamp())
    tenant = changes.get("tid", DIRECTORY)
    values: dict[str, Any] = {
        "aud": AUDIENCE,
        "iss": f"https://sts.windows.net/{tenant}/",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "sub": APP,
        "oid": APP,
        "appid": APP,
        "tid": DIRECTORY,
        "roles": ["submitter"],
    }
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of this name, made once: making one takes a tenth of a second."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(name: str) -> bytes:
    return rsa_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signed(values: Mapping[str, Any], *, key: str = "first", kid: str | None = None, **header: Any) -> str:
    """A token of any claims, also of those that the library would not sign."""
    headers = {"kid": kid or key, **header}
    body = json.dumps(dict(values)).encode()
    return jwt.api_jws.PyJWS().encode(body, rsa_key(key), algorithm="RS256", headers=headers)


def raw_token(header: object, values: object, signature: bytes = b"x") -> str:
    """A token of any parts, as text or as JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, values)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, signature))


def jwk(key: str, *, bits: int = 2048, **changes: Any) -> dict[str, Any]:
    """A public key as a key document names it."""
    public = (rsa_key(key) if bits == 2048 else rsa_key(key, bits)).public_key()
    entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public))
    return {**entry, "kid": key, "use": "sig", **changes}


@dataclass
class Authority:
    """An identity provider on loopback: it publishes ``keys``, or answers as ``reply`` says."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk("first")])
    reply: Callable[[], web.StreamResponse] | None = None
    asked: list[str] = field(default_factory=list)
    waiting: asyncio.Event | None = None
    url: str = ""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.waiting:
            await self.waiting.wait()
        return self.reply() if self.reply else web.json_response({"keys": self.keys})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Authority]:
        app = web.Application()
        app.router.add_get("/{directory}/discovery/v2.0/keys", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def principal(*pairs: tuple[str, str], **changes: Any) -> dict[str, str]:
    """The header of App Service authentication."""
    value = {
        "auth_typ": "aad",
        "name_typ": "name",
        "role_typ": "roles",
        "claims": [{"typ": name, "val": text} for name, text in pairs],
        **changes,
    }
    return {"x-ms-client-principal": base64.b64encode(json.dumps(value).encode()).decode()}
