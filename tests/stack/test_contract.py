"""The contract on the real parts: a real package fits its schema, and Swagger UI shows it under its strict policy."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path

import pytest

from orchestration.http import HttpReply
from tests.orchestration.contract import DOCUMENT, assert_in_contract
from tests.stack.browser import CHROMIUM, open_page
from tests.stack.conftest import Reply, Stack

pytestmark = pytest.mark.stack


SERVERS = {"content-length", "content-type", "date", "server", "connection"}


def as_reply(reply: Reply) -> HttpReply:
    """Without what the server of the local host adds."""
    own = {name: value for name, value in reply.headers.items() if name.lower() not in SERVERS}
    kind = reply.headers["Content-Type"]
    return HttpReply(status=reply.status, body=reply.body, content_type=kind, headers=own)


MORE = [pytest.param(name, marks=pytest.mark.long) for name in ("standard", "citation_heavy")]


@pytest.mark.parametrize("workflow", ["research_heavy", "seo_focused", *MORE])
def test_a_real_result_is_what_the_contract_says(stack: Stack, workflow: str) -> None:
    reply = stack.call(
        "POST",
        "/generate",
        {
            "topic": "How much sleep do adults need?",
            "contentType": "blog_post",
            "audience": "b2c",
            "async": False,
        }
        | {"workflowType": workflow},
    )
    assert_in_contract("generate", as_reply(reply))
    job_id = reply.json["jobId"]
    assert reply.json["status"] == "completed", reply.json.get("error")
    assert reply.json["result"]["status"] == "complete"
    for name, path in (("job", ""), ("job_result", "/result"), ("job_events", "/events")):
        assert_in_contract(name, as_reply(stack.call("GET", f"/job/{job_id}{path}")))


def test_a_given_text_is_verified_as_the_contract_says(stack: Stack) -> None:
    text = "# Sleep\n\nAdults need seven hours of sleep [1].\n\n[1]: https://example.org/sleep"
    reply = stack.call(
        "POST",
        "/generate",
        {"type": "citation_verification", "content": {"text": text}, "async": False},
    )
    assert_in_contract("generate", as_reply(reply))
    assert reply.json["status"] == "completed", reply.json.get("error")


def test_the_document_and_paths_beside_the_api_over_the_wire(stack: Stack) -> None:
    assert stack.call("GET", "/openapi.json").body == DOCUMENT.read_bytes()
    head = stack.call("HEAD", "/health/live")
    assert (head.status, head.body) == (200, b"")
    options = stack.call("OPTIONS", "/jobs", headers={"Origin": "https://page.example"})
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert options.headers["Access-Control-Allow-Origin"] is None
    for path in ("", "/favicon.ico", "/content-architect", "/api/content-architect/jobs"):
        request = urllib.request.Request(stack.endpoints["api"] + path)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=20)
        with caught.value as answer:
            assert (answer.code, json.loads(answer.read())["code"]) == (404, "not_found")
            assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on the machine")
def test_swagger_ui_shows_the_contract_in_a_real_browser(stack: Stack, tmp_path: Path) -> None:
    async def look() -> int:
        url = f"{stack.endpoints['api']}/content-architect/docs"
        async with open_page(url, tmp_path / "profile") as page:
            await page.wait_for("document.querySelectorAll('.opblock').length > 0")
            return await page.evaluate("document.querySelectorAll('.opblock').length")

    operations = sum(len(methods) for methods in json.loads(DOCUMENT.read_text())["paths"].values())
    assert asyncio.run(look()) == operations
