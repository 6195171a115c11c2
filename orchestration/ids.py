"""Identifiers: made by us, or derived from a key that the caller gave, never user text itself."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from datetime import datetime

_PLAIN = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
_NAMESPACE = uuid.UUID("6f1f2a52-3a58-5e0b-9d5c-2b8a3c1f7e64")


def new_job_id(now: datetime) -> str:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then chance."""
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def derived_job_id(kind: str, tenant: str, key: str) -> str:
    """The same id for the same key of the same tenant: submitting twice is one job.

    ``kind`` keeps keys of HTTP callers and message ids of producers apart.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{kind}\n{tenant}\n{key}"))


def canonical_job_id(text: str) -> str | None:
    """The id in canonical form, or None when it is not a UUID."""
    try:
        return str(uuid.UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def new_commit_id() -> str:
    """Names one commit; 64 bits are plenty within one job."""
    return secrets.token_hex(8)


def key_part(text: str) -> str:
    """Foreign text as part of a storage key: itself where it is plain, else its digest.

    Keys may hold no slash, backslash, ``#``, ``?`` or control character and are short (Table service data model); a digest
    begins with a dot, which no plain text does.
    """
    return text if _PLAIN.match(text) else f".{hashlib.sha256(text.encode()).hexdigest()[:40]}"
