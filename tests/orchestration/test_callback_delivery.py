"""Callbacks end to end in memory: owed with the event, delivered at least once, whatever breaks in between."""

import json
from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from layers.contract import StepContext, StepError
from orchestration.callbacks import Callback, CallbackAnswer, CallbackStatus
from orchestration.controller import Handler
from orchestration.errors import (
    InvalidRequest,
    QueueUnavailable,
    RequestRefused,
    RowConflict,
    RowExists,
    StorageUnavailable,
)
from orchestration.handlers import callbacks as handlers
from orchestration.jobs import Job
from orchestration.management.audit import Actor
from orchestration.outcomes import Completed, DeadLetter, RetryLater
from orchestration.ports import OutgoingMessage
from orchestration.service import Origin
from orchestration.webhooks.secrets import OVERLAP, WebhookSecrets
from tests.orchestration.support import World, body_of, delivery_of, message
from tests.orchestration.test_webhooks import accepts

URL = "https://example.org/hook"
FAILED = CallbackAnswer(status=503, error="status 503")


class Faulty:
    """Stands before a store or queue; what a test names in ``faults`` raises, ``table`` wraps what it gives."""

    def __init__(self, inner: Any, faults: dict[str, Exception]) -> None:
        self._inner, self._faults = inner, faults

    def __getattr__(self, name: str) -> Any:
        if name in self._faults:
            raise self._faults[name]
        found = getattr(self._inner, name)
        return (lambda *given: Faulty(found(*given), self._faults)) if name == "table" else found


def faulty_world() -> tuple[World, dict[str, Exception]]:
    world, faults = World(), dict[str, Exception]()
    world.app = world.instance("one", store=Faulty(world.store, faults), queue=Faulty(world.queue, faults))
    return world, faults


async def called_back(world: World, **changes: Any) -> Job:
    """A job with a callback that is through; its callbacks wait in the queue."""
    job = (await world.submit(callbackUrl=URL, **changes)).job
    kept: list[OutgoingMessage] = []
    while taken := world.due():
        kept.append(taken) if taken.queue == "content-callbacks" else await world.deliver(taken)
        await world.app.dispatcher.drain()
    world.queue.sent[:0] = kept
    return await world.job(job.job_id)


async def callbacks(world: World, job: Job) -> list[Callback]:
    return [callback for callback, _ in await world.app.callbacks.deliveries(job)]


async def only(world: World, job: Job) -> Callback:
    (callback,) = await callbacks(world, job)
    return callback


def ids(world: World) -> list[str]:
    return [headers["webhook-id"] for _, _, headers in world.sender.sent]


async def call(world: World, handler: Handler, method: str = "GET", body: Any = None, **route: str) -> Any:
    data = json.dumps(body).encode() if body is not None else b""
    return await world.call(handler, method, route=route, body=data)


async def test_the_result_is_called_back_signed_for_its_receiver() -> None:
    world = World()
    job = await called_back(world)
    assert world.sender.sent == []
    await world.work()
    ((url, body, headers),) = world.sender.sent
    (secret,) = await world.app.callbacks.secrets.in_use("local")
    assert url == URL
    assert accepts(secret, headers, body)
    assert headers["webhook-id"] == f"{job.job_id}.{job.sequence}"
    assert headers["webhook-timestamp"] == str(int(world.clock.now().timestamp()))
    assert json.loads(body)["type"] == "job.result_ready"
    assert json.loads(body)["data"] == (await world.events(job.job_id))[-1]
    assert (await only(world, job)).status is CallbackStatus.DELIVERED


async def test_a_job_without_a_callback_address_owes_nothing() -> None:
    world = World()
    job = (await world.submit()).job
    await world.work()
    assert await callbacks(world, job) == []
    assert world.sender.sent == []


async def test_failed_and_cancelled_jobs_call_back_with_their_last_event() -> None:
    world = World()

    async def broken(_: StepContext) -> None:
        raise StepError("no", code="broken")

    world.steps.behaviours["sourceCollector"] = broken
    await called_back(world)
    job = (await world.submit(callbackUrl=URL)).job
    await world.app.service.cancel("local", job.job_id)
    await world.work()
    types = [json.loads(body)["type"] for _, body, _ in world.sender.sent]
    assert sorted(types) == ["job.error", "job.status_change"]


