"""API keys: shown once, stored as digests, ended within seconds, and never beyond their tenant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestration.access.apikeys import APIKEYS, CACHE_SECONDS, MAX_KEYS, KeyRequest
from orchestration.bootstrap import App
from orchestration.errors import RequestRefused, RowConflict, StorageUnavailable
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Caller, Role
from orchestration.management.audit import AUDIT
from orchestration.routes import ROUTES
from tests.orchestration.support import World, body_of
from tests.orchestration.tokens import bearer

JSON = {"content-type": "application/json"}


def mode_apikey() -> World:
    return World(environment={"AUTH_MODE": "apikey"})


async def issued(
    world: World, tenant: str = "acme", role: Role = Role.ADMIN, name: str = "first", **more: Any
) -> str:
    owner = Caller(tenant=tenant, subject="command", role=Role.ADMIN)
    _, text = await world.app.api.access.keys.issue(owner, KeyRequest(name=name, role=role, **more))
    return text


async def ask(
    world: World, key: str, name: str = "jobs", body: object = None, app: App | None = None, **parts: Any
) -> HttpReply:
    data = json.dumps(body).encode() if body is not None else b""
    call = HttpCall(
        method=ROUTES[name].method,
        headers={**JSON, **bearer(key), **parts.pop("headers", {})},
        body=data,
        **parts,
    )
    return await (app or world.app).api.answer(ROUTES[name], call)


def id_of(key: str) -> str:
    return key.split("_")[1]


# ---------------------------------------------------------------- holding one


@pytest.mark.parametrize("role", Role)
async def test_a_key_is_its_tenant_and_its_role(role: Role) -> None:
    world = mode_apikey()
    key = await issued(world, role=role)
    caller = await world.app.api.access.keys.caller(key)
    assert ("acme", role, f"key:{id_of(key)}") == (caller.tenant, caller.role, caller.subject)
    assert 200 == (await ask(world, key)).status
    expected = 200 if role is Role.ADMIN else 403
    assert expected == (await ask(world, key, "apikeys")).status


async def test_only_a_digest_is_stored() -> None:
    world = mode_apikey()
    key = await issued(world)
    rows = str(world.store.table(APIKEYS).all())
    assert key.rpartition("_")[2] not in rows
    assert id_of(key) in rows


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: key.upper(),
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: f"ca_{'0' * 32}_{key.rpartition('_')[2]}",
        lambda key: key.replace("ca_", "xx_"),
        lambda key: key.replace("_", "-"),
        lambda key: f"ca_{id_of(key)}_",
    ],
    ids=range(8),
)
async def test_s3_auth_a_key_that_is_not_quite_one_is_refused(spoil: Any) -> None:
    world = mode_apikey()
    assert 401 == (await ask(world, spoil(await issued(world)))).status


async def test_s3_auth_a_wrong_secret_and_an_unknown_id_are_the_same_answer() -> None:
    world = mode_apikey()
    key = await issued(world)
    wrong = await ask(world, f"ca_{id_of(key)}_{'0' * 64}")
    unknown = await ask(world, f"ca_{'0' * 32}_{'0' * 64}")
    for reply in (wrong, unknown):
        body = body_of(reply)
        del body["traceId"]
        assert (401, "the API key is not valid") == (reply.status, body["detail"])


async def test_s3_auth_a_key_ends_with_its_day() -> None:
    world = mode_apikey()
    key = await issued(world, expires_in_days=2)
    world.clock.advance(2 * 86_400 - 1)
    assert 200 == (await ask(world, key)).status
    world.clock.advance(1)
    assert "the API key has expired" == body_of(await ask(world, key))["detail"]


async def test_s3_auth_a_revoked_key_ends_at_once_here_and_within_seconds_elsewhere() -> None:
    world = mode_apikey()
    other = world.instance("two")
    admin, key = await issued(world), await issued(world, role=Role.VIEWER)
    assert 200 == (await ask(world, key, app=other)).status
    gone = await ask(world, admin, "apikey_revoke", route={"keyId": id_of(key)})
    assert 204 == gone.status
    assert "the API key was revoked" == body_of(await ask(world, key))["detail"]
    assert 200 == (await ask(world, key, app=other)).status
    world.clock.advance(CACHE_SECONDS)
    assert 401 == (await ask(world, key, app=other)).status


async def test_look_ups_are_remembered_and_a_flood_of_invented_ids_pushes_no_key_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.access.apikeys._REMEMBERED", 4)
    world = mode_apikey()
    key = await issued(world)
    reads: list[str] = []
    table = world.store.table(APIKEYS)
    read = table.read

    async def counting(partition: str, row: str) -> Any:
        reads.append(row)
        return await read(partition, row)

    monkeypatch.setattr(table, "read", counting)
    for number in range(10):
        assert 200 == (await ask(world, key)).status
        for _ in range(2):
            assert 401 == (await ask(world, f"ca_{number:032x}_{'0' * 64}")).status
    assert 1 == reads.count(id_of(key))
    assert 10 == len(reads) - 1


async def test_while_storage_is_down_a_key_that_is_not_remembered_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = mode_apikey()
    key = await issued(world)

    async def down(*_: object) -> Any:
        raise StorageUnavailable("no tables")

    monkeypatch.setattr(world.store.table(APIKEYS), "read", down)
    reply = await ask(world, key)
    assert (503, "storage_unavailable") == (reply.status, body_of(reply)["code"])


# ---------------------------------------------------------------- managing them


async def test_an_admin_issues_lists_and_ends_keys() -> None:
    world = mode_apikey()
    admin = await issued(world)
    world.clock.advance(1)
    made = await ask(
        world, admin, "apikey_create", {"name": "  reader ", "role": "viewer", "expiresInDays": 7}
    )
    body = body_of(made)
    assert (201, "reader", "viewer") == (made.status, body["name"], body["role"])
    assert "no-store" == made.headers["Cache-Control"]
    assert f"key:{id_of(admin)}" == body["createdBy"]
    assert 200 == (await ask(world, body["key"])).status
    listed = body_of(await ask(world, admin, "apikeys"))["value"]
    assert [id_of(admin), body["id"]] == [key["id"] for key in listed]
    assert {"id", "name", "role", "createdAt", "createdBy", "expiresAt", "revokedAt"} == set(listed[1])
    for _ in range(2):
        assert 204 == (await ask(world, admin, "apikey_revoke", route={"keyId": body["id"]})).status
    assert body_of(await ask(world, admin, "apikeys"))["value"][1]["revokedAt"]


async def test_issuing_and_ending_are_audited_without_the_key() -> None:
    world = mode_apikey()
    admin = await issued(world)
    key = body_of(await ask(world, admin, "apikey_create", {"name": "n", "role": "viewer"}))
    world.clock.advance(1)
    await ask(world, admin, "apikey_revoke", route={"keyId": key["id"]})
    rows = [row.values for partition, row in world.store.table(AUDIT).all() if partition == "acme"]
    assert {f"revoked {key['id']}", f"issued {key['id']} viewer"} == {row["result"] for row in rows}
    assert {"key_change"} == {row["action"] for row in rows}
    assert key["key"].rpartition("_")[2] not in str(rows)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "", "role": "viewer"},
        {"name": "   ", "role": "viewer"},
        {"name": "x" * 101, "role": "viewer"},
        {"name": "line\nbreak", "role": "viewer"},
        {"name": "x", "role": "root"},
        {"name": "x", "role": "viewer", "expiresInDays": 0},
        {"name": "x", "role": "viewer", "expiresInDays": 3651},
        {"name": "x", "role": "viewer", "tenant": "other"},
        [],
    ],
    ids=range(11),
)
async def test_a_wrong_request_for_a_key_is_refused_by_field(body: object) -> None:
    world = mode_apikey()
    reply = await ask(world, await issued(world), "apikey_create", body)
    assert (422, "invalid_request") == (reply.status, body_of(reply)["code"])
    assert 1 == len(world.store.table(APIKEYS).all())


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, None])
async def test_nobody_grants_more_than_they_have(role: Role | None) -> None:
    keys = mode_apikey().app.api.access.keys
    caller = Caller(tenant="acme", role=role)
    with pytest.raises(RequestRefused, match="more than they have"):
        await keys.issue(caller, KeyRequest(name="n", role=Role.ADMIN))
    if role is not None:
        key, _ = await keys.issue(caller, KeyRequest(name="n", role=role))
        assert role is key.role


async def test_the_last_admin_key_stays_until_there_is_another() -> None:
    world = mode_apikey()
    first = await issued(world)
    await issued(world, tenant="other")
    await issued(world, role=Role.VIEWER)
    reply = await ask(world, first, "apikey_revoke", route={"keyId": id_of(first)})
    assert (409, "last_admin_key") == (reply.status, body_of(reply)["code"])
    second = await issued(world, name="second")
    assert 204 == (await ask(world, second, "apikey_revoke", route={"keyId": id_of(first)})).status


async def test_an_admin_key_that_has_expired_counts_no_more() -> None:
    world = mode_apikey()
    await issued(world, expires_in_days=1)
    last = await issued(world)
    world.clock.advance(86_400)
    assert 409 == (await ask(world, last, "apikey_revoke", route={"keyId": id_of(last)})).status


async def test_two_who_end_the_same_key_at_once_end_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = mode_apikey()
    admin, key = await issued(world), await issued(world, role=Role.VIEWER)
    table = world.store.table(APIKEYS)
    replace, changes = table.replace, []

    async def late(partition: str, row: Any, *, etag: str) -> None:
        if not changes:
            changes.append(1)
            await replace(partition, row, etag=etag)
            raise RowConflict("somebody was faster")
        await replace(partition, row, etag=etag)

    monkeypatch.setattr(table, "replace", late)
    assert 204 == (await ask(world, admin, "apikey_revoke", route={"keyId": id_of(key)})).status
    assert [1] == changes


async def test_ended_keys_are_forgotten_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing shows all rows of a tenant, so their number is bounded."""
    monkeypatch.setattr("orchestration.access.apikeys.MAX_KEYS", 3)
    world = mode_apikey()
    admin = await issued(world)
    for number in range(6):
        world.clock.advance(1)
        key = await issued(world, role=Role.VIEWER, name=f"n{number}")
        assert 204 == (await ask(world, admin, "apikey_revoke", route={"keyId": id_of(key)})).status
    names = [key["name"] for key in body_of(await ask(world, admin, "apikeys"))["value"]]
    assert ["first", "n2", "n3", "n4", "n5"] == names


