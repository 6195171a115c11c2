"""The plan of a chaos run and the rules that it is judged by."""

from __future__ import annotations

import dataclasses
import json

import aiohttp
import pytest

from devtools.chaos.experiment import conclude
from devtools.chaos.plan import Fate, make_plan
from devtools.chaos.receiver import receiving
from devtools.chaos.verdict import Found, FoundJob, Letter, ReceivedCall, breaches, summary
from orchestration.messages import Delivery, Malformed, read_message
from orchestration.schemas import ProducerMessage


def event(sequence, kind, **data):
    return {"sequence": sequence, "type": kind, "data": data}


GOOD = FoundJob(
    job_id="j1",
    fate=Fate.COMPLETE,
    status="completed",
    sequence=4,
    steps=[{"name": "a", "status": "completed"}, {"name": "b", "status": "skipped"}],
    events=[
        event(1, "status_change", status="queued"),
        event(2, "step_completed", step="a", status="completed"),
        event(3, "step_completed", step="b", status="skipped"),
        event(4, "result_ready", status="completed"),
    ],
)
FAILED = dataclasses.replace(
    GOOD,
    job_id="j2",
    fate=Fate.FAIL,
    status="failed",
    latched="j2:3",
    sequence=2,
    steps=[{"name": "a", "status": "pending"}],
    events=[event(1, "status_change", status="queued"), event(2, "error", status="failed")],
)
POISON = Letter(queue="content-jobs", message_id="p:later:1", original_id="p")
FAILED_LETTER = Letter(queue="content-jobs", message_id="j2:3:later:9", original_id="j2:3")


def found(*jobs, letters=(), poison=(), **others):
    return Found(jobs=jobs, letters=letters, poison=frozenset(poison), **others)


def test_a_clean_run_breaks_no_rule():
    assert breaches(found(GOOD, FAILED, letters=[POISON, FAILED_LETTER], poison=["p"])) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": None}, "gone"),
        ({"status": "processing"}, "still processing"),
        ({"status": "failed", "latched": "m"}, "meant to complete and is failed"),
        ({"sequence": 5}, "not 1 to 5"),
        ({"events": [*GOOD.events[:3], event(3, "result_ready", status="completed")]}, "not 1 to 4"),
        (
            {"events": [*GOOD.events[:2], event(3, "step_completed", step="a"), GOOD.events[3]]},
            "committed 2 times",
        ),
        ({"events": [*GOOD.events[:2], event(3, "error", status="failed"), GOOD.events[3]]}, "ended 2 times"),
        ({"steps": [*GOOD.steps, {"name": "c", "status": "pending"}]}, "2 of 3 steps"),
        ({"steps": [*GOOD.steps, {"name": "c", "status": "completed"}]}, r"\['c'\] are in the row"),
        ({"unreadable": ["checkpoint result|1"]}, "cannot be read"),
    ],
)
def test_a_damaged_job_is_told_by_its_damage(change, told):
    with pytest.raises(AssertionError, match=told):
        assert not breaches(found(dataclasses.replace(GOOD, **change)))


@pytest.mark.parametrize(
    ("letters", "told"),
    [
        ([], "poison p was dead-lettered 0 times"),
        ([POISON, POISON], "poison p was dead-lettered 2 times"),
        ([POISON, Letter(queue="q", message_id="j1:1", original_id="j1:1")], "belongs to nothing"),
    ],
)
def test_dead_letters_are_the_poison_each_once_and_nothing_else(letters, told):
    with pytest.raises(AssertionError, match=told):
        assert not breaches(found(GOOD, letters=letters, poison=["p"]))


def test_a_failed_job_needs_its_letter():
    assert breaches(found(FAILED)) == ["the message of failed job j2 was dead-lettered 0 times"]
    assert breaches(found(dataclasses.replace(FAILED, latched=None))) == [
        "j2 failed without a message to be dead-lettered"
    ]


def test_rows_and_messages_that_are_left_are_told():
    assert breaches(
        found(GOOD, active_rows=["j1"], messages_left={"content-jobs": 2, "content-jobs-low": 0})
    ) == [
        "active row of j1 is left",
        "2 messages are left in content-jobs",
    ]