async def test_events_that_were_asked_for_are_called_back_while_the_job_runs() -> None:
    world = World()
    job = await called_back(world, webhookEvents=["status_change", "step_completed", "result_ready"])
    log = await world.events(job.job_id)
    await world.work()
    assert sorted(ids(world)) == sorted(f"{job.job_id}.{event['sequence']}" for event in log)
    assert [callback.status for callback in await callbacks(world, job)] == [CallbackStatus.DELIVERED] * len(
        log
    )


@pytest.mark.parametrize("first", [FAILED, CallbackAnswer(error="no answer within 15 s")])
async def test_a_failed_try_is_recorded_and_comes_back_on_the_schedule(first: CallbackAnswer) -> None:
    world = World()
    world.sender.answers = deque([first])
    job = await called_back(world)
    assert await world.work() == [RetryLater(5.25)]
    assert len(world.sender.sent) == 1
    world.clock.advance(5.25)
    await world.work()
    assert len(world.sender.sent) == 2
    assert len(set(ids(world))) == 1
    ((callback, tries),) = await world.app.callbacks.deliveries(job)
    assert callback.status is CallbackStatus.DELIVERED
    assert [(t.number, t.status, t.error) for t in tries] == [(1, first.status, first.error), (2, 200, "")]


async def test_a_receiver_may_ask_for_more_time_and_may_say_that_it_is_gone() -> None:
    world = World()
    world.sender.answers = deque([replace(FAILED, retry_after=90.0), CallbackAnswer(status=410)])
    job = await called_back(world)
    assert await world.work() == [RetryLater(90.0)]
    world.clock.advance(90)
    await world.work()
    assert (await only(world, job)).status is CallbackStatus.FAILED
    assert world.queue.sent == []


async def test_a_call_that_was_not_made_costs_no_try() -> None:
    world = World()
    world.sender.answers = deque([CallbackAnswer(error="the breaker is open", deferred=20.0)] * 2)
    job = await called_back(world)
    for _ in range(2):
        assert await world.work() == [RetryLater(30.0)]
        world.clock.advance(30)
    await world.work()
    ((callback, tries),) = await world.app.callbacks.deliveries(job)
    assert (callback.status, len(tries)) == (CallbackStatus.DELIVERED, 1)


async def test_a_receiver_that_never_answers_is_given_up_after_ten_tries() -> None:
    world = World()
    world.sender.answers = deque([FAILED] * 20)
    job = await called_back(world)
    for _ in range(10):
        await world.work()
        world.clock.advance(100_000)
    assert (len(world.sender.sent), world.queue.sent) == (10, [])
    assert (await only(world, job)).status is CallbackStatus.FAILED


async def test_a_crash_between_call_and_row_calls_again_under_the_same_id() -> None:
    world, faults = faulty_world()
    job = await called_back(world)
    wake = world.due()
    assert wake is not None
    faults["replace"] = RuntimeError("the process died here")
    with pytest.raises(RuntimeError):
        await world.deliver(wake)
    del faults["replace"]
    await world.deliver(wake, count=2)
    assert ids(world) == [f"{job.job_id}.{job.sequence}"] * 2
    assert (await only(world, job)).status is CallbackStatus.DELIVERED


async def test_a_crash_between_row_and_message_schedules_the_next_try_when_the_message_returns() -> None:
    world, faults = faulty_world()
    world.sender.answers = deque([FAILED])
    await called_back(world)
    wake = world.due()
    assert wake is not None
    faults["send"] = RuntimeError("the process died here")
    with pytest.raises(RuntimeError):
        await world.deliver(wake)
    del faults["send"]
    for count in (2, 3):  # however often it returns, there is one message
        assert await world.deliver(wake, count=count) == Completed("sent again")
    assert len(world.queue.sent) == 1
    world.clock.advance(10)
    await world.work()
    assert len(world.sender.sent) == 2


async def test_a_try_that_comes_early_waits_under_a_new_id() -> None:
    world = World()
    world.sender.answers = deque([FAILED])
    job = await called_back(world)
    await world.work()
    (scheduled,) = world.queue.sent
    world.queue.sent.clear()
    assert await world.deliver(scheduled) == Completed("sent again")
    (later,) = world.queue.sent
    assert later.message_id not in (scheduled.message_id, "")
    assert later.not_before == scheduled.not_before
    world.clock.advance(10)
    await world.work()
    assert (await only(world, job)).status is CallbackStatus.DELIVERED