@pytest.mark.parametrize("key_id", ["0" * 32, "x", "", "../..", "a'b", "0" * 16 + "\u0000" * 16, "A" * 32])
async def test_s3_table_keys_a_foreign_an_unknown_and_an_impossible_id_are_the_same_answer(
    key_id: str,
) -> None:
    world = mode_apikey()
    admin, foreign = await issued(world), await issued(world, tenant="other")
    replies = [
        await ask(world, admin, "apikey_revoke", route={"keyId": given}) for given in (id_of(foreign), key_id)
    ]
    first, second = ({**body_of(reply), "traceId": ""} for reply in replies)
    assert first == second
    assert (404, "key_not_found") == (first["status"], first["code"])
    assert 200 == (await ask(world, foreign)).status


async def test_a_tenant_has_so_many_live_keys_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.access.apikeys.MAX_KEYS", 2)
    assert MAX_KEYS > 100
    world = mode_apikey()
    admin, second = await issued(world), await issued(world, role=Role.VIEWER)
    reply = await ask(world, admin, "apikey_create", {"name": "third", "role": "viewer"})
    assert (409, "too_many_keys") == (reply.status, body_of(reply)["code"])
    await ask(world, admin, "apikey_revoke", route={"keyId": id_of(second)})
    assert 201 == (await ask(world, admin, "apikey_create", {"name": "third", "role": "viewer"})).status
