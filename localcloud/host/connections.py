"""Resolves the ``connection`` of a Service Bus trigger to a client, as the host does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.host.errors import FunctionInError
from localcloud.host.receiving import EntityRefusedError
from localcloud.host.settings import AppSettings

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient

_SCOPE = "https://servicebus.azure.net/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBusConnection:
    """Where a namespace is and how to log in: a connection string, or a host name with an identity."""

    connection_string: str | None = None
    namespace: str | None = None
    managed_identity: bool = False
    """True when the setting asks for a managed identity; otherwise the default chain of credentials is tried."""
    client_id: str | None = None


def resolve_connection(settings: AppSettings, name: str) -> ServiceBusConnection:
    """Look a connection up: the setting itself, ``AzureWebJobs<name>``, then ``<name>__fullyQualifiedNamespace``.

    Raises:
        FunctionInError: none of them exists.
    """
    name = settings.resolve(name) or "ServiceBus"
    text = settings.get(name) or settings.get(f"AzureWebJobs{name}")
    if text is not None:
        return ServiceBusConnection(connection_string=text)
    for section in (name, f"AzureWebJobs{name}"):
        namespace = settings.get(f"{section}__fullyQualifiedNamespace")
        if namespace is not None:
            return ServiceBusConnection(
                namespace=namespace,
                managed_identity=(settings.get(f"{section}__credential") or "").lower() == "managedidentity",
                client_id=settings.get(f"{section}__clientId"),
            )
    raise FunctionInError(
        f"Service Bus account connection string '{name}' does not exist. Make sure that it is a defined App Setting."
    )


class BrokerClient:
    """A client of one namespace and, without a key, the credential that it logs in with."""

    def __init__(self, client: "ServiceBusClient", connection: ServiceBusConnection, credential: Any) -> None:
        self.client = client
        self._connection = connection
        self._credential = credential

    async def check_identity(self) -> None:
        """Get a token where the client will need one (the credential keeps it), to say early why it gets none.

        Raises:
            EntityRefusedError: nobody is logged in, or the log-in does not work.
        """
        if self._credential is None:
            return
        from azure.core.exceptions import ClientAuthenticationError

        try:
            await self._credential.get_token(_SCOPE)
        except ClientAuthenticationError as error:
            raise EntityRefusedError(
                f"This machine has no identity for '{self._connection.namespace}'. Log in with 'az login', or set a "
                f"connection string in place of __fullyQualifiedNamespace. {error.message}"
            ) from error

    async def close(self) -> None:
        """Disconnect."""
        await self.client.close()
        if self._credential is not None:
            await self._credential.close()


def open_client(connection: ServiceBusConnection, credential: Any = None) -> BrokerClient:
    """Make a client; nothing is connected yet. ``credential`` takes the place of what a connection without a key uses.

    It repeats nothing by itself: the listener does, which knows what each call is for and logs an outage once.

    Raises:
        FunctionInError: the connection string is malformed.
    """
    from azure.servicebus.aio import ServiceBusClient

    if connection.connection_string is None:
        credential = credential or _credential(connection)
        client = ServiceBusClient(str(connection.namespace), credential, retry_total=0)
        return BrokerClient(client, connection, credential)
    try:
        client = ServiceBusClient.from_connection_string(connection.connection_string, retry_total=0)
    except ValueError as error:
        raise FunctionInError(f"The Service Bus connection string cannot be used: {error}") from error
    return BrokerClient(client, connection, None)


def _credential(connection: ServiceBusConnection) -> Any:
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    make: Callable[..., Any] = (
        ManagedIdentityCredential if connection.managed_identity else DefaultAzureCredential
    )
    if connection.client_id is None:
        return make()
    chosen = "client_id" if connection.managed_identity else "managed_identity_client_id"
    return make(**{chosen: connection.client_id})
