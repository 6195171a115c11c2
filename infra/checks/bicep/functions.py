"""The functions of Bicep that the templates use. What Azure computes by a secret recipe is a stable stand-in here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

SUBSCRIPTION: Final = "00000000-0000-4000-8000-00000000cafe"
TENANT: Final = "00000000-0000-4000-8000-000000007e4a"
MONTH: Final = "2026-01-01"
"""What ``utcNow('yyyy-MM-01')`` is in the checks."""


class WrongArguments(Exception):
    """A function cannot work with what it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """How many arguments a function takes, and what it does; ``most`` None: any number."""

    least: int
    most: int | None
    apply: Callable[..., Any]

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)


def unique_string(*parts: str) -> str:
    """13 characters out of ``a-z2-7``, as ``uniqueString`` gives; not the same ones."""
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest(), "big")
    return "".join(digits[number >> (5 * place) & 31] for place in range(13))


def guid(*parts: str) -> str:
    """A name-based UUID, as ``guid`` gives; not the same one."""
    return str(uuid5(NAMESPACE_URL, "\0".join(map(str, parts))))


def _concat(*parts: Any) -> Any:
    if all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    raise WrongArguments("concat takes arrays or strings, not both")


def _union(*parts: Any) -> Any:
    if all(isinstance(part, Mapping) for part in parts):
        merged: dict[str, Any] = {}
        for part in parts:
            for key, value in part.items():
                both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
                merged[key] = _union(merged[key], value) if both else value
        return merged
    if all(isinstance(part, list) for part in parts):
        flat = _concat(*parts)
        return [item for n, item in enumerate(flat) if item not in flat[:n]]
    raise WrongArguments("union takes objects or arrays, not both")


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    return value if isinstance(value, str) else json.dumps(value)


def _items(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise WrongArguments("items takes an object")
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def _length(value: Any) -> int:
    if not isinstance(value, str | list | Mapping):
        raise WrongArguments("length takes a string, an array or an object")
    return len(value)


def _empty(value: Any) -> bool:
    return value is None or _length(value) == 0


def _utc_now(pattern: str = "yyyy-MM-01") -> str:
    if pattern != "yyyy-MM-01":
        raise WrongArguments("utcNow is used for the first of the month alone")
    return MONTH


def _subscription() -> dict[str, str]:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}",
        "subscriptionId": SUBSCRIPTION,
        "tenantId": TENANT,
        "displayName": "checks",
    }


def _subscription_resource_id(resource_type: str, *names: str) -> str:
    return resource_id(f"/subscriptions/{SUBSCRIPTION}", resource_type, *names)


def resource_id(scope: str, resource_type: str, *names: str) -> str:
    """The id of a resource: one name for each part of its type after the provider."""
    provider, *kinds = resource_type.split("/")
    if len(kinds) != len(names):
        raise WrongArguments(f"{resource_type} has {len(kinds)} names, not {len(names)}")
    return f"{scope}/providers/{provider}/" + "/".join(
        f"{kind}/{name}" for kind, name in zip(kinds, names, strict=True)
    )


def _environment() -> dict[str, Any]:
    return {
        "name": "AzureCloud",
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
        "suffixes": {"storage": "core.windows.net"},
    }


FUNCTIONS: Final[Mapping[str, Function]] = {
    "concat": Function(least=1, most=None, apply=_concat),
    "contains": Function(least=2, most=2, apply=lambda box, item: item in box),
    "empty": Function(least=1, most=1, apply=_empty),
    "environment": Function(least=0, most=0, apply=_environment),
    "guid": Function(least=1, most=None, apply=guid),
    "items": Function(least=1, most=1, apply=_items),
    "join": Function(least=2, most=2, apply=lambda parts, between: between.join(parts)),
    "length": Function(least=1, most=1, apply=_length),
    "range": Function(least=2, most=2, apply=lambda first, count: list(range(first, first + count))),
    "replace": Function(least=3, most=3, apply=lambda text, old, new: text.replace(old, new)),
    "split": Function(least=2, most=2, apply=lambda text, between: text.split(between)),
    "startsWith": Function(least=2, most=2, apply=lambda text, start: text.startswith(start)),
    "string": Function(least=1, most=1, apply=_string),
    "subscription": Function(least=0, most=0, apply=_subscription),
    "subscriptionResourceId": Function(least=2, most=None, apply=_subscription_resource_id),
    "take": Function(least=2, most=2, apply=lambda text, count: text[:count]),
    "toLower": Function(least=1, most=1, apply=lambda text: text.lower()),
    "toUpper": Function(least=1, most=1, apply=lambda text: text.upper()),
    "union": Function(least=1, most=None, apply=_union),
    "uniqueString": Function(least=1, most=None, apply=unique_string),
    "utcNow": Function(least=0, most=1, apply=_utc_now),
}
"""Functions of their arguments alone."""

PLACED: Final[Mapping[str, tuple[int, int | None]]] = {
    "loadJsonContent": (1, 1),
    "loadTextContent": (1, 1),
    "resourceGroup": (0, 0),
    "resourceId": (2, None),
}
"""Functions that depend on the file or the scope, with their least and most arguments."""


def takes(name: str, count: int) -> bool | None:
    """Whether a function takes so many arguments; None for an unknown one."""
    if name in FUNCTIONS:
        return FUNCTIONS[name].takes(count)
    if name in PLACED:
        least, most = PLACED[name]
        return least <= count and (most is None or count <= most)
    return None
