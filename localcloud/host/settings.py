"""App settings: the environment, ``local.settings.json`` and what the host derives from them."""

import json
import logging
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.host.errors import ConfigurationError, FunctionInError

_LOG = logging.getLogger(__name__)
_REFERENCE = re.compile(r"%([^%]*)%")
_TRUE = {"true", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """The content of a ``local.settings.json``."""

    values: Mapping[str, str]
    cors: tuple[str, ...] = ()
    """Origins the local server answers for; ``*`` is any."""
    cors_credentials: bool = False


def read_local_settings(path: Path | None) -> LocalSettings:
    """Read a settings file; a missing one counts as empty.

    Raises:
        ConfigurationError: the file is not JSON of the expected shape, or encrypted.
    """
    if path is None or not path.exists():
        return LocalSettings(values={})
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("Values", {}), dict):
        raise ConfigurationError(f"{path} must be an object with an object 'Values'")
    if content.get("IsEncrypted"):
        raise ConfigurationError(f"{path} is encrypted; run 'func settings decrypt' first")
    host: dict[str, Any] = content.get("Host") or {}
    origins = tuple(part.strip() for part in str(host.get("CORS", "")).split(",") if part.strip())
    return LocalSettings(
        values={name: _as_text(value) for name, value in content.get("Values", {}).items()},
        cors=origins,
        cors_credentials=bool(host.get("CORSCredentials", False)),
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class AppSettings:
    """The app's settings, backed by the process environment that the app itself reads.

    Values of ``local.settings.json`` never override what the environment already has. ``restore`` takes back what was
    added, so that several apps can be loaded one after the other in one process.
    """

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._added: dict[str, str | None] = {}

    def add_local(self, values: Mapping[str, str]) -> None:
        """Add the values of a settings file; existing names win and are reported."""
        for name, value in values.items():
            if name in self._environment:
                _LOG.warning(
                    "Skipping '%s' from local settings as it's already defined in current environment variables.",
                    name,
                )
            else:
                self.set(name, value)

    def set(self, name: str, value: str) -> None:
        """Set one value, whatever was there before."""
        self._added.setdefault(name, self._environment.get(name))
        self._environment[name] = value

    def restore(self) -> None:
        """Put back every value as it was before this object changed it."""
        for name, before in self._added.items():
            if before is None:
                self._environment.pop(name, None)
            else:
                self._environment[name] = before
        self._added.clear()

    def get(self, name: str) -> str | None:
        """Return a value, or None when it is absent or empty."""
        return self._environment.get(name) or None

    def is_true(self, name: str) -> bool:
        """Say whether a value is ``true`` or ``1``."""
        return (self.get(name) or "").strip().lower() in _TRUE

    def resolve(self, text: str) -> str:
        """Replace every ``%NAME%`` by the setting of that name.

        Raises:
            FunctionInError: a named setting does not exist.
        """
        return _REFERENCE.sub(lambda match: self._required(match[1]), text)

    def _required(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise FunctionInError(f"'%{name}%' does not resolve to a value.")
        return value

    def is_disabled(self, function_name: str) -> bool:
        """Say whether ``AzureWebJobs.<name>.Disabled`` (with dots or underscores) switches the function off."""
        return any(self.is_true(f"AzureWebJobs{mark}{function_name}{mark}Disabled") for mark in (".", "_"))
