"""The identity that Azure gives to the app: one for all clients that are let in without a key."""

from __future__ import annotations

from typing import Any


class ManagedIdentity:
    """Imported and made when the first client needs it: the library takes a quarter of a second."""

    def __init__(self) -> None:
        """Nothing is asked for yet."""
        self._value: Any = None

    def get(self) -> Any:
        """The credential, for the official clients."""
        if self._value is None:
            from azure.identity.aio import DefaultAzureCredential

            self._value = DefaultAzureCredential()
        return self._value

    async def token(self, scope: str) -> str:
        """An access token for this scope."""
        return str((await self.get().get_token(scope)).token)

    async def close(self) -> None:
        """Close its connections."""
        if self._value is not None:
            await self._value.close()
