"""The event log in a job's partition: the events of one commit share a row, keyed by the last of them.

One row a commit, not one an event: every row of a transaction costs the storage service about as much as the
next, and a stage of parallel steps makes many events at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.checkpoints import Row, event_key
from orchestration.events import MAX_EVENT_BYTES, JobUpdate

_PROPERTY_CHARACTERS = 32 * 1024
_MOST_IN_A_ROW = _PROPERTY_CHARACTERS // (MAX_EVENT_BYTES + 1)
"""Events that one text property holds whatever they say (Azure Table Storage: 32 Ki characters)."""


def event_rows(updates: Sequence[JobUpdate]) -> list[Row]:
    """Rows of durable events that are in the order of their sequence; as a text property, one JSON line each."""
    starts = range(0, len(updates), _MOST_IN_A_ROW)
    return [_row(updates[start : start + _MOST_IN_A_ROW]) for start in starts]


def updates_of(values: Mapping[str, Any], *, after: int) -> list[JobUpdate]:
    """The events of a row that have a sequence above ``after``: the row after that key may begin before it."""
    updates = map(JobUpdate.from_json, values["body"].split("\n"))
    return [update for update in updates if (update.sequence or 0) > after]


def _row(updates: Sequence[JobUpdate]) -> Row:
    body = "\n".join(update.to_json() for update in updates)
    return Row(key=event_key(updates[-1].sequence or 0), values={"body": body})
