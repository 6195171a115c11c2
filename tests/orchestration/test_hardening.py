"""The threat table, row by row, over every route; what concerns one module alone is tested beside it.

Names begin with ``s3_`` and the row: docs/security.md lists them.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.http import MAX_HEADER_CHARACTERS, MAX_HEADERS, MAX_QUERY_CHARACTERS, HttpCall, HttpReply
from orchestration.identity import Role
from orchestration.openapi import OPERATIONS
from orchestration.realtime import TOKEN_MINUTES
from orchestration.routes import ROUTES, Route
from tests.orchestration.contract import assert_in_contract
from tests.orchestration.support import REQUEST, World, body_of
from tests.orchestration.test_apikeys import ask, issued
from tests.orchestration.two_tenants import ENVIRONMENT, Operation, Scene, call_of

ROOT = Path(__file__).parents[2]
UNLIMITED = {**ENVIRONMENT, "RATE_LIMIT_PER_MINUTE": "0", "MAX_ACTIVE_JOBS": "0"}
WITH_BODY = sorted(name for name, route in ROUTES.items() if route.method in ("POST", "PUT") and route.role)


def probe(name: str, credential: str) -> HttpCall:
    """A call of this route as it should be, for something that does not exist."""
    return call_of(0, Operation(tenant=0, route=name, owner=2), Scene(), credential)


async def answered(world: World, name: str, call: HttpCall) -> HttpReply:
    reply = await world.app.api.answer(ROUTES[name], call)
    assert_in_contract(name, reply, fake=True)
    return reply


def problem(reply: HttpReply) -> tuple[int, str]:
    assert reply.content_type == "application/problem+json"
    return reply.status, body_of(reply)["code"]


# ---------------------------------------------------------------- function level


@pytest.mark.parametrize("role", [None, *Role])
async def test_s3_function_level_a_route_takes_its_role_and_no_smaller_one(role: Role | None) -> None:
    world = World(environment=UNLIMITED)
    credential = await issued(world, role=role) if role else "nothing"
    for name, route in ROUTES.items():
        reply = await answered(world, name, probe(name, credential))
        if route.role is None or (role is not None and role.includes(route.role)):
            assert reply.status not in (401, 403), name
        elif role is None:
            assert (401, "unauthorized") == problem(reply), name
        else:
            assert (403, "forbidden") == problem(reply), name


def test_s3_function_level_the_documented_roles_are_those_that_are_enforced() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `([A-Z]+ [^`]+)` \| (\w+) \|", page, re.MULTILINE))

    def key(route: Route) -> str:
        return f"{route.method} {route.path}"

    assert table == {key(route): route.role.value if route.role else "none" for route in ROUTES.values()}


@pytest.mark.parametrize("name", WITH_BODY)
async def test_s3_mass_assignment_no_body_takes_a_member_that_it_does_not_know(name: str) -> None:
    world = World(environment=UNLIMITED)
    call = probe(name, await issued(world))
    if not call.body:
        return  # this one reads no body
    spoiled = json.dumps({**json.loads(call.body), "tenant": "zeta", "owner": "zeta"}).encode()
    reply = await answered(
        world, name, HttpCall(method=call.method, headers=call.headers, route=call.route, body=spoiled)
    )
    if name == "workflow_validate":
        assert not body_of(reply)["valid"]
        return
    if reply.status == 404:
        return  # what it was about was looked for first
    assert (422, "invalid_request") == problem(reply)
    assert {"/tenant", "/owner"} <= {error["pointer"] for error in body_of(reply)["errors"]}


# ---------------------------------------------------------------- resource use


HOSTILE_BODIES = {
    "5,000 deep": (b"[" * 5000 + b"]" * 5000, 400),
    "5,000 deep objects": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
    "deep and unclosed": (b'{"topic":' * 100_000, 400),
    "NaN": (b'{"topic":NaN}', 400),
    "infinite": (b'{"topic":1e999}', 400),
    "a number of 100,000 digits": (b'{"topic":' + b"9" * 100_000 + b"}", 400),
    "a name twice": (b'{"topic":"a","topic":"b"}', 400),
    "no UTF-8": (b'{"topic":"\xff"}', 400),
    "half a surrogate pair": (b'{"topic":"\\ud800"}', 400),
    "UTF-16": ('{"topic":"a"}'.encode("utf-16"), 400),
    "a comment": (b'{"topic":"a"} // more', 400),
    "two values": (b"{}{}", 400),
    "nothing": (b" ", 400),
    "3 MB": (b" " * 3_000_000, 413),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "a text": (b'"generate"', 422),
}


@pytest.mark.parametrize("body", HOSTILE_BODIES)
async def test_s3_resource_use_a_hostile_body_is_refused_and_changes_nothing(body: str) -> None:
    world = World(environment=UNLIMITED)
    credential = await issued(world)
    before = everything(world)
    data, status = HOSTILE_BODIES[body]
    for name in WITH_BODY:
        call = probe(name, credential)
        if not call.body:
            continue  # this one reads no body
        hostile = HttpCall(method=call.method, headers=call.headers, route=call.route, body=data)
        reply = await answered(world, name, hostile)
        if name == "workflow_validate" and status == 422:
            assert not body_of(reply)["valid"]
        else:
            assert reply.status in (status, 404), name
    assert before == everything(world)


def everything(world: World) -> str:
    tables = {name: table.all() for name, table in world.store._tables.items()}
    return repr((tables, world.store.active(), world.queue.sent, world.sender.sent))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"transfer-encoding": "chunked"}, (411, "length_required")),
        ({"transfer-encoding": "gzip, Chunked"}, (411, "length_required")),
        ({"content-encoding": "gzip"}, (415, "unsupported_media_type")),
        ({"content-encoding": "gzip, gzip"}, (415, "unsupported_media_type")),
        ({"content-type": "text/html"}, (415, "unsupported_media_type")),
        ({"content-type": "application/x-www-form-urlencoded"}, (415, "unsupported_media_type")),
        ({"content-type": "multipart/form-data; boundary=x"}, (415, "unsupported_media_type")),
    ],
    ids=range(7),
)
async def test_s3_decompression_only_plain_json_of_known_length_is_read(
    headers: dict[str, str], expected: tuple[int, str]
) -> None:
    world = World(environment=UNLIMITED)
    reply = await ask(world, await issued(world), "generate", REQUEST, headers=headers)
    assert expected == problem(reply)


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({f"x-{number}": "1" for number in range(MAX_HEADERS + 1)}, {}, 431),
        ({"x-long": "x" * MAX_HEADER_CHARACTERS}, {}, 431),
        ({"x" * MAX_HEADER_CHARACTERS: "1"}, {}, 431),
        ({}, {"x": "1" * MAX_QUERY_CHARACTERS}, 414),
        ({}, {f"x{number}": "" for number in range(MAX_QUERY_CHARACTERS)}, 414),
    ],
    ids=range(5),
)
async def test_s3_resource_use_floods_of_headers_and_endless_queries_are_refused_unread(
    headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    world = World(environment=UNLIMITED)
    credential = await issued(world)
    for name in ROUTES:
        call = probe(name, credential)
        hostile = HttpCall(
            method=call.method,
            headers={**call.headers, **headers},
            query=query,
            route=call.route,
            body=call.body,
        )
        assert status == (await answered(world, name, hostile)).status, name


@given(
    st.sampled_from(sorted(ROUTES)),
    st.dictionaries(
        st.sampled_from(
            ["authorization", "x-api-key", "accept", "prefer", "if-none-match", "traceparent", "idempotency-key",
             "x-forwarded-for", "x-ms-client-principal", "content-type", "content-encoding", "origin", "x-other"]
        ),
        st.text(st.characters(codec=None), max_size=80),
        max_size=6,
    ),
    st.dictionaries(st.text(max_size=12), st.text(max_size=40), max_size=4),
    st.text(max_size=40),
    st.binary(max_size=60),
)  # fmt: skip
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_s3_resource_use_nothing_that_a_caller_writes_is_a_defect_here(
    name: str, headers: dict[str, str], query: dict[str, str], path: str, body: bytes
) -> None:
    async def run() -> None:
        world = World(environment={**UNLIMITED, "TRUSTED_PROXY_HOPS": "1"})
        call = probe(name, await issued(world))
        hostile = HttpCall(
            method=call.method,
            headers={**call.headers, **headers},
            query=query,
            route=dict.fromkeys(("jobId", "workflowId", "keyId", "deliveryId", "file"), path),
            body=body,
        )
        reply = await answered(world, name, hostile)
        assert reply.status < 500, reply.body
        reply.body.decode()
        assert all(
            ord(character) < 0x80 and character not in "\r\n"
            for v in reply.headers.values()
            for character in v
        )

    asyncio.run(run())


# ---------------------------------------------------------------- table keys


PLAIN_KEY = re.compile(r"[A-Za-z0-9_.|:~-]{1,200}")
LABEL = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=60).filter(
    str.strip
)


@given(
    LABEL,
    LABEL,
    LABEL,
    st.sampled_from(["a/b", "..", "a\\b", "#", "?", "'; drop", "x eq 1 or 1 eq 1", "\x7f"]),
)
@settings(max_examples=12, deadline=None)
def test_s3_table_keys_no_text_of_a_caller_is_part_of_a_key(
    user: str, tag: str, name: str, nasty: str
) -> None:
    async def run() -> None:
        world = World(environment=UNLIMITED)
        key = await issued(world)
        body = {**REQUEST, "userId": nasty, "projectId": user, "tags": [tag]}
        for number, changes in enumerate(({}, {"userId": user}, {"projectId": nasty, "tags": [nasty]})):
            await ask(
                world, key, "generate", {**body, **changes}, headers={"idempotency-key": f"{number}'/#?"}
            )
        await ask(world, key, "apikey_create", {"name": name, "role": "viewer"})
        await ask(world, key, "apikey_create", {"name": nasty, "role": "viewer"})
        await ask(world, key, "workflow", route={"workflowId": nasty})
        await ask(world, key, "jobs", query={"userId": nasty})
        await world.work()
        keys = {
            part for table in world.store._tables.values() for p, row in table.all() for part in (p, row.key)
        }
        assert keys
        assert [key for key in keys if not PLAIN_KEY.fullmatch(key)] == []

    asyncio.run(run())


def test_s3_table_keys_no_filter_is_built_from_text() -> None:
    found = []
    for file in sorted((ROOT / "orchestration").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = (
                node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            )
            if called in ("query_entities", "list_entities", "_query", "_find_active"):
                assert isinstance(node, ast.Call)
                found += [f"{file.name}:{node.lineno}" for part in node.args if not _constant(part)]
    assert found == [], "a filter is a constant; values go into parameters"


def _constant(node: ast.expr) -> bool:
    return not isinstance(node, ast.JoinedStr | ast.BinOp) and not (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("format", "join")
    )


# ---------------------------------------------------------------- misconfiguration and tokens


async def test_s3_misconfiguration_every_answer_says_how_to_treat_it() -> None:
    world = World(environment=UNLIMITED)
    for credential in (await issued(world), "nothing"):
        for name, route in ROUTES.items():
            reply = await answered(world, name, probe(name, credential))
            assert "nosniff" == reply.headers["X-Content-Type-Options"], name
            if route.role is not None:
                assert "no-store" == reply.headers["Cache-Control"], name
            foreign = {"access-control-allow-origin", "server", "x-powered-by"}
            assert not foreign & {header.lower() for header in reply.headers}, name


def test_s3_misconfiguration_pages_of_other_origins_may_not_call_unless_somebody_says_so() -> None:
    for name in ("host.json", "local.settings.sample.json"):
        assert "cors" not in (ROOT / name).read_text(encoding="utf-8").lower()


async def test_s3_html_output_a_page_may_run_nothing_and_sit_in_no_frame() -> None:
    world = World(environment=UNLIMITED)
    key = await issued(world)
    job = {"jobId": body_of(await ask(world, key, "generate", REQUEST))["jobId"]}
    await world.work()
    reply = await ask(world, key, "job_result", route=job, headers={"accept": "text/html"})
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy


def test_s3_realtime_token_leak_a_token_lives_for_minutes() -> None:
    assert 0 < TOKEN_MINUTES <= 5


def test_s3_mass_assignment_models_of_bodies_are_closed() -> None:
    bodies = {type_ for operation in OPERATIONS.values() if (type_ := operation.body) is not None}
    assert bodies
    assert [body.__name__ for body in bodies if body.model_config.get("extra") != "forbid"] == []