async def test_a_message_that_is_nearly_used_up_is_replaced_before_the_call() -> None:
    world = World()
    await called_back(world)
    wake = world.due()
    assert wake is not None
    assert await world.deliver(wake, count=4) == Completed("sent again")
    assert world.sender.sent == []
    await world.work()
    assert len(world.sender.sent) == 1


async def test_a_message_that_comes_twice_calls_once() -> None:
    world = World()
    await called_back(world)
    wake = world.due()
    assert wake is not None
    await world.deliver(wake)
    assert await world.deliver(wake) == Completed("the callback is delivered")
    assert len(world.sender.sent) == 1


async def test_of_two_tries_at_once_a_success_wins() -> None:
    world = World()
    job = await called_back(world)
    wake = world.due()
    assert wake is not None
    inner = world.sender.post

    async def slow(url: str, body: bytes, headers: dict[str, str]) -> CallbackAnswer:
        world.sender.post = inner  # type: ignore[method-assign]
        world.sender.answers = deque([FAILED])
        await world.deliver(wake)  # the other one is faster, and fails
        return await inner(url, body, headers)

    world.sender.post = slow  # type: ignore[method-assign, assignment]
    assert await world.deliver(wake) == Completed("the callback is delivered")
    callback = await only(world, job)
    assert (callback.status, callback.attempts) == (CallbackStatus.DELIVERED, 2)


async def test_what_the_queue_did_not_take_is_sent_by_the_sweep() -> None:
    world, faults = faulty_world()
    job = (await world.submit(callbackUrl=URL, webhookEvents=["status_change", "result_ready"])).job
    await world.app.dispatcher.drain()
    (wake,) = [sent for sent in world.queue.sent if sent.queue == "content-jobs"]
    world.queue.sent.remove(wake)
    faults["send"] = QueueUnavailable("down")
    await world.deliver(wake)
    await world.app.dispatcher.drain()
    assert len(world.store.active()) == 1
    world.clock.advance(3600)
    await world.app.sweeper.sweep()
    assert len(world.store.active()) == 1
    del faults["send"]
    await world.app.sweeper.sweep()
    await world.work()
    assert world.store.active() == []
    statuses = {callback.status for callback in await callbacks(world, job)}
    assert statuses == {CallbackStatus.DELIVERED}
    assert len(ids(world)) == len(set(ids(world))) == 3


async def test_storage_that_is_down_brings_the_message_back_later() -> None:
    world, faults = faulty_world()
    job = await called_back(world)
    wake = world.due()
    assert wake is not None
    faults["read_tagged"] = StorageUnavailable("down")
    assert await world.deliver(wake) == RetryLater(15.0)
    (copy,) = world.queue.sent
    assert (copy.body, copy.queue) == (wake.body, "content-callbacks")
    del faults["read_tagged"]
    world.clock.advance(20)
    await world.work()
    assert (await only(world, job)).status is CallbackStatus.DELIVERED


async def test_with_storage_and_queue_down_the_message_goes_back_to_the_broker() -> None:
    world, faults = faulty_world()
    await called_back(world)
    wake = world.due()
    assert wake is not None
    faults |= {"read_tagged": StorageUnavailable("down"), "send": QueueUnavailable("down")}
    with pytest.raises(QueueUnavailable):
        await world.deliver(wake)
    assert len(world.clock.slept) >= 3


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"jobId":"x","sequence":1}', {"jobId": "018f3c5e-0000-7000-8000-000000000001"},
     {"jobId": "018f3c5e-0000-7000-8000-000000000001", "sequence": True},
     {"jobId": "018f3c5e-0000-7000-8000-000000000001", "sequence": 0}],
)  # fmt: skip
async def test_what_is_no_callback_message_is_dead_lettered_with_one_audit_row(body: object) -> None:
    world = World()
    foreign = message(body, queue="content-callbacks")
    for _ in range(2):
        assert isinstance(await world.app.callbacks.deliver(foreign), DeadLetter)
    assert len(world.store.audits) == 1


