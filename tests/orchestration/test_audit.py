"""Audit rows: who did what, read by administrators of the tenant, bounded under floods, removed in time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestration.access.refusals import MAX_FAILURES, MAX_ROWS, WINDOW_SECONDS
from orchestration.checkpoints import Row
from orchestration.connections import store_alone
from orchestration.http import HttpCall, HttpReply
from orchestration.identity import Role
from orchestration.jobs import stamp
from orchestration.management import audit_log
from orchestration.management.audit import AUDIT, Action, Actor
from orchestration.management.audit_log import AuditLog
from orchestration.routes import ROUTES
from orchestration.settings import load_settings
from tests.orchestration.support import START, FakeClock, World, body_of
from tests.orchestration.test_apikeys import ask, id_of, issued
from tests.orchestration.test_custom_workflows import definition

USES_SERVICES = True
ADDRESS = "203.0.113.7"
INTERNAL = {"AUTH_MODE": "apikey", "INTERNAL_API_TOKEN": "the-internal-token", "TRUSTED_PROXY_HOPS": "1"}
REQUEST = {"topic": "A topic of its own", "contentType": "blog_post", "audience": "b2b"}


def world_of(**environment: str) -> World:
    return World(environment={**INTERNAL, **environment})


async def page(world: World, key: str, **query: str) -> dict[str, Any]:
    reply = await ask(world, key, "audit", query=query)
    assert 200 == reply.status, reply.body
    found: dict[str, Any] = body_of(reply)
    return found


async def refused(world: World, credential: str, address: str = ADDRESS) -> HttpReply:
    headers = {"x-api-key": credential, "x-forwarded-for": f"10.0.0.1, {address}:50000"}
    return await world.app.api.answer(ROUTES["jobs"], HttpCall(method="GET", headers=headers))


def rows_of(world: World) -> list[dict[str, Any]]:
    return [dict(row.values) for _, row in world.store.table(AUDIT).all()]


# ---------------------------------------------------------------- what is written


async def test_everything_that_changes_something_leaves_a_row_that_says_who_and_from_where() -> None:
    world = world_of()
    admin = await issued(world)
    trace = f"00-{'a' * 32}-{'b' * 16}-01"

    async def do(name: str, **parts: Any) -> HttpReply:
        world.clock.advance(1)
        body = parts.pop("body", None)
        headers = {
            "authorization": f"Bearer {admin}",
            "traceparent": trace,
            "x-forwarded-for": f"1.2.3.4, {ADDRESS}",
            "content-type": "application/json",
        }
        data = json.dumps(body).encode() if body is not None else b""
        call = HttpCall(method=ROUTES[name].method, headers=headers, body=data, **parts)
        reply = await world.app.api.answer(ROUTES[name], call)
        assert reply.status < 300, (name, reply.body)
        return reply

    job = body_of(await do("generate", body={**REQUEST, "userId": "somebody else"}))["jobId"]
    at_job = {"jobId": job}
    await do("job_cancel", route=at_job)
    await do("job_retry", route=at_job)
    await world.work()
    await do(
        "job_fork",
        route=at_job,
        body={"fromStep": body_of(await do("job", route=at_job))["steps"][1]["name"]},
    )
    await do("job_delete", route=at_job)
    await do("workflow_create", body=definition(id="mine"))
    await do("webhooks_rotate")
    key = body_of(await do("apikey_create", body={"name": "n", "role": "viewer"}))
    await do("apikey_revoke", route={"keyId": key["id"]})
    await do("dead_letters_redrive", body={"queue": "content-jobs", "all": True})
    rows = (await page(world, admin))["value"]
    assert [
        "key_change", "key_change", "rotate_secret", "workflow_change", "delete", "fork", "retry", "cancel", "submit",
    ] == [row["action"] for row in rows]  # fmt: skip
    assert {f"key:{id_of(admin)}"} == {row["actor"] for row in rows}
    assert {"a" * 32} == {row["traceId"] for row in rows}
    (address,) = {row["address"] for row in rows}
    assert 16 == len(address)
    assert ADDRESS not in str(rows_of(world))
    assert [job] * 4 == [
        row["jobId"] for row in rows if row["action"] in ("delete", "retry", "cancel", "submit")
    ]


async def test_the_operator_of_the_installation_acts_in_the_tenant_of_the_job_and_is_audited_there() -> None:
    world = world_of()
    admin, other = await issued(world), await issued(world, tenant="other")
    reply = await ask(world, admin, "generate", REQUEST)
    job = {"jobId": body_of(reply)["jobId"]}
    assert 404 == (await ask(world, other, "job", route=job)).status
    assert 200 == (await ask(world, "the-internal-token", "job", route=job)).status
    assert 202 == (await ask(world, "the-internal-token", "job_cancel", route=job)).status
    assert "operator" == (await page(world, admin, action="cancel"))["value"][0]["actor"]
    assert [] == (await page(world, other))["value"]
    unknown = {"jobId": "018f3c5e-0000-7000-8000-00000000dead"}
    assert 404 == (await ask(world, "the-internal-token", "job", route=unknown)).status
    assert [] == body_of(await ask(world, "the-internal-token", "jobs"))["value"]


# ---------------------------------------------------------------- refused credentials


async def test_a_refused_key_is_audited_in_its_tenant_and_an_unknown_one_in_none() -> None:
    world = world_of()
    admin = await issued(world)
    await refused(world, f"ca_{id_of(admin)}_{'0' * 64}")
    await refused(world, f"ca_{'0' * 32}_{'0' * 64}")
    (row,) = (await page(world, admin))["value"]
    assert ("auth_failure", f"key:{id_of(admin)}", "the API key is not valid") == (
        row["action"],
        row["actor"],
        row["result"],
    )
    assert ["", "acme"] == sorted(values["tenant"] for values in rows_of(world))


async def test_a_role_that_is_too_small_is_audited_too() -> None:
    world = world_of()
    admin, viewer = await issued(world), await issued(world, role=Role.VIEWER)
    assert 403 == (await ask(world, viewer, "generate", REQUEST)).status
    (row,) = (await page(world, admin))["value"]
    assert "the role submitter was needed" == row["result"]


async def test_a_flood_of_one_kind_is_a_few_rows_with_a_count() -> None:
    world = world_of(TRUSTED_PROXY_HOPS="0")
    for _ in range(1000):
        assert 401 == (await refused(world, "wrong")).status
    assert [
        "the API key is not valid",
        "the API key is not valid (10 times within 60 s)",
        "the API key is not valid (100 times within 60 s)",
        "the API key is not valid (1000 times within 60 s)",
    ] == sorted(row["result"] for row in rows_of(world))


async def test_a_flood_from_everywhere_fills_no_table(caplog: pytest.LogCaptureFixture) -> None:
    world = world_of()
    for number in range(3 * MAX_ROWS):
        await refused(world, "wrong", f"198.51.{number // 200}.{number % 200}")
    assert MAX_ROWS == len(rows_of(world))
    assert "left out" in caplog.text
    world.clock.advance(WINDOW_SECONDS)
    await refused(world, "wrong")
    assert MAX_ROWS + 1 == len(rows_of(world))


async def test_an_address_that_fails_too_often_waits_and_others_do_not() -> None:
    world = world_of()
    key = await issued(world)
    for _ in range(MAX_FAILURES):
        assert 401 == (await refused(world, "wrong")).status
    late = await refused(world, key)
    assert (429, "too_many_failures") == (late.status, body_of(late)["code"])
    assert str(WINDOW_SECONDS) == late.headers["Retry-After"]
    assert 200 == (await refused(world, key, "203.0.113.8")).status
    world.clock.advance(WINDOW_SECONDS)
    assert 200 == (await refused(world, key)).status


async def test_an_address_that_a_caller_invents_does_not_count() -> None:
    """Only the entry that our own proxy wrote is believed."""
    world = world_of()
    for number in range(MAX_FAILURES):
        headers = {"x-api-key": "wrong", "x-forwarded-for": f"198.51.100.{number % 250}, {ADDRESS}"}
        await world.app.api.answer(ROUTES["jobs"], HttpCall(method="GET", headers=headers))
    assert 429 == (await refused(world, "wrong")).status


async def test_open_routes_stay_open_to_everybody() -> None:
    world = world_of()
    for _ in range(MAX_FAILURES + 1):
        await refused(world, "wrong")
    call = HttpCall(method="GET", headers={"x-forwarded-for": ADDRESS})
    assert 200 == (await world.app.api.answer(ROUTES["health_live"], call)).status


# ---------------------------------------------------------------- reading


async def history(world: World, count: int, tenant: str = "acme") -> None:
    for number in range(count):
        action = Action.CANCEL if number % 5 == 0 else Action.SUBMIT
        job = f"018f3c5e-0000-7000-8000-{number % 3:012d}"
        await world.app.jobs.audit.record(Actor(tenant=tenant, user="x"), action, job)
        world.clock.advance(60)


async def test_pages_follow_each_other_newest_first_until_the_end() -> None:
    world = world_of()
    admin = await issued(world)
    await history(world, 25)
    seen: list[str] = []
    query: dict[str, str] = {"pageSize": "10"}
    while True:
        found = await page(world, admin, **query)
        seen += [row["at"] for row in found["value"]]
        if "nextLink" not in found:
            break
        link = found["nextLink"]
        assert link.startswith("https://api.example.org/content-architect/audit?")
        query = dict(part.split("=") for part in link.partition("?")[2].split("&"))
    assert 25 == len(seen)
    assert sorted(seen, reverse=True) == seen


async def test_rows_are_filtered_by_time_action_and_job() -> None:
    world = world_of()
    admin = await issued(world)
    await history(world, 25)
    assert 5 == len((await page(world, admin, action="cancel"))["value"])
    job = "018f3c5e-0000-7000-8000-000000000001"
    assert 8 == len((await page(world, admin, jobId=job.upper()))["value"])
    first, last = stamp(START.replace(minute=5)), stamp(START.replace(minute=10))
    inside = (await page(world, admin, **{"from": first, "to": last}))["value"]
    assert [f"2026-11-22T12:0{minute}:00.000Z" for minute in (9, 8, 7, 6, 5)] == [row["at"] for row in inside]


async def test_with_a_rare_filter_a_page_may_be_empty_and_still_have_a_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_log, "MOST_READ", 10)
    world = world_of()
    admin = await issued(world)
    await world.app.jobs.audit.record(Actor(tenant="acme"), Action.DELETE, "")
    world.clock.advance(1)
    await history(world, 15)
    found = await page(world, admin, action="delete")
    assert [] == found["value"]
    cursor = found["nextLink"].rpartition("cursor=")[2]
    assert 1 == len((await page(world, admin, action="delete", cursor=cursor))["value"])


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "yesterday"}, "/from"),
        ({"to": "2026-11-22T12:00:00"}, "/to"),
        ({"action": "everything"}, "/action"),
        ({"jobId": "x' or 1 eq 1"}, "/jobId"),
        ({"pageSize": "201"}, "/pageSize"),
        ({"cursor": "AAAA"}, "/cursor"),
        ({"tenant": "other"}, "/tenant"),
        ({"'or": "1"}, ""),
    ],
)
async def test_s3_table_keys_a_wrong_parameter_is_refused_by_name(
    query: dict[str, str], pointer: str
) -> None:
    world = world_of()
    reply = await ask(world, await issued(world), "audit", query=query)
    assert (422, [pointer]) == (reply.status, [error["pointer"] for error in body_of(reply)["errors"]])


async def test_a_cursor_of_another_tenant_is_refused() -> None:
    world = world_of()
    admin, other = await issued(world), await issued(world, tenant="other")
    await history(world, 3)
    await history(world, 3, tenant="other")
    link = (await page(world, admin, pageSize="1"))["nextLink"]
    reply = await ask(world, other, "audit", query={"cursor": link.rpartition("cursor=")[2]})
    assert 422 == reply.status


# ---------------------------------------------------------------- retention


@pytest.fixture(params=["memory", "azure"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[AuditLog]:
    clock = FakeClock()
    if request.param == "memory":
        yield AuditLog(store=World(clock=clock).store, clock=clock, days=30)
        return
    settings = load_settings({"CONTENT_STORAGE_CONNECTION_STRING": request.getfixturevalue("azurite")})
    async with store_alone(settings) as store:
        await store.prepare()
        yield AuditLog(store=store, clock=clock, days=30)


async def put(log: AuditLog, partition: str, days: int, key: str | None = None) -> None:
    from datetime import timedelta

    at = stamp(START - timedelta(days=days))
    values = {"at": at, "action": "submit", "jobId": "", "user": "", "result": "", "traceId": ""}
    name = key or f"{audit_log.position(at)}x{days}"
    await log.table.put(partition, [Row(key=name, values=values)])


async def test_rows_of_every_tenant_go_when_they_are_old_and_not_before(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "MOST_PARTITIONS", 3)
    tenants = ["acme", "acme-2", ".0a", "message:of-this-test", "Zeta"]
    for tenant in tenants:
        for days in (1, 29, 31, 400):
            key = f"{days:064x}" if tenant.startswith("message:") else None
            await put(log, tenant, days, key)
    removed = 0
    for _ in range(20):  # the tables may hold tenants of other tests
        removed += await log.clean()
    assert 10 == removed
    for tenant in tenants:
        left = await log.table.between(tenant, after="", before="~", limit=10)
        assert 2 == len(left), tenant


async def test_one_clean_up_removes_a_bounded_number(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MOST_REMOVED", 2)
    for number in range(4):
        await put(log, f"t{number}", 40)
    removed = [await log.clean() for _ in range(4)]
    assert [2, 2] == [number for number in removed if number]
