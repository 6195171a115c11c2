"""API keys: who holds one acts for a tenant, with one role. Only digests are stored.

A key reads ``ca_<id>_<secret>``: 32 hex digits that name it, of which the first half is the tenant's partition, and
64 that are 256 bits of chance. Since those cannot be guessed, one SHA-256 is enough: a slow hash guards passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from orchestration.checkpoints import Row
from orchestration.errors import InvalidRequest, RequestRefused, RowConflict, TokenRefused
from orchestration.expiring import ExpiringCache
from orchestration.identity import Caller, Role
from orchestration.jobs import RowValue, moment, stamp
from orchestration.ports import Clock, JobStore, RowTable
from orchestration.schemas import field_errors

APIKEYS = "apikeys"
CACHE_SECONDS = 30.0
"""How long another process may go on admitting a key that was revoked."""

MAX_KEYS = 200
"""Live keys of one tenant, and ended ones that are still listed."""

_MOST_ROWS = 1000
_REMEMBERED = 10_000
_KEY = re.compile(r"ca_([0-9a-f]{32})_([0-9a-f]{64})")
_ID = re.compile(r"[0-9a-f]{32}")
_WRONG = "the API key is not valid"


class KeyRequest(BaseModel):
    """The body of ``POST apikeys``."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$"
        ),
    ]
    role: Role
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] = Field(365, alias="expiresInDays")


