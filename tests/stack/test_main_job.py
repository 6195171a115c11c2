"""The main job on the real parts: HTTP, tables, broker, workflow, Web PubSub, result."""

from __future__ import annotations

import asyncio
import json
import re
import uuid

import aiohttp
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from tests.stack.conftest import Stack, until

pytestmark = pytest.mark.stack

WORKFLOWS = ["standard", "research_heavy", "seo_focused", "citation_heavy"]

GARDEN = [
    {
        "title": "Mulch in the kitchen garden",
        "text": (
            "Mulch is a layer of organic material that covers the soil between plants. "
            "A mulch layer of 5 cm reduced the water need of tomato beds by 25 percent in a 2021 field trial. "
            "Straw mulch keeps the soil cooler in July and suppresses most annual weeds. "
            "Fresh grass clippings can heat up, so gardeners spread grass mulch in thin layers. "
            "Mulch also feeds earthworms, which loosen the soil of vegetable beds. "
            "Slugs hide under wet mulch, and young lettuce suffers from slugs in rainy weeks."
        ),
    },
    {
        "title": "Watering vegetable beds",
        "text": (
            "Mulch and deep watering together keep vegetable beds moist for longer than watering alone. "
            "Vegetable beds need about 20 litres of water per square metre and week in summer. "
            "Watering in the morning loses less water to evaporation than watering at noon. "
            "Drip hoses under mulch bring water straight to the roots of tomato plants. "
            "Gardeners check soil moisture with a finger at a depth of 5 cm before watering. "
            "Mulch slows the evaporation of water from the soil surface."
        ),
    },
]


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
def test_every_workflow_completes_on_material_it_has_never_seen(
    stack: Stack, workflow: str, asynchronous: bool
) -> None:
    request = {
        "topic": "Mulch for vegetable beds",
        "contentType": "blog_post",
        "audience": "b2c",
        "workflowType": workflow,
        "sources": GARDEN,
        "sourcesOnly": True,
        "async": asynchronous,
    }
    reply = stack.call("POST", "/generate", request)

    assert reply.status == (202 if asynchronous else 200), reply.body
    job = stack.ended(reply.json["jobId"])
    assert job["status"] == "completed", job
    package = stack.call("GET", f"/job/{job['jobId']}/result").json
    assert {source["title"] for source in package["sources"]} == {source["title"] for source in GARDEN}
    assert_grounded(package, {s["title"]: s["text"] for s in GARDEN})


def assert_grounded(package: dict, texts: dict[str, str]) -> None:
    """Every sentence carries evidence or is editorial, and every quote stands in its source."""
    titles = {source["id"]: source["title"] for source in package["sources"]}
    evidence = {item["id"]: item for item in package["evidence"]}
    article = package["article"]
    sentences = [*article["answer"], *(s for section in article["sections"] for s in section["sentences"])]
    assert sentences
    for sentence in sentences:
        assert sentence["kind"] == "editorial" or sentence["evidence"], sentence
        for number in sentence["evidence"]:
            assert evidence[number]["quote"] in texts[titles[evidence[number]["source"]]]


def test_the_library_gives_an_article_that_answers_first_and_cites(stack: Stack) -> None:
    job = stack.ended(stack.submit(workflowType="research_heavy"))

    package = stack.call("GET", f"/job/{job['jobId']}/result").json
    article = package["article"]
    answer_words = sum(len(s["text"].split()) for s in article["answer"])
    assert package["status"] == "complete"
    assert 20 <= answer_words <= 90
    assert len(article["sections"]) >= 4
    sources = {source["id"] for source in package["sources"]}
    cited = [e for s in package["claims"] for e in s["evidence"]]
    assert len(cited) >= 5
    assert {item["source"] for item in package["evidence"]} <= sources


def test_the_result_comes_as_json_markdown_or_html(stack: Stack) -> None:
    job = stack.ended(stack.submit())
    path = f"/job/{job['jobId']}/result"

    markdown = stack.call("GET", path, headers={"Accept": "text/markdown"})
    page = stack.call("GET", path, headers={"Accept": "text/html"})

    assert markdown.headers["Content-Type"].startswith("text/markdown")
    assert markdown.body.startswith(b"# ")
    assert page.body.lstrip().lower().startswith(b"<!doctype html>")
    assert stack.call("GET", path, headers={"Accept": "image/png"}).status == 406


def test_the_event_log_is_dense_and_ends_with_the_result(stack: Stack) -> None:
    job = stack.ended(stack.submit())

    events = stack.events(job["jobId"])

    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events][-1] == "result_ready"
    assert sum(event["type"] == "step_completed" for event in events) == job["progress"]["totalSteps"]


