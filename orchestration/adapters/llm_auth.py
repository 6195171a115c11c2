"""How calls to a language model are authorised: by key, or by the app's managed identity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from azure.core.exceptions import AzureError

from layers.contract import ChatFailed
from orchestration.adapters.llm import Headers
from orchestration.adapters.llm_wire import is_azure

IDENTITY_SCOPE: Final = "https://cognitiveservices.azure.com/.default"


def key_headers(endpoint: str, key: str | None) -> Headers:
    """``api-key`` on Azure's endpoints, a bearer token elsewhere, nothing without a key."""
    named = {"api-key": key} if is_azure(endpoint) else {"Authorization": f"Bearer {key}"}
    headers = {name: value for name, value in named.items() if key and value}

    async def given() -> Mapping[str, str]:
        return headers

    return given


def identity_headers(token: Callable[[], Awaitable[str]]) -> Headers:
    """A bearer token of the managed identity; ``token`` caches it."""

    async def given() -> Mapping[str, str]:
        try:
            return {"Authorization": f"Bearer {await token()}"}
        except AzureError as error:
            raise ChatFailed(
                f"the managed identity gave no token: {type(error).__name__}", code="llm_misconfigured"
            ) from error

    return given
