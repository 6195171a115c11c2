"""Sockets and jobs: who gets which updates, each once, and nothing of anybody else's."""

import json
from collections import Counter
from typing import Any

import pytest

from layers.contract import StepError
from orchestration.access.service import LOCAL
from orchestration.controller import ContentArchitectController as Face
from orchestration.errors import DependencyUnavailable
from orchestration.http import HttpCall
from orchestration.identity import Caller, Role
from orchestration.jobs import JobStatus, stamp
from orchestration.routes import ROUTES
from orchestration.service import Origin
from orchestration.sockets.connection_registry import MAX_JOBS, OpenConnection
from orchestration.sockets.groups import Watcher, parse_user_id, user_of, watcher_of
from tests.orchestration.support import API, REQUEST, START, World, body_of
from tests.orchestration.test_apikeys import issued
from tests.orchestration.upstream_events import ANN, BOB, EVE, WITH_KEY, PubSub, event

UNKNOWN = "018f3c5e-0000-7000-8000-00000000dead"
FOREIGN = Origin(tenant="elsewhere")


async def submitted(pubsub: PubSub, watcher: Watcher = ANN) -> str:
    """A job of this watcher."""
    return (
        await pubsub.world.submit(origin=Origin(tenant=watcher.tenant, submitter=watcher.user))
    ).job.job_id


# ---------------------------------------------------------------- names


def test_names_tell_tenants_apart_and_hold_no_text_of_callers() -> None:
    callers = [Caller(tenant=t, subject=s) for t in ("a", "b") for s in ("", "x", "user:ä@example.org", "*")]
    watchers = {watcher_of(caller) for caller in callers}
    assert len(watchers) == len(callers)
    for watcher in watchers:
        assert parse_user_id(watcher.user_id) == watcher
        assert set(watcher.group) <= set("abcdefghijklmnopqrstuvwxyz0123456789:")
    assert len({user_of(caller) for caller in callers}) == len(callers)


# ---------------------------------------------------------------- sockets


async def test_negotiating_a_job_gives_a_short_lived_socket_in_its_group() -> None:
    world = World()
    await world.watch()
    job = (await world.submit()).job
    call = HttpCall(method="POST", route={"jobId": job.job_id})
    body = body_of(await world.answer(ROUTES["job_negotiate"], call))
    user = watcher_of(LOCAL).user_id
    assert body == {
        "url": f"memory://{user}/job:{job.job_id}?minutes=5",
        "group": f"job:{job.job_id}",
        "expiresInSeconds": 300,
        "expiresAt": stamp(START.replace(minute=5)),
        "lastSequence": 1,
        "events": f"{API}/content-architect/job/{job.job_id}/events",
    }


async def test_negotiating_as_a_user_gives_a_socket_in_the_users_group() -> None:
    world = World()
    body = body_of(await world.answer(ROUTES["realtime_negotiate"], HttpCall(method="POST")))
    watcher = watcher_of(LOCAL)
    assert body["url"] == f"memory://{watcher.user_id}/{watcher.group}?minutes=5"
    assert (body["group"], body["expiresInSeconds"]) == (watcher.group, 300)
    assert body["jobs"] == f"{API}/content-architect/jobs"
    assert "lastSequence" not in body


@pytest.mark.parametrize("route", ["job_negotiate", "realtime_negotiate"])
async def test_without_web_pubsub_there_is_no_socket_and_the_answer_says_later(route: str) -> None:
    world = World()
    job = (await world.submit()).job

    async def down(**_: object) -> str:
        raise DependencyUnavailable("down", code="realtime_unavailable")

    world.publisher.client_url = down  # type: ignore[method-assign, assignment]
    reply = await world.answer(ROUTES[route], HttpCall(method="POST", route={"jobId": job.job_id}))
    assert (reply.status, body_of(reply)["code"]) == (503, "realtime_unavailable")


async def test_a_request_over_http_remembers_its_submitter_and_so_does_a_fork() -> None:
    world = World()
    headers = {"content-type": "application/json"}
    reply = await world.call(Face.generate, "POST", body=json.dumps(REQUEST).encode(), headers=headers)
    job = await world.job(body_of(reply)["jobId"])
    assert job.submitter == watcher_of(LOCAL).user
    fork = HttpCall(
        method="POST",
        route={"jobId": job.job_id},
        headers=headers,
        body=json.dumps({"fromStep": job.steps[0].name}).encode(),
    )
    answer = body_of(await world.answer(ROUTES["job_fork"], fork))
    assert (await world.job(answer["jobId"])).submitter == job.submitter


