"""Connects the adapters to the services that the settings name. Part of the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from orchestration.adapters.clock import SystemClock
from orchestration.adapters.late_callbacks import LateCallbackSender
from orchestration.adapters.managed_identity import ManagedIdentity
from orchestration.breaker import PROMPT, SLOW_TO_FAIL, Breaker
from orchestration.callbacks import CallbackSender
from orchestration.circuits import TABLE_STORAGE, Circuits
from orchestration.errors import ConfigurationError
from orchestration.management.letters import DeadLetterBox
from orchestration.ports import Clock, JobStore, MessageQueue, RealtimePublisher, TokenVerifier
from orchestration.settings import Settings
from orchestration.step_tools import USER_AGENT

if TYPE_CHECKING:
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient
    from azure.servicebus.aio import ServiceBusClient

    from orchestration.adapters.callback_http import HttpCallbackSender
    from orchestration.adapters.servicebus import ServiceBusQueue
    from orchestration.adapters.tables import TableJobStore
    from orchestration.adapters.webpubsub import WebPubSubPublisher

MAX_CONNECTIONS = 16
"""Beyond 16 storage calls in flight a process gains nothing."""

MAX_OFFICIAL = 4
"""How many of them may be the official client's, which is left with what is rare."""

MAX_PUBLISHING = 16
PUBLISH_TIMEOUT = 3.0
PUBSUB_RETRIES: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.1}

TABLE_TIMEOUTS: dict[str, Any] = {"connection_timeout": 3, "read_timeout": 5}
TABLE_RETRIES: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2}
"""Seconds and tries that end well within a lease; by default a silent service holds a call for five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The adapters, and how to let go of them."""

    store: JobStore
    queue: MessageQueue
    publisher: RealtimePublisher
    letters: DeadLetterBox
    sender: CallbackSender
    tokens: TokenVerifier
    clock: Clock
    close: Callable[[], Awaitable[None]]
    circuits: Circuits = field(default_factory=Circuits)


async def connect(settings: Settings, *, sends_soon: Sequence[str] = ()) -> Outside:
    """Make clients for tables, queues and Web PubSub; each connects when it is first used.

    ``sends_soon`` names queues whose senders are opened meanwhile, in this order. Raises
    :class:`ConfigurationError` that names what is missing.
    """
    await asyncio.to_thread(_import, *_BROKER_MODULES, *_identity_modules(settings))
    from orchestration.adapters.servicebus import ServiceBusQueue

    breaker = Breaker("Service Bus", SystemClock().monotonic, policy=SLOW_TO_FAIL)
    credential = ManagedIdentity()
    service_bus = _service_bus(settings, credential)
    queue = ServiceBusQueue(service_bus, breaker)
    if sends_soon:
        queue.prepare(*sends_soon)
    try:
        await asyncio.to_thread(_import, *_OTHER_MODULES, *(("entra",) if settings.entra_tenants else ()))
        outside = _outside(settings, credential, service_bus, queue)
    except ConfigurationError:
        await queue.close()
        raise
    outside.circuits.add("serviceBus", breaker.circuit)
    return outside


def _outside(
    settings: Settings,
    credential: ManagedIdentity,
    service_bus: Callable[[], ServiceBusClient],
    queue: ServiceBusQueue,
) -> Outside:
    from orchestration.adapters.deadletters import ServiceBusDeadLetters

    letters = ServiceBusDeadLetters(service_bus)
    publisher = _web_pubsub(settings, credential)
    clock, circuits = SystemClock(), Circuits()
    # Last of all: these open what would have to be closed if another one refused.
    tables = Breaker("Table Storage", clock.monotonic, policy=PROMPT)
    store = _tables(settings, credential, tables)
    sender = LateCallbackSender(partial(_callback_sender, settings, clock))
    tokens, close_tokens = _tokens(settings, clock, circuits)

    async def close() -> None:
        await queue.close()
        await letters.close()
        await sender.close()
        await close_tokens()
        await publisher.close()
        await store.close()
        await credential.close()

    circuits.add(TABLE_STORAGE, tables.circuit)
    circuits.add("callbacks", sender.circuit)
    return Outside(
        store=store,
        queue=queue,
        publisher=publisher,
        letters=letters,
        sender=sender,
        tokens=tokens,
        clock=clock,
        close=close,
        circuits=circuits,
    )


@asynccontextmanager
async def store_alone(settings: Settings) -> AsyncIterator[JobStore]:
    """The tables and nothing else, for a command. Raises :class:`ConfigurationError`."""
    credential, breaker = ManagedIdentity(), Breaker("Table Storage", SystemClock().monotonic, policy=PROMPT)
    store = _tables(settings, credential, breaker)
    try:
        yield store
    finally:
        await store.close()
        await credential.close()


_BROKER_MODULES = ("servicebus", "deadletters")
_OTHER_MODULES = ("table_batch", "tables", "webpubsub")


def _import(*modules: str) -> None:
    """In a thread: together they take a third of a second, in which the loop has other work."""
    for module in modules:
        import_module(module if "." in module else f"orchestration.adapters.{module}")


def _identity_modules(settings: Settings) -> tuple[str, ...]:
    """The identity library, only where a service is named without a key."""
    keys = (settings.tables_connection, settings.service_bus_connection, settings.web_pubsub_connection)
    return () if all(keys) else ("azure.identity.aio",)


