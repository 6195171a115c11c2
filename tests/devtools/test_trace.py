"""``./dev trace``: a job's timeline as a tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devtools.cli import main
from devtools.trace.tree import render, timeline
from localcloud.supervisor.specs import TELEMETRY_FILE
from localcloud.telemetry.items import Item
from localcloud.telemetry.store import TelemetryStore

JOB = "018f3c5e-0000-7000-8000-000000000001"


def item(name: str, span: str, parent: str = "", at: int = 0, **changes: Any) -> Item:
    values: dict[str, Any] = {
        "kind": "RemoteDependencyData",
        "time": f"2026-11-22T12:00:{at:02}.000Z",
        "name": name,
        "trace": "t",
        "id": span,
        "parent": parent,
        "job": JOB,
        "duration_ms": 5.0,
    }
    return Item(**{**values, **changes})


SPANS = [
    item("step b", "5", "3", 4, success=False, properties={"content.error.code": "busy", "content.try": "2"}),
    item("publish", "6", "3", 5),
    item("publish", "7", "3", 6),
    item(
        "POST /generate",
        "1",
        "elsewhere",
        0,
        kind="RequestData",
        data={"responseCode": "202"},
        instance="one",
    ),
    item("process content-jobs", "2", "1", 1, kind="RequestData", instance="two"),
    item("attempt", "3", "2", 2, properties={"content.attempt": "1"}, instance="two"),
    item("step a", "4", "3", 3, properties={"content.restored": "True"}),
    item("said", "", "5", 4, kind="MessageData", properties={"reason": "because", "content.step": "b"}),
    item("busy", "", "5", 4, kind="ExceptionData"),
    item("content.jobs.active", "", "", 4, kind="MetricData"),
]


LINES = [
    "POST /generate  202  [one]",
    "└─ process content-jobs  [two]",
    "   └─ attempt  attempt 1  [two]",
    "      ├─ step a  restored",
    "      ├─ step b  try 2  FAILED busy",
    "      │     ! log: said (reason=because)",
    "      │     ! error: busy",
    "      └─ publish (and 1 more like it)",
]


def test_spans_hang_below_their_parents_in_order_of_time_with_their_records() -> None:
    found = timeline("t", SPANS)
    text = "\n".join(render(found, job=JOB))
    assert (found.spans, found.orphans, found.loose) == (7, (), ())
    assert [line[23:] for line in text.splitlines()[4:]] == LINES


def test_a_span_that_arrived_twice_counts_once() -> None:
    again = item("attempt", "3", "2", 2, properties={"content.outcome": "superseded"})
    assert timeline("t", [*SPANS, again]).spans == 7


def test_a_span_whose_parent_is_not_there_is_shown_apart() -> None:
    found = timeline(
        "t", [*SPANS, item("lost child", "9", "8", 7), item("loose", "", "77", 8, kind="MessageData")]
    )
    text = "\n".join(render(found, job=JOB))
    assert [node.item.name for node in found.orphans] == ["lost child"]
    assert "(below a span that has not arrived: 8)" in text
    assert "! log: loose" in text


def test_what_hangs_on_one_lost_span_is_one_tree() -> None:
    found = timeline("t", [item("process content-jobs", "2", "1", 1), item("cancel", "3", "1", 2)])
    (root,) = found.roots
    assert (root.item.name, [child.item.name for child in root.children]) == (
        "(a span that has not arrived)",
        ["process content-jobs", "cancel"],
    )


def test_a_job_without_a_span_says_so() -> None:
    assert "no span" in render(timeline("t", []), job=JOB)[0]


def test_the_command_prints_the_tree_of_a_stacks_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devtools.commands.trace._QUIET", 0.0)
    store = TelemetryStore(tmp_path / TELEMETRY_FILE)
    elsewhere = item("GET /job", "99", "", 9, kind="RequestData", trace="other", data={"responseCode": "200"})
    store.add([*SPANS, elsewhere])
    store.close()
    assert main(["trace", JOB.upper(), "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "step b  try 2  FAILED busy" in out
    assert "Calls about it in traces of their own: 1" in out


def test_an_unknown_job_and_a_folder_without_telemetry_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", JOB, "--data", str(tmp_path)]) == 1
    assert "No telemetry was ever sent" in capsys.readouterr().err
    TelemetryStore(tmp_path / TELEMETRY_FILE).close()
    assert main(["trace", JOB, "--data", str(tmp_path)]) == 1
    assert f"Nothing is known of a job {JOB}" in capsys.readouterr().err


def test_a_file_that_is_no_database_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / TELEMETRY_FILE).write_text("x" * 5000)
    assert main(["trace", JOB, "--data", str(tmp_path)]) == 1
    assert "cannot be read" in capsys.readouterr().err
