"""CallbackService: delivers callbacks, shows their tries, delivers again on demand.

The guarantee: every callback that is owed is delivered at least once, or fails after its whole schedule; a receiver
knows by ``webhook-id`` what it has seen. The order is always call, row, message, settle: a crash after the call calls
again, a crash after the row finds the next message's time in the row.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from orchestration.callbacks import (
    FIRST_KEY,
    LAST_KEY,
    Attempt,
    Callback,
    CallbackAnswer,
    CallbackSender,
    CallbackStatus,
    attempt_row,
    callback_key,
    deliveries,
    webhook_id,
)
from orchestration.errors import (
    AddressRefused,
    FieldError,
    InvalidRequest,
    RequestRefused,
    RowConflict,
    StorageUnavailable,
)
from orchestration.ids import canonical_job_id
from orchestration.jobs import Job, moment, stamp
from orchestration.messages import Delivery
from orchestration.outcomes import Completed, DeadLetter, Outcome, RetryLater
from orchestration.ports import Clock, JobStore, MessageQueue, OutgoingMessage, RowTable, TaggedRow
from orchestration.redelivery import copy_later, send_patiently
from orchestration.schemas import parse_json
from orchestration.telemetry.counts import callback_tried
from orchestration.telemetry.entries import Consumption
from orchestration.webhooks.secrets import WebhookSecrets
from orchestration.webhooks.signing import signed_headers

MAX_ROWS = 5000
_LOOKS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackService:
    """Works on callback rows. ``max_delivery_count`` is the queue's own."""

    store: JobStore
    queue: MessageQueue
    sender: CallbackSender
    secrets: WebhookSecrets
    clock: Clock
    max_delivery_count: int

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Do what a message of the queue ``content-callbacks`` asks for and say what becomes of it.

        Raises :class:`QueueUnavailable` when neither rows nor messages could be written.
        """
        with Consumption(delivery) as consumption:
            return consumption.settles(await self._process(delivery, consumption))

    async def _process(self, delivery: Delivery, consumption: Consumption) -> Outcome:
        try:
            await self.store.prepare()
            wanted = _read(delivery)
            if wanted is None:
                return await self._refuse(delivery)
            return await self._deliver(delivery, *wanted, consumption)
        except StorageUnavailable as error:
            _log.warning("storage is down", extra={"queue": delivery.queue, "reason": str(error)})
            return await copy_later(self.queue, self.clock, delivery)

    async def deliveries(self, job: Job) -> list[tuple[Callback, list[Attempt]]]:
        """The callbacks of a job with their tries, in order."""
        rows = await self._rows.between(job.job_id, after=FIRST_KEY, before=LAST_KEY, limit=MAX_ROWS)
        return deliveries(rows)

    async def redeliver(self, job: Job, sequence: int) -> Callback:
        """Deliver again, with a new schedule that begins now, whatever came of it before.

        Raises :class:`RequestRefused` (404 for a callback that the job does not have, 409 for one of before its
        last retry), and :class:`QueueUnavailable`: to be repeated.
        """
        for _ in range(_LOOKS):
            tagged = await self._rows.read_tagged(job.job_id, callback_key(sequence))
            if tagged is None:
                raise RequestRefused("the job has no such delivery", code="delivery_not_found", status=404)
            callback = Callback.from_row(tagged.row)
            if callback.outdated(job):
                raise RequestRefused(
                    "the job was retried since; its earlier callbacks are void",
                    code="delivery_outdated",
                    status=409,
                )
            again = callback.again()
            try:
                await self._rows.replace(job.job_id, again.to_row(), etag=tagged.etag)
            except RowConflict:
                continue  # a try of it ended just now
            await self.queue.send(again.message(job))
            return again
        raise RequestRefused("it is being delivered just now; repeat", code="conflict", status=409)

    async def cancel_undelivered(self, job: Job) -> int:
        """Mark what is pending from before the job's last retry; returns how many.

        Deliveries look at the job themselves, so that nothing depends on this but what is shown meanwhile.
        """
        if job.callback_url is None:
            return 0
        cancelled = 0
        for callback, _ in await self.deliveries(job):
            if callback.pending and callback.outdated(job):
                cancelled += await self._cancel(job, callback.sequence)
        return cancelled

    async def test(self, tenant: str, url: str) -> CallbackAnswer:
        """Call an address once with a signed test event. Raises :class:`InvalidRequest` naming ``/url``."""
        try:
            await self.sender.check(url)
        except AddressRefused as error:
            raise InvalidRequest([FieldError(pointer="/url", detail=str(error))]) from error
        payload = {"type": "webhook.test", "timestamp": stamp(self.clock.now()), "data": {}}
        body = json.dumps(payload, separators=(",", ":"))
        return await self._post(tenant, url, f"test_{secrets.token_hex(12)}", body)

    @property
    def _rows(self) -> RowTable:
        return self.store.table("jobs")

    async def _deliver(
        self, delivery: Delivery, job_id: str, sequence: int, consumption: Consumption
    ) -> Outcome:
        tagged = await self._rows.read_tagged(job_id, callback_key(sequence))
        stored = await self.store.read_job(job_id)
        if tagged is None or stored is None:
            return Completed("no such callback")
        callback, job = Callback.from_row(tagged.row), stored.job
        consumption.of(job)
        if not callback.pending:
            return Completed(f"the callback is {callback.status}")
        if callback.outdated(job) or job.callback_url is None:
            await self._cancel(job, sequence)
            return Completed("the job was retried or deleted since")
        if callback.waits(self.clock.now()):
            return await self._send_on(delivery, callback.message(job))
        if delivery.delivery_count >= self.max_delivery_count - 1:
            return await self._send_on(delivery, callback.message(job), fresh=True)
        answer = await self._post(job.tenant, job.callback_url, webhook_id(job_id, sequence), callback.body)
        if answer.deferred is not None:
            callback_tried("deferred", callback.attempts)
            return await self._defer(delivery, callback.message(job), answer.deferred)
        return await self._settle(job, await self._record(job, tagged, answer))

    async def _post(self, tenant: str, url: str, identity: str, body: str) -> CallbackAnswer:
        data = body.encode()
        headers = signed_headers(
            identity,
            int(self.clock.now().timestamp()),
            data,
            secrets_in_use=await self.secrets.in_use(tenant),
        )
        began = self.clock.monotonic()
        answer = await self.sender.post(url, data, headers)
        return replace(answer, duration_ms=round((self.clock.monotonic() - began) * 1000))

    async def _record(self, job: Job, tagged: TaggedRow, answer: CallbackAnswer) -> Callback:
        """Write down a try. When the row changed meanwhile: what is final stays, a success is added."""
        before = Callback.from_row(tagged.row)
        for _ in range(_LOOKS):
            callback = Callback.from_row(tagged.row)
            if not callback.pending or (not answer.accepted and callback.attempts > before.attempts):
                return callback
            after, attempt = callback.after(answer, self.clock.now(), chance=self.clock.chance())
            try:
                row = attempt_row(after.sequence, attempt)
                await self._rows.replace(job.job_id, after.to_row(), etag=tagged.etag, also=[row])
            except RowConflict:
                again = await self._rows.read_tagged(job.job_id, tagged.row.key)
                if again is None:
                    return callback.ended(CallbackStatus.CANCELLED, self.clock.now())  # deleted with its job
                tagged = again
            else:
                return after
        raise StorageUnavailable("the callback's row changes all the time")

    async def _settle(self, job: Job, callback: Callback) -> Outcome:
        """Schedule the next try, where there is one."""
        extra = {"job_id": job.job_id, "sequence": callback.sequence, "attempts": callback.attempts}
        callback_tried("retried" if callback.pending else callback.status.value, callback.attempts)
        if callback.pending:
            await send_patiently(self.queue, self.clock, callback.message(job))
            _log.info("callback tried", extra=extra)
            return RetryLater(_seconds_until(callback, self.clock))
        if callback.status is CallbackStatus.FAILED:
            _log.warning("callback given up", extra=extra)
        return Completed(f"the callback is {callback.status}")

    async def _send_on(self, delivery: Delivery, message: OutgoingMessage, *, fresh: bool = False) -> Outcome:
        """Send the callback's current message again in place of this one.

        A message of an earlier dispatch repeats the very id: it was scheduled already, unless a crash came in
        between, and then this sends it. One that came early, or too often, needs a new id, or it would be dropped.
        """
        if fresh or delivery.properties.get("dispatch") == message.properties["dispatch"]:
            suffix = hashlib.sha256(delivery.message_id.encode()).hexdigest()[:16]
            message = replace(message, message_id=f"{message.message_id}:{suffix}")
        await send_patiently(self.queue, self.clock, message)
        return Completed("sent again")

    async def _defer(self, delivery: Delivery, message: OutgoingMessage, seconds: float) -> Outcome:
        """No call was made: the same try again a little later, which costs none of the schedule."""
        delay = seconds * (1 + self.clock.chance())
        not_before = self.clock.now() + timedelta(seconds=delay)
        await self._send_on(delivery, replace(message, not_before=not_before), fresh=True)
        return RetryLater(delay)

    async def _cancel(self, job: Job, sequence: int) -> bool:
        tagged = await self._rows.read_tagged(job.job_id, callback_key(sequence))
        if tagged is None or not Callback.from_row(tagged.row).pending:
            return False
        void = Callback.from_row(tagged.row).ended(CallbackStatus.CANCELLED, self.clock.now())
        try:
            await self._rows.replace(job.job_id, void.to_row(), etag=tagged.etag)
        except RowConflict:
            return False  # a try of it ended just now; its next delivery finds it void
        return True

    async def _refuse(self, delivery: Delivery) -> Outcome:
        """Dead-letter a message that is none of ours, with one audit row however often it is delivered."""
        reason = 'the message should be {"jobId": a UUID, "sequence": a whole number}'
        await self.store.audit(
            f"message:{delivery.queue}",
            delivery.identity,
            {"action": "refuse", "reason": reason, "at": stamp(self.clock.now())},
        )
        return DeadLetter(reason)


def _read(delivery: Delivery) -> tuple[str, int] | None:
    try:
        value: Any = parse_json(delivery.body)
    except ValueError:
        return None
    if not isinstance(value, dict) or set(value) != {"jobId", "sequence"}:
        return None
    job_id, sequence = canonical_job_id(str(value["jobId"])), value["sequence"]
    if job_id is None or type(sequence) is not int or not 1 <= sequence < 10**8:
        return None
    return job_id, sequence


def _seconds_until(callback: Callback, clock: Clock) -> float:
    return (moment(callback.next_attempt_at or callback.created_at) - clock.now()).total_seconds()
