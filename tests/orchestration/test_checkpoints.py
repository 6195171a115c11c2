"""Artifacts become rows that the real service accepts, and come back unchanged."""

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.checkpoints import (
    MAX_COMPRESSED,
    PROPERTIES_PER_ROW,
    PROPERTY_BYTES,
    Row,
    event_key,
    pack,
    row_keys,
    unpack,
)
from orchestration.errors import CheckpointTooLarge


def noise(size: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(size).randbytes(size)  # noqa: S311


@given(st.binary(max_size=2000))
def test_small_data_takes_one_row_and_comes_back(data: bytes) -> None:
    rows = pack("step|1|write", data)
    assert [row.key for row in rows] == ["step|1|write|0"]
    assert unpack([row.values for row in rows]) == data


@pytest.mark.parametrize("size", [0, PROPERTY_BYTES, PROPERTY_BYTES * PROPERTIES_PER_ROW, 2_000_000])
def test_data_of_any_size_comes_back_within_the_limits_of_properties_and_rows(size: int) -> None:
    data = noise(size)
    rows = pack("result|1", data)
    assert unpack([row.values for row in rows]) == data
    assert [row.key for row in rows] == row_keys("result|1", len(rows))
    for row in rows:
        assert all(isinstance(v, bytes) and len(v) <= PROPERTY_BYTES for v in row.values.values())
        assert row.encoded_size <= 900 * 1024


def test_text_is_stored_compressed_so_that_much_of_it_is_no_problem() -> None:
    assert len(pack("result|1", b"the same words again and again " * 400_000)) == 1


def test_an_artifact_beyond_two_mebibytes_is_refused_with_its_size() -> None:
    with pytest.raises(CheckpointTooLarge, match=str(MAX_COMPRESSED)):
        pack("step|1|write", noise(MAX_COMPRESSED + 1))


def test_missing_rows_are_noticed() -> None:
    rows = pack("result|1", noise(2_000_000))
    with pytest.raises(zlib.error):
        unpack([row.values for row in rows[:-1]])


@given(
    st.dictionaries(st.text("abc", min_size=1), st.binary(max_size=50) | st.text(max_size=50) | st.integers())
)
def test_the_estimated_size_is_never_below_the_encoded_one(values: dict[str, bytes | str | int]) -> None:
    from orchestration.adapters.table_batch import BatchWriter, Operation, Write
    from orchestration.adapters.table_link import TableLink

    row = Row(key="event|00000001", values=values)
    link = TableLink(client=None, endpoint="http://127.0.0.1", auth=None, breaker=None)  # type: ignore[arg-type]
    writer = BatchWriter(link=link, table="jobs")
    partition = "018f3c5e-0000-7000-8000-000000000001"
    body = writer._body(
        "batch_0", partition, [Operation(write=Write.UPSERT, row_key=row.key, values=row.values)]
    )
    empty = len(writer._body("batch_0", partition, [])) + 100
    control = sum(5 * sum(c < " " for c in v) for v in values.values() if isinstance(v, str))
    assert len(body) - empty <= row.encoded_size + control


def test_event_keys_sort_as_their_numbers() -> None:
    numbers = [1, 9, 10, 99, 1000, 12_345_678]
    assert sorted(map(event_key, numbers)) == [event_key(n) for n in numbers]