# ---------------------------------------------------------------- SubscribeToJob


async def test_subscribing_joins_and_answers_with_where_the_job_stands() -> None:
    pubsub = PubSub()
    await pubsub.connect(BOB)
    job_id = await submitted(pubsub)
    reply = await pubsub.ask("SubscribeToJob", job_id, BOB)
    job = await pubsub.world.job(job_id)
    links = f"{API}/content-architect/job/{job_id}"
    assert reply == {
        "event": "SubscribeToJob",
        "jobId": job_id,
        "subscribed": True,
        "group": f"job:{job_id}",
        "lastSequence": 1,
        "job": {
            "status": "queued",
            "attempt": 0,
            "percentage": 0,
            "completed": 0,
            "totalSteps": len(job.steps),
            "currentStep": None,
            "updatedAt": job.updated_at,
        },
        "links": {
            "self": links,
            "events": f"{links}/events",
            "cancel": f"{links}/cancel",
            "negotiate": f"{links}/negotiate",
        },
    }
    assert pubsub.groups() == {BOB.group, f"job:{job_id}"}
    (row,) = await pubsub.world.app.sockets.registry.listed()
    assert row.jobs == (job_id,)
    assert len(json.dumps(reply)) < 2048


async def test_subscribing_again_changes_nothing_and_unsubscribing_twice_neither() -> None:
    pubsub = PubSub()
    await pubsub.connect(BOB)
    job_id = await submitted(pubsub)
    replies = [await pubsub.ask("SubscribeToJob", job_id, BOB) for _ in range(2)]
    assert replies[0] == replies[1]
    (row,) = await pubsub.world.app.sockets.registry.listed()
    assert row.jobs == (job_id,)
    for _ in range(2):
        reply = await pubsub.ask("UnsubscribeFromJob", job_id, BOB)
        assert reply == {"event": "UnsubscribeFromJob", "jobId": job_id, "subscribed": False}
    assert pubsub.groups() == {BOB.group}
    (row,) = await pubsub.world.app.sockets.registry.listed()
    assert row.jobs == ()


async def test_ended_jobs_are_shown_as_they_ended() -> None:
    pubsub = PubSub()
    await pubsub.connect(BOB)
    job_id = await submitted(pubsub)
    await pubsub.world.work()
    reply = await pubsub.ask("SubscribeToJob", job_id, BOB)
    job = await pubsub.world.job(job_id)
    assert (reply["job"]["status"], reply["job"]["percentage"]) == ("completed", 100)
    assert reply["lastSequence"] == job.sequence
    assert reply["links"]["result"].endswith("/result")


async def test_a_failed_jobs_snapshot_says_why() -> None:
    pubsub = PubSub()

    async def fail(_: object) -> None:
        raise StepError("no", code="broken")

    await pubsub.connect(BOB)
    job_id = await submitted(pubsub)
    pubsub.world.steps.behaviours[(await pubsub.world.job(job_id)).steps[0].service] = fail
    await pubsub.world.work()
    assert (await pubsub.world.job(job_id)).status is JobStatus.FAILED
    snapshot = (await pubsub.ask("SubscribeToJob", job_id, BOB))["job"]
    assert set(snapshot["error"]) == {"code", "retryable"}


@pytest.mark.parametrize("name", ["SubscribeToJob", "UnsubscribeFromJob"])
async def test_foreign_unknown_and_impossible_jobs_are_answered_alike(name: str) -> None:
    pubsub = PubSub()
    await pubsub.connect(ANN)
    foreign = (await pubsub.world.submit(origin=FOREIGN)).job.job_id
    answers = []
    for job_id in (foreign, UNKNOWN, "no-id", "", "../x"):
        reply = dict(await pubsub.ask(name, job_id))
        assert reply.pop("jobId") == job_id
        answers.append(json.dumps(reply))
    assert len(set(answers)) == 1
    assert pubsub.groups() == {ANN.group}
    if name == "SubscribeToJob":
        assert json.loads(answers[0])["error"]["code"] == "job_not_found"


