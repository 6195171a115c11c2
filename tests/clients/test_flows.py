"""The client without a network: retries, waiting, paging, and watching through every kind of trouble."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_architect_client import ApiError, NoAnswer, RateLimited, RetryPolicy, TookTooLong, Unavailable
from content_architect_client.errors import Conflict, InvalidRequest, JobNotDone, NotFound, error_of
from content_architect_client.flows import Send, call, finished, pages, submit, wait
from content_architect_client.inbox import Inbox
from content_architect_client.policy import Answer
from content_architect_client.watching import Watch
from tests.clients.world import JOB_ID, Service, event, ok, problem, whole_log

SURE = RetryPolicy(chance=lambda: 1.0)
GET = Send(method="GET", path="x")
ONCE = Send(method="POST", path="x", repeatable=False)


class Scripted:
    """Answers in order; notes what was sent and how long was slept."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[Send] = []
        self.slept: list[float] = []
        self.emitted: list[Any] = []
        self.time = 0.0

    def run(self, flow: Any) -> Any:
        given = None
        while True:
            try:
                effect = flow.send(given)
            except StopIteration as stop:
                return stop.value
            given = None
            if isinstance(effect, Send):
                self.sent.append(effect)
                given = self.answers.pop(0)
            elif hasattr(effect, "value"):
                self.emitted.append(effect.value)
            elif hasattr(effect, "seconds"):
                self.slept.append(effect.seconds)
                self.time += effect.seconds
            else:
                given = self.time


GONE = Answer(status=0, text="ConnectError: refused")


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("trouble", [GONE, *(Answer(status=s) for s in (408, 429, 500, 502, 503, 504))])
def test_a_call_that_may_be_repeated_is_repeated_with_growing_pauses(trouble: Answer) -> None:
    script = Scripted(trouble, trouble, trouble, ok({}))
    assert 200 == script.run(call(GET, SURE)).status
    assert [0.5, 1.0, 2.0] == script.slept


def test_the_service_says_how_long_and_is_believed_up_to_a_minute() -> None:
    busy = [Answer(status=429, headers={"retry-after": hint}) for hint in ("7", "86400", "rubbish")]
    script = Scripted(*busy, ok({}))
    script.run(call(GET, SURE))
    assert [7.0, 60.0, 2.0] == script.slept


def test_a_date_is_a_time_too() -> None:
    answer = Answer(status=503, headers={"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"})
    from datetime import UTC, datetime

    assert 30.0 == answer.retry_after(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    assert 0.0 == answer.retry_after(datetime(2027, 1, 1, tzinfo=UTC))


def test_it_gives_up_and_says_what_came() -> None:
    script = Scripted(*[problem(503, "storage_unavailable")] * 5)
    with pytest.raises(Unavailable) as caught:
        script.run(call(GET, SURE))
    assert (5, "storage_unavailable", True) == (len(script.sent), caught.value.code, caught.value.retryable)
    with pytest.raises(NoAnswer, match="refused"):
        Scripted(*[GONE] * 5).run(call(GET, SURE))


def test_what_must_not_happen_twice_is_repeated_only_where_nothing_was_done() -> None:
    for trouble in (GONE, Answer(status=500), Answer(status=503)):
        with pytest.raises((NoAnswer, ApiError)):
            Scripted(trouble).run(call(ONCE, SURE))
    assert 200 == Scripted(Answer(status=429), ok({})).run(call(ONCE, SURE)).status


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (404, NotFound, False),
        (409, Conflict, False),
        (422, InvalidRequest, False),
        (429, RateLimited, True),
        (418, ApiError, False),
    ],
)
def test_errors_are_told_apart_by_type(status: int, kind: type[ApiError], retryable: bool) -> None:
    error = error_of(status, problem(status, "some_code").problem, 3.0)
    assert type(error) is kind
    assert ("some_code", "t", retryable, 3.0) == (
        error.code, error.trace_id, error.retryable, error.retry_after,
    )  # fmt: skip


def test_an_error_names_the_fields_and_a_proxys_page_is_an_error_too() -> None:
    wrong = {
        "code": "invalid_request",
        "detail": "no",
        "errors": [{"pointer": "/topic", "detail": "is required"}],
    }
    assert "/topic: is required" in str(error_of(422, wrong, None))
    with pytest.raises(ApiError, match="Bad Gateway"):
        Scripted(*[Answer(status=502, text="<h1>Bad Gateway</h1>")] * 5).run(call(GET, SURE))


def test_a_submission_keeps_its_key_when_it_is_sent_again() -> None:
    script = Scripted(GONE, Answer(status=503), ok({"jobId": JOB_ID}))
    assert JOB_ID == script.run(submit({"topic": "T"}, "key-1", 12.0, SURE))["jobId"]
    assert [{"Idempotency-Key": "key-1", "Prefer": "wait=12"}] * 3 == [dict(s.headers) for s in script.sent]


# ---------------------------------------------------------------- waiting, listing


def job(status: str, sequence: int = 1) -> dict[str, Any]:
    return {"jobId": JOB_ID, "status": status, "sequence": sequence, "message": "made up"}


def test_waiting_takes_the_pauses_that_the_service_asks_for_and_asks_for_news_alone() -> None:
    running = ok(job("processing"), etag='"1"', **{"retry-after": "3"})
    unchanged = Answer(status=304, headers={"etag": '"1"', "retry-after": "0"})
    script = Scripted(ok(job("queued")), running, unchanged, ok(job("completed", 9)))
    assert 9 == script.run(wait(JOB_ID, None, SURE))["sequence"]
    assert [3.0, 0.0] == script.slept
    assert [{}, {}, {"If-None-Match": '"1"'}, {"If-None-Match": '"1"'}] == [
        dict(s.headers) for s in script.sent
    ]


