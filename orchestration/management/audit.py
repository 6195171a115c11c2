"""Audit rows: who did what to which job, append-only, newest first within a tenant.

Best effort: a row that cannot be written is logged and never fails what it reports.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from enum import StrEnum

from orchestration.checkpoints import Row
from orchestration.errors import StorageUnavailable
from orchestration.ids import key_part
from orchestration.jobs import RowValue, stamp
from orchestration.management.job_index import position
from orchestration.ports import Clock, JobStore

AUDIT = "audit"

_log = logging.getLogger(__name__)


class Action(StrEnum):
    """What was done."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    RETRY = "retry"
    FORK = "fork"
    DELETE = "delete"
    REDRIVE = "redrive"
    PURGE = "purge"
    WORKFLOW = "workflow_change"
    REDELIVER = "redeliver"
    KEY = "key_change"
    REFUSED = "auth_failure"
    ROTATE_SECRET = "rotate_secret"  # noqa: S105 - what was done, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: tenant and subject of the credential, whether they act for every tenant, and the trace of the call.

    ``address`` is the keyed hash of the caller's address (:mod:`orchestration.access.addresses`).
    """

    tenant: str
    user: str = ""
    trace_id: str = ""
    address: str = ""
    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrail:
    """Writes audit rows."""

    store: JobStore
    clock: Clock

    async def record(self, actor: Actor, action: Action, job_id: str, result: str = "done") -> None:
        """Append one row. Never raises for storage that does not answer."""
        at = stamp(self.clock.now())
        values: dict[str, RowValue] = {
            "at": at,
            "action": action.value,
            "tenant": actor.tenant,
            "user": actor.user,
            "jobId": job_id,
            "address": actor.address,
            "result": result[:1000],
            "traceId": actor.trace_id,
        }
        row = Row(key=f"{position(at)}{secrets.token_hex(8)}", values=values)
        try:
            await self.store.table(AUDIT).put(key_part(actor.tenant), [row])
        except StorageUnavailable as error:
            _log.warning("audit row lost", extra={"job_id": job_id, "action": action, "reason": str(error)})