async def test_what_is_wrong_with_an_event_is_told_in_the_reply() -> None:
    pubsub = PubSub()
    await pubsub.connect()
    unknown = body_of(await pubsub.tell(event("user", "Shout", body={"jobId": UNKNOWN})))
    assert (unknown["event"], unknown["error"]["code"]) == (None, "unknown_event")
    for body, content_type in (
        (b"{}", "application/json"),
        (b'{"jobId": 7}', "application/json"),
        (b"[]", "application/json"),
        (b"nonsense", "text/plain"),
        (b'{"jobId": "x"}', "application/octet-stream"),
    ):
        reply = body_of(
            await pubsub.tell(event("user", "SubscribeToJob", body=body, content_type=content_type))
        )
        assert reply["error"]["code"] == "bad_event"
        assert not reply["error"]["retryable"]
    text = event("user", "SubscribeToJob", body=b'{"jobId": "x"}', content_type="text/plain")
    assert body_of(await pubsub.tell(text))["error"]["code"] == "job_not_found"


async def test_a_connection_that_has_ended_and_a_service_that_is_down_are_told_apart() -> None:
    pubsub = PubSub()
    await pubsub.connect(BOB)
    job_id = await submitted(pubsub)
    pubsub.world.publisher.members.clear()
    gone = await pubsub.ask("SubscribeToJob", job_id, BOB)
    assert (gone["error"]["code"], gone["error"]["retryable"]) == ("connection_gone", False)

    async def down(*_: object) -> bool:
        raise DependencyUnavailable("down", code="realtime_unavailable")

    pubsub.world.publisher.join = down  # type: ignore[method-assign]
    later = await pubsub.ask("SubscribeToJob", job_id, BOB)
    assert (later["error"]["code"], later["error"]["retryable"]) == ("realtime_unavailable", True)


async def test_one_connection_cannot_watch_without_end() -> None:
    pubsub = PubSub()
    await pubsub.connect(BOB)
    job_id = await submitted(pubsub)
    full = tuple(str(n) for n in range(MAX_JOBS))

    def fill(connection: OpenConnection) -> OpenConnection:
        from dataclasses import replace

        return replace(connection, jobs=full)

    await pubsub.world.app.sockets.registry.change("c-1", BOB, fill)
    refused = await pubsub.ask("SubscribeToJob", job_id, BOB)
    assert refused["error"]["code"] == "too_many_subscriptions"
    await pubsub.ask("UnsubscribeFromJob", UNKNOWN, BOB)
    assert f"job:{job_id}" not in pubsub.groups()


async def test_events_count_among_the_calls_of_the_tenant() -> None:
    pubsub = PubSub(world=World(environment={**WITH_KEY, "RATE_LIMIT_PER_MINUTE": "10"}))
    await pubsub.connect(BOB)
    job_id = await submitted(pubsub)
    replies = [await pubsub.ask("SubscribeToJob", job_id, BOB) for _ in range(30)]
    errors = [reply["error"] for reply in replies if "error" in reply]
    assert 10 <= len(replies) - len(errors) <= 11, "a block on credit"
    assert {(error["code"], error["retryable"]) for error in errors} == {("rate_limited", True)}
    pubsub.world.clock.advance(60)
    assert (await pubsub.ask("SubscribeToJob", job_id, BOB))["subscribed"]


# ---------------------------------------------------------------- each update once


def deliveries(pubsub: PubSub, connection: str) -> Counter[tuple[str, int]]:
    """How often a connection got each durable update."""
    groups = pubsub.groups(connection)
    found = [json.loads(text) for group, text in pubsub.world.publisher.published if group in groups]
    return Counter((u["jobId"], u["sequence"]) for u in found if "sequence" in u)


