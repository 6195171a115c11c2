"""Publishes to Azure Web PubSub and hands out client URLs."""

from __future__ import annotations

import json

from azure.core.exceptions import AzureError
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

from orchestration.errors import DependencyUnavailable

PUBLISH_TIMEOUT = 3.0


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

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