def test_a_negotiated_socket_receives_the_job_to_its_end(stack: Stack) -> None:
    async def watch() -> list[dict]:
        job_id = await asyncio.to_thread(stack.submit)
        url = (await asyncio.to_thread(stack.call, "POST", f"/job/{job_id}/negotiate")).json["url"]
        seen = []
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket,
        ):
            async with asyncio.timeout(60):
                async for frame in socket:
                    message = json.loads(frame.data)
                    if message["type"] == "message":
                        seen.append(message["data"])
                        if seen[-1]["type"] == "result_ready":
                            return seen
        return seen

    durable = [update for update in asyncio.run(watch()) if "sequence" in update]
    numbers = [update["sequence"] for update in durable]
    assert durable[-1]["type"] == "result_ready"
    assert numbers == sorted(set(numbers))


def test_a_topic_outside_the_library_makes_nothing_up(stack: Stack) -> None:
    job = stack.ended(stack.submit(topic="Quantum knitting patterns for garden gnomes"))

    package = stack.call("GET", f"/job/{job['jobId']}/result").json
    assert job["status"] == "completed"
    assert package["status"] == "insufficient_evidence"
    assert not (package["article"] or {}).get("sections")
    assert "insufficient_evidence" in [warning["code"] for warning in job["warnings"]]


def test_the_same_key_is_the_same_job_and_another_body_is_refused(stack: Stack) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"topic": "Sleep and health", "contentType": "blog_post", "audience": "b2c"}

    first = stack.call("POST", "/generate", body, key)
    again = stack.call("POST", "/generate", body, key)
    other = stack.call("POST", "/generate", {**body, "audience": "b2b"}, key)

    assert again.json["jobId"] == first.json["jobId"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.status == 422


def test_a_producers_message_is_a_job_however_often_it_is_sent(stack: Stack) -> None:
    body = {
        "type": "content_generation",
        "request": {"topic": "Sleep and memory", "contentType": "blog_post", "audience": "b2c"},
    }
    job_id = str(uuid.uuid4())
    with ServiceBusClient.from_connection_string(stack.endpoints["serviceBus"]) as client:
        with client.get_queue_sender("content-jobs") as sender:
            for number in range(2):
                message_id = f"{job_id}-{number}"  # two messages, one job id
                sender.send_messages(
                    ServiceBusMessage(json.dumps({**body, "jobId": job_id}), message_id=message_id)
                )

    job = until(
        lambda: (
            stack.job(job_id) if "status" in stack.job(job_id) and stack.job(job_id).get("jobId") else None
        )
    )
    job = stack.ended(job["jobId"])
    assert job["status"] == "completed"
    assert sum(e["type"] == "result_ready" for e in stack.events(job_id)) == 1


def test_messages_that_nobody_can_read_are_dead_lettered_and_the_processor_lives_on(stack: Stack) -> None:
    before = stack.queue("content-jobs")["deadLetter"]
    garbage = [
        b"\xff\xfe garbage",
        b'{"jobId": "01',
        b'{"type": "interpretive_dance", "request": {}}',
        b"x" * 200_000,
        b'{"type": "content_generation", "request": {"topic": "ab"}}',
    ]
    with ServiceBusClient.from_connection_string(stack.endpoints["serviceBus"]) as client:
        with client.get_queue_sender("content-jobs") as sender:
            for body in garbage:
                sender.send_messages(ServiceBusMessage(body, message_id=uuid.uuid4().hex))

    until(lambda: True if stack.queue("content-jobs")["deadLetter"] == before + len(garbage) else None)
    assert stack.ended(stack.submit())["status"] == "completed"


BAD = {
    "unknown field": ({"colour": "red"}, "/colour"),
    "wrong enum": ({"contentType": "poem"}, "/contentType"),
    "empty topic": ({"topic": ""}, "/topic"),
    "endless topic": ({"topic": "a" * 10_000}, "/topic"),
    "http callback": ({"callbackUrl": "http://example.org/hook"}, "/callbackUrl"),
    "unknown workflow": ({"workflowType": "turbo"}, "/workflowType"),
    "past schedule": ({"scheduledFor": "2020-01-01T00:00:00Z"}, "/scheduledFor"),
}


@pytest.mark.parametrize(("fields", "pointer"), BAD.values(), ids=BAD)
def test_bad_input_is_named_field_by_field(stack: Stack, fields: dict, pointer: str) -> None:
    request = {"topic": "A good topic", "contentType": "blog_post", "audience": "b2b", **fields}

    reply = stack.call("POST", "/generate", request)

    assert reply.status == 422
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in reply.json["errors"]] == [pointer]


def test_requests_that_are_no_requests_get_problem_documents(stack: Stack) -> None:
    broken = stack.call("POST", "/generate", b'{"topic": ')
    huge = stack.call("POST", "/generate", b'{"topic": "' + b"a" * 2_000_000 + b'"}')
    unknown = stack.call("GET", f"/job/{uuid.uuid4()}")
    wrong_method = stack.call("PUT", "/generate", {})
    nowhere = stack.call("GET", "/nowhere")

    replies = [broken, huge, unknown, wrong_method, nowhere]
    assert [reply.status for reply in replies] == [400, 413, 404, 405, 404]
    assert all(re.match(r"urn:content-architect:problem:", reply.json["type"]) for reply in replies)
    assert wrong_method.headers["Allow"] == "OPTIONS, POST"
