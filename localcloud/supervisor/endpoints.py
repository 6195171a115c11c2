"""The connection strings of one stack, in the form that the unmodified Azure SDKs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from localcloud.supervisor import ports as port_names
from localcloud.supervisor.folder import StackKeys

HUB = "contentjobs"
BROKER_KEY_NAME = "RootManageSharedAccessKey"

# Azurite's published development account, the same on every machine: an address, not a secret.
_ACCOUNT = "devstoreaccount1"
_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the parts of a stack listen and how to log in there."""

    api: str
    storage: str
    service_bus: str
    service_bus_stats: str
    web_pubsub: str
    telemetry: str
    telemetry_queries: str

    @classmethod
    def of(cls, ports: Mapping[str, int], keys: StackKeys) -> Endpoints:
        """Build them from the chosen ports and the folder's keys."""

        def at(name: str) -> str:
            return f"127.0.0.1:{ports[name]}"

        return cls(
            api=f"http://{at('functions-1')}",
            storage=(
                f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_ACCOUNT_KEY};"
                f"BlobEndpoint=http://{at(port_names.BLOB)}/{_ACCOUNT};"
                f"TableEndpoint=http://{at(port_names.TABLE)}/{_ACCOUNT};"
            ),
            service_bus=(
                f"Endpoint=sb://{at(port_names.BROKER)};SharedAccessKeyName={BROKER_KEY_NAME};"
                f"SharedAccessKey={keys.service_bus};UseDevelopmentEmulator=true;"
            ),
            service_bus_stats=f"http://{at(port_names.BROKER_STATS)}/stats",
            web_pubsub=f"Endpoint=http://{at(port_names.WEB_PUBSUB)};AccessKey={keys.web_pubsub};Version=1.0;",
            telemetry=(
                f"InstrumentationKey={uuid5(NAMESPACE_OID, keys.web_pubsub)};"
                f"IngestionEndpoint=http://{at(port_names.TELEMETRY)};"
                f"LiveEndpoint=http://{at(port_names.TELEMETRY)}"
            ),
            telemetry_queries=f"http://{at(port_names.TELEMETRY)}",
        )

    def as_json(self) -> dict[str, Any]:
        """Their part of ``endpoints.json``."""
        return {
            "api": self.api,
            "storage": self.storage,
            "serviceBus": self.service_bus,
            "serviceBusStats": self.service_bus_stats,
            "webPubSub": self.web_pubsub,
            "telemetry": self.telemetry,
            "telemetryQueries": self.telemetry_queries,
            "hub": HUB,
        }
