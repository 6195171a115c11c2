"""Publishes to Azure Web PubSub and hands out client URLs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.core.exceptions import AzureError, ResourceNotFoundError

from orchestration.adapters.webpubsub_link import PubSubLink
from orchestration.errors import DependencyUnavailable

if TYPE_CHECKING:
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

CALL_SECONDS = 3.0
_TIMEOUTS: dict[str, Any] = {"connection_timeout": CALL_SECONDS, "read_timeout": CALL_SECONDS}


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Errors of the official client in our words; what is not there stays what it is."""
    try:
        yield
    except ResourceNotFoundError:
        raise
    except AzureError as error:
        raise DependencyUnavailable(
            f"Web PubSub: {type(error).__name__}", code="realtime_unavailable"
        ) from error


class WebPubSubPublisher:
    """One hub of one Web PubSub resource.

    Messages go over bare HTTP; the official client makes the client URLs. ``make_client`` imports it, which takes a
    fifth of a second, so it is called in a thread and only when the first URL is asked for.
    """

    def __init__(
        self,
        link: PubSubLink,
        make_client: Callable[[], WebPubSubServiceClient],
        close: Callable[[], Awaitable[Any]],
    ) -> None:
        self._link = link
        self._make_client = make_client
        self._close = close
        self._made: asyncio.Task[WebPubSubServiceClient] | None = None

    async def publish(self, group: str, message: str) -> None:
        """Send a JSON message to a group."""
        await self._link.send(f"/groups/{quote(group, safe='')}/:send", message)

    async def client_url(self, *, user_id: str, group: str, minutes: int) -> str:
        """A URL whose token is in the group and may only receive."""
        client = await self._client()
        try:
            token = await client.get_client_access_token(
                user_id=user_id, groups=[group], minutes_to_expire=minutes
            )
        except AzureError as error:
            raise DependencyUnavailable(
                f"Web PubSub: {type(error).__name__}", code="realtime_unavailable"
            ) from error
        return str(token["url"])

    async def join(self, connection_id: str, group: str) -> bool:
        """PUT the membership; the service answers 404 for a connection that is gone."""
        try:
            async with _translated():
                await (await self._client()).add_connection_to_group(group, connection_id, **_TIMEOUTS)
        except ResourceNotFoundError:
            return False
        return True

    async def leave(self, connection_id: str, group: str) -> None:
        """DELETE the membership."""
        try:
            async with _translated():
                await (await self._client()).remove_connection_from_group(group, connection_id, **_TIMEOUTS)
        except ResourceNotFoundError:
            return  # gone is out of every group

    async def exists(self, connection_id: str) -> bool:
        """HEAD the connection."""
        async with _translated():
            return bool(await (await self._client()).connection_exists(connection_id, **_TIMEOUTS))

    async def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await (await self._made).close()
        await self._close()

    async def _client(self) -> WebPubSubServiceClient:
        if self._made is None:
            self._made = asyncio.create_task(self._import_and_make())
        return await asyncio.shield(self._made)

    async def _import_and_make(self) -> WebPubSubServiceClient:
        await asyncio.to_thread(import_client)
        return self._make_client()


def import_client() -> None:
    """The official client's modules."""
    import azure.messaging.webpubsubservice.aio  # noqa: F401 - for its effect: the import is what takes time
