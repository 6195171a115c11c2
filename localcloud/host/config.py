"""``host.json``: parsing, defaults and warnings about keys that are unknown or unsafe."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.host.errors import ConfigurationError
from localcloud.host.timespan import format_timespan, parse_timespan

_LOG = logging.getLogger(__name__)

DEFAULT_FUNCTION_TIMEOUT_S = 30 * 60.0
CONCURRENT_CALLS_PER_CORE = 16

_ROOT_KEYS = {
    "version", "functionTimeout", "extensions", "logging", "telemetryMode", "extensionBundle", "concurrency",
    "healthMonitor", "managedDependency", "singleton", "watchDirectories", "watchFiles", "aggregator", "retry",
    "sendCanceledInvocationsToWorker", "$schema",
}  # fmt: skip
_HTTP_KEYS = {
    "routePrefix",
    "maxOutstandingRequests",
    "maxConcurrentRequests",
    "dynamicThrottlesEnabled",
    "hsts",
    "customHeaders",
}
_SERVICE_BUS_KEYS = {
    "clientRetryOptions", "prefetchCount", "autoCompleteMessages", "maxAutoLockRenewalDuration", "maxConcurrentCalls",
    "maxConcurrentSessions", "maxMessageBatchSize", "minMessageBatchSize", "maxBatchWaitTime", "sessionIdleTimeout",
    "transportType", "enableCrossEntityTransactions", "webProxy", "maxConcurrentCallsPerSession",
}  # fmt: skip
_NOT_APPLIED = {
    "http": {
        "maxOutstandingRequests",
        "maxConcurrentRequests",
        "dynamicThrottlesEnabled",
        "hsts",
        "customHeaders",
    },
    "serviceBus": {"minMessageBatchSize", "maxBatchWaitTime", "enableCrossEntityTransactions", "webProxy"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRetryOptions:
    """``clientRetryOptions``: how the Service Bus client repeats its own calls, never a function."""

    mode: str = "exponential"
    max_retries: int = 3
    delay_s: float = 0.8
    max_delay_s: float = 60.0

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after that many failures."""
        factor = 1.0 if self.mode == "fixed" else 2.0 ** min(failures - 1, 32)
        return min(self.max_delay_s, self.delay_s * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBusOptions:
    """``extensions.serviceBus``."""

    prefetch_count: int = 0
    max_concurrent_calls: int = field(
        default_factory=lambda: CONCURRENT_CALLS_PER_CORE * (os.cpu_count() or 1)
    )
    """Per function and instance."""
    max_lock_renewal_s: float = 300.0
    auto_complete: bool = True
    max_batch_size: int = 1000
    retry: ClientRetryOptions = field(default_factory=ClientRetryOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """The part of ``host.json`` this host applies."""

    route_prefix: str = "api"
    function_timeout_s: float | None = DEFAULT_FUNCTION_TIMEOUT_S
    """None is unbounded (``-1`` in the file)."""
    service_bus: ServiceBusOptions = field(default_factory=ServiceBusOptions)


def read_host_config(app_directory: Path) -> HostConfig:
    """Read ``host.json`` of an app and log a warning for each doubtful entry.

    Raises:
        ConfigurationError: the file is not JSON, has the wrong version, or a value has the wrong form.
    """
    path = app_directory / "host.json"
    if not path.exists():
        _LOG.warning("%s does not exist; every setting has its default.", path)
        return HostConfig()
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"Unable to parse host configuration file '{path}': {error}") from error
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise ConfigurationError(f"'{path}' is missing the required 'version' property with the value '2.0'.")
    config = parse_host_config(content)
    for warning in host_config_warnings(content, config):
        _LOG.warning("host.json: %s", warning)
    return config


def parse_host_config(content: Mapping[str, Any]) -> HostConfig:
    """Turn the JSON object into values with their defaults."""
    extensions = content.get("extensions") or {}
    return HostConfig(
        route_prefix=str((extensions.get("http") or {}).get("routePrefix", "api")).strip("/"),
        function_timeout_s=_timeout(content.get("functionTimeout")),
        service_bus=_service_bus(extensions.get("serviceBus") or {}),
    )


def _timeout(value: object) -> float | None:
    if value is None:
        return DEFAULT_FUNCTION_TIMEOUT_S
    if str(value) == "-1":
        return None
    seconds = parse_timespan(str(value))
    if seconds <= 0:
        raise ConfigurationError("functionTimeout must be greater than zero, or -1 for no limit.")
    return seconds


def _service_bus(content: Mapping[str, Any]) -> ServiceBusOptions:
    defaults = ServiceBusOptions()
    return ServiceBusOptions(
        prefetch_count=_whole(content, "prefetchCount", defaults.prefetch_count, minimum=0),
        max_concurrent_calls=_whole(content, "maxConcurrentCalls", defaults.max_concurrent_calls, minimum=1),
        max_lock_renewal_s=parse_timespan(str(content.get("maxAutoLockRenewalDuration", "00:05:00"))),
        auto_complete=bool(content.get("autoCompleteMessages", True)),
        max_batch_size=_whole(content, "maxMessageBatchSize", defaults.max_batch_size, minimum=1),
        retry=_client_retry(content.get("clientRetryOptions") or {}),
    )


def _client_retry(content: Mapping[str, Any]) -> ClientRetryOptions:
    return ClientRetryOptions(
        mode=str(content.get("mode", "exponential")).lower(),
        max_retries=_whole(content, "maxRetries", 3, minimum=0),
        delay_s=parse_timespan(str(content.get("delay", "00:00:00.80"))),
        max_delay_s=parse_timespan(str(content.get("maxDelay", "00:01:00"))),
    )


def _whole(content: Mapping[str, Any], key: str, default: int, *, minimum: int) -> int:
    value = content.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ConfigurationError(f"{key} must be a whole number of at least {minimum}, not {value!r}.")
    return value


def host_config_warnings(content: Mapping[str, Any], config: HostConfig) -> Iterator[str]:
    """Name every key that is unknown or not applied here, and every combination that leads to duplicates."""
    extensions = content.get("extensions") or {}
    sections = (
        ("", content, _ROOT_KEYS),
        ("extensions.http.", extensions.get("http") or {}, _HTTP_KEYS),
        ("extensions.serviceBus.", extensions.get("serviceBus") or {}, _SERVICE_BUS_KEYS),
    )
    for prefix, section, known in sections:
        yield from (f"unknown key '{prefix}{key}' is ignored." for key in section if key not in known)
    for name, keys in _NOT_APPLIED.items():
        present = sorted(keys & set(extensions.get(name) or {}))
        yield from (f"'extensions.{name}.{key}' is not applied by this local host." for key in present)
    if (content.get("concurrency") or {}).get("dynamicConcurrencyEnabled"):
        yield "'concurrency.dynamicConcurrencyEnabled' overrides maxConcurrentCalls in Azure; this local host keeps maxConcurrentCalls."
    yield from _lock_warnings(extensions.get("serviceBus") is not None, config)


def _lock_warnings(uses_service_bus: bool, config: HostConfig) -> Iterator[str]:
    if not uses_service_bus:
        return
    renewal = config.service_bus.max_lock_renewal_s
    limit = config.function_timeout_s
    if limit is None or renewal < limit:
        allowed = "unbounded" if limit is None else format_timespan(limit)
        yield (
            f"maxAutoLockRenewalDuration ({format_timespan(renewal)}) is shorter than functionTimeout ({allowed}): "
            "a function that runs longer loses its message lock and the message is processed twice."
        )
