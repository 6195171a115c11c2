"""The only reader of the environment. Every setting is documented in docs/configuration.md (a test compares)."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from orchestration.errors import ConfigurationError

AuthMode = Literal["entra", "apikey", "off"]

TENANT = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
"""Tenants become partition keys, so they are made of characters that need no care there."""

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

_REFERENCE = "@Microsoft.KeyVault("
SHORTEST_TOKEN = 24
"""Characters of ``INTERNAL_API_TOKEN`` in Azure: it opens every tenant, so nobody may guess it."""

_AZURE_MARKER = "WEBSITE_SITE_NAME"
"""Set by the platform for every app; a local host sets names of instance and host only."""


_LOOPBACK = r"(localhost|127(\.\d{1,3}){3})(:\d{1,5})?"
_GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


class Settings(BaseModel):
    """Settings of the app, each read from the environment variable of its alias. Secrets print as asterisks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    storage_connection: SecretStr | None = Field(None, alias="CONTENT_STORAGE_CONNECTION_STRING")
    storage_table_uri: str | None = Field(None, alias="CONTENT_STORAGE__tableServiceUri")
    host_storage: SecretStr | None = Field(None, alias="AzureWebJobsStorage")
    service_bus_connection: SecretStr | None = Field(None, alias="AZURE_SERVICE_BUS_CONNECTION_STRING")
    service_bus_namespace: str | None = Field(
        None, alias="AZURE_SERVICE_BUS_CONNECTION_STRING__fullyQualifiedNamespace"
    )
    web_pubsub_connection: SecretStr | None = Field(None, alias="WEB_PUBSUB_CONNECTION_STRING")
    web_pubsub_endpoint: str | None = Field(None, alias="WEB_PUBSUB__endpoint")
    web_pubsub_hub: str = Field(
        "contentjobs", alias="WEB_PUBSUB_HUB", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,127}$"
    )
    upstream_audience: str | None = Field(None, alias="WEB_PUBSUB_UPSTREAM_AUDIENCE")
    upstream_principal: str | None = Field(None, alias="WEB_PUBSUB_UPSTREAM_PRINCIPAL")
    api_url: str = Field("http://127.0.0.1:7071", alias="CONTENT_ARCHITECT_API_URL")
    trusted_proxy_hops: int = Field(0, alias="TRUSTED_PROXY_HOPS", ge=0, le=5)
    internal_api_token: SecretStr | None = Field(None, alias="INTERNAL_API_TOKEN")
    auth_mode: AuthMode = Field("off", alias="AUTH_MODE")
    entra_tenant_id: str = Field("", alias="ENTRA_TENANT_ID", pattern=rf"^\s*({_GUID}\s*(,\s*{_GUID}\s*)*)?$")
    entra_audience: str = Field("", alias="ENTRA_AUDIENCE", pattern=r"^\S{0,300}$")
    entra_authority: str = Field(
        "https://login.microsoftonline.com", alias="ENTRA_AUTHORITY", pattern=r"^https?://[^\s/?#@]+/?$"
    )
    easy_auth_in_front: bool = Field(False, alias="EASY_AUTH_IN_FRONT")
    job_max_retries: int = Field(3, alias="JOB_MAX_RETRIES", ge=1, le=20)
    job_timeout_minutes: float = Field(15, alias="JOB_TIMEOUT_MINUTES", gt=0, le=25)
    sync_wait_seconds: float = Field(100, alias="SYNC_WAIT_SECONDS", ge=1, le=200)
    lease_seconds: float = Field(30, alias="LEASE_SECONDS", ge=1, le=300)
    retention_days: int = Field(30, alias="RETENTION_DAYS", ge=1, le=3650)
    rate_limit_per_minute: int = Field(6000, alias="RATE_LIMIT_PER_MINUTE", ge=0, le=10_000_000)
    max_active_jobs: int = Field(1000, alias="MAX_ACTIVE_JOBS", ge=0, le=100_000)
    audit_retention_days: int = Field(365, alias="AUDIT_RETENTION_DAYS", ge=1, le=3650)
    step_cache: bool = Field(True, alias="STEP_CACHE")
    max_delivery_count: int = Field(5, alias="MAX_DELIVERY_COUNT", ge=2, le=2000)
    producer_default_tenant: str = Field("local", alias="PRODUCER_DEFAULT_TENANT", pattern=TENANT.pattern)
    library_dir: Path | None = Field(None, alias="CONTENT_LIBRARY_DIR")
    research_providers: str = Field(
        "library",
        alias="RESEARCH_PROVIDERS",
        pattern=r"^\s*((library|wikipedia|crossref)\s*(,\s*(library|wikipedia|crossref)\s*)*)?$",
    )
    llm_endpoint: str | None = Field(None, alias="LLM_ENDPOINT", pattern=r"^https?://[^\s/?#]+[^\s?#]*$")
    llm_model: str | None = Field(None, alias="LLM_MODEL")
    llm_api_key: SecretStr | None = Field(None, alias="LLM_API_KEY")
    llm_timeout_seconds: float = Field(90, alias="LLM_TIMEOUT_SECONDS", ge=1, le=600)
    llm_price_input: float = Field(0, alias="LLM_PRICE_INPUT", ge=0)
    llm_price_output: float = Field(0, alias="LLM_PRICE_OUTPUT", ge=0)
    callback_allowed_hosts: str = Field(
        "", alias="CALLBACK_ALLOWED_HOSTS", pattern=rf"^\s*({_LOOPBACK}\s*(,\s*{_LOOPBACK}\s*)*)?$"
    )
    telemetry_include_content: bool = Field(default=False, alias="TELEMETRY_INCLUDE_CONTENT")
    instance_id: str = Field(default_factory=socket.gethostname, alias="WEBSITE_INSTANCE_ID")

    @property
    def providers(self) -> tuple[str, ...]:
        """The names in ``RESEARCH_PROVIDERS``, in order."""
        return tuple(name.strip() for name in self.research_providers.split(",") if name.strip())

    @property
    def entra_tenants(self) -> frozenset[str]:
        """The directories in ``ENTRA_TENANT_ID``, in lower case as tokens name them."""
        return frozenset(name.strip().lower() for name in self.entra_tenant_id.split(",") if name.strip())

    @property
    def has_llm(self) -> bool:
        """Whether a language model is configured."""
        return self.llm_endpoint is not None

    @property
    def callback_hosts(self) -> frozenset[str]:
        """Hosts of this machine (``host`` or ``host:port``) that callbacks may reach over http."""
        return frozenset(name.strip() for name in self.callback_allowed_hosts.split(",") if name.strip())

    @property
    def web_pubsub_keys(self) -> tuple[str, ...]:
        """The access key of the connection string; none with a managed identity."""
        given = self.web_pubsub_connection
        return _fields_of(given.get_secret_value(), "accesskey") if given else ()

    @property
    def web_pubsub_hosts(self) -> tuple[str, ...]:
        """The host of our own Web PubSub, in lower case and without a port; none without a setting."""
        given = self.web_pubsub_connection
        endpoints = _fields_of(given.get_secret_value(), "endpoint") if given else ()
        urls = (*endpoints, self.web_pubsub_endpoint) if self.web_pubsub_endpoint else endpoints
        return tuple(host for url in urls if (host := urlsplit(url).hostname))

    @property
    def tables_connection(self) -> str | None:
        """The connection string for tables: our own, else the host's where it is one."""
        own = self.storage_connection or self.host_storage
        return own.get_secret_value() if own and not self.storage_table_uri else None

    @property
    def signing_secret(self) -> bytes:
        """Signs what callers hand back unread (cursors); the same in every instance of the app.

        With managed identities alone there is no shared secret. Then a signature only shows that a value was not
        mixed up: no right ever comes from one.
        """
        token, storage = self.internal_api_token, self.storage_connection or self.host_storage
        known = token.get_secret_value() if token else storage.get_secret_value() if storage else ""
        return hashlib.sha256(f"signing:{known or self.storage_table_uri}".encode()).digest()


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.

    Raises :class:`ConfigurationError` that names the variable, never its value. An empty variable counts as
    absent, as the portal writes it.
    """
    source = os.environ if environment is None else environment
    present = {name: value for name, value in source.items() if value != ""}
    if _AZURE_MARKER in present and "AUTH_MODE" not in present:
        present["AUTH_MODE"] = "entra"
    if _AZURE_MARKER in present:
        present.setdefault("TRUSTED_PROXY_HOPS", "1")  # the platform's own front end
    _check_references(present)
    try:
        settings = Settings.model_validate(present)
    except ValidationError as error:
        names = "; ".join(
            f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"Wrong settings: {names}") from error
    if settings.auth_mode == "off" and _AZURE_MARKER in present:
        raise ConfigurationError("AUTH_MODE=off is for one machine; in Azure use entra or apikey")
    if settings.callback_hosts and _AZURE_MARKER in present:
        raise ConfigurationError("CALLBACK_ALLOWED_HOSTS is for one machine; in Azure leave it out")
    if (settings.upstream_audience is None) != (settings.upstream_principal is None):
        raise ConfigurationError(
            "WEB_PUBSUB_UPSTREAM_AUDIENCE and WEB_PUBSUB_UPSTREAM_PRINCIPAL go together: set both or neither"
        )
    _check_identity(settings, in_azure=_AZURE_MARKER in present)
    _check_llm(settings)
    return settings


def _fields_of(connection: str, name: str) -> tuple[str, ...]:
    """The values of this name in a connection string (``Name=value;...``); names are in any case."""
    pairs = (part.partition("=") for part in connection.split(";"))
    return tuple(value.strip() for key, _, value in pairs if key.strip().lower() == name and value.strip())


def _check_references(present: Mapping[str, str]) -> None:
    """A Key Vault reference that the platform could not resolve stays as its text, which anybody may know."""
    names = {str(field.alias) for field in Settings.model_fields.values()}
    left = sorted(name for name in names & present.keys() if present[name].startswith(_REFERENCE))
    if left:
        raise ConfigurationError(f"the Key Vault reference of {', '.join(left)} was not resolved")


def load_storage_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of storage alone, for commands that work on tables beside the app.

    Raises :class:`ConfigurationError`.
    """
    source = os.environ if environment is None else environment
    names = ("CONTENT_STORAGE_CONNECTION_STRING", "CONTENT_STORAGE__tableServiceUri")
    return load_settings({name: source[name] for name in names if name in source})


