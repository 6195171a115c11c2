"""DeadLetterService: look into the dead-letter queues, send jobs back, and notice messages that died without us."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from orchestration.attempts import end_change
from orchestration.checkpoints import Row
from orchestration.commits import Change, commit_once
from orchestration.epilogue import Epilogue
from orchestration.errors import QueueUnavailable, RowConflict
from orchestration.ids import new_commit_id
from orchestration.job_management import JobManagementService
from orchestration.jobs import Job, JobError, JobStatus, StoredJob, moment, stamp
from orchestration.management.audit import Actor, AuditTrail
from orchestration.management.job_statistics import STATE
from orchestration.management.letter_errors import LetterErrors
from orchestration.management.letters import QUEUES, DeadLetter, DeadLetterBox, Meaning, meaning
from orchestration.management.redrive import MAX_TAKEN, Redrive, RedriveRequest
from orchestration.ports import Clock, JobStore
from orchestration.realtime import RealtimeUpdatesService
from orchestration.service import OrchestrationService
from orchestration.settings import Settings
from orchestration.views import Links

LOOK_EVERY = timedelta(seconds=60)
FULL_PASS_EVERY = timedelta(hours=1)
"""A message that died late keeps its early sequence number, so now and then the look starts from the beginning."""

_LOOKED_AT_ONCE = 200
_PEEKED_AT_ONCE = 100
MOST_PEEKED = 2000
"""Letters that one page looks at."""

_PLACES = "deadletters"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPage:
    """A page of letters, and where the next one begins: queue and sequence number (None at the end)."""

    letters: tuple[DeadLetter, ...]
    place: tuple[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterService:
    """Works on ``$DeadLetterQueue`` of the three job queues."""

    box: DeadLetterBox
    store: JobStore
    service: OrchestrationService
    management: JobManagementService
    epilogue: Epilogue
    realtime: RealtimeUpdatesService
    audit: AuditTrail
    clock: Clock
    settings: Settings

    def job_id(self, letter: DeadLetter) -> str | None:
        """The job of a letter."""
        return letter.job_id(self.settings.producer_default_tenant)

    async def page(
        self, actor: Actor, queues: tuple[str, ...], place: tuple[str, int], size: int
    ) -> LetterPage:
        """The actor's letters behind a place, queue by queue. Raises :class:`QueueUnavailable`.

        At most :data:`MOST_PEEKED` letters are looked at, so a page may be short and still have a next one.
        """
        found: list[DeadLetter] = []
        looked = 0
        for queue in queues[queues.index(place[0]) :]:
            after = place[1] if queue == place[0] else 0
            while letters := await self.box.peek(queue, after=after, limit=_PEEKED_AT_ONCE):
                for letter in letters:
                    if len(found) == size or looked == MOST_PEEKED:
                        return LetterPage(letters=tuple(found), place=(queue, after))
                    after, looked = letter.sequence_number, looked + 1
                    if self._seen_by(actor, letter):
                        found.append(letter)
        return LetterPage(letters=tuple(found), place=None)

    async def errors(self, actor: Actor, letters: Sequence[DeadLetter]) -> list[JobError | None]:
        """Why each of these letters died, as far as our own rows tell the actor. Raises :class:`StorageUnavailable`."""
        default = self.settings.producer_default_tenant
        return await LetterErrors(store=self.store, default_tenant=default).of(actor, letters)

    def _seen_by(self, actor: Actor, letter: DeadLetter) -> bool:
        return actor.everywhere or letter.tenant(self.settings.producer_default_tenant) == actor.tenant

    async def redrive(self, actor: Actor, request: RedriveRequest) -> dict[str, Any]:
        """Send back what was asked for, at most 1,000 letters a call.

        Returns what became of them; ``more`` says that there may be letters that were not looked at. Raises
        :class:`QueueUnavailable` and :class:`StorageUnavailable`; repeating the call then is safe.
        """
        await self.store.prepare()
        redrive = Redrive(
            management=self.management,
            store=self.store,
            audit=self.audit,
            request=request,
            actor=actor,
            default_tenant=self.settings.producer_default_tenant,
        )
        await self.box.settle(request.queue, redrive, limit=MAX_TAKEN)
        return {
            "redriven": redrive.redriven,
            "removed": redrive.removed,
            "purged": redrive.purged,
            "left": redrive.left,
            "more": redrive.looked >= MAX_TAKEN and not redrive.done,
        }

    async def reconcile(self) -> int:
        """Look at letters that are new since the last look, once a minute over all instances.

        Returns how many jobs were failed or sent again. A broker that does not answer leaves it to the next time.
        """
        await self.store.prepare()
        changed = 0
        for queue in QUEUES:
            try:
                changed += await self._reconcile_queue(queue)
            except QueueUnavailable as error:
                _log.warning("dead letters not looked at", extra={"queue": queue, "reason": str(error)})
        return changed

    async def _reconcile_queue(self, queue: str) -> int:
        state, now = self.store.table(STATE), self.clock.now()
        row = await state.read(_PLACES, queue)
        values = row.values if row else {"at": stamp(now)}  # the first look is not at start, when jobs wait
        if row and now - moment(str(values["at"])) < LOOK_EVERY:
            return 0
        begun = str(values.get("begun", stamp(now)))
        after = int(values.get("after", 0))
        if now - moment(begun) >= FULL_PASS_EVERY:
            after, begun = 0, stamp(now)
        letters = await self.box.peek(queue, after=after, limit=_LOOKED_AT_ONCE) if row else []
        jobs = [await self._reconcile(letter) for letter in letters]
        expired = {
            letter.sequence_number
            for letter, sent in zip(letters, jobs, strict=True)
            if sent is Meaning.RUN_AGAIN
        }
        if expired:
            await self.box.settle(queue, _Remove(expired), limit=MAX_TAKEN)
        after = max([after, *(letter.sequence_number for letter in letters)])
        await state.put(
            _PLACES, [Row(key=queue, values={"after": str(after), "begun": begun, "at": stamp(now)})]
        )
        return sum(sent is not Meaning.NOTHING for sent in jobs)

    async def _reconcile(self, letter: DeadLetter) -> Meaning:
        job_id = self.job_id(letter)
        stored = await self.store.read_job(job_id) if job_id else None
        found = meaning(letter, stored)
        if stored is None or found is Meaning.NOTHING:
            return Meaning.NOTHING
        try:
            if found is Meaning.FAILED:
                await self._fail(stored, letter)
            else:
                await self._send_again(stored)
        except RowConflict:
            return Meaning.NOTHING  # it moved meanwhile: somebody carries it
        _log.warning("a message died", extra={"job_id": job_id, "reason": letter.reason})
        return found

    async def _fail(self, stored: StoredJob, letter: DeadLetter) -> None:
        why = letter.description or letter.reason or "no reason given"
        error = JobError(code="message_dead_lettered", message=f"The job's message was dead-lettered: {why}")
        change = end_change(
            JobStatus.FAILED,
            error,
            latch=letter.delivery.identity,
            result_url=Links(base=self.settings.api_url).job(stored.job.job_id, "/result"),
            clock=self.clock,
        )
        job = await self._commit(stored, change)
        await self.epilogue.run(job)

    async def _send_again(self, stored: StoredJob) -> None:
        def mutate(job: Job) -> Job:
            return replace(job, dispatch=job.dispatch + 1, lease_owner=None)

        await self.service.send(await self._commit(stored, Change(mutate=mutate)))

    async def _commit(self, stored: StoredJob, change: Change) -> Job:
        job, updates = await commit_once(
            self.store, stored, change, clock=self.clock, commit_id=new_commit_id()
        )
        self.realtime.publish(job, updates)
        return job


class _Remove:
    """Removes letters by number."""

    def __init__(self, numbers: set[int]) -> None:
        self._numbers = set(numbers)

    @property
    def done(self) -> bool:
        """All are gone."""
        return not self._numbers

    async def __call__(self, letter: DeadLetter) -> bool:
        """Remove it if it is one of them."""
        wanted = letter.sequence_number in self._numbers
        self._numbers.discard(letter.sequence_number)
        return wanted