async def test_messages_of_jobs_that_are_gone_are_acknowledged() -> None:
    world = World()
    job = await called_back(world)
    wake = world.due()
    assert wake is not None
    await world.store.delete_rows(job.job_id)
    assert await world.deliver(wake) == Completed("no such callback")


async def failed_job(world: World) -> Job:
    async def broken(_: StepContext) -> None:
        raise StepError("no", code="broken")

    world.steps.behaviours["sourceCollector"] = broken
    job = await called_back(world)
    del world.steps.behaviours["sourceCollector"]
    return job


async def test_a_retry_makes_earlier_callbacks_void_even_when_nobody_marks_them() -> None:
    world = World()
    job = await failed_job(world)
    actor = Actor(tenant="local")
    await world.app.jobs.management.retry(actor, job.job_id)
    await world.work()
    first, last = await callbacks(world, job)
    assert (first.status, last.status) == (CallbackStatus.CANCELLED, CallbackStatus.DELIVERED)
    assert [json.loads(body)["type"] for _, body, _ in world.sender.sent] == ["job.result_ready"]


async def test_undelivered_callbacks_of_earlier_runs_can_be_cancelled_at_once() -> None:
    world = World()
    job = await failed_job(world)
    assert await world.app.callbacks.cancel_undelivered(job) == 0
    assert await world.app.callbacks.cancel_undelivered(replace(job, retries=1)) == 1
    assert (await only(world, job)).status is CallbackStatus.CANCELLED


# ---------------------------------------------------------------- the API


async def test_an_address_that_may_not_be_called_is_refused_with_the_job() -> None:
    world = World()
    world.sender.refused.add("inside.example.org")
    for url in ("https://inside.example.org/", "http://127.0.0.1:9/"):
        with pytest.raises(InvalidRequest) as refused:
            await world.submit(callbackUrl=url)
        assert [error.pointer for error in refused.value.errors] == ["/callbackUrl"]
    assert world.store.active() == []


async def test_deliveries_show_every_try_and_can_be_repeated() -> None:
    world = World()
    world.sender.answers = deque([CallbackAnswer(status=410, error="status 410")])
    job = await called_back(world)
    await world.work()
    reply = await call(world, handlers.list_deliveries, jobId=job.job_id)
    (item,) = body_of(reply)["value"]
    assert (item["status"], item["url"], item["webhookId"]) == ("failed", URL, f"{job.job_id}.{job.sequence}")
    assert [(t["number"], t["status"], t["error"]) for t in item["attempts"]] == [(1, 410, "status 410")]
    again = await call(world, handlers.redeliver, "POST", jobId=job.job_id, deliveryId=item["id"])
    assert (again.status, body_of(again)["status"]) == (202, "pending")
    await world.work()
    assert (await only(world, job)).status is CallbackStatus.DELIVERED
    assert len(set(ids(world))) == 1


@pytest.mark.parametrize("number", ["99", "x", "", "1" * 9, "-1"])
async def test_a_delivery_that_there_is_not_gives_404(number: str) -> None:
    world = World()
    job = await called_back(world)
    reply = await call(world, handlers.redeliver, "POST", jobId=job.job_id, deliveryId=number)
    assert (reply.status, body_of(reply)["code"]) == (404, "delivery_not_found")


async def test_a_delivery_of_before_a_retry_cannot_be_repeated() -> None:
    world = World()
    job = await failed_job(world)
    with pytest.raises(RequestRefused) as refused:
        await world.app.callbacks.redeliver(replace(job, retries=1), job.sequence)
    assert (refused.value.status, refused.value.code) == (409, "delivery_outdated")


