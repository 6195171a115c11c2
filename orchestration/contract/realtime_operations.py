"""Documentation of realtime. See :mod:`orchestration.contract.operations`."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.contract.operations import JOB_REFUSALS, Answer, Operation, Parameter
from orchestration.contract.realtime_answers import ConnectionList, Socket, UpstreamReply, UserSocket
from orchestration.sockets.upstream import SUBPROTOCOLS

_CE = {
    name: Parameter(description=text)
    for name, text in {
        "ce-type": "`azure.webpubsub.sys.<event>` or `azure.webpubsub.user.<event>`.",
        "ce-hub": "The hub.",
        "ce-connectionId": "The connection that the event is about.",
        "ce-userId": "Who is connected: `<tenant>:<digest>`.",
        "ce-signature": "`sha256=` and the HMAC of the connection id, one for each key of the service.",
    }.items()
}

OPERATIONS_OF_REALTIME: Mapping[str, Operation] = {
    "job_negotiate": Operation(
        tag="Realtime",
        summary="Open a socket on a job",
        description="A Web PubSub address whose token is in the job's group from the start and can send nothing. "
        "Read the event log once after connecting, and merge by `sequence`.",
        answers={200: Answer(description="Where to connect.", shape=Socket)},
        refusals={**JOB_REFUSALS, 503: ("realtime_unavailable",)},
    ),
    "realtime_negotiate": Operation(
        tag="Realtime",
        summary="Open a socket on the caller's own jobs",
        description="The socket gets the updates of all jobs that the caller submits; send the event "
        '`SubscribeToJob` with `{"jobId": "..."}` over it to watch another job of the tenant.',
        answers={200: Answer(description="Where to connect.", shape=UserSocket)},
        refusals={503: ("realtime_unavailable",)},
    ),
    "realtime_connections": Operation(
        tag="Realtime",
        summary="List open sockets",
        description="What the tenant's sockets watch, and how publishing goes in the process that answers.",
        answers={
            200: Answer(description="The first 500 sockets, and figures over all.", shape=ConnectionList)
        },
    ),
    "realtime_handshake": Operation(
        tag="Realtime",
        summary="Allow Web PubSub to deliver its events",
        description="For Web PubSub alone: the abuse protection of CloudEvents webhooks.",
        headers={"WebHook-Request-Origin": Parameter(description="Who asks; may name several hosts.")},
        answers={
            200: Answer(
                description="Our own Web PubSub may deliver.",
                headers={"WebHook-Allowed-Origin": "The host that may deliver."},
            )
        },
        refusals={403: ("forbidden",)},
    ),
    "realtime_upstream": Operation(
        tag="Realtime",
        summary="Take an event of Web PubSub",
        description="For Web PubSub alone, a CloudEvent in binary mode: `connect`, `connected`, `disconnected`, and the "
        "clients' `SubscribeToJob` and `UnsubscribeFromJob`. The sender is checked by its signature, its token or both. "
        f"`connect` is answered with `userId` and the best of: {', '.join(f'`{name}`' for name in SUBPROTOCOLS)}.",
        headers=_CE,
        answers={
            200: Answer(description="The reply, or who connects.", shape=UpstreamReply),
            204: Answer(description="Noted."),
        },
        refusals={
            400: ("bad_event", "unknown_event"),
            401: ("unauthorized",),
            403: ("forbidden",),
            413: ("too_large",),
            503: ("storage_unavailable", "identity_unavailable"),
        },
    ),
}
