"""What goes over the wire to a language model, without a wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.contract import ChatFailed, ChatRequest
from orchestration.adapters.llm_wire import (
    Dialect,
    adapted,
    answer_of,
    completions_url,
    estimated_input,
    first_dialect,
    refusal_of,
    request_body,
    retry_after,
    usage_of,
)

REQUEST = ChatRequest(purpose="p", system="s", user="u", schema={"type": "object"}, max_output_tokens=9)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        ("http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions"),
        ("https://x.openai.azure.com", "https://x.openai.azure.com/openai/v1/chat/completions"),
        ("https://x.openai.azure.com/openai/v1", "https://x.openai.azure.com/openai/v1/chat/completions"),
        ("https://gate.example/llm/chat/completions", "https://gate.example/llm/chat/completions"),
    ],
)
def test_the_address_is_found_from_any_usual_base_url(endpoint, url):
    assert url == completions_url(endpoint)


@given(
    st.lists(
        st.sampled_from(["temperature", "max_tokens max_completion_tokens", "response_format", "no"]),
        max_size=30,
    )
)
def test_a_chain_of_refusals_always_ends(complaints):
    dialect, seen = first_dialect("https://api.openai.com/v1"), set()
    for complaint in complaints:
        changed = adapted(dialect, complaint)
        if changed is None:
            continue
        assert changed not in seen
        seen.add(dialect)
        dialect = changed


def test_the_last_resort_binds_the_answer_by_words_alone():
    body = request_body(REQUEST, "m", Dialect(structure="prompt", temperature=False))

    assert {"model", "messages", "max_tokens"} == set(body)
    assert '{"type": "object"}' in body["messages"][0]["content"]


def choice(content="{}", reason="stop", **message):
    return {"choices": [{"message": {"content": content} | message, "finish_reason": reason}]}


@pytest.mark.parametrize(
    "content",
    ['{"a": 1}', '```json\n{"a": 1}\n```', '<think>\nhmm {"b": 2}\n</think>\n{"a": 1}', '  {"a": 1}\n'],
)
def test_the_object_is_found_behind_thoughts_and_fences(content):
    assert {"a": 1} == answer_of(choice(content))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "llm_invalid"),
        ({"choices": []}, "llm_invalid"),
        ({"choices": [None]}, "llm_invalid"),
        (choice("[1]"), "llm_invalid"),
        (choice("[" * 100_000), "llm_invalid"),
        (choice(None), "llm_invalid"),
        (choice(reason="tool_calls"), "llm_invalid"),
        (choice(reason="length"), "llm_truncated"),
        (choice(reason="content_filter"), "llm_refused"),
        (choice(refusal="no"), "llm_refused"),
    ],
)
def test_whatever_is_no_complete_object_is_named(payload, code):
    with pytest.raises(ChatFailed) as failed:
        answer_of(payload)
    assert code == failed.value.code


def test_a_refusal_is_read_but_its_words_are_not_passed_on():
    assert "llm_refused" == refusal_of(400, '{"code": "content_filter", "prompt": "secret"}').code
    assert "llm_truncated" == refusal_of(400, "context_length_exceeded").code
    assert "secret" not in str(refusal_of(404, "no model, secret"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "99999"}, 60.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "x" * 500}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:30 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "5"}, 0.25),
    ],
)
def test_how_long_to_wait_is_understood_in_every_form_and_clamped(headers, seconds):
    assert seconds == retry_after(headers, 10.0)


def test_tokens_are_estimated_where_an_endpoint_does_not_count():
    assert estimated_input(REQUEST) == usage_of({"usage": {"prompt_tokens": True}}, REQUEST).tokens_in
    assert 7 == usage_of({"usage": {"prompt_tokens": 7, "completion_tokens": 1}}, REQUEST).tokens_in
