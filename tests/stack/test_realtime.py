"""Sockets on the whole stack: a user's own jobs, SubscribeToJob through the event handler, open connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.stack.conftest import Stack, until

pytestmark = pytest.mark.stack

PROTOCOL = "json.reliable.webpubsub.azure.v1"


def test_one_socket_gets_own_jobs_and_those_that_it_subscribes_to_each_update_once(stack: Stack) -> None:
    async def watch() -> tuple[str, list[dict[str, Any]]]:
        url = (await asyncio.to_thread(stack.call, "POST", "/realtime/negotiate")).json["url"]
        seen: list[dict[str, Any]] = []
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, protocols=[PROTOCOL]) as socket,
        ):
            await socket.receive()
            job_id = await asyncio.to_thread(stack.submit, topic="Sleep and health")
            await socket.send_json(
                {"type": "event", "event": "SubscribeToJob", "dataType": "json", "data": {"jobId": job_id}}
            )
            async with asyncio.timeout(60):
                async for frame in socket:
                    message = json.loads(frame.data)
                    if message["type"] == "message":
                        seen.append(message["data"])
                        if seen[-1].get("type") == "result_ready":
                            listed = await asyncio.to_thread(stack.call, "GET", "/realtime/connections")
                            assert listed.json["connections"] >= 1
                            break
            return job_id, seen

    job_id, seen = asyncio.run(watch())
    log = stack.events(job_id)
    assert log == [update for update in seen if "sequence" in update]
    (reply,) = [message for message in seen if message["event"] == "SubscribeToJob"]
    assert reply["subscribed"]
    assert reply["group"].startswith("user:"), "its submitter's socket has the updates already"
    until(lambda: not stack.call("GET", "/realtime/connections").json["connections"] or None)


def test_a_stranger_cannot_tell_the_event_handler_anything(stack: Stack) -> None:
    headers = {
        "ce-type": "azure.webpubsub.sys.connect",
        "ce-hub": "contentjobs",
        "ce-connectionId": "c-1",
        "ce-userId": f"local:{'a' * 32}",
        "ce-signature": f"sha256={'0' * 64}",
    }
    refused = stack.call("POST", "/realtime/upstream", {}, headers)
    assert (refused.status, refused.json["code"]) == (401, "unauthorized")
    asked = stack.call("OPTIONS", "/realtime/upstream", headers={"WebHook-Request-Origin": "evil.example"})
    assert (asked.status, asked.headers["WebHook-Allowed-Origin"]) == (403, None)
    own = stack.call("OPTIONS", "/realtime/upstream", headers={"WebHook-Request-Origin": "127.0.0.1"})
    assert (own.status, own.headers["WebHook-Allowed-Origin"]) == (200, "127.0.0.1")
