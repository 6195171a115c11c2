"""Spans in one line: what is made, what is not, and in which order it leaves."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import StatusCode

from orchestration.errors import StorageUnavailable
from orchestration.ports import OutgoingMessage
from orchestration.telemetry.spans import NO_SPAN, annotate, span
from orchestration.telemetry.trace_context import (
    current_trace_id,
    current_traceparent,
    parsed,
    traceparent_of,
)
from orchestration.telemetry.work import Chat, answered, calling, publishing, sending
from tests.telemetry.recorder import recording

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_without_a_provider_there_is_one_span_that_does_nothing() -> None:
    with span("a", entry=True) as first, span("b") as second:
        first.set("x", 1)
        second.fail("code")
        annotate({"x": 1})
    assert first is second is NO_SPAN
    assert (current_trace_id(), current_traceparent()) == (None, None)


def test_a_span_that_is_no_entry_is_made_inside_another_one_only() -> None:
    with recording() as recorder:
        with span("stray") as stray:
            assert stray is NO_SPAN
        with span("entry", entry=True), span("inside"):
            pass
    assert [s.name for s in recorder.spans] == ["inside", "entry"]


def test_children_that_are_held_leave_after_their_parent_and_keep_their_times() -> None:
    with recording() as recorder:
        with span("entry", entry=True):
            with span("step", holds=True):
                with span("call"), span("deeper"):
                    pass
    assert [s.name for s in recorder.spans] == ["step", "deeper", "call", "entry"]
    times = {s.name: s.end_time or 0 for s in recorder.spans}
    assert times["deeper"] <= times["call"] <= times["step"]


def test_children_of_a_parent_that_never_ends_are_not_left_hanging() -> None:
    with recording() as recorder:
        with span("entry", entry=True):
            step = span("step", holds=True)
            step.__enter__()
            with span("call"):
                pass
            assert recorder.spans == []
            step.__exit__(None, None, None)


def test_what_is_below_an_attempt_leaves_before_it_though_its_delivery_holds() -> None:
    with recording() as recorder:
        with span("process", entry=True, holds=True):
            with span("send"):
                pass
            with span("attempt", frees=True), span("step", holds=True), span("call"):
                pass
    assert [s.name for s in recorder.spans] == ["step", "call", "process", "send", "attempt"]


async def test_a_held_child_that_ends_after_its_parent_leaves_at_once() -> None:
    with recording() as recorder:
        late = asyncio.Event()

        async def slow() -> None:
            with span("call"):
                await late.wait()

        with span("entry", entry=True):
            with span("step", holds=True):
                task = asyncio.create_task(slow())
                await asyncio.sleep(0)
            late.set()
            await task
        assert [s.name for s in recorder.spans] == ["step", "call", "entry"]


def test_a_span_within_another_trace_hangs_there_and_points_to_where_it_happened() -> None:
    with recording() as recorder:
        with span("request", entry=True), span("cancel", within=PARENT), span("commit", within=PARENT):
            pass
    cancel, commit, request = recorder.one("cancel"), recorder.one("commit"), recorder.one("request")
    assert f"{cancel.context.trace_id:032x}" == PARENT.split("-")[1]
    assert [link.context.span_id for link in cancel.links] == [request.context.span_id]
    assert recorder.parent(commit) == "cancel"


@pytest.mark.parametrize(
    "text", [None, "", "nonsense", f"{PARENT}0", "00-" + "0" * 32 + "-b7ad6b7169203331-01"]
)
def test_what_is_no_traceparent_is_none(text: str | None) -> None:
    assert parsed(text) is None


def test_a_traceparent_survives_the_way_there_and_back() -> None:
    found = parsed(PARENT)
    assert found is not None
    assert traceparent_of(found) == PARENT


def test_an_error_leaves_its_code_and_a_cancellation_is_none() -> None:
    with recording() as recorder:
        with pytest.raises(StorageUnavailable), span("one", entry=True):
            raise StorageUnavailable("https://account/secret")
        with pytest.raises(ZeroDivisionError), span("two", entry=True):
            raise ZeroDivisionError("secret")
        with pytest.raises(asyncio.CancelledError), span("three", entry=True):
            raise asyncio.CancelledError
    one, two, three = recorder.spans
    assert (one.status.description, two.status.description) == ("storage_unavailable", "ZeroDivisionError")
    assert three.status.status_code is StatusCode.UNSET
    assert "secret" not in one.to_json() + two.to_json()


def test_a_call_outside_tells_the_host_and_neither_path_nor_query() -> None:
    with recording() as recorder:
        with span("entry", entry=True), calling("GET", "example.org", 443) as call:
            answered(call, 404)
    found = recorder.one("GET example.org")
    assert dict(found.attributes or {}) == {
        "http.request.method": "GET",
        "server.address": "example.org",
        "server.port": 443,
        "http.response.status_code": 404,
        "error.type": "404",
        "content.error.code": "404",
    }


def test_a_chat_leaves_tokens_cost_and_how_it_ended() -> None:
    payload = {"model": "m-2026", "choices": [{"finish_reason": "stop", "message": {"content": "secret"}}]}
    with recording() as recorder:
        chat = Chat("m", provider="openai", purpose="write_section")
        assert chat.span is NO_SPAN
        with span("step", entry=True):
            chat = Chat("m", provider="openai", purpose="write_section")
            with chat.span:
                chat.answered(payload, tokens_in=10, tokens_out=3, cost=0.5)
                chat.ended()
        attributes = recorder.one("chat m").attributes or {}
        assert attributes["gen_ai.usage.input_tokens"] == 10
        assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
        assert attributes["content.llm.cost_usd"] == 0.5
        assert "secret" not in recorder.one("chat m").to_json()
        assert recorder.points("content.llm.cost_usd") == [({"gen_ai.request.model": "m"}, 0.5)]
        tokens = {
            point["gen_ai.token.type"]: value for point, value in recorder.points("gen_ai.client.token.usage")
        }
        assert tokens == {"input": 10, "output": 3}


async def test_a_message_goes_out_in_the_trace_that_it_carries() -> None:
    message = OutgoingMessage(
        queue="content-jobs", message_id="m", body="{}", properties={"traceparent": PARENT}, not_before=None
    )
    with recording() as recorder:
        with sending(message):
            pass
        with pytest.raises(StorageUnavailable), sending(message):
            raise StorageUnavailable("down")
        assert {f"{s.context.trace_id:032x}" for s in recorder.named("send content-jobs")} == {
            PARENT.split("-")[1]
        }
        failed = [
            point for point, _ in recorder.points("messaging.client.sent.messages") if "error.type" in point
        ]
        assert [point["error.type"] for point in failed] == ["storage_unavailable"]


def test_a_call_that_is_slow_or_fails_is_shown_and_others_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with recording() as recorder:
        with span("commit", entry=True):
            context = current_traceparent()
        with publishing(context):
            pass
        assert recorder.named("publish") == []
        with publishing(context, shown=True):
            pass
        with pytest.raises(StorageUnavailable), publishing(context):
            raise StorageUnavailable("down")
        monkeypatch.setattr("orchestration.telemetry.work.SLOW_PUBLISH", 0.0)
        with publishing(context):
            pass
        spans = recorder.named("publish")
        assert [s.status.description for s in spans] == [None, "storage_unavailable", None]
        assert {recorder.parent(s) for s in spans} == {"commit"}
        assert sum(value > 0 for _, value in recorder.points("content.realtime.publish.duration")) == 2


async def test_publishing_outside_of_any_job_is_measured_without_a_span() -> None:
    with recording() as recorder:
        with publishing(None):
            pass
        with pytest.raises(StorageUnavailable), publishing(None):
            raise StorageUnavailable("down")
        assert recorder.spans == []
        assert recorder.points("content.realtime.publish.failures") == [
            ({"error.type": "storage_unavailable"}, 1)
        ]