def _check_identity(settings: Settings, *, in_azure: bool) -> None:
    """A mode of authentication has what it needs, and nothing else decides who somebody is."""
    if settings.auth_mode == "entra" and not (settings.entra_tenants and settings.entra_audience):
        raise ConfigurationError("AUTH_MODE=entra needs ENTRA_TENANT_ID and ENTRA_AUDIENCE")
    token = settings.internal_api_token
    if in_azure and token and len(token.get_secret_value()) < SHORTEST_TOKEN:
        raise ConfigurationError(
            f"INTERNAL_API_TOKEN should have at least {SHORTEST_TOKEN} random characters"
        )
    parts = urlsplit(settings.entra_authority)
    if parts.scheme == "http" and (in_azure or parts.hostname not in _THIS_MACHINE):
        raise ConfigurationError("ENTRA_AUTHORITY must be https: its keys decide who is let in")
    if settings.easy_auth_in_front and not (settings.auth_mode == "entra" and in_azure):
        raise ConfigurationError(
            "EASY_AUTH_IN_FRONT is for AUTH_MODE=entra in Azure: elsewhere nobody takes forged headers away"
        )


def _check_llm(settings: Settings) -> None:
    """An endpoint needs a model, and a key travels encrypted or not beyond this machine."""
    if settings.llm_endpoint is None:
        return
    if settings.llm_model is None:
        raise ConfigurationError("LLM_ENDPOINT is set: LLM_MODEL must name the model to ask there")
    parts = urlsplit(settings.llm_endpoint)
    if parts.username or parts.password:
        raise ConfigurationError("LLM_ENDPOINT must not contain credentials; use LLM_API_KEY")
    if settings.llm_api_key and parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
        raise ConfigurationError("LLM_API_KEY is set: LLM_ENDPOINT must be https")
