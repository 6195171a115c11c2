"""Queues from a JSON file in the shape of the Config.json of Microsoft's Service Bus emulator."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.servicebus.queues import QueueSettings

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_UNIT_MS = {"days": 86_400_000, "hours": 3_600_000, "minutes": 60_000, "seconds": 1000}
_KNOWN = {
    "DeadLetteringOnMessageExpiration",
    "DefaultMessageTimeToLive",
    "DuplicateDetectionHistoryTimeWindow",
    "LockDuration",
    "MaxDeliveryCount",
    "RequiresDuplicateDetection",
    "RequiresSession",
    "ForwardTo",
    "ForwardDeadLetteredMessagesTo",
}
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?")


class ConfigError(Exception):
    """The file cannot be used; the text names the place and the reason."""


@dataclass(frozen=True, slots=True)
class _Properties:
    """The properties of one queue, with its name for messages."""

    queue: str
    values: dict[str, Any]

    def flag(self, name: str) -> bool:
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise ConfigError(f"queue {self.queue}: {name} must be true or false")
        return value

    def duration(self, name: str) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        parts = {unit: part for unit, part in match.groupdict().items() if part} if match else {}
        total = round(sum(float(part) * _UNIT_MS[unit] for unit, part in parts.items()))
        if total <= 0:
            raise ConfigError(
                f"queue {self.queue}: {name} must be an ISO 8601 duration such as PT30S or P14D"
            )
        return total

    def count(self, name: str, default: int) -> int:
        value = self.values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"queue {self.queue}: {name} must be a whole number from 1 on")
        return value


def load(path: Path) -> tuple[QueueSettings, ...]:
    """Reads the queues of the first namespace; raises `ConfigError`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return parse(document)


def parse(document: Any) -> tuple[QueueSettings, ...]:
    """Reads the queues from a decoded document; raises `ConfigError`."""
    try:
        (namespace,) = document["UserConfig"]["Namespaces"]
        entries = [(entry["Name"], entry.get("Properties", {})) for entry in namespace["Queues"]]
        topics = namespace.get("Topics")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            "expected UserConfig.Namespaces with one namespace whose Queues have a Name each"
        ) from error
    if topics:
        raise ConfigError("topics are not supported")
    queues = tuple(_queue(name, properties) for name, properties in entries)
    if not queues or len({queue.name.lower() for queue in queues}) < len(queues):
        raise ConfigError("expected at least one queue, and no name twice")
    return queues


def _queue(name: Any, values: Any) -> QueueSettings:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no valid queue name")
    if not isinstance(values, dict) or not values.keys() <= _KNOWN:
        raise ConfigError(
            f"queue {name}: Properties must be an object with known names: {', '.join(sorted(_KNOWN))}"
        )
    properties = _Properties(name, values)
    if (
        properties.flag("RequiresSession")
        or values.get("ForwardTo")
        or values.get("ForwardDeadLetteredMessagesTo")
    ):
        raise ConfigError(f"queue {name}: sessions and forwarding are not supported")
    window = properties.duration("DuplicateDetectionHistoryTimeWindow") or 600_000
    return QueueSettings(
        name=name,
        lock_duration=properties.duration("LockDuration") or 60_000,
        max_delivery_count=properties.count("MaxDeliveryCount", 10),
        default_ttl=properties.duration("DefaultMessageTimeToLive"),
        dead_letter_expired=properties.flag("DeadLetteringOnMessageExpiration"),
        duplicate_window=window if properties.flag("RequiresDuplicateDetection") else None,
    )
