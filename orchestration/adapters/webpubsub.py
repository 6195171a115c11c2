"""Publishes to Azure Web PubSub and hands out client URLs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

from orchestration.errors import DependencyUnavailable

PUBLISH_TIMEOUT = 3.0
_TIMEOUTS: dict[str, Any] = {"connection_timeout": PUBLISH_TIMEOUT, "read_timeout": PUBLISH_TIMEOUT}


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
    """One hub of one Web PubSub resource. ``client`` is long-lived and belongs to the running loop."""

    def __init__(self, client: WebPubSubServiceClient) -> None:
        self._client = client

    async def publish(self, group: str, message: str) -> None:
        """Send a JSON message to a group."""
        try:
            await self._client.send_to_group(
                group,
                json.loads(message),
                content_type="application/json",
                connection_timeout=PUBLISH_TIMEOUT,
                read_timeout=PUBLISH_TIMEOUT,
            )
        except AzureError as error:
            raise DependencyUnavailable(
                f"Web PubSub: {type(error).__name__}", code="realtime_unavailable"
            ) from error

    async def client_url(self, *, user_id: str, group: str, minutes: int) -> str:
        """A URL whose token is in the group and may only receive."""
        try:
            token = await self._client.get_client_access_token(
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
                await self._client.add_connection_to_group(group, connection_id, **_TIMEOUTS)
        except ResourceNotFoundError:
            return False
        return True

    async def leave(self, connection_id: str, group: str) -> None:
        """DELETE the membership."""
        try:
            async with _translated():
                await self._client.remove_connection_from_group(group, connection_id, **_TIMEOUTS)
        except ResourceNotFoundError:
            return  # gone is out of every group

    async def exists(self, connection_id: str) -> bool:
        """HEAD the connection."""
        async with _translated():
            return bool(await self._client.connection_exists(connection_id, **_TIMEOUTS))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
