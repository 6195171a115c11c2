"""Function keys, checked only when the host is started with ``--enable-auth``."""

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any


class AccessLevel(IntEnum):
    """What a caller's key allows, in rising order; a system key passes only anonymous functions here."""

    ANONYMOUS = 0
    SYSTEM = 1
    FUNCTION = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The keys of an app."""

    master: str
    function_keys: Mapping[str, str]
    """Host keys: valid for every function."""
    system_keys: Mapping[str, str]
    per_function: Mapping[str, Mapping[str, str]]
    """Keys valid for one function, by function name."""

    def level(self, key: str | None, function: str) -> AccessLevel:
        """Return what a key allows for one function."""
        if not key:
            return AccessLevel.ANONYMOUS
        if _equal(key, self.master):
            return AccessLevel.ADMIN
        own = self.per_function.get(function, {})
        if any(_equal(key, known) for known in (*self.function_keys.values(), *own.values())):
            return AccessLevel.FUNCTION
        if any(_equal(key, known) for known in self.system_keys.values()):
            return AccessLevel.SYSTEM
        return AccessLevel.ANONYMOUS

    def allows(self, auth_level: str, key: str | None, function: str) -> bool:
        """Say whether a request may call a function of that level (``ANONYMOUS``, ``FUNCTION`` or ``ADMIN``)."""
        return self.level(key, function) >= AccessLevel[auth_level]


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def load_or_create_keys(path: Path) -> KeyRing:
    """Read the key file of a data folder, making one with a master key and a default host key when there is none."""
    if not path.exists():
        _create(path)
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return KeyRing(
        master=content["masterKey"],
        function_keys=content.get("functionKeys", {}),
        system_keys=content.get("systemKeys", {}),
        per_function=content.get("functions", {}),
    )


def _create(path: Path) -> None:
    content = {
        "masterKey": secrets.token_urlsafe(32),
        "functionKeys": {"default": secrets.token_urlsafe(32)},
        "systemKeys": {},
        "functions": {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2), "utf-8")
    try:
        # A link fails when another instance was faster, and never shows a half-written file.
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
