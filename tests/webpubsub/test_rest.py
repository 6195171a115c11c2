"""Every path of the REST API, driven by the official service client; errors by hand."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

from tests.webpubsub.support import JSON, Client, StandIn, connected, socket_to

VERSION = "api-version=2024-12-01"


@pytest.fixture
async def service(stand_in: StandIn, hub: str) -> AsyncIterator[WebPubSubServiceClient]:
    async with stand_in.async_service(hub) as client:
        yield client


async def heard(client: Client) -> list[object]:
    return [frame["data"] for frame in await client.settled()]


async def call(stand_in: StandIn, method: str, path: str, **options: Any) -> tuple[int, str | None]:
    """Calls with a genuine token and returns the status and the error code."""
    url = f"{stand_in.endpoint}{path}"
    headers = {**stand_in.rest_headers(url), **options.pop("headers", {})}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **options) as response,
    ):
        return response.status, response.headers.get("x-ms-error-code")


async def test_a_send_reaches_exactly_those_it_is_meant_for(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    async with (
        connected(stand_in, hub, user="a", groups=["g"], subprotocol=JSON) as ann,
        connected(stand_in, hub, user="b", groups=["g"], subprotocol=JSON) as bob,
        connected(stand_in, hub, user="b", subprotocol=JSON) as bobs_phone,
        connected(stand_in, f"{hub}x", user="a", groups=["g"], subprotocol=JSON) as stranger,
    ):
        await service.send_to_all("all", content_type="text/plain")
        await service.send_to_all("not a", content_type="text/plain", excluded=[ann.id, bobs_phone.id])
        await service.send_to_group("g", "group", content_type="text/plain")
        await service.send_to_group("g", "group but b", content_type="text/plain", excluded=[bob.id])
        await service.send_to_user("b", "user", content_type="text/plain")
        await service.send_to_connection(ann.id, "connection", content_type="text/plain")
        assert await heard(ann) == ["all", "group", "group but b", "connection"]
        assert await heard(bob) == ["all", "not a", "group", "user"]
        assert await heard(bobs_phone) == ["all", "user"]
        assert await heard(stranger) == []


async def test_messages_arrive_in_the_order_in_which_they_were_accepted(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    async with connected(stand_in, hub, groups=["g"]) as client:
        for number in range(100):
            await service.send_to_group("g", {"n": number})
        assert [frame["data"]["n"] for frame in await client.settled()] == list(range(100))


async def test_sends_to_nobody_are_accepted_but_an_unknown_connection_is_an_error(
    service: WebPubSubServiceClient,
) -> None:
    await service.send_to_group("empty", {})
    await service.send_to_user("nobody", {})
    await service.send_to_all({})
    for request in (
        service.send_to_connection("unknown", {}),
        service.add_connection_to_group("g", "unknown"),
        service.grant_permission("sendToGroup", "unknown"),
    ):
        with pytest.raises(ResourceNotFoundError):
            await request


async def test_existence_of_connections_groups_and_users(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    async with connected(stand_in, hub, user="ünï c/ode", groups=["a b/c?d"]) as client:
        assert await service.connection_exists(client.id)
        assert await service.group_exists("a b/c?d")
        assert await service.user_exists("ünï c/ode")
    assert not await service.connection_exists("unknown")
    assert not await service.group_exists("unknown")
    assert not await service.user_exists("unknown")


async def test_connections_join_and_leave_groups(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    async with connected(stand_in, hub, subprotocol=JSON) as client:
        await service.add_connection_to_group("g", client.id)
        await service.add_connection_to_group("h", client.id)
        await service.send_to_group("g", 1)
        await service.remove_connection_from_group("g", client.id)
        await service.send_to_group("g", 2)
        await service.send_to_group("h", 3)
        await service.remove_connection_from_all_groups(client.id)
        await service.send_to_group("h", 4)
        assert await heard(client) == [1, 3]
    await service.remove_connection_from_group("g", "unknown")
    await service.remove_connection_from_all_groups("unknown")


async def test_users_join_and_leave_groups_with_all_their_connections(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    await service.add_user_to_group("g", "u")
    async with connected(stand_in, hub, user="u", subprotocol=JSON) as client:
        await service.add_user_to_group("h", "u")
        await service.send_to_group("g", 1)
        await service.send_to_group("h", 2)
        await service.remove_user_from_group("g", "u")
        await service.send_to_group("g", 3)
        await service.remove_user_from_all_groups("u")
        await service.send_to_group("h", 4)
        assert await heard(client) == [1, 2]


async def test_permissions_are_granted_checked_and_revoked(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    async with connected(stand_in, hub) as client:
        joins = ("joinLeaveGroup", client.id)
        assert not await service.has_permission(*joins, target_name="g")
        await service.grant_permission(*joins, target_name="g")
        assert await service.has_permission(*joins, target_name="g")
        assert not await service.has_permission(*joins)
        assert (await client.ask(type="joinGroup", group="g", ackId=1))["success"]
        await service.revoke_permission(*joins, target_name="g")
        assert not (await client.ask(type="leaveGroup", group="g", ackId=2))["success"]
        await service.grant_permission(*joins)
        assert (await client.ask(type="leaveGroup", group="g", ackId=3))["success"]


async def test_the_members_of_a_group_come_in_pages(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    async with (
        connected(stand_in, hub, user="u", groups=["g/ü"]) as one,
        connected(stand_in, hub, groups=["g/ü"]) as two,
        connected(stand_in, hub, groups=["g/ü"]) as three,
    ):
        everybody = {one.id: "u", two.id: None, three.id: None}
        pages = service.list_connections(group="g/ü", maxpagesize=2)
        assert {m.connection_id: m.user_id async for m in pages} == everybody
        for top, maxpagesize in ((2, 1), (2, 2), (2, 200), (3, 2), (9, 1)):
            listed = service.list_connections(group="g/ü", top=top, maxpagesize=maxpagesize)
            assert len([member async for member in listed]) == min(top, 3)
    assert [member async for member in service.list_connections(group="empty")] == []


async def test_closing_tells_the_reason_and_spares_the_excluded(
    stand_in: StandIn, hub: str, service: WebPubSubServiceClient
) -> None:
    async with contextual_clients(stand_in, hub, 5) as (first, second, third, fourth, kept):
        await service.close_connection(first.id, reason="r1")
        await service.add_connection_to_group("only", second.id)
        await service.close_group_connections("only", reason="r2")
        await service.close_user_connections("u", excluded=[fourth.id, kept.id], reason="r3")
        await service.close_all_connections(excluded=[kept.id], reason="r4")
        for client, reason in ((first, "r1"), (second, "r2"), (third, "r3"), (fourth, "r4")):
            frame = await client.receive()
            assert (frame["event"], frame["message"]) == ("disconnected", reason)
            assert await client.closed_with() == aiohttp.WSCloseCode.POLICY_VIOLATION
        assert await kept.settled() == []
    await service.close_connection("unknown")


class contextual_clients:  # noqa: N801 - reads as a context manager
    """Several clients of one user."""

    def __init__(self, stand_in: StandIn, hub: str, count: int) -> None:
        self._opening = [connected(stand_in, hub, user="u", groups=["g"]) for _ in range(count)]

    async def __aenter__(self) -> list[Client]:
        return list(await asyncio.gather(*(client.__aenter__() for client in self._opening)))

    async def __aexit__(self, *error: object) -> None:
        await asyncio.gather(*(client.__aexit__(None, None, None) for client in self._opening))


async def test_a_generated_token_connects_with_its_user_roles_and_groups(stand_in: StandIn, hub: str) -> None:
    query = f"userId=%C3%BC&role=webpubsub.joinLeaveGroup&group=g&group=h&minutesToExpire=5&{VERSION}"
    url = f"{stand_in.endpoint}/api/hubs/{hub}/:generateToken?{query}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, headers=stand_in.rest_headers(url)) as response,
    ):
        token = (await response.json())["token"]
    async with socket_to(stand_in, f"/client/hubs/{hub}?access_token={token}") as client:
        assert (await client.receive())["userId"] == "ü"
        assert (await client.ask(type="joinGroup", group="x", ackId=1))["success"]
        async with stand_in.async_service(hub) as service:
            assert await service.group_exists("g")
            assert await service.group_exists("h")


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("/:send", {"json": {}}, (400, "MissingApiVersion")),
        ("/:send?api-version=1999-01-01", {"json": {}}, (400, "UnsupportedApiVersion")),
        (
            f"/:send?{VERSION}",
            {"data": io.BytesIO(b"x" * (2**20 + 1)), "headers": {"Content-Type": "text/plain"}},
            (413, None),
        ),
        (
            f"/:send?{VERSION}",
            {"data": b"x", "headers": {"Content-Type": "text/html"}},
            (415, "UnsupportedMediaType"),
        ),
        (
            f"/:send?{VERSION}",
            {"data": b"{", "headers": {"Content-Type": "application/json"}},
            (400, "InvalidBody"),
        ),
        (f"/:send?filter=1&{VERSION}", {"json": {}}, (400, "UnsupportedParameter")),
        (f"/:send?messageTtlSeconds=1&{VERSION}", {"json": {}}, (400, "UnsupportedParameter")),
        (f"/groups/%20/:send?{VERSION}", {"json": {}}, (400, "InvalidGroup")),
        (f"/:generateToken?clientType=MQTT&{VERSION}", {}, (400, "UnsupportedClientType")),
        (f"/:generateToken?minutesToExpire=0&{VERSION}", {}, (400, "InvalidParameter")),
        (f"/:unknown?{VERSION}", {}, (404, "NotFound")),
        (f"/permissions/fly/connections/x?{VERSION}", {}, (405, "MethodNotAllowed")),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused_clearly(
    stand_in: StandIn, hub: str, path: str, options: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    status, code = await call(stand_in, "POST", f"/api/hubs/{hub}{path}", **options)
    assert (status, code if expected[1] else None) == expected


async def test_names_that_the_service_does_not_know_are_refused(stand_in: StandIn, hub: str) -> None:
    send = await call(stand_in, "POST", f"/api/hubs/1-bad/:send?{VERSION}", json={})
    permission = await call(stand_in, "DELETE", f"/api/hubs/{hub}/permissions/fly/connections/x?{VERSION}")
    page = await call(stand_in, "GET", f"/api/hubs/{hub}/groups/g/connections?maxpagesize=201&{VERSION}")
    assert [send, permission, page] == [
        (400, "InvalidHub"),
        (400, "InvalidPermission"),
        (400, "InvalidParameter"),
    ]


async def test_a_megabyte_is_still_accepted(stand_in: StandIn, hub: str) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    body = io.BytesIO(b"x" * 2**20)
    assert await call(stand_in, "POST", f"/api/hubs/{hub}/:send?{VERSION}", data=body, headers=headers) == (
        202,
        None,
    )


async def test_an_sdk_error_shows_the_reason(service: WebPubSubServiceClient) -> None:
    with pytest.raises(HttpResponseError, match="filter is not supported"):
        await service.send_to_all({}, filter="userId eq 'a'")
