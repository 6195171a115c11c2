"""The contract of token verifiers, on the twin and on Entra's adapter with a loopback authority."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from orchestration.adapters.clock import SystemClock
from orchestration.adapters.entra import EntraTokenVerifier
from orchestration.adapters.entra_keys import KeySource
from orchestration.adapters.memory_tokens import MemoryTokenVerifier
from orchestration.errors import TokenRefused
from orchestration.ports import TokenVerifier
from tests.orchestration.tokens import AUDIENCE, DIRECTORY, OTHER_DIRECTORY, Authority, claims, signed

USES_SERVICES = True
Provider = tuple[TokenVerifier, Callable[[dict[str, Any]], str]]
SERVED = frozenset({DIRECTORY, OTHER_DIRECTORY})


@pytest.fixture(params=["memory", "entra"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    clock = SystemClock()
    if request.param == "memory":
        twin = MemoryTokenVerifier(clock, SERVED)
        yield twin, twin.issue
        return
    async with Authority().running() as authority:
        source = KeySource(authority.url, clock)
        verifier = EntraTokenVerifier(source, authority=authority.url, directories=SERVED, clock=clock)
        yield verifier, signed
        await verifier.aclose()


@pytest.mark.parametrize("tenant", sorted(SERVED))
async def test_a_genuine_current_token_gives_its_claims(provider: Provider, tenant: str) -> None:
    verifier, issue = provider
    found = await verifier.verify(issue(claims(tid=tenant)), audience=AUDIENCE)
    assert (tenant, ["submitter"]) == (found["tid"], found["roles"])


@pytest.mark.parametrize("asked", [AUDIENCE, AUDIENCE.removeprefix("api://")])
@pytest.mark.parametrize("named", [AUDIENCE, AUDIENCE.removeprefix("api://")])
async def test_an_application_is_one_audience_by_uri_and_by_id(
    provider: Provider, asked: str, named: str
) -> None:
    verifier, issue = provider
    assert (await verifier.verify(issue(claims(aud=named)), audience=asked))["aud"] == named


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "api://another"}, "another audience"),
        ({"exp": 1_000_000_000}, "has expired"),
        ({"nbf": 32_000_000_000}, "not valid yet"),
        ({"iss": "https://evil.example/"}, "another issuer"),
        ({"iss": f"https://sts.windows.net/{OTHER_DIRECTORY}/"}, "another issuer"),
        ({"tid": "77777777-2222-4333-8444-555555555555"}, "not served here"),
        ({"tid": None}, "not served here"),
        *(({name: None}, "lacks a claim") for name in ("aud", "exp", "iat", "iss", "nbf", "sub")),
    ],
)
async def test_s3_auth_a_token_that_does_not_fit_is_refused_with_its_reason(
    provider: Provider, changes: dict[str, Any], reason: str
) -> None:
    verifier, issue = provider
    with pytest.raises(TokenRefused, match=reason) as caught:
        await verifier.verify(issue(claims(**changes)), audience=AUDIENCE)
    assert caught.value.status == 401
    assert "invalid_token" in caught.value.headers["WWW-Authenticate"]


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "memory.99.token", "eyJhbGciOiJub25lIn0.e30."])
async def test_s3_auth_what_was_never_issued_is_refused(provider: Provider, token: str) -> None:
    with pytest.raises(TokenRefused):
        await provider[0].verify(token, audience=AUDIENCE)


@pytest.mark.parametrize(("name", "seconds"), [("exp", -30), ("nbf", 30)])
async def test_clocks_may_differ_by_less_than_a_minute(provider: Provider, name: str, seconds: int) -> None:
    verifier, issue = provider
    values = claims()
    values[name] = values["iat"] + seconds
    assert await verifier.verify(issue(values), audience=AUDIENCE)
