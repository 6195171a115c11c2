"""The JSON subprotocol frame by frame, and plain clients."""

import aiohttp
import pytest

from tests.webpubsub.support import JSON, RELIABLE, StandIn, connected, socket_to

ALL_ROLES = ("webpubsub.joinLeaveGroup", "webpubsub.sendToGroup")


@pytest.mark.parametrize("subprotocol", [JSON, RELIABLE])
async def test_the_connected_frame_has_the_fields_of_its_subprotocol(
    stand_in: StandIn, hub: str, subprotocol: str
) -> None:
    async with connected(stand_in, hub, user="ann", subprotocol=subprotocol) as client:
        fields = {"type", "event", "userId", "connectionId"}
        assert client.connected.keys() == fields | (
            {"reconnectionToken"} if subprotocol == RELIABLE else set()
        )
        assert tuple(client.connected[name] for name in ("type", "event", "userId")) == (
            "system",
            "connected",
            "ann",
        )


async def test_groups_of_the_token_are_joined_before_the_first_frame(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub, groups=["job:ü/1"]) as client:
        async with stand_in.async_service(hub) as service:
            await service.send_to_group("job:ü/1", {"n": 1})
        expected = {
            "type": "message",
            "from": "group",
            "group": "job:ü/1",
            "dataType": "json",
            "data": {"n": 1},
        }
        assert {**expected, "sequenceId": 1} == await client.receive()


async def test_join_and_leave_are_acknowledged_and_take_effect(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub, roles=ALL_ROLES, subprotocol=JSON) as client:
        assert await client.ask(type="joinGroup", group="g", ackId=1) == {
            "type": "ack",
            "ackId": 1,
            "success": True,
        }
        await client.send(type="sendToGroup", group="g", dataType="text", data="in")
        assert (await client.receive())["data"] == "in"
        await client.send(type="leaveGroup", group="g")
        await client.send(type="sendToGroup", group="g", dataType="text", data="out")
        assert await client.settled() == []


@pytest.mark.parametrize(
    "request_",
    [{"type": "joinGroup"}, {"type": "leaveGroup"}, {"type": "sendToGroup", "dataType": "text", "data": ""}],
)
async def test_without_the_role_a_request_is_forbidden(
    stand_in: StandIn, hub: str, request_: dict[str, str]
) -> None:
    roles = ["webpubsub.joinLeaveGroup.mine", "webpubsub.sendToGroup.mine"]
    async with connected(stand_in, hub, roles=roles) as client:
        assert (await client.ask(**request_, group="mine", ackId=1))["success"]
        refusal = await client.ask(**request_, group="other", ackId=2)
        assert (refusal["success"], refusal["error"]["name"]) == (False, "Forbidden")


async def test_the_same_ack_id_is_never_carried_out_twice(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub, roles=ALL_ROLES, groups=["g"]) as client:
        request = {"type": "sendToGroup", "group": "g", "dataType": "text", "data": "once", "ackId": 7}
        assert {"message", "ack"} == {(await client.ask(**request))["type"], (await client.receive())["type"]}
        repeated = await client.ask(**request)
        assert (repeated["type"], repeated["error"]["name"]) == ("ack", "Duplicate")


async def test_a_failed_request_may_be_tried_again_under_its_ack_id(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub) as client, stand_in.async_service(hub) as service:
        assert not (await client.ask(type="joinGroup", group="g", ackId=1))["success"]
        await service.grant_permission("joinLeaveGroup", client.id, target_name="g")
        assert (await client.ask(type="joinGroup", group="g", ackId=1))["success"]


