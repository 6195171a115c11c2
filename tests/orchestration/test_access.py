"""Who is let in, in every mode of authentication."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration.errors import ConfigurationError
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Caller, Role
from orchestration.management.audit import AUDIT
from orchestration.routes import ROUTES
from tests.orchestration.support import START, World, body_of, settings_for
from tests.orchestration.tokens import (
    APP,
    DIRECTORY,
    ENTRA,
    OTHER_DIRECTORY,
    USER,
    bearer,
    claims,
    principal,
)

INTERNAL = {"INTERNAL_API_TOKEN": "the-internal-token"}
FRONT = {**ENTRA, "EASY_AUTH_IN_FRONT": "true", "WEBSITE_SITE_NAME": "app"}
LONG = "http://schemas.microsoft.com/identity/claims/"
SUBJECT = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
NOW = int(START.timestamp())


def at(**changes: Any) -> dict[str, Any]:
    """Claims whose times are those of the tests' clock."""
    return claims(iat=NOW, nbf=NOW, exp=NOW + 3600, **changes)


async def admitted(world: World, headers: dict[str, str], needed: Role = Role.VIEWER) -> Caller:
    return await world.app.api.access.admit(HttpCall(method="GET", headers=headers), needed)


async def listing(world: World, headers: dict[str, str]) -> HttpReply:
    return await world.app.api.answer(ROUTES["jobs"], HttpCall(method="GET", headers=headers))


def code_of(reply: HttpReply) -> tuple[int, str]:
    return reply.status, body_of(reply)["code"]


# ---------------------------------------------------------------- off, and the internal token


async def test_with_authentication_off_everybody_is_the_administrator_of_one_tenant() -> None:
    caller = await admitted(World(), {}, Role.ADMIN)
    assert ("local", Role.ADMIN) == (caller.tenant, caller.role)


@pytest.mark.parametrize("mode", [ENTRA, {"AUTH_MODE": "apikey"}], ids=["entra", "apikey"])
async def test_the_internal_token_is_an_operator_everywhere(mode: dict[str, str]) -> None:
    world = World(environment={**mode, **INTERNAL})
    for headers in (bearer("the-internal-token"), {"x-api-key": "the-internal-token"}):
        caller = await admitted(world, headers)
        assert (True, Role.OPERATOR) == (caller.everywhere, caller.role)
        reply = await world.app.api.answer(ROUTES["apikeys"], HttpCall(method="GET", headers=headers))
        assert (403, "forbidden") == code_of(reply)


@pytest.mark.parametrize("mode", [ENTRA, {"AUTH_MODE": "apikey"}], ids=["entra", "apikey"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("the-internal-token2"),
        bearer("ca_"),
        bearer("\udcff"),
        bearer("ü" * 100),
        bearer("x" * 20_000),
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer"},
        {"x-api-key": ""},
        {"cookie": "session=the-internal-token"},
    ],
    ids=range(11),
)
async def test_s3_auth_without_a_good_credential_nobody_comes_in(
    mode: dict[str, str], headers: dict[str, str]
) -> None:
    reply = await listing(World(environment={**mode, **INTERNAL}), headers)
    assert (401, "unauthorized") == code_of(reply)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_in_the_address_is_no_credential() -> None:
    """Addresses end in logs and histories."""
    world = World(environment={"AUTH_MODE": "apikey", **INTERNAL})
    for name in ("code", "access_token", "api_key", "token"):
        call = HttpCall(method="GET", query={name: "the-internal-token"})
        assert 401 == (await world.app.api.answer(ROUTES["jobs"], call)).status


# ---------------------------------------------------------------- entra


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({"roles": ["viewer"]}, Role.VIEWER),
        ({"roles": ["viewer", "admin", "submitter"]}, Role.ADMIN),
        ({"roles": ["Operator"]}, Role.OPERATOR),
        ({"roles": ["root", "administrator"]}, None),
        ({"roles": []}, None),
        ({"roles": None}, None),
        ({"roles": [5, {"admin": 1}]}, None),
        ({"roles": {"admin": True}}, None),
        ({"roles": ["admin"], "scp": "user_impersonation"}, Role.ADMIN),
        ({"roles": ["admin"], "scp": "openid viewer"}, Role.VIEWER),
        ({"roles": ["viewer"], "scp": "admin"}, Role.VIEWER),
        ({"roles": ["admin"], "scp": "openid profile"}, None),
        ({"roles": None, "scp": "admin user_impersonation"}, None),
    ],
    ids=range(13),
)
async def test_a_role_is_an_app_role_that_scopes_can_only_narrow(
    changes: dict[str, Any], role: Role | None
) -> None:
    world = World(environment=ENTRA)
    headers = bearer(world.tokens.issue(at(**changes)))
    if role is None:
        assert (403, "forbidden") == code_of(await listing(world, headers))
        return
    caller = await admitted(world, headers)
    assert (DIRECTORY, role) == (caller.tenant, caller.role)
    assert not caller.everywhere