def test_the_verdict_is_the_last_line_and_a_breach_is_exit_code_1(capsys):
    good = summary(found(GOOD), seed=3, seconds=1.0, counts={"kill_runner": 2})
    assert conclude(good) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["terminal"] == 1
    assert conclude(summary(found(GOOD, active_rows=["x"]), seed=3, seconds=1.0, counts={})) == 1
    assert "BREACH  active row of x is left" in capsys.readouterr().err


def test_the_same_seed_plans_the_same_run_and_another_one_does_not():
    asked = {"jobs": 40, "rough_seconds": 60.0, "instances": 3}
    assert make_plan(seed=5, **asked) == make_plan(seed=5, **asked)
    assert make_plan(seed=5, **asked).blows != make_plan(seed=6, **asked).blows


def test_a_large_plan_has_every_kind_of_job_message_and_blow():
    plan = make_plan(seed=1, jobs=300, rough_seconds=300.0, instances=3)
    assert {job.fate for job in plan.jobs} == set(Fate)
    assert {bool(job.message) for job in plan.jobs} == {True, False}
    assert {blow.instance for blow in plan.blows} == {1, 2, 3}
    assert all(blow.at < 300 for blow in plan.blows)
    assert len({job.key for job in plan.jobs}) == 300
    assert any(wakeup.delay for wakeup in plan.wakeups)


def test_planned_producer_messages_are_read_and_poison_is_refused():
    plan = make_plan(seed=2, jobs=200, rough_seconds=60.0, instances=1)

    def read(body):
        return read_message(
            Delivery(queue="content-jobs", message_id="m", delivery_count=1, body=body.encode())
        )

    produced = [read(job.producer_body("https://example.org/hook")) for job in plan.jobs if job.message]
    assert produced
    assert all(isinstance(message, ProducerMessage) for message in produced)
    assert any(isinstance(read(message.body), Malformed) for message in plan.poison)


CALLING = dataclasses.replace(GOOD, callback_events=())
CHOOSY = dataclasses.replace(GOOD, callback_events=("step_completed",))


def call(sequence, event, **changes):
    values = {"webhook_id": f"j1.{sequence}", "body": json.dumps({"type": "x", "data": event}), **changes}
    return ReceivedCall(**values)


END = call(4, GOOD.events[3])


def test_a_job_calls_back_for_its_end_or_for_what_was_asked_for():
    assert breaches(found(CALLING, calls=[END, END])) == [], "the same call may come twice"
    assert set(CHOOSY.owed) == {"j1.2", "j1.3"}
    assert breaches(found(GOOD)) == []


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ([], ["callback j1.4 never came"]),
        ([END, call(1, GOOD.events[0])], ["callback j1.1 is owed to nobody"]),
        ([END, call(4, GOOD.events[3], body='{"data": 1}')], ["callback j1.4 came with 2 bodies"]),
        ([call(4, GOOD.events[2])], ["callback j1.4 does not tell its event"]),
        ([dataclasses.replace(END, signed=False)], ["callback j1.4 is not signed as it should be"]),
    ],
)
def test_a_callback_that_is_missing_superfluous_or_wrong_is_told(calls, told):
    assert breaches(found(CALLING, calls=calls)) == told


def test_a_callback_row_that_waits_is_told():
    waiting = dataclasses.replace(CALLING, undelivered=["callback|00000004 is pending"])
    assert breaches(found(waiting, calls=[END])) == ["j1: callback|00000004 is pending"]


async def test_the_receiver_refuses_a_callback_at_most_once():
    async with receiving(seed=1) as receiver, aiohttp.ClientSession() as session:
        for number in range(40):
            while True:
                headers = {"webhook-id": str(number)}
                async with session.post(receiver.url, headers=headers, allow_redirects=False) as answer:
                    if answer.status == 200:
                        break
    assert [str(number) for number in range(40)] == [known.webhook_id for known in receiver.accepted]
    assert 0 < len(receiver.refused) < 20