def parse_key_request(value: object) -> KeyRequest:
    """Check the body. Raises :class:`InvalidRequest`."""
    try:
        return KeyRequest.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is stored: without its secret. Times are RFC 3339."""

    id: str
    tenant: str
    name: str
    role: Role
    digest: str
    created_at: str
    created_by: str
    expires_at: str
    revoked_at: str | None = None

    def live(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and now < moment(self.expires_at)

    def to_row(self) -> Row:
        """The row of this key."""
        values: dict[str, RowValue] = {
            "tenant": self.tenant,
            "name": self.name,
            "role": self.role.value,
            "digest": self.digest,
            "createdAt": self.created_at,
            "createdBy": self.created_by,
            "expiresAt": self.expires_at,
        }
        if self.revoked_at:
            values["revokedAt"] = self.revoked_at
        return Row(key=self.id, values=values)

    @classmethod
    def from_row(cls, row: Row) -> ApiKey:
        """The key of a row."""
        values: dict[str, Any] = dict(row.values)
        return cls(
            id=row.key,
            tenant=values["tenant"],
            name=values["name"],
            role=Role(values["role"]),
            digest=values["digest"],
            created_at=values["createdAt"],
            created_by=values["createdBy"],
            expires_at=values["expiresAt"],
            revoked_at=values.get("revokedAt"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a look-up gave; ``key`` is None for an id that does not exist."""

    key: ApiKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyService:
    """Issues, checks and revokes keys. All methods raise :class:`StorageUnavailable`.

    Look-ups are remembered for :data:`CACHE_SECONDS`, known keys and unknown ids apart, so that a flood of invented
    ones pushes no real one out.
    """

    store: JobStore
    clock: Clock
    _known: ExpiringCache[str, _Found] = field(init=False)
    _unknown: ExpiringCache[str, _Found] = field(init=False)

    def __post_init__(self) -> None:
        """Remember nothing yet."""
        for name in ("_known", "_unknown"):
            cache: ExpiringCache[str, _Found] = ExpiringCache(
                size=_REMEMBERED, seconds=CACHE_SECONDS, monotonic=self.clock.monotonic
            )
            object.__setattr__(self, name, cache)

    async def caller(self, text: str) -> Caller:
        """Who holds this key. Raises :class:`TokenRefused`."""
        match = _KEY.fullmatch(text)
        if match is None:
            raise TokenRefused(_WRONG)
        key = (await self._look_up(match.group(1))).key
        given = _digest(match.group(2))
        # Compared also where there is no such key, so that the time taken tells nothing.
        right = hmac.compare_digest(given, key.digest if key else _digest(""))
        if key is None:
            raise TokenRefused(_WRONG)
        if not right or not key.live(self.clock.now()):
            ended = "the API key was revoked" if key.revoked_at else "the API key has expired"
            reason = ended if right else _WRONG  # only the holder is told how it ended
            raise TokenRefused(reason, tenant=key.tenant, subject=f"key:{key.id}")
        return Caller(tenant=key.tenant, subject=f"key:{key.id}", role=key.role)

    async def issue(self, caller: Caller, request: KeyRequest) -> tuple[ApiKey, str]:
        """A new key of the caller's tenant, and its text, which nobody can read again.

        Raises :class:`RequestRefused` 403 for a role beyond the caller's own, 409 for too many keys.
        """
        if caller.role is None or not caller.role.includes(request.role):
            raise RequestRefused("nobody grants more than they have", code="forbidden", status=403)
        await self.store.prepare()
        now = self.clock.now()
        keys = await self.of_tenant(caller.tenant)
        await self._make_room([key for key in keys if not key.live(now)])
        if sum(key.live(now) for key in keys) >= MAX_KEYS:
            detail = f"a tenant has at most {MAX_KEYS} live keys; revoke one"
            raise RequestRefused(detail, code="too_many_keys", status=409)
        secret = secrets.token_hex(32)
        key = ApiKey(
            id=f"{_partition(caller.tenant)}{secrets.token_hex(8)}",
            tenant=caller.tenant,
            name=request.name,
            role=request.role,
            digest=_digest(secret),
            created_at=stamp(now),
            created_by=caller.subject,
            expires_at=stamp(now + timedelta(days=request.expires_in_days)),
        )
        await self._table.insert(_partition(caller.tenant), [key.to_row()])
        return key, f"ca_{key.id}_{secret}"

    async def of_tenant(self, tenant: str) -> list[ApiKey]:
        """All keys of a tenant, the revoked ones too, oldest first."""
        rows = await self._table.between(_partition(tenant), after="", before="g", limit=_MOST_ROWS)
        keys = [key for key in map(ApiKey.from_row, rows) if key.tenant == tenant]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    async def revoke(self, tenant: str, key_id: str) -> ApiKey:
        """End a key for good; once more is as good.

        Raises :class:`RequestRefused` 404 for a key that is not the tenant's, 409 for its last live admin key:
        with that gone nobody could manage keys, so a new one comes first.
        """
        found = await self._table.read_tagged(_partition(tenant), key_id) if _ID.fullmatch(key_id) else None
        key = ApiKey.from_row(found.row) if found else None
        if found is None or key is None or key.tenant != tenant:
            raise RequestRefused("there is no such key", code="key_not_found", status=404)
        if key.revoked_at:
            return key
        now = self.clock.now()
        admins = [k for k in await self.of_tenant(tenant) if k.role is Role.ADMIN and k.live(now)]
        if [k.id for k in admins] == [key.id]:
            detail = "this is the last admin key; make another one first"
            raise RequestRefused(detail, code="last_admin_key", status=409)
        revoked = ApiKey.from_row(Row(key=key.id, values={**found.row.values, "revokedAt": stamp(now)}))
        try:
            await self._table.replace(_partition(tenant), revoked.to_row(), etag=found.etag)
        except RowConflict:
            return await self.revoke(tenant, key_id)  # somebody else was faster: theirs counts
        self._known.forget(key_id)
        return revoked

    async def _make_room(self, dead: list[ApiKey]) -> None:
        """Forget the keys that ended, but for the youngest: a listing shows all rows of a tenant."""
        for key in dead[:-MAX_KEYS]:
            await self._table.delete(_partition(key.tenant), key.id)

    async def _look_up(self, key_id: str) -> _Found:
        found = self._known.get(key_id) or self._unknown.get(key_id)
        if found is None:
            await self.store.prepare()
            row = await self._table.read(key_id[:16], key_id)
            found = _Found(key=ApiKey.from_row(row) if row else None)
            (self._known if row else self._unknown).put(key_id, found)
        return found

    @property
    def _table(self) -> RowTable:
        return self.store.table(APIKEYS)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _partition(tenant: str) -> str:
    """Where a tenant's keys lie: derived, so that a key leads to its row without naming its tenant."""
    return hashlib.sha256(f"apikeys:{tenant}".encode()).hexdigest()[:16]