async def test_a_subject_is_the_user_or_the_application() -> None:
    world = World(environment=ENTRA)
    user = at(scp="user_impersonation", oid=USER, roles=["viewer"])
    assert f"user:{USER}" == (await admitted(world, bearer(world.tokens.issue(user)))).subject
    assert f"app:{APP}" == (await admitted(world, bearer(world.tokens.issue(at())))).subject
    newer = at(appid=None, azp=APP)
    assert f"app:{APP}" == (await admitted(world, bearer(world.tokens.issue(newer)))).subject


async def test_s3_auth_an_id_token_is_no_access_token() -> None:
    """It is genuine, for the same audience and with the user's roles, but says only who signed in somewhere."""
    world = World(environment=ENTRA)
    signed_in = at(oid=USER, sub="a-subject-of-this-application", appid=None, roles=["admin"])
    reply = await listing(world, bearer(world.tokens.issue(signed_in)))
    assert (401, "this is no access token") == (reply.status, body_of(reply)["detail"])
    own = at(oid=USER, sub="another", idtyp="app", roles=["admin"])
    assert Role.ADMIN is (await admitted(world, bearer(world.tokens.issue(own)))).role


async def test_tenants_are_the_directories() -> None:
    world = World(environment=ENTRA)
    other = bearer(world.tokens.issue(at(tid=OTHER_DIRECTORY)))
    assert OTHER_DIRECTORY == (await admitted(world, other)).tenant


async def test_a_tenant_in_a_header_a_body_or_an_address_changes_nothing() -> None:
    world = World(environment=ENTRA)
    headers = {**bearer(world.tokens.issue(at())), "x-tenant": "other", "x-ms-client-tenant-id": "other"}
    call = HttpCall(method="GET", headers=headers, query={"tenant": "other"}, body=b'{"tenant":"other"}')
    assert DIRECTORY == (await world.app.api.access.admit(call, Role.VIEWER)).tenant


async def test_an_api_key_opens_nothing_where_tokens_are_asked_for() -> None:
    world = World(environment=ENTRA)
    admin = Caller(tenant=DIRECTORY, subject="x", role=Role.ADMIN)
    from orchestration.access.apikeys import KeyRequest

    _, key = await world.app.api.access.keys.issue(admin, KeyRequest(name="k", role=Role.ADMIN))
    assert (401, "unauthorized") == code_of(await listing(world, bearer(key)))


# ---------------------------------------------------------------- App Service authentication


def front(*extra: tuple[str, str], tenant: str = DIRECTORY, **changes: Any) -> dict[str, str]:
    pairs = ((f"{LONG}tenantid", tenant), (f"{LONG}objectidentifier", USER), ("appid", APP), *extra)
    return principal(*pairs, **changes)


async def test_s3_auth_a_client_principal_is_ignored_unless_a_setting_says_who_sets_it() -> None:
    """It is base64, not a signature: whoever can send a header can write one."""
    for mode in (ENTRA, {"AUTH_MODE": "apikey"}):
        world = World(environment={**mode, **INTERNAL})
        forged = front(("roles", "admin"))
        assert (401, "unauthorized") == code_of(await listing(world, forged))
        caller = await admitted(world, {**forged, **bearer("the-internal-token")})
        assert "operator" == caller.subject


async def test_a_client_principal_is_read_where_easy_auth_is_in_front() -> None:
    world = World(environment=FRONT)
    caller = await admitted(world, front(("roles", "viewer"), ("roles", "operator")))
    assert (DIRECTORY, f"user:{USER}", Role.OPERATOR) == (caller.tenant, caller.subject, caller.role)
    application = front((SUBJECT, USER), ("roles", "viewer"))
    assert f"app:{APP}" == (await admitted(world, application)).subject
    user = front(("roles", "admin"), (f"{LONG}scope", "user_impersonation"), tenant=DIRECTORY.upper())
    caller = await admitted(world, user)
    assert (DIRECTORY, f"user:{USER}", Role.ADMIN) == (caller.tenant, caller.subject, caller.role)
    named = front(("https://roles.example", "viewer"), role_typ="https://roles.example")
    assert Role.VIEWER is (await admitted(world, named)).role