def _tables(settings: Settings, credential: ManagedIdentity, breaker: Breaker) -> TableJobStore:
    import aiohttp
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.data.tables.aio import TableServiceClient

    from orchestration.adapters.bare_http import BareClient
    from orchestration.adapters.table_auth import (
        IDENTITY_SCOPE,
        IdentityAuth,
        SharedKeyAuth,
        TableAccount,
        TableAuth,
    )
    from orchestration.adapters.table_link import TableLink
    from orchestration.adapters.tables import TableJobStore

    auth: TableAuth
    client_credential: Any
    if settings.tables_connection:
        account = TableAccount.from_connection_string(settings.tables_connection)
        client_credential = AzureNamedKeyCredential(account.name, account.key or "")
        auth = SharedKeyAuth(account=account)
    elif settings.storage_table_uri:
        name = settings.storage_table_uri.split("//", 1)[-1].split(".", 1)[0]
        account = TableAccount(endpoint=settings.storage_table_uri.rstrip("/"), name=name)
        client_credential = credential.get()
        auth = IdentityAuth(token=lambda: credential.token(IDENTITY_SCOPE))
    else:
        raise ConfigurationError(
            "set CONTENT_STORAGE_CONNECTION_STRING, or CONTENT_STORAGE__tableServiceUri for a managed identity"
        )
    # It reads no proxy settings: with those aiohttp looks for a .netrc in a thread, twice a request.
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_OFFICIAL), cookie_jar=aiohttp.DummyCookieJar()
    )
    transport = AioHttpTransport(session=session, session_owner=False, **TABLE_TIMEOUTS)
    service = TableServiceClient(
        account.endpoint, credential=client_credential, transport=transport, **TABLE_RETRIES
    )
    bare = BareClient(
        account.endpoint, limit=MAX_CONNECTIONS - MAX_OFFICIAL, timeout=sum(TABLE_TIMEOUTS.values())
    )
    link = TableLink(client=bare, endpoint=account.endpoint, auth=auth, breaker=breaker)

    async def close() -> None:
        await bare.close()
        await session.close()

    return TableJobStore(service, link, close)


def _service_bus(settings: Settings, credential: ManagedIdentity) -> Callable[[], ServiceBusClient]:
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


def _web_pubsub(settings: Settings, credential: ManagedIdentity) -> WebPubSubPublisher:
    from orchestration.adapters.bare_http import BareClient
    from orchestration.adapters.webpubsub import WebPubSubPublisher
    from orchestration.adapters.webpubsub_link import IDENTITY_SCOPE, Authorize, PubSubLink, key_token

    hub = settings.web_pubsub_hub
    authorize: Authorize
    client_credential: Any
    if settings.web_pubsub_connection:
        text = settings.web_pubsub_connection.get_secret_value()
        _check("WEB_PUBSUB_CONNECTION_STRING", text, "Endpoint", "AccessKey")
        fields = _fields(text)
        endpoint, authorize = fields["endpoint"], key_token(fields["accesskey"])
        client_credential = fields["accesskey"]
    elif settings.web_pubsub_endpoint:
        endpoint, authorize = settings.web_pubsub_endpoint, lambda _: credential.token(IDENTITY_SCOPE)
        client_credential = None
    else:
        raise ConfigurationError(
            "set WEB_PUBSUB_CONNECTION_STRING, or WEB_PUBSUB__endpoint for a managed identity"
        )
    endpoint = endpoint.rstrip("/")

    def client() -> WebPubSubServiceClient:
        from azure.core.credentials import AzureKeyCredential
        from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

        chosen = AzureKeyCredential(client_credential) if client_credential else credential.get()
        return WebPubSubServiceClient(endpoint, hub, chosen, **PUBSUB_RETRIES)

    bare = BareClient(endpoint, limit=MAX_PUBLISHING, timeout=PUBLISH_TIMEOUT)
    link = PubSubLink(client=bare, endpoint=endpoint, hub=hub, authorize=authorize)
    return WebPubSubPublisher(link, client, bare.close)


def _check(setting: str, text: str, *fields: str) -> None:
    """Refuse a connection string that the SDK could not read, without repeating it: it holds a key."""
    parts = [part for part in text.split(";") if part.strip()]
    given = _fields(text)
    missing = [name for name in fields if not given.get(name.lower())]
    if missing or not all("=" in part for part in parts):
        raise ConfigurationError(f"{setting} should hold {', '.join(f'{name}=...' for name in fields)}")


def _fields(text: str) -> dict[str, str]:
    """The fields of a connection string, names in lower case."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _callback_sender(settings: Settings, clock: Clock) -> HttpCallbackSender:
    from orchestration.adapters.callback_http import LIMITS, HttpCallbackSender
    from orchestration.adapters.guarded_http import GuardedClient

    client = GuardedClient(user_agent=USER_AGENT, limits=LIMITS, loopback=settings.callback_hosts)
    return HttpCallbackSender(client, clock)


def _tokens(
    settings: Settings, clock: Clock, circuits: Circuits
) -> tuple[TokenVerifier, Callable[[], Awaitable[None]]]:
    """Entra where a directory is configured; else somebody who knows no token."""
    if not settings.entra_tenants:
        from orchestration.adapters.memory_tokens import MemoryTokenVerifier

        return MemoryTokenVerifier(clock), _nothing_to_close
    from orchestration.adapters.entra import EntraTokenVerifier
    from orchestration.adapters.entra_keys import KeySource

    authority = settings.entra_authority
    source = KeySource(authority, clock)
    circuits.add("identityProvider", lambda: source.breaker.state.value)
    verifier = EntraTokenVerifier(
        source, authority=authority, directories=settings.entra_tenants, clock=clock
    )
    return verifier, verifier.aclose


async def _nothing_to_close() -> None:
    return None
