"""The parts of the local stack: Azurite, the broker, the stand-ins for Web PubSub and telemetry, the Functions runners."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from functools import partial

from localcloud.supervisor import ports as port_names
from localcloud.supervisor.endpoints import BROKER_KEY_NAME, HUB, Endpoints
from localcloud.supervisor.folder import StackKeys
from localcloud.supervisor.options import StackOptions
from localcloud.supervisor.part import PartSpec, python_module

_KEEP_ALIVE_SECONDS = "60"  # Azurite's 5 s drops idle connections, and the SDK does not retry a POST
_YOUNG_GENERATION = "--max-semi-space-size=64"  # MiB: what a request leaves is garbage soon
_AZURITE_GRACE = 15.0  # SIGTERM makes it write its tables to disk
TELEMETRY_FILE = "telemetry.db"

DISABLED_INSTRUMENTATIONS = "azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3"
"""All that the distro brings: the app makes its own spans (docs/decisions/0013-telemetry.md)."""

_DRAIN_GRACE = 20.0  # a runner finishes the steps that are under way


def said_ready(line: str, port: int) -> bool:
    """Whether this line of output is the part's ready line, for the port that it was given."""
    try:
        said = json.loads(line)
    except json.JSONDecodeError:
        return False
    return isinstance(said, dict) and said.get("ready") is True and said.get("port") == port


def stack_parts(
    options: StackOptions,
    *,
    ports: Mapping[str, int],
    keys: StackKeys,
    endpoints: Endpoints,
    caller: Mapping[str, str],
) -> tuple[PartSpec, ...]:
    """All parts; the app's settings are ``caller``'s where it has them, else those of this stack."""
    app_environment = {**_app_settings(options, keys, endpoints), **caller}
    runners = (
        _runner(options, number, ports[f"functions-{number}"], app_environment)
        for number in range(1, options.instances + 1)
    )
    return (
        _azurite(options, ports, caller),
        _broker(options, ports, {**caller, "LOCALCLOUD_SERVICEBUS_KEY": keys.service_bus}),
        _telemetry(options, ports, caller),
        _web_pubsub(ports, endpoints, {**caller, "LOCALCLOUD_WEBPUBSUB_KEY": keys.web_pubsub}),
        *runners,
    )


def _app_settings(options: StackOptions, keys: StackKeys, endpoints: Endpoints) -> dict[str, str]:
    return {
        "AzureWebJobsStorage": endpoints.storage,
        "CONTENT_STORAGE_CONNECTION_STRING": endpoints.storage,
        "AZURE_SERVICE_BUS_CONNECTION_STRING": endpoints.service_bus,
        "WEB_PUBSUB_CONNECTION_STRING": endpoints.web_pubsub,
        "WEB_PUBSUB_HUB": HUB,
        "CONTENT_ARCHITECT_API_URL": endpoints.api,
        "CONTENT_LIBRARY_DIR": str(options.repository / "samples" / "library"),
        "RESEARCH_PROVIDERS": "library,wikipedia,crossref" if options.web else "library",
        "AUTH_MODE": "off",
        "INTERNAL_API_TOKEN": keys.internal_api_token,
        "SWEEP_SCHEDULE": "*/15 * * * * *",
        **_telemetry_settings(endpoints),
    }


def _telemetry_settings(endpoints: Endpoints) -> dict[str, str]:
    """As in Azure, but for metrics that come sooner, and with no call to anywhere else."""
    return {
        "APPLICATIONINSIGHTS_CONNECTION_STRING": endpoints.telemetry,
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
        "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME": "orchestration",
        "OTEL_SERVICE_NAME": "content-architect",
        "OTEL_TRACES_SAMPLER": "microsoft.fixed_percentage",
        "OTEL_TRACES_SAMPLER_ARG": "1.0",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": DISABLED_INSTRUMENTATIONS,
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OTEL_BSP_MAX_QUEUE_SIZE": "8192",
        "OTEL_BLRP_SCHEDULE_DELAY": "1000",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    }


def _azurite(options: StackOptions, ports: Mapping[str, int], environment: Mapping[str, str]) -> PartSpec:
    # The combined program, although no queue is used: the one for tables alone ignores SIGTERM.
    program = options.repository / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    keeping = (
        ("--inMemoryPersistence",) if options.in_memory else ("--location", str(options.data / "azurite"))
    )
    return PartSpec(
        name="azurite",
        command=(
            *("node", _YOUNG_GENERATION, str(program)),
            *("--silent", "--skipApiVersionCheck", "--disableTelemetry"),
            *("--blobPort", str(ports[port_names.BLOB]), "--tablePort", str(ports[port_names.TABLE])),
            *("--queuePort", "0"),
            *("--blobKeepAliveTimeout", _KEEP_ALIVE_SECONDS, "--tableKeepAliveTimeout", _KEEP_ALIVE_SECONDS),
            *keeping,
        ),
        is_ready=lambda line: line.startswith("Azurite Table service is successfully listening"),
        environment=environment,
        grace=_AZURITE_GRACE,
        orphan_signal=signal.SIGKILL if options.in_memory else signal.SIGTERM,
    )


def _broker(options: StackOptions, ports: Mapping[str, int], environment: Mapping[str, str]) -> PartSpec:
    port = ports[port_names.BROKER]
    return PartSpec(
        name="servicebus",
        command=python_module(
            "localcloud.servicebus",
            *("--port", str(port), "--stats-port", str(ports[port_names.BROKER_STATS])),
            *("--data", str(options.data / "servicebus.db")),
            *("--config", str(options.repository / "localcloud" / "servicebus" / "queues.json")),
            *("--key-name", BROKER_KEY_NAME),
        ),
        is_ready=partial(said_ready, port=port),
        environment=environment,
    )


def _telemetry(options: StackOptions, ports: Mapping[str, int], environment: Mapping[str, str]) -> PartSpec:
    port = ports[port_names.TELEMETRY]
    return PartSpec(
        name="telemetry",
        command=python_module(
            "localcloud.telemetry",
            *("--port", str(port), "--data", str(options.data / TELEMETRY_FILE)),
        ),
        is_ready=partial(said_ready, port=port),
        environment=environment,
    )


def _web_pubsub(ports: Mapping[str, int], endpoints: Endpoints, environment: Mapping[str, str]) -> PartSpec:
    port = ports[port_names.WEB_PUBSUB]
    return PartSpec(
        name="webpubsub",
        command=python_module(
            "localcloud.webpubsub",
            *("--port", str(port)),
            *("--upstream", f"{endpoints.api}/content-architect/realtime/upstream", "--upstream-hub", HUB),
        ),
        is_ready=partial(said_ready, port=port),
        environment=environment,
    )


def _runner(options: StackOptions, number: int, port: int, environment: Mapping[str, str]) -> PartSpec:
    name = f"functions-{number}"
    return PartSpec(
        name=name,
        command=python_module(
            "localcloud.host",
            *("--app", str(options.repository), "--port", str(port)),
            *("--data", str(options.data / "functions"), "--instance-id", name),
        ),
        is_ready=partial(said_ready, port=port),
        environment=environment,
        after=("servicebus", "telemetry"),  # stopped before them: what it still has to send arrives
        grace=_DRAIN_GRACE,
    )
