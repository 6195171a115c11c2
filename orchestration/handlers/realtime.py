"""Handlers of realtime: sockets for watchers, the event handler of Web PubSub, open connections.

Part of the HTTP face: each takes the controller and a call, as the controller's own methods do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.controller import ContentArchitectController, job_id_of
from orchestration.errors import RequestRefused
from orchestration.http import BASE_HEADERS, HttpCall, HttpReply, json_reply
from orchestration.jobs import stamp
from orchestration.realtime import TOKEN_MINUTES, PublishingFigures, Socket
from orchestration.sockets.connection_registry import MAX_LISTED, figures_of
from orchestration.sockets.groups import Watcher, parse_user_id, watcher_of
from orchestration.sockets.upstream import Kind, UpstreamEvent, parse_connect
from orchestration.views import Links

if TYPE_CHECKING:
    from orchestration.contract import realtime_answers as answers

_SHOWN = 500


async def negotiate_job(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST job/{id}/negotiate``: a socket that receives this job's updates from the start."""
    watcher = watcher_of(call.caller)
    job = (await controller.service.owned(call.caller.tenant, job_id_of(call))).job
    await controller.sockets.interest.note(watcher, own_jobs=False)
    socket = await controller.realtime.job_socket(job, watcher)
    links = Links(base=controller.settings.api_url)
    body: answers.Socket = {
        **_address(socket),
        "lastSequence": job.sequence,
        "events": links.job(job.job_id, "/events"),
    }
    return json_reply(200, body)


async def negotiate_user(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST realtime/negotiate``: a socket that receives the updates of all jobs that the caller submits."""
    watcher = watcher_of(call.caller)
    await controller.sockets.interest.note(watcher, own_jobs=True)
    socket = await controller.realtime.user_socket(watcher)
    base = controller.settings.api_url.rstrip("/")
    body: answers.UserSocket = {**_address(socket), "jobs": f"{base}/content-architect/jobs"}
    return json_reply(200, body)


async def handshake(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``OPTIONS realtime/upstream``: lets our own Web PubSub deliver its events here, and nobody else."""
    allowed = controller.sockets.guard.origin(call)
    return HttpReply(status=200, headers={**BASE_HEADERS, "WebHook-Allowed-Origin": allowed})


async def receive(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST realtime/upstream``: one event of Web PubSub. Told twice, it does no more than once."""
    event = await controller.sockets.guard.admit(call)
    watcher = parse_user_id(event.user_id)
    if watcher is None:
        raise RequestRefused("a socket needs a token of this app", code="unauthorized", status=401)
    if event.kind is Kind.USER:
        return json_reply(200, await controller.sockets.subscriptions.answer(event, watcher))
    return await _system_event(controller, event, watcher)


async def list_connections(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET realtime/connections``: the tenant's open sockets and what they watch; for the operator also publishing."""
    listed = await controller.sockets.registry.listed()
    own = [c for c in listed if c.watcher.tenant == call.caller.tenant]
    counted = figures_of(own)
    body: answers.ConnectionList = {
        "value": [connection.to_wire() for connection in own[:_SHOWN]],
        "connections": counted.connections,
        "users": counted.users,
        "byJob": counted.by_job,
        "partial": len(listed) == MAX_LISTED or len(own) > _SHOWN,
    }
    if call.caller.everywhere:  # what one process publishes for all tenants tells each about the others
        body["publishing"] = _publishing(controller.realtime.figures())
    return json_reply(200, body)


async def _system_event(
    controller: ContentArchitectController, event: UpstreamEvent, watcher: Watcher
) -> HttpReply:
    registry = controller.sockets.registry
    if event.name == "connect":
        request = parse_connect(event)
        await registry.open(event.connection_id, watcher, request.group_of(watcher))
        body: answers.UpstreamReply = {"userId": watcher.user_id}
        if request.chosen is not None:
            body["subprotocol"] = request.chosen
        return json_reply(200, body)
    if event.name == "connected":
        await registry.change(event.connection_id, watcher, lambda same: same)
    elif event.name == "disconnected":
        await registry.close(event.connection_id, watcher)
    else:
        raise RequestRefused("there is no such system event", code="unknown_event", status=400)
    return HttpReply(status=204, headers=BASE_HEADERS)


def _publishing(figures: PublishingFigures) -> answers.Publishing:
    return {
        "state": figures.state,
        "published": figures.published,
        "failed": figures.failed,
        "dropped": figures.dropped,
        "waiting": figures.waiting,
    }


def _address(socket: Socket) -> answers.SocketAddress:
    return {
        "url": socket.url,
        "group": socket.group,
        "expiresInSeconds": TOKEN_MINUTES * 60,
        "expiresAt": stamp(socket.expires_at),
    }
