"""Connects the adapters to the services that the settings name. Part of the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from layers.contract import ResearchProvider, Tools
from orchestration.adapters.clock import SystemClock
from orchestration.errors import ConfigurationError
from orchestration.ports import Clock, JobStore, MessageQueue, RealtimePublisher
from orchestration.settings import Settings

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient

    from orchestration.adapters.tables import TableJobStore
    from orchestration.adapters.webpubsub import WebPubSubPublisher

PRODUCT = "ContentArchitect"
USER_AGENT = f"{PRODUCT}/0.1"
MAX_CONNECTIONS = 16
"""Beyond 16 storage calls in flight a process gains nothing."""

TABLE_PATIENCE: dict[str, Any] = {
    "retry_total": 2,
    "retry_backoff_factor": 0.2,
    "connection_timeout": 3,
    "read_timeout": 5,
}
"""Seconds and tries that end well within a lease; by default a silent service holds a call for five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The adapters, and how to let go of them."""

    store: JobStore
    queue: MessageQueue
    publisher: RealtimePublisher
    clock: Clock
    close: Callable[[], Awaitable[None]]


async def connect(settings: Settings) -> Outside:
    """Make clients for tables, queues and Web PubSub; each connects when it is first used.

    Raises :class:`ConfigurationError` that names what is missing.
    """
    await asyncio.to_thread(_import_sdks)
    from orchestration.adapters.servicebus import ServiceBusQueue

    credential = _Credential()
    queue = ServiceBusQueue(_service_bus(settings, credential))
    publisher = _web_pubsub(settings, credential)
    store = _tables(
        settings, credential
    )  # last: it opens what would have to be closed if another one refused

    async def close() -> None:
        await queue.close()
        await publisher.close()
        await store.close()
        await credential.close()

    return Outside(store=store, queue=queue, publisher=publisher, clock=SystemClock(), close=close)


def _import_sdks() -> None:
    """In a thread: together they take most of a second, in which the loop has other work."""
    for module in ("table_batch", "tables", "servicebus", "webpubsub"):
        import_module(f"orchestration.adapters.{module}")


class _Credential:
    """The managed identity, imported and made when the first client needs it."""

    def __init__(self) -> None:
        self._value: Any = None

    def get(self) -> Any:
        if self._value is None:
            from azure.identity.aio import DefaultAzureCredential

            self._value = DefaultAzureCredential()
        return self._value

    async def token(self, scope: str) -> str:
        return str((await self.get().get_token(scope)).token)

    async def close(self) -> None:
        if self._value is not None:
            await self._value.close()


def _tables(settings: Settings, credential: _Credential) -> TableJobStore:
    import aiohttp
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.data.tables.aio import TableServiceClient

    from orchestration.adapters.table_auth import (
        IDENTITY_SCOPE,
        IdentityAuth,
        SharedKeyAuth,
        TableAccount,
        TableAuth,
    )
    from orchestration.adapters.table_batch import BatchWriter
    from orchestration.adapters.tables import TableJobStore

    auth: TableAuth
    if settings.tables_connection:
        account = TableAccount.from_connection_string(settings.tables_connection)
        key = AzureNamedKeyCredential(account.name, account.key or "")
        service = TableServiceClient(account.endpoint, credential=key, **TABLE_PATIENCE)
        auth = SharedKeyAuth(account=account)
    elif settings.storage_table_uri:
        name = settings.storage_table_uri.split("//", 1)[-1].split(".", 1)[0]
        account = TableAccount(endpoint=settings.storage_table_uri.rstrip("/"), name=name)
        service = TableServiceClient(account.endpoint, credential=credential.get(), **TABLE_PATIENCE)
        auth = IdentityAuth(token=lambda: credential.token(IDENTITY_SCOPE))
    else:
        raise ConfigurationError(
            "set CONTENT_STORAGE_CONNECTION_STRING, or CONTENT_STORAGE__tableServiceUri for a managed identity"
        )
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS))

    def batches(table: str) -> BatchWriter:
        return BatchWriter(session=session, endpoint=account.endpoint, table=table, auth=auth)

    return TableJobStore(service, batches, session.close)


def _service_bus(settings: Settings, credential: _Credential) -> Callable[[], ServiceBusClient]:
    from azure.servicebus.aio import ServiceBusClient

    options: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.2, "retry_backoff_max": 1}
    if settings.service_bus_connection:
        text = settings.service_bus_connection.get_secret_value()
        _check(
            "AZURE_SERVICE_BUS_CONNECTION_STRING", text, "Endpoint", "SharedAccessKeyName", "SharedAccessKey"
        )
        return lambda: ServiceBusClient.from_connection_string(text, **options)
    if settings.service_bus_namespace:
        namespace = settings.service_bus_namespace
        return lambda: ServiceBusClient(namespace, credential.get(), **options)
    raise ConfigurationError(
        "set AZURE_SERVICE_BUS_CONNECTION_STRING, or AZURE_SERVICE_BUS_CONNECTION_STRING__fullyQualifiedNamespace"
    )


def _web_pubsub(settings: Settings, credential: _Credential) -> WebPubSubPublisher:
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

    from orchestration.adapters.webpubsub import WebPubSubPublisher

    options: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.1}
    hub = settings.web_pubsub_hub
    if settings.web_pubsub_connection:
        text = settings.web_pubsub_connection.get_secret_value()
        _check("WEB_PUBSUB_CONNECTION_STRING", text, "Endpoint", "AccessKey")
        return WebPubSubPublisher(WebPubSubServiceClient.from_connection_string(text, hub=hub, **options))
    if settings.web_pubsub_endpoint:
        client = WebPubSubServiceClient(settings.web_pubsub_endpoint, hub, credential.get(), **options)
        return WebPubSubPublisher(client)
    raise ConfigurationError(
        "set WEB_PUBSUB_CONNECTION_STRING, or WEB_PUBSUB__endpoint for a managed identity"
    )


def _check(setting: str, text: str, *fields: str) -> None:
    """Refuse a connection string that the SDK could not read, without repeating it: it holds a key."""
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    given = {name.strip().lower() for name, _, value in pairs if value.strip()}
    missing = [name for name in fields if name.lower() not in given]
    if missing or not all(separator for _, separator, _ in pairs):
        raise ConfigurationError(f"{setting} should hold {', '.join(f'{name}=...' for name in fields)}")


def research_tools(settings: Settings) -> Callable[[], Tools]:
    """What steps may reach, made once when the first step runs."""
    made: list[Tools] = []

    def tools() -> Tools:
        if not made:
            made.append(_make_tools(settings))
        return made[0]

    return tools


def _make_tools(settings: Settings) -> Tools:
    """The library, and what of the open web the settings name; own sources that are pages need no provider."""
    from orchestration.adapters.guarded_http import GuardedClient
    from orchestration.adapters.library_files import FileLibrary
    from orchestration.adapters.research_web import Crossref, Wikipedia
    from orchestration.adapters.web_pages import WebPages

    folder = settings.library_dir
    client = GuardedClient(user_agent=USER_AGENT)
    makers: dict[str, Callable[[], ResearchProvider]] = {
        "wikipedia": lambda: Wikipedia(client),
        "crossref": lambda: Crossref(client),
    }
    return Tools(
        library=FileLibrary(folder) if folder and "library" in settings.providers else None,
        providers=tuple(makers[name]() for name in settings.providers if name in makers),
        pages=WebPages(client, agent=PRODUCT),
    )
