"""What callers may send: every wrong field is named, nothing else gets in."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.contract import ContentBrief, JobType
from orchestration.errors import InvalidRequest
from orchestration.jobs import stamp
from orchestration.schemas import MAX_JSON_DEPTH, GenerateRequest, depth_of, parse_json, parse_request
from tests.orchestration.support import REQUEST, START

ENGLISH = frozenset({"en"})
VERIFY: dict[str, Any] = {"type": "citation_verification", "content": {"text": "# A claim\nIt holds [1]."}}


def parse(**changes: Any) -> GenerateRequest:
    return parse_request({**REQUEST, **changes}, now=START, can_write=ENGLISH)


def refused(value: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(value, now=START, can_write=ENGLISH)
    return {error.pointer: error.detail for error in caught.value.errors}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"topc": "x"}, "/topc"),
        ({"a/b~c": 1}, "/a~1b~0c"),
        ({"topic": ""}, "/topic"),
        ({"topic": "  ab  "}, "/topic"),
        ({"topic": "x" * 10_000}, "/topic"),
        ({"topic": None}, "/topic"),
        ({"topic": 7}, "/topic"),
        ({"contentType": "poem"}, "/contentType"),
        ({"contentType": None}, "/contentType"),
        ({"audience": None}, "/audience"),
        ({"audience": "everybody"}, "/audience"),
        ({"type": "novel"}, "/type"),
        ({"type": "citation_verification"}, "/content"),
        ({"targetLength": "epic"}, "/targetLength"),
        ({"toneOfVoice": "shouting"}, "/toneOfVoice"),
        ({"priority": "now"}, "/priority"),
        ({"workflowType": "nope"}, "/workflowType"),
        ({"workflowType": "custom"}, "/workflowId"),
        ({"workflowId": "mine"}, "/workflowId"),
        ({"callbackUrl": "http://example.org/hook"}, "/callbackUrl"),
        ({"callbackUrl": "ftp://example.org"}, "/callbackUrl"),
        ({"callbackUrl": "https://user:pw@example.org"}, "/callbackUrl"),
        ({"callbackUrl": "nonsense"}, "/callbackUrl"),
        ({"callbackUrl": "https://[::1"}, "/callbackUrl"),
        ({"webhookEvents": ["result_ready"]}, "/webhookEvents"),
        ({"webhookEvents": ["party"], "callbackUrl": "https://example.org"}, "/webhookEvents/0"),
        ({"keyPoints": ["x"] * 21}, "/keyPoints"),
        ({"keyPoints": ["fine", ""]}, "/keyPoints/1"),
        ({"tags": "one"}, "/tags"),
        ({"sources": [{"title": "T"}]}, "/sources/0"),
        ({"sources": [{"title": "T", "url": "file:///etc/passwd"}]}, "/sources/0/url"),
        ({"sources": [{"title": "T", "text": "x", "extra": 1}]}, "/sources/0/extra"),
        ({"sourcesOnly": True}, "/sourcesOnly"),
        ({"since": "2027-01-01"}, "/since"),
        ({"since": "yesterday"}, "/since"),
        ({"language": "de"}, "/language"),
        ({"language": "English"}, "/language"),
        ({"platforms": ["myspace"]}, "/platforms/0"),
        ({"deadlineSeconds": 0}, "/deadlineSeconds"),
        ({"deadlineSeconds": 1e999}, "/deadlineSeconds"),
        ({"budgetTokens": -1}, "/budgetTokens"),
        ({"scheduledFor": stamp(START - timedelta(seconds=1))}, "/scheduledFor"),
        ({"scheduledFor": stamp(START + timedelta(days=31))}, "/scheduledFor"),
        ({"scheduledFor": "2026-11-22T13:00:00"}, "/scheduledFor"),
        ({"scheduledFor": "0001-01-01T00:00:00+23:59"}, "/scheduledFor"),
        ({"scheduledFor": "9999-12-31T23:59:59-23:59"}, "/scheduledFor"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], pointer: str) -> None:
    errors = refused({**REQUEST, **changes})
    assert pointer in errors
    assert "\n" not in errors[pointer]


@pytest.mark.parametrize("value", [None, 7, "text", [], [REQUEST]])
def test_a_body_that_is_no_object_is_refused_as_a_whole(value: object) -> None:
    assert list(refused(value)) == [""]


def test_all_wrong_fields_are_named_at_once_and_no_value_is_repeated() -> None:
    errors = refused({**REQUEST, "topic": "s3cret" * 100, "audience": "hunter2", "unknown": "p4ss"})
    assert set(errors) == {"/topic", "/audience", "/unknown"}
    assert not any(secret in str(errors) for secret in ("s3cret", "hunter2", "p4ss"))


def test_a_full_request_becomes_the_brief_of_the_steps() -> None:
    request = parse(
        language="en-GB",
        scheduledFor=stamp(START + timedelta(hours=1)),
        sources=[{"title": "T", "text": "x", "mustUse": True}],
        sourcesOnly=True,
        author={"name": "A. Author"},
        platforms=["linkedin"],
        since="2020-01-01",
        callbackUrl="https://example.org/hook",
        webhookEvents=["error"],
    )
    brief = request.to_brief(START.date())
    assert brief == ContentBrief.model_validate_json(brief.model_dump_json())
    assert (brief.sources[0].must_use, brief.today) == (True, START.date())


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("# A claim\nmore", "A claim"),
        ("###", "Given content"),
        ("\x1c", "Given content"),
        ("x" * 400, "x" * 300),
    ],
)
def test_given_content_has_its_first_line_as_topic(text: str, topic: str) -> None:
    request = parse_request({**VERIFY, "content": {"text": text}}, now=START, can_write=ENGLISH)
    assert request.effective_topic == topic
    assert request.to_brief(START.date()).job_type is JobType.CITATION_VERIFICATION


def test_the_fingerprint_is_of_what_is_asked_not_of_how_it_is_written() -> None:
    assert parse().fingerprint() == parse(topic=f"  {REQUEST['topic']} ", priority="normal").fingerprint()
    assert parse().fingerprint() != parse(priority="low").fingerprint()


# ---------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":"b', "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"a":NaN}', "no NaN"),
        (b'{"a":-Infinity}', "no -Infinity"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'{"a":' * 100_000, "deeper than 64"),
        (b'{"\\ud800":1}', "surrogate"),
        (b'["\\ude00"]', "surrogate"),
        (b"9" * 5000, "digits"),
        (b"1e400", "out of range"),
        (b'{"a":-1e999}', "out of range"),
        (b"0." + b"1" * 100_000, "out of range"),
        (b'{"topic":"a","topic":"b"}', "twice"),
        (b'[{"a":{"b":1,"\\u0062":2}}]', "twice"),
    ],
)
def test_json_that_could_do_harm_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(JSON, st.booleans())
def test_good_json_reads_as_it_is_and_its_depth_is_counted_outside_strings(
    value: object, escaped: bool
) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode()
    assert parse_json(body) == value
    assert depth_of(body) == depth(value)


def test_depth_at_the_limit_is_fine() -> None:
    assert parse_json(b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH)


def test_an_unclosed_string_of_a_megabyte_costs_one_pass() -> None:
    """Tried again from each of its quotes, it would take hours."""
    with pytest.raises(ValueError, match="not JSON"):
        parse_json(b'"' + b'\\"' * 500_000)