async def test_a_token_is_still_checked_here_where_easy_auth_lets_calls_pass() -> None:
    world = World(environment=FRONT)
    assert DIRECTORY == (await admitted(world, bearer(world.tokens.issue(at())))).tenant
    assert (401, "unauthorized") == code_of(await listing(world, bearer("forged")))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ms-client-principal": ""},
        {"x-ms-client-principal": "not base64!"},
        {"x-ms-client-principal": "e30="},
        {"x-ms-client-principal": "W10="},
        {"x-ms-client-principal": "bnVsbA=="},
        {"x-ms-client-principal": "W1tbW1tbW1tbW1tb" * 2000},
        {"x-ms-client-principal": "\udcff"},
        front(("roles", "admin"), tenant="77777777-2222-4333-8444-555555555555"),
        front(("roles", "admin"), tenant=""),
        front(("roles", "admin"), auth_typ="github"),
        front(("roles", "admin"), claims=[{"typ": "roles"}]),
        front(("roles", "admin"), claims={"typ": "roles"}),
        front(("roles", "admin"), claims="roles"),
        front(("roles", "admin"), (f"{LONG}tenantid", OTHER_DIRECTORY)),
        principal(("roles", "admin")),
    ],
    ids=range(15),
)
async def test_s3_auth_a_client_principal_that_does_not_fit_is_refused(headers: dict[str, str]) -> None:
    assert (401, "unauthorized") == code_of(await listing(World(environment=FRONT), headers))


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"AUTH_MODE": "entra"}, "ENTRA_TENANT_ID"),
        ({"WEBSITE_SITE_NAME": "app"}, "ENTRA_TENANT_ID"),
        ({**ENTRA, "ENTRA_AUDIENCE": ""}, "ENTRA_AUDIENCE"),
        ({**ENTRA, "ENTRA_TENANT_ID": "common"}, "ENTRA_TENANT_ID"),
        ({**ENTRA, "ENTRA_AUTHORITY": "http://login.example.org"}, "https"),
        ({**ENTRA, "ENTRA_AUTHORITY": "https://login.example.org/path"}, "ENTRA_AUTHORITY"),
        ({**ENTRA, "ENTRA_AUTHORITY": "http://127.0.0.1:1", "WEBSITE_SITE_NAME": "app"}, "https"),
        ({**ENTRA, "EASY_AUTH_IN_FRONT": "true"}, "EASY_AUTH_IN_FRONT"),
        ({"EASY_AUTH_IN_FRONT": "true"}, "EASY_AUTH_IN_FRONT"),
        (
            {"EASY_AUTH_IN_FRONT": "true", "AUTH_MODE": "apikey", "WEBSITE_SITE_NAME": "app"},
            "EASY_AUTH_IN_FRONT",
        ),
        ({**ENTRA, "WEBSITE_SITE_NAME": "app", "INTERNAL_API_TOKEN": "short"}, "24 random"),
        (
            {**ENTRA, "INTERNAL_API_TOKEN": "@Microsoft.KeyVault(SecretUri=https://x)"},
            "INTERNAL_API_TOKEN was not",
        ),
        ({**ENTRA, "LLM_API_KEY": "@Microsoft.KeyVault(SecretUri=https://x)"}, "LLM_API_KEY was not"),
    ],
    ids=range(13),
)
def test_s3_misconfiguration_a_mode_that_cannot_work_is_refused_at_the_start(
    environment: dict[str, str], match: str
) -> None:
    with pytest.raises(ConfigurationError, match=match):
        settings_for(**environment)


async def test_the_trace_of_a_call_is_one_and_the_same() -> None:
    call = HttpCall(method="GET")
    assert call.trace_id == call.trace_id
    assert 32 == len(call.trace_id)
    world = World(environment={"AUTH_MODE": "apikey"})
    reply = await world.app.api.answer(ROUTES["jobs"], call)
    assert call.trace_id == body_of(reply)["traceId"]
    given = HttpCall(method="GET", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert "a" * 32 == given.trace_id
    assert [] == [row for row in world.store.table(AUDIT).all() if "local" in str(row)]
