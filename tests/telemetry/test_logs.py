"""Records on their way out: with their job, without secrets, one line each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import StorageUnavailable
from orchestration.telemetry.logs import OutgoingHandler, SecretsFilter, prepared, share_handlers
from orchestration.telemetry.redaction import clean, masked
from orchestration.telemetry.spans import span
from tests.telemetry.recorder import recording

SECRET = "c2VjcmV0LXZhbHVl+/=="
FORMS = [
    f"Authorization: Bearer {SECRET}",
    f"authorization: Basic {SECRET}",
    f'{{"Authorization": "Bearer {SECRET}"}}',
    f"{{'x-functions-key': '{SECRET}'}}",
    f"x-api-key={SECRET}",
    f"api-key: {SECRET}",
    f"https://host/path?code={SECRET}&x=1",
    f"https://host/path?sv=1&sig={SECRET}",
    f"wss://host/?access_token={SECRET}",
    f"Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey={SECRET}",
    f"AccountName=a;AccountKey={SECRET};TableEndpoint=http://x",
    f"Endpoint=https://x;AccessKey={SECRET};Version=1.0",
    f"SharedAccessSignature={SECRET}",
    f"whsec_{SECRET}",
    f"ca_{'0123456789abcdef' * 2}_{SECRET}",
    f"the header was bearer {SECRET}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
]


def record(message: str, *arguments: Any, error: Exception | None = None, **extra: Any) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.getLogger("orchestration.x").makeRecord(
        "orchestration.x", logging.INFO, __file__, 1, message, arguments, info, extra=extra
    )


@pytest.mark.parametrize("text", FORMS)
def test_a_secret_is_masked_and_what_names_it_stays(text: str) -> None:
    found = masked(text)
    assert SECRET not in found
    assert "c2lnbmF0dXJl" not in found
    assert "***" in found


@pytest.mark.parametrize("text", ["the job ended", "code review", "authorized by nobody", "a signal", ""])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@given(st.text())
def test_a_clean_text_is_one_line_of_printable_characters(text: str) -> None:
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u2029" for c in clean(text))


@given(
    st.text(alphabet="abcXYZ019+/", min_size=4), st.sampled_from(["sig=", "AccountKey=", "whsec_", "Bearer "])
)
def test_no_value_gets_past_the_mask(value: str, name: str) -> None:
    assert value not in masked(f"before {name}{value} after").replace(name, "").replace("before", "").replace(
        "after", ""
    )


def test_a_record_carries_the_job_attempt_and_step_that_it_was_written_in() -> None:
    logged = {"content.job.id": "j", "content.tenant": "t"}
    with (
        recording(),
        span("process", entry=True, logged=logged),
        span("step a", logged={"content.step": "a"}),
    ):
        found = prepared(record("said", job_id="other", reason="because"), content=False)
    values = vars(found)
    assert (values["content.job.id"], values["content.tenant"], values["content.step"]) == ("j", "t", "a")
    assert values["reason"] == "because"
    assert "job_id" not in values


def test_a_record_is_cleaned_in_its_message_and_in_every_value() -> None:
    found = prepared(
        record("a %s\nforged", f"sig={SECRET}", note=f"x\ny whsec_{SECRET}", number=3), content=False
    )
    assert found.getMessage() == "a sig=***\\nforged"
    assert vars(found)["note"] == "x\\ny whsec_***"
    assert vars(found)["number"] == 3


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_an_error_is_told_by_type_code_and_place_and_not_in_its_words() -> None:
    error = raised(StorageUnavailable("about CANARY"))
    found = vars(prepared(record("failed", error=error), content=False))
    assert found["exception.type"] == "StorageUnavailable"
    assert found["exception.message"] == "storage_unavailable"
    assert "raised" in found["exception.stacktrace"]
    assert "about" not in found["exception.stacktrace"].split("raise error")[-1]
    assert found["exc_info"] is None


def test_an_errors_words_are_told_where_the_operator_wants_them_and_secrets_never() -> None:
    error = raised(ValueError(f"about CANARY, sig={SECRET}"))
    found = vars(prepared(record("failed", error=error), content=True))
    assert found["exception.message"] == "about CANARY, sig=***"
    assert SECRET not in found["exception.stacktrace"]
    assert "\n" in found["exception.stacktrace"]


def test_records_for_this_machine_lose_their_secrets_alone() -> None:
    told = record("key %s", f"AccountKey={SECRET}", error=raised(ValueError(f"sig={SECRET}")))
    plain = record("nothing %s", "here")
    assert SecretsFilter().filter(told)
    assert SecretsFilter().filter(plain)
    text = logging.Formatter().format(told)
    assert SECRET not in text
    assert "ValueError: sig=***" in text
    assert plain.args == ("here",)


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def exporting() -> Iterator[Kept]:
    """A handler where the distro puts its own."""
    kept = Kept()
    loggers = [logging.getLogger(name) for name in ("orchestration", "layers")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    root = logging.getLogger()
    filters = [(handler, list(handler.filters)) for handler in root.handlers]
    logging.getLogger("orchestration").addHandler(kept)
    yield kept
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
    for handler, kept_filters in filters:
        handler.filters[:] = kept_filters


def test_both_of_our_packages_are_exported_once_and_nothing_of_the_sdks(exporting: Kept) -> None:
    share_handlers(content=False)
    share_handlers(content=False)
    for name in ("orchestration.a", "layers.b", "azure.core", "opentelemetry.sdk"):
        logging.getLogger(name).error("said by %s", name)
    logging.getLogger("orchestration.a").debug("not this")
    assert [found.getMessage() for found in exporting.records] == [
        "said by orchestration.a",
        "said by layers.b",
    ]
    handlers = logging.getLogger("layers").handlers
    assert [type(handler) for handler in handlers] == [OutgoingHandler]
    handlers[0].flush()