def test_waiting_ends_when_the_time_is_over() -> None:
    busy = ok(job("processing"), **{"retry-after": "5"})
    script = Scripted(*[busy] * 4)
    with pytest.raises(TookTooLong, match="processing"):
        script.run(wait(JOB_ID, 12.0, SURE))
    assert ["12", "7", "2"] == [s.query["wait"] for s in script.sent[1:]]


def test_a_result_of_a_job_that_failed_is_an_error_that_says_why() -> None:
    failed = {**job("failed"), "error": {"code": "worker_lost", "message": "gone", "retryable": True}}
    with pytest.raises(JobNotDone, match="gone") as caught:
        Scripted(ok(failed)).run(finished(JOB_ID, None, SURE))
    assert ("worker_lost", True) == (caught.value.code, caught.value.retryable)


def test_a_listing_goes_on_by_cursor_at_the_address_it_was_given() -> None:
    """A ``nextLink`` that points elsewhere would carry the credential there."""
    link = "https://evil.example/content-architect/jobs?status=failed&cursor=abc"
    script = Scripted(ok({"value": [{"jobId": "1"}], "nextLink": link}), ok({"value": [{"jobId": "2"}]}))
    script.run(pages({"status": "failed"}, SURE))
    assert ["1", "2"] == [item["jobId"] for item in script.emitted]
    assert [("jobs", {"status": "failed"}), ("jobs", {"status": "failed", "cursor": "abc"})] == [
        (s.path, dict(s.query)) for s in script.sent
    ]


# ---------------------------------------------------------------- watching


def watching(service: Service, **options: Any) -> Any:
    return service.run(Watch(job_id=JOB_ID, policy=SURE, **options).run())


def durable(service: Service) -> list[int]:
    return [e["sequence"] for e in service.emitted if "sequence" in e]


TROUBLES = (
    GONE,
    problem(503, "storage_unavailable"),
    problem(503, "realtime_unavailable"),
    Answer(status=502),
)


@settings(max_examples=300)
@given(data=st.data(), count=st.integers(2, 9), page=st.sampled_from([2, 500]), socket=st.booleans())
def test_any_schedule_of_cuts_repeats_and_gaps_gives_each_event_once_and_in_order(
    data: st.DataObject, count: int, page: int, socket: bool
) -> None:
    left = itertools.count()
    troubles = itertools.count()

    def decide(kind: str) -> Any:
        calm = next(left) > 60  # in the end all is well, and the job goes on
        if kind == "sleep":
            return 1 if calm else data.draw(st.integers(0, 2))
        if kind == "open":
            return calm or data.draw(st.booleans())
        if kind == "answer":
            bad = not calm and data.draw(st.integers(0, 3)) == 0 and next(troubles) % 5 < 3
            return data.draw(st.sampled_from(TROUBLES)) if bad else None
        if calm:
            return "next"
        return data.draw(st.sampled_from(["next", "next", "lose one", "old", "cut", "quiet", "progress"]))

    service = Service(events=whole_log(count), decide=decide, page=page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("content_architect_client.watching.MAX_PAGE", page)
        end = watching(service, socket=socket)
    assert list(range(1, count + 1)) == durable(service)
    assert "completed" == end["status"]


def test_a_job_that_had_ended_before_is_told_from_the_log() -> None:
    service = Service(events=whole_log(4), decide={"sleep": 0, "open": True}.get, told=4)
    assert "completed" == watching(service)["status"]
    assert [1, 2, 3, 4] == durable(service)
    service.emitted.clear()
    assert "completed" == watching(service, inbox=Inbox(last=4))["status"]
    assert [] == durable(service)


def test_a_job_that_failed_and_was_retried_is_watched_to_its_last_end() -> None:
    events = [event(1, "status_change", status="queued"), event(2, "error", status="failed")]
    events += [event(3, "status_change", status="queued"), event(4, "result_ready", status="completed")]
    told = iter([0, 0, 0, 0])
    service = Service(events=events, decide=lambda kind: next(told, 1) if kind == "sleep" else None, told=3)
    assert "completed" == watching(service, socket=False)["status"]
    assert [1, 2, 3, 4] == durable(service)


def test_without_a_socket_the_job_is_polled_and_the_socket_tried_again() -> None:
    service = Service(events=whole_log(12), decide={"sleep": 1, "open": False}.get)
    watching(service)
    assert list(range(1, 13)) == durable(service)
    assert 2 <= service.sent.count(f"POST job/{JOB_ID}/negotiate") <= 4


def test_messages_about_other_things_are_not_events_of_the_job() -> None:
    answer = {"event": "SubscribeToJob", "jobId": JOB_ID, "subscribed": True}
    foreign = {**event(2), "jobId": "another"}
    service = Service(events=whole_log(3), decide={"sleep": 0, "open": True, "receive": "next"}.get)
    messages = iter([answer, foreign])
    real = service._receive
    service._receive = lambda: next(messages, None) or real()  # type: ignore[method-assign]
    watching(service)
    assert [1, 2, 3] == [e["sequence"] for e in service.emitted]


def test_a_job_that_is_not_there_is_an_error_at_once() -> None:
    service = Service(
        events=whole_log(3), decide=lambda kind: problem(404, "job_not_found") if kind == "answer" else 0
    )
    with pytest.raises(NotFound):
        watching(service)
    assert 1 == len(service.sent)


def test_the_json_of_the_made_up_service_is_json() -> None:
    assert json.loads(ok(whole_log(2)).text) == whole_log(2)