async def test_a_published_message_names_its_sender_and_echoes_unless_told_not_to(
    stand_in: StandIn, hub: str
) -> None:
    async with (
        connected(stand_in, hub, user="ann", roles=ALL_ROLES, groups=["g"], subprotocol=JSON) as ann,
        connected(stand_in, hub, groups=["g"], subprotocol=JSON) as bob,
    ):
        for echo, data in ((True, "hers too"), (False, "others only")):
            await ann.send(type="sendToGroup", group="g", dataType="text", data=data, noEcho=not echo)
        assert [frame["data"] for frame in await ann.settled()] == ["hers too"]
        heard = [await bob.receive(), await bob.receive()]
        assert [(f["fromUserId"], f["data"]) for f in heard] == [("ann", "hers too"), ("ann", "others only")]


@pytest.mark.parametrize(
    ("data_type", "data"),
    [("text", "ü\n"), ("json", {"a": [1, None, "ü"]}), ("json", None), ("binary", "AP8=")],
)
async def test_every_data_type_arrives_as_it_was_sent(
    stand_in: StandIn, hub: str, data_type: str, data: object
) -> None:
    async with connected(stand_in, hub, roles=ALL_ROLES, groups=["g"]) as client:
        frame = await client.ask(type="sendToGroup", group="g", dataType=data_type, data=data)
        assert (data_type, data) == (frame["dataType"], frame["data"])


@pytest.mark.parametrize("frame", ["rubbish", '{"type":"streamEnd"}', b"bytes"])
async def test_a_frame_outside_the_protocol_ends_the_connection_with_the_reason(
    stand_in: StandIn, hub: str, frame: str | bytes
) -> None:
    async with connected(stand_in, hub) as client, stand_in.async_service(hub) as service:
        await (client.socket.send_str(frame) if isinstance(frame, str) else client.socket.send_bytes(frame))
        goodbye = await client.receive()
        assert (goodbye["type"], goodbye["event"]) == ("system", "disconnected")
        assert goodbye["message"]
        assert await client.closed_with() == aiohttp.WSCloseCode.POLICY_VIOLATION
        assert not await service.connection_exists(client.id)


async def test_a_sequence_ack_is_refused_outside_the_reliable_subprotocol(
    stand_in: StandIn, hub: str
) -> None:
    async with connected(stand_in, hub, subprotocol=JSON) as client:
        await client.send(type="sequenceAck", sequenceId=1)
        assert (await client.receive())["event"] == "disconnected"


@pytest.mark.parametrize("subprotocol", [JSON, RELIABLE])
async def test_a_ping_is_answered_with_a_pong(stand_in: StandIn, hub: str, subprotocol: str) -> None:
    async with connected(stand_in, hub, subprotocol=subprotocol) as client:
        assert await client.ask(type="ping") == {"type": "pong"}


async def test_an_invocation_is_refused_but_the_connection_lives(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub) as client:
        refusal = await client.ask(type="invoke", invocationId="1", target="event", event="e")
        assert (refusal["success"], refusal["error"]["name"]) == (False, "NotSupported")
        assert await client.settled() == []


async def test_an_event_without_an_event_handler_fails(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub) as client:
        ack = await client.ask(type="event", event="e", dataType="text", data="", ackId=1)
        assert (ack["success"], ack["error"]["name"]) == (False, "InternalServerError")


async def test_a_frame_over_one_megabyte_is_refused(stand_in: StandIn, hub: str) -> None:
    async with connected(stand_in, hub, roles=ALL_ROLES) as client:
        await client.send(type="sendToGroup", group="g", dataType="text", data="x" * 1_100_000)
        assert await client.closed_with() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_plain_client_gets_bare_payloads(stand_in: StandIn, hub: str) -> None:
    path = f"/client/hubs/{hub}?access_token={stand_in.client_token(hub, **{'webpubsub.group': ['g']})}"
    async with socket_to(stand_in, path, subprotocols=[]) as client, stand_in.async_service(hub) as service:
        await service.send_to_group("g", '{"a":1}', content_type="text/plain")
        await service.send_to_group("g", {"a": 1})
        await service.send_to_all(b"\x00\xff", content_type="application/octet-stream")
        received = [await client.socket.receive(timeout=10) for _ in range(3)]
        assert [message.data for message in received] == ['{"a":1}', '{"a": 1}', b"\x00\xff"]
