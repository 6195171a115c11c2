"""The official clients as watchers: each puts ``connected`` and its messages into one queue, in the order they came."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncClient
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubProtocolType

from tests.realtime.support import SequenceMerger

SCRIPT = Path(__file__).parents[1] / "webpubsub" / "client.mjs"
SDK = Path(__file__).parents[2] / "node_modules" / "@azure" / "web-pubsub-client"
PROTOCOLS = {"json": WebPubSubProtocolType.JSON, "reliable": WebPubSubProtocolType.JSON_RELIABLE}
PATIENT: dict[str, Any] = {
    "reconnect_retry_total": 1000,
    "reconnect_retry_backoff_factor": 0.02,
    "reconnect_retry_backoff_max": 0.1,
}

Inbox = asyncio.Queue[dict[str, Any] | None]
"""Messages; None says that a socket is open."""


@asynccontextmanager
async def python_aio(url: str, protocol: str) -> AsyncIterator[Inbox]:
    inbox: Inbox = asyncio.Queue()
    client = AsyncClient(url, protocol_type=PROTOCOLS[protocol], **PATIENT)

    async def keep(message: Any) -> None:
        inbox.put_nowait(message.data)

    async def note(_: Any) -> None:
        inbox.put_nowait(None)

    await client.subscribe(CallbackType.GROUP_MESSAGE, keep)
    await client.subscribe(CallbackType.CONNECTED, note)
    async with client:
        yield inbox


@asynccontextmanager
async def python_sync(url: str, protocol: str) -> AsyncIterator[Inbox]:
    inbox: Inbox = asyncio.Queue()
    loop = asyncio.get_running_loop()
    client = WebPubSubClient(url, protocol_type=PROTOCOLS[protocol], **PATIENT)

    def put(item: dict[str, Any] | None) -> None:
        loop.call_soon_threadsafe(inbox.put_nowait, item)

    client.subscribe(CallbackType.GROUP_MESSAGE, lambda message: put(message.data))
    client.subscribe(CallbackType.CONNECTED, lambda _: put(None))
    await asyncio.to_thread(client.open)
    try:
        yield inbox
    finally:
        await asyncio.to_thread(client.close)


@asynccontextmanager
async def javascript(url: str, protocol: str) -> AsyncIterator[Inbox]:
    inbox: Inbox = asyncio.Queue()
    process = await asyncio.create_subprocess_exec(
        *("node", str(SCRIPT), url, protocol), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            step = json.loads(line)
            if "connected" in step:
                inbox.put_nowait(None)
            elif "data" in step:
                inbox.put_nowait(step["data"])

    reader = asyncio.create_task(read())
    try:
        yield inbox
    finally:
        process.kill()
        await process.wait()
        reader.cancel()
        await asyncio.wait([reader])


WATCHERS: dict[str, Callable[[str, str], contextlib.AbstractAsyncContextManager[Inbox]]] = {
    "python-sync": python_sync,
    "python-aio": python_aio,
    "javascript": javascript,
}


async def merge(inbox: Inbox, merger: SequenceMerger) -> None:
    """Take from the queue for as long as it lasts."""
    while True:
        update = await inbox.get()
        await (merger.connected() if update is None else merger.take(update))
