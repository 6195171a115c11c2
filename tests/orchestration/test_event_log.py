"""Events in rows and back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestration.event_log import event_rows, updates_of
from orchestration.events import MAX_EVENT_BYTES, EventType, JobUpdate

LONGEST = 1_850
"""Characters that fill an event of 2 KB."""


def update(sequence: int, text: str) -> JobUpdate:
    return JobUpdate(
        type=EventType.STEP_COMPLETED, job_id="j", sequence=sequence, timestamp="t", data={"text": text}
    )


@given(
    st.lists(st.text(max_size=40), min_size=1, max_size=60),
    st.integers(min_value=1, max_value=10**6),
    st.data(),
)
def test_what_goes_into_rows_comes_out_after_any_sequence(
    texts: list[str], first: int, data: st.DataObject
) -> None:
    updates = [update(number, text) for number, text in enumerate(texts, start=first)]
    after = data.draw(st.integers(min_value=first - 1, max_value=first + len(texts)))
    rows = event_rows(updates)
    assert [u for row in rows for u in updates_of(row.values, after=after)] == [
        u for u in updates if (u.sequence or 0) > after
    ]
    assert all(one.key < other.key for one, other in pairwise(rows))


def test_a_row_holds_no_more_than_a_text_property_whatever_the_events_say() -> None:
    updates = [update(number, "x" * LONGEST) for number in range(1, 100)]
    assert MAX_EVENT_BYTES - 100 < len(updates[0].to_json().encode()) <= MAX_EVENT_BYTES
    rows = event_rows(updates)
    assert len(rows) == 7
    assert all(len(str(row.values["body"])) <= 32 * 1024 for row in rows)


def test_no_events_take_no_row() -> None:
    assert event_rows([]) == []
