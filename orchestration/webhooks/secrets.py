"""The secrets that sign a tenant's callbacks: made on first use, replaced with a time of overlap.

Rows of the table ``secrets``, numbered and only ever inserted, so that two rotations at once cannot lose one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from orchestration.checkpoints import Row
from orchestration.errors import RequestRefused, RowExists
from orchestration.ids import key_part
from orchestration.jobs import moment, stamp
from orchestration.ports import Clock, JobStore, RowTable
from orchestration.webhooks.signing import new_secret

SECRETS = "secrets"
OVERLAP = timedelta(hours=24)
"""How long the secret before the newest keeps signing."""

_FIRST, _LAST = "webhook|", "webhook}"
_MOST_ROWS = 100
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret:
    """One secret of a tenant, in its printed form."""

    number: int
    text: str
    created_at: str

    @property
    def key(self) -> str:
        """Its row key; the digits sort as text."""
        return f"{_FIRST}{self.number:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecrets:
    """Hands out and replaces secrets. All methods raise :class:`StorageUnavailable`."""

    store: JobStore
    clock: Clock

    async def in_use(self, tenant: str) -> list[str]:
        """The secrets that sign now, newest first; makes the first one."""
        for _ in range(_TRIES):
            known = await self._known(tenant)
            if known:
                return [secret.text for secret in self._signing(known)]
            try:
                await self._add(tenant, 1)
            except RowExists:
                continue  # somebody else made the first one
        raise RequestRefused("the secret is being replaced; repeat", code="conflict", status=409)

    async def rotate(self, tenant: str) -> tuple[WebhookSecret, str | None]:
        """A new secret, and until when the one before it signs too (None where there was none)."""
        for _ in range(_TRIES):
            known = await self._known(tenant)
            try:
                secret = await self._add(tenant, known[-1].number + 1 if known else 1)
            except RowExists:
                continue  # somebody else rotated just now: theirs is the one before ours
            for old in known[:-1]:
                await self._table.delete(key_part(tenant), old.key)
            return secret, stamp(self.clock.now() + OVERLAP) if known else None
        raise RequestRefused("the secret is being replaced; repeat", code="conflict", status=409)

    @property
    def _table(self) -> RowTable:
        return self.store.table(SECRETS)

    def _signing(self, known: list[WebhookSecret]) -> list[WebhookSecret]:
        newest, before = known[-1], known[-2:-1]
        overlapping = self.clock.now() < moment(newest.created_at) + OVERLAP
        return [newest, *before] if overlapping else [newest]

    async def _known(self, tenant: str) -> list[WebhookSecret]:
        rows = await self._table.between(key_part(tenant), after=_FIRST, before=_LAST, limit=_MOST_ROWS)
        return [_secret(row) for row in rows]

    async def _add(self, tenant: str, number: int) -> WebhookSecret:
        secret = WebhookSecret(number=number, text=new_secret(), created_at=stamp(self.clock.now()))
        row = Row(key=secret.key, values={"secret": secret.text, "createdAt": secret.created_at})
        await self._table.insert(key_part(tenant), [row])
        return secret


def _secret(row: Row) -> WebhookSecret:
    return WebhookSecret(
        number=int(row.key.rpartition("|")[2]),
        text=str(row.values["secret"]),
        created_at=str(row.values["createdAt"]),
    )
