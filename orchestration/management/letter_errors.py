"""Why messages died, from our own rows: the error of a letter's job, or why the message was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.jobs import JobError
from orchestration.management.audit import Actor
from orchestration.management.letters import DeadLetter
from orchestration.management.refused import refusal_of
from orchestration.ports import JobStore

REFUSED = "message_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterErrors:
    """Looks letters up, side by side: a read of a row for each, and a second where a request names no job of its own."""

    store: JobStore
    default_tenant: str

    async def of(self, actor: Actor, letters: Sequence[DeadLetter]) -> list[JobError | None]:
        """For each letter its error as it stands now; None where nothing is known, or nothing that the actor may see.

        Raises :class:`StorageUnavailable`.
        """
        await self.store.prepare()
        return list(await asyncio.gather(*(self._of(actor, letter) for letter in letters)))

    async def _of(self, actor: Actor, letter: DeadLetter) -> JobError | None:
        job_id = letter.job_id(self.default_tenant)
        stored = await self.store.read_job(job_id) if job_id else None
        if stored and letter.belongs_to(stored.job):
            return stored.job.error if actor.everywhere or stored.job.tenant == actor.tenant else None
        if letter.is_wake_up:
            return None  # the job was deleted
        tenant = letter.tenant(self.default_tenant)
        reason = await refusal_of(self.store, letter.delivery, tenant=tenant)
        return JobError(code=REFUSED, message=reason) if reason else None