async def test_every_watcher_gets_every_update_of_its_jobs_once_whichever_way_it_came_in() -> None:
    """The submitter's own socket, one that subscribed as well, a colleague's, one of the job alone, a stranger's."""
    pubsub = PubSub()
    sockets: dict[str, tuple[Watcher, Any]] = {
        "own": (ANN, None),
        "own-and-subscribed": (ANN, None),
        "colleague": (BOB, None),
        "stranger": (EVE, None),
    }
    for connection, (watcher, groups) in sockets.items():
        await pubsub.connect(watcher, connection, groups=groups)
    mine, theirs = await submitted(pubsub, ANN), await submitted(pubsub, BOB)
    await pubsub.connect(ANN, "job-alone", groups=f"job:{mine}")
    await pubsub.world.app.realtime.drain()
    pubsub.world.publisher.published.clear()
    assert (await pubsub.ask("SubscribeToJob", mine, ANN, "own-and-subscribed"))["group"] == ANN.group
    await pubsub.ask("SubscribeToJob", theirs, ANN, "own-and-subscribed")
    await pubsub.ask("SubscribeToJob", mine, BOB, "colleague")
    await pubsub.ask("SubscribeToJob", mine, ANN, "job-alone")
    await pubsub.ask("SubscribeToJob", mine, EVE, "stranger")
    await pubsub.world.work()
    await pubsub.world.app.realtime.drain()
    of_mine = {(mine, n) for n in range(2, (await pubsub.world.job(mine)).sequence + 1)}
    of_theirs = {(theirs, n) for n in range(2, (await pubsub.world.job(theirs)).sequence + 1)}
    expected = {
        "own": of_mine,
        "own-and-subscribed": of_mine | of_theirs,
        "colleague": of_mine | of_theirs,
        "job-alone": of_mine,
        "stranger": set(),
    }
    for connection, updates in expected.items():
        got = deliveries(pubsub, connection)
        assert set(got) == updates, connection
        assert set(got.values()) <= {1}, connection


async def test_the_submitters_own_socket_goes_on_after_unsubscribing_and_the_reply_says_so() -> None:
    pubsub = PubSub()
    await pubsub.connect(ANN)
    job_id = await submitted(pubsub)
    assert (await pubsub.ask("UnsubscribeFromJob", job_id))["subscribed"] is True
    assert (await pubsub.ask("UnsubscribeFromJob", UNKNOWN))["subscribed"] is False


async def test_a_socket_on_one_job_leaves_even_its_own_and_comes_back() -> None:
    pubsub = PubSub()
    job_id = await submitted(pubsub)
    await pubsub.connect(ANN, groups=[f"job:{job_id}"])
    assert (await pubsub.ask("UnsubscribeFromJob", job_id))["subscribed"] is False
    assert pubsub.groups() == set()
    assert (await pubsub.ask("SubscribeToJob", job_id))["group"] == f"job:{job_id}"
    assert pubsub.groups() == {f"job:{job_id}"}


# ---------------------------------------------------------------- operators


async def test_operators_see_the_sockets_of_their_tenant_and_how_publishing_goes() -> None:
    pubsub = PubSub(world=World(environment=WITH_KEY))
    await pubsub.connect(ANN, "a")
    await pubsub.connect(BOB, "b")
    await pubsub.connect(EVE, "e")
    job_id = await submitted(pubsub)
    await pubsub.connect(BOB, "job", groups=[f"job:{job_id}"])
    await pubsub.ask("SubscribeToJob", job_id, BOB, "b")
    await pubsub.world.app.realtime.drain()
    body = body_of(await pubsub.world.answer(ROUTES["realtime_connections"], HttpCall(method="GET")))
    assert {item["connectionId"] for item in body["value"]} == {"a", "b", "job"}
    assert (body["connections"], body["users"], body["byJob"]) == (3, 2, {job_id: 2})
    assert body["partial"] is False
    assert body["publishing"]["state"] == "closed"
    assert body["publishing"]["published"] >= 1


async def test_how_publishing_goes_is_not_for_an_operator_of_one_tenant() -> None:
    """What one process publishes for all tenants would tell each about the others."""
    world = World(environment={**WITH_KEY, "AUTH_MODE": "apikey", "RATE_LIMIT_PER_MINUTE": "0"})
    key = await issued(world, role=Role.OPERATOR)
    call = HttpCall(method="GET", headers={"authorization": f"Bearer {key}"})
    body = body_of(await world.answer(ROUTES["realtime_connections"], call))
    assert set(body) == {"value", "connections", "users", "byJob", "partial"}
