"""One chaos run from the first job to the verdict: a rough phase, a quiet one, then the questions."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import sys
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from devtools.chaos.actors import TENANT, Broker, Submitter, send_message
from devtools.chaos.bed import ROUGH, SWEEP_SECONDS, Bed, open_bed
from devtools.chaos.inspection import Tables, dead_letters, messages_left
from devtools.chaos.plan import Fate, Plan, PlannedBlow, PlannedJob, PlannedMessage, make_plan
from devtools.chaos.receiver import Call, CallbackReceiver, receiving
from devtools.chaos.verdict import Found, FoundJob, ReceivedCall, summary

ROUGH_SHARE = 0.5
_LOOK_EVERY = 2.0
_MARGIN = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What a run is asked to do. ``minutes`` bounds the rough and the quiet phase together."""

    jobs: int
    minutes: float
    seed: int
    instances: int
    data: Path

    async def run(self) -> dict[str, Any]:
        """Run it and return the verdict. Raises :class:`devtools.stack.StackStartError`."""
        seconds = self.minutes * 60
        plan = make_plan(
            seed=self.seed, jobs=self.jobs, rough_seconds=seconds * ROUGH_SHARE, instances=self.instances
        )
        async with (
            receiving(self.seed) as receiver,
            open_bed(self.data, instances=self.instances, seed=self.seed) as bed,
        ):
            began = time.monotonic()
            async with Broker(bed.service_bus) as broker:
                submitter = Submitter(
                    bed.api, instances=self.instances, broker=broker, callback_url=receiver.url
                )
                await submitter.watch()
                await _Rough(plan=plan, bed=bed, broker=broker, submitter=submitter).run()
            _say(f"quiet after {time.monotonic() - began:.0f} s; {len(submitter.job_ids)} jobs are accepted")
            found = await _settle(plan, bed, submitter, receiver, until=began + seconds)
            verdict = summary(
                found,
                seed=self.seed,
                seconds=time.monotonic() - began,
                counts={**bed.blows, **{fault.value: n for fault, n in bed.tables.counts.items()}},
            )
        verdict["breaches"] += submitter.refused
        return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rough:
    """The rough phase: everything of the plan at its moment."""

    plan: Plan
    bed: Bed
    broker: Broker
    submitter: Submitter

    async def run(self) -> None:
        """Returns when the last blow has fallen and every submitter was heard."""
        began = time.monotonic()
        self.bed.tables.rates = ROUGH
        blows = asyncio.create_task(self._blows(began))
        acts = (
            *(self._at(began, job.at, self._job(job)) for job in self.plan.jobs),
            *(self._at(began, m.at, self._message(m)) for m in (*self.plan.wakeups, *self.plan.poison)),
        )
        async with asyncio.TaskGroup() as group:
            for act in acts:
                group.create_task(act)
            await blows
            self.bed.calm()  # who is not heard yet is heard from now on

    @staticmethod
    async def _at(began: float, moment: float, act: Awaitable[None]) -> None:
        await asyncio.sleep(began + moment - time.monotonic())
        await act

    async def _job(self, job: PlannedJob) -> None:
        await self.submitter.submit(job)
        if job.fate is Fate.CANCEL and job.number in self.submitter.job_ids:
            await asyncio.sleep(job.cancel_after)
            await self.submitter.cancel(job.number)

    async def _message(self, message: PlannedMessage) -> None:
        await send_message(self.broker, message, self.submitter.job_ids)

    async def _blows(self, began: float) -> None:
        for blow in self.plan.blows:
            await asyncio.sleep(max(0.0, began + blow.at - time.monotonic()))
            _say(f"{time.monotonic() - began:6.1f} s  {_told(blow)}")
            await self.bed.strike(blow)


def _told(blow: PlannedBlow) -> str:
    return f"{blow.blow} {blow.instance}" if blow.blow == "kill_runner" else str(blow.blow)


async def _settle(
    plan: Plan, bed: Bed, submitter: Submitter, receiver: CallbackReceiver, *, until: float
) -> Found:
    """Wait until every job has ended and nothing is left to do, or time is up; then look."""
    fates = {submitter.job_ids[job.number]: job.fate for job in plan.jobs if job.number in submitter.job_ids}
    tables = Tables(bed.storage)
    try:
        left = list(fates)
        while left and time.monotonic() < until:
            left = await tables.unfinished(left)
            await asyncio.sleep(_LOOK_EVERY if left else 0)
        _say(f"{len(left)} jobs have not ended")
        waiting = await _drained(bed, until=until)
        await asyncio.sleep(2 * SWEEP_SECONDS + _MARGIN)  # two more sweeps
        jobs = [await tables.job(job_id, fate) for job_id, fate in fates.items()]
        return Found(
            jobs=[*jobs, *_never_accepted(plan, submitter)],
            letters=await dead_letters(bed.service_bus),
            poison=frozenset(message.message_id for message in plan.poison),
            active_rows=await tables.active_rows(),
            messages_left=waiting,
            calls=[_received(call, await tables.webhook_secret(TENANT)) for call in receiver.accepted],
        )
    finally:
        await tables.close()


def _received(call: Call, secret: str | None) -> ReceivedCall:
    """The signature of Standard Webhooks, worked out anew: HMAC-SHA256 over id, timestamp and body."""
    key = base64.b64decode((secret or "").removeprefix("whsec_"))
    signed = f"{call.webhook_id}.{call.timestamp}.".encode() + call.body
    wanted = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    fits = secret is not None and f"v1,{wanted}" in call.signature.split()
    return ReceivedCall(webhook_id=call.webhook_id, body=call.body.decode(), signed=fits)


def _never_accepted(plan: Plan, submitter: Submitter) -> Sequence[FoundJob]:
    return [
        FoundJob(job_id=job.key, fate=job.fate, status=None)
        for job in plan.jobs
        if job.number not in submitter.job_ids
    ]


async def _drained(bed: Bed, *, until: float) -> dict[str, int]:
    """What is left in the queues once they are empty or time is up: poison is dead-lettered at its fifth delivery."""
    while True:
        try:
            left = await messages_left(bed.running.endpoints["serviceBusStats"])
        except aiohttp.ClientError:
            if time.monotonic() > until:
                raise
        else:
            if not any(left.values()) or time.monotonic() > until:
                return left
        await asyncio.sleep(_LOOK_EVERY)  # the last blow may have been the broker's: it is starting again


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def conclude(verdict: dict[str, Any]) -> int:
    """Print the verdict as the last line of standard output. Exit code 0, or 1 when a rule was broken."""
    for breach in verdict["breaches"]:
        _say(f"BREACH  {breach}")
    print(json.dumps(verdict), flush=True)
    return 1 if verdict["breaches"] or verdict["terminal"] != verdict["jobs"] else 0