async def test_a_rotated_secret_signs_beside_the_old_one_for_a_day() -> None:
    world = World()
    (old,) = await world.app.callbacks.secrets.in_use("local")
    reply = await call(world, handlers.rotate_secret, "POST")
    new = body_of(reply)["secret"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert await world.app.callbacks.secrets.in_use("local") == [new, old]
    assert await world.app.callbacks.secrets.in_use("another") != [new, old]
    newest = body_of(await call(world, handlers.rotate_secret, "POST"))["secret"]
    assert await world.app.callbacks.secrets.in_use("local") == [newest, new]
    world.clock.advance(OVERLAP.total_seconds())
    assert await world.app.callbacks.secrets.in_use("local") == [newest]


async def test_the_first_rotation_of_a_tenant_shows_its_first_secret() -> None:
    world = World()
    body = body_of(await call(world, handlers.rotate_secret, "POST"))
    assert body["previousSignsUntil"] is None
    assert await world.app.callbacks.secrets.in_use("local") == [body["secret"]]


async def test_two_that_need_the_first_secret_at_once_get_the_same() -> None:
    world = World()
    first = WebhookSecrets(store=world.store, clock=world.clock)
    known = first.__class__._known
    looks: list[str] = []

    async def late(self: WebhookSecrets, tenant: str) -> Any:
        found = await known(self, tenant)
        if not looks:
            looks.append("looked")
            await self.in_use(tenant)  # somebody else is faster
        return found

    WebhookSecrets._known = late  # type: ignore[method-assign]
    try:
        (secret,) = await first.in_use("local")
    finally:
        WebhookSecrets._known = known  # type: ignore[method-assign]
    assert await first.in_use("local") == [secret]


async def test_a_test_call_is_signed_and_says_what_came_of_it() -> None:
    world = World()
    world.sender.answers = deque([CallbackAnswer(status=404, error="status 404")])
    body = body_of(await call(world, handlers.test_call, "POST", {"url": URL}))
    assert (body["delivered"], body["status"], body["error"]) == (False, 404, "status 404")
    ((_, sent, headers),) = world.sender.sent
    (secret,) = await world.app.callbacks.secrets.in_use("local")
    assert accepts(secret, headers, sent)
    assert json.loads(sent)["type"] == "webhook.test"


@pytest.mark.parametrize(
    "body", [{}, {"url": "ftp://x"}, {"url": URL, "more": 1}, {"url": "http://example.org/"}]
)
async def test_a_test_call_to_nowhere_is_refused(body: Any) -> None:
    world = World()
    reply = await call(world, handlers.test_call, "POST", body)
    assert reply.status == 422
    assert world.sender.sent == []


async def test_secrets_and_addresses_stay_out_of_messages() -> None:
    world = World()
    await called_back(world)
    (wake,) = world.queue.sent
    assert URL not in wake.body + str(wake.properties)
    assert "whsec_" not in str(delivery_of(wake))


# ---------------------------------------------------------------- rows that change under one's hands


async def test_a_row_that_never_keeps_still_is_left_for_later() -> None:
    world, faults = faulty_world()
    job = await called_back(world)
    wake = world.due()
    assert wake is not None
    faults["replace"] = RowConflict("somebody was faster")
    assert await world.deliver(wake) == RetryLater(15.0)
    with pytest.raises(RequestRefused, match="being delivered just now"):
        await world.app.callbacks.redeliver(job, job.sequence)
    assert await world.app.callbacks.cancel_undelivered(replace(job, retries=1)) == 0


@pytest.mark.parametrize("gone", [True, False])
async def test_a_callback_that_is_void_when_the_call_returns_stays_so(gone: bool) -> None:
    world = World()
    job = await called_back(world)
    wake = world.due()
    assert wake is not None
    inner = world.sender.post

    async def slow(url: str, body: bytes, headers: dict[str, str]) -> CallbackAnswer:
        if gone:
            await world.store.delete_rows(job.job_id)
        else:
            await world.app.callbacks.cancel_undelivered(replace(job, retries=1))
        return await inner(url, body, headers)

    world.sender.post = slow  # type: ignore[method-assign, assignment]
    assert await world.deliver(wake) == Completed("the callback is cancelled")
    assert [callback.status for callback in await callbacks(world, job)] == (
        [] if gone else [CallbackStatus.CANCELLED]
    )


async def test_a_secret_that_others_replace_all_the_time_is_said_so() -> None:
    world, faults = faulty_world()
    faults["insert"] = RowExists("somebody was faster")
    for use in (world.app.callbacks.secrets.in_use, world.app.callbacks.secrets.rotate):
        with pytest.raises(RequestRefused) as refused:
            await use("local")
        assert (refused.value.status, refused.value.code) == (409, "conflict")


async def test_messages_carry_the_trace_of_their_job() -> None:
    world = World()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await world.submit(origin=Origin(tenant="local", traceparent=trace), callbackUrl=URL)
    (first,) = world.queue.sent
    world.queue.sent.clear()
    await world.deliver(first)
    assert [sent.properties["traceparent"] for sent in world.queue.sent] == [trace]
