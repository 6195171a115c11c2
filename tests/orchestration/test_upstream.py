"""The event handler of Web PubSub: who may tell it something, and that nothing it is told can break it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import RequestRefused, StorageUnavailable
from orchestration.handlers import realtime as controller_realtime
from orchestration.http import HttpCall
from orchestration.routes import ROUTES
from orchestration.sockets.upstream import (
    MAX_UPSTREAM_BYTES,
    SUBPROTOCOLS,
    allowed_origin,
    is_signed,
    parse_event,
)
from tests.orchestration.support import START, World, body_of
from tests.orchestration.upstream_events import (
    ANN,
    BOB,
    EVE,
    KEY,
    SECONDARY,
    WITH_KEY,
    PubSub,
    event,
    signed,
)

DIRECTORY = "99999999-2222-3333-4444-555555555555"
AUDIENCE, PRINCIPAL = "api://content-architect", "11111111-2222-3333-4444-555555555555"
WITH_IDENTITY = {
    "WEB_PUBSUB__endpoint": "https://name.webpubsub.azure.com",
    "WEB_PUBSUB_UPSTREAM_AUDIENCE": AUDIENCE,
    "WEB_PUBSUB_UPSTREAM_PRINCIPAL": PRINCIPAL,
    "ENTRA_TENANT_ID": DIRECTORY,
}


async def status_of(pubsub: PubSub, call: HttpCall) -> tuple[int, str | None]:
    reply = await pubsub.tell(call)
    return reply.status, body_of(reply).get("code") if reply.body else None


# ---------------------------------------------------------------- the handshake


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("name.webpubsub.azure.com", "name.webpubsub.azure.com"),
        ("NAME.webpubsub.azure.com", "name.webpubsub.azure.com"),
        ("other.example, name.webpubsub.azure.com", "name.webpubsub.azure.com"),
        ("other.webpubsub.azure.com", None),
        ("name.webpubsub.azure.com.evil.example", None),
        ("*", None),
        ("", None),
    ],
)
async def test_deliveries_are_allowed_to_our_own_web_pubsub_alone(asked: str, allowed: str | None) -> None:
    world = World(environment=WITH_KEY)
    call = HttpCall(method="OPTIONS", headers={"webhook-request-origin": asked} if asked else {})
    reply = await world.answer(ROUTES["realtime_handshake"], call)
    assert reply.headers.get("WebHook-Allowed-Origin") == allowed
    assert (reply.status == 200) == (allowed is not None)


async def test_without_a_web_pubsub_nobody_is_allowed() -> None:
    reply = await World().app.api.answer(
        ROUTES["realtime_handshake"],
        HttpCall(method="OPTIONS", headers={"webhook-request-origin": "name.webpubsub.azure.com"}),
    )
    assert reply.status == 403
    assert allowed_origin("anything", ()) is None


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize("keys", [(KEY,), (SECONDARY, KEY), (KEY, SECONDARY)])
async def test_either_signature_of_the_service_may_be_by_our_key(keys: tuple[str, ...]) -> None:
    pubsub = PubSub()
    assert (await pubsub.tell(event("sys", "connect", ce_signature=signed("c-1", *keys)))).status == 200


@pytest.mark.parametrize(
    "signature",
    [
        "",
        ",",
        "sha256=",
        signed("c-2", KEY),
        signed("c-1", SECONDARY),
        signed("c-1", KEY).upper(),
        signed("c-1", KEY).removeprefix("sha256="),
        signed("c-1", KEY)[:-1],
        "sha256=\udcff",
        ",".join([signed("c-1", SECONDARY)] * 8 + [signed("c-1", KEY)]),
    ],
)
async def test_an_event_that_our_key_did_not_sign_is_refused(signature: str) -> None:
    assert await status_of(PubSub(), event("sys", "connect", ce_signature=signature)) == (401, "unauthorized")


async def test_events_of_another_hub_are_refused_although_they_are_signed() -> None:
    assert await status_of(PubSub(), event("sys", "connect", ce_hub="other")) == (403, "forbidden")
    assert (await PubSub().tell(event("sys", "connect", ce_hub="ContentJobs"))).status == 200


async def test_without_a_key_and_without_an_identity_every_event_is_refused() -> None:
    pubsub = PubSub(world=World())
    assert await status_of(pubsub, event("sys", "connect")) == (401, "unauthorized")


@given(st.text(max_size=20), st.binary(min_size=1, max_size=40))
def test_only_the_key_makes_the_signature(connection: str, key: bytes) -> None:
    secret = key.hex()
    parsed = parse_event(event("sys", "connect", connection="c-1", ce_signature=signed("c-1", secret)))
    assert is_signed(parsed, [secret])
    assert not is_signed(parsed, [secret + "0"])
    assert not is_signed(parsed, [])


# ---------------------------------------------------------------- the service's own identity


def claims(**changes: Any) -> dict[str, Any]:
    now = START.timestamp()
    good = {
        "aud": AUDIENCE,
        "tid": DIRECTORY,
        "iss": f"https://sts.windows.net/{DIRECTORY}/",
        "oid": PRINCIPAL,
        "sub": PRINCIPAL,
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    return {**good, **changes}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"sub": "somebody"}, 200),
        ({"oid": "somebody", "sub": "somebody"}, 401),
        ({"oid": None, "sub": ""}, 401),
        ({"aud": "api://other"}, 401),
        ({"exp": 0}, 401),
    ],
)
async def test_with_managed_identity_a_token_of_that_very_identity_is_needed(
    changes: dict[str, Any], status: int
) -> None:
    pubsub = PubSub(world=World(environment=WITH_IDENTITY))
    token = pubsub.world.tokens.issue(claims(**changes))
    reply = await pubsub.tell(event("sys", "connect", authorization=f"Bearer {token}", ce_signature=""))
    assert reply.status == status


async def test_where_key_and_identity_are_configured_both_checks_have_to_pass() -> None:
    pubsub = PubSub(world=World(environment={**WITH_KEY, **WITH_IDENTITY}))
    bearer = f"Bearer {pubsub.world.tokens.issue(claims())}"
    assert (await pubsub.tell(event("sys", "connect", authorization=bearer))).status == 200
    for wrong in (
        {"authorization": ""},
        {"authorization": f"Basic {bearer}"},
        {"authorization": bearer, "ce_signature": ""},
    ):
        assert (await pubsub.tell(event("sys", "connect", **wrong))).status == 401


# ---------------------------------------------------------------- connecting


async def test_connecting_answers_with_the_user_and_the_best_subprotocol_on_offer() -> None:
    pubsub = PubSub()
    for number, (offered, chosen) in enumerate(
        [
            (list(SUBPROTOCOLS), SUBPROTOCOLS[0]),
            ([SUBPROTOCOLS[1], "mine"], SUBPROTOCOLS[1]),
            (["mine"], None),
            ([], None),
        ]
    ):
        body = body_of(await pubsub.connect(connection=f"c-{number}", subprotocols=offered))
        assert body == {"userId": ANN.user_id, **({"subprotocol": chosen} if chosen else {})}


@pytest.mark.parametrize(
    "user", ["", "ann", "local:ann", f"local:{ANN.user.upper()}", f"a b:{ANN.user}", f":{ANN.user}"]
)
async def test_a_socket_without_a_user_of_ours_is_refused(user: str) -> None:
    assert await status_of(PubSub(), event("sys", "connect", ce_userid=user)) == (401, "unauthorized")
    assert await status_of(PubSub(), event("sys", "connect", watcher=None)) == (401, "unauthorized")


async def test_attributes_are_percent_decoded() -> None:
    user = ANN.user_id.replace(":", "%3A")
    assert (await PubSub().tell(event("sys", "connect", ce_userid=user))).status == 200


async def test_an_event_told_twice_or_late_changes_nothing_more() -> None:
    pubsub = PubSub()
    await pubsub.connect()
    first = await pubsub.world.app.sockets.registry.listed()
    pubsub.world.clock.advance(60)
    assert (await pubsub.connect()).status == 200
    (again,) = await pubsub.world.app.sockets.registry.listed()
    assert (again.since, again.watcher) == (first[0].since, first[0].watcher)
    for _ in range(2):
        assert (await pubsub.leave()).status == 204
    assert await pubsub.world.app.sockets.registry.listed() == []
    assert (await pubsub.tell(event("sys", "connected"))).status == 403, "its end was told first"


@pytest.mark.parametrize("other", [BOB, EVE])
async def test_a_signed_event_cannot_pass_a_connection_off_as_somebody_elses(other: Any) -> None:
    """The signature covers the connection id alone; whoever saw one could write any user beside it."""
    pubsub = PubSub()
    await pubsub.connect(ANN)
    job = (await pubsub.world.submit()).job
    for name in ("connect", "connected"):
        assert await status_of(pubsub, event("sys", name, watcher=other)) == (403, "forbidden")
    for name in ("SubscribeToJob", "UnsubscribeFromJob", "Unknown"):
        call = event("user", name, watcher=other, body={"jobId": job.job_id})
        expected = (200, None) if name == "Unknown" else (403, "forbidden")
        assert await status_of(pubsub, call) == expected
    assert (await pubsub.tell(event("sys", "disconnected", watcher=other))).status == 204
    assert len(await pubsub.world.app.sockets.registry.listed()) == 1
    assert pubsub.groups() == {ANN.group}


async def test_while_storage_is_down_a_socket_is_refused_with_a_status_that_says_later() -> None:
    pubsub = PubSub()

    async def down() -> None:
        raise StorageUnavailable("no tables")

    pubsub.world.store.prepare = down  # type: ignore[method-assign]
    reply = await pubsub.tell(event("sys", "connect"))
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")


# ---------------------------------------------------------------- anything at all


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (event("sys", "connect", ce_type="azure.webpubsub.sys"), 400),
        (event("sys", "connect", ce_type="azure.webpubsub.admin.connect"), 400),
        (event("sys", "connect", ce_connectionid=""), 400),
        (event("sys", "connect", ce_connectionid="a b"), 400),
        (event("sys", "connect", ce_connectionid="c" * 257), 400),
        (event("sys", "connect", body=b"x" * (MAX_UPSTREAM_BYTES + 1)), 413),
        (event("sys", "connect", body=b"[]"), 400),
        (event("sys", "connect", body=b"{"), 400),
        (event("sys", "connect", body=b"[" * 5000), 400),
        (event("sys", "slept"), 400),
    ],
)
async def test_what_is_no_event_is_refused_with_the_reason(call: HttpCall, status: int) -> None:
    reply = await PubSub().tell(call)
    assert reply.status == status
    assert body_of(reply)["detail"]


TEXT = st.text(st.characters(codec=None), max_size=40)
NAMES = st.sampled_from(
    ["connect", "connected", "disconnected", "SubscribeToJob", "UnsubscribeFromJob", "message", "%", ""]
)
VALUES = st.one_of(
    TEXT, st.sampled_from([ANN.user_id, "contentjobs", "c-1", "application/json", "text/plain"])
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "ce_type",
            "ce_hub",
            "ce_connectionid",
            "ce_userid",
            "ce_signature",
            "content_type",
            "authorization",
            "x_any",
        ]
    ),
    VALUES,
    max_size=4,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT.filter(lambda t: t.isascii()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["jobId", "claims", "webpubsub.group", "subprotocols"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
BODIES = st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode()))


@given(kind=st.sampled_from(["sys", "user", "else"]), name=NAMES, headers=HEADERS, body=BODIES)
async def test_no_headers_and_no_bytes_do_worse_than_being_refused(
    kind: str, name: str, headers: dict[str, str], body: bytes
) -> None:
    pubsub = PubSub()
    await pubsub.connect()
    reply = await pubsub.tell(event(kind, name, body=body, **headers))
    assert reply.status in (200, 204, 400, 401, 403)
    if reply.body:
        assert isinstance(body_of(reply), dict)
    assert pubsub.groups() == {ANN.group}, "no job of the tenant exists"


async def test_an_admitted_event_is_read_as_it_was_sent() -> None:
    world = World(environment=WITH_KEY)
    parsed = await world.app.api.controller.sockets.guard.admit(
        event("user", "SubscribeToJob", body={"jobId": "x"}, content_type="application/json; charset=utf-8")
    )
    assert (parsed.kind.value, parsed.name, parsed.connection_id) == ("user", "SubscribeToJob", "c-1")
    assert (parsed.user_id, parsed.content_type, parsed.body) == (
        ANN.user_id,
        "application/json",
        b'{"jobId": "x"}',
    )
    with pytest.raises(RequestRefused, match="ce-type"):
        parse_event(HttpCall(method="POST"))
    assert controller_realtime.receive is ROUTES["realtime_upstream"].handler
