"""Identifiers: made here or derived from a key, in time order, never user text."""

import os
import subprocess
import sys
import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.ids import canonical_job_id, derived_job_id, new_commit_id, new_job_id
from orchestration.process_identity import is_alive, owner_name
from tests.orchestration.support import START


def test_a_new_id_is_a_version_7_uuid_of_its_millisecond() -> None:
    value = uuid.UUID(new_job_id(START))
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == int(START.timestamp() * 1000)
    assert new_job_id(START) < new_job_id(START + timedelta(milliseconds=1))
    assert new_job_id(START) != new_job_id(START)
    assert new_commit_id() != new_commit_id()


@given(st.text(), st.text())
def test_a_key_gives_one_id_per_tenant_and_kind(key: str, other: str) -> None:
    first = derived_job_id("request", "a", key)
    assert first == derived_job_id("request", "a", key) == canonical_job_id(first)
    assert first not in (derived_job_id("request", "b", key), derived_job_id("message", "a", key))
    assert (derived_job_id("request", "a", other) == first) == (other == key)


@pytest.mark.parametrize("text", ["", "job", "../../etc/passwd", "x" * 36, "018f3c5e" * 5, "'" * 36])
def test_what_is_no_uuid_is_no_job_id(text: str) -> None:
    assert canonical_job_id(text) is None


@given(st.uuids())
def test_a_job_id_has_one_canonical_form(value: uuid.UUID) -> None:
    assert canonical_job_id(str(value).upper()) == str(value)


def test_an_owner_is_alive_as_long_as_its_very_process_is() -> None:
    mine = owner_name("one")
    assert is_alive(mine)
    instance, pid, started = mine.split("/")
    assert (instance, int(pid)) == ("one", os.getpid())
    assert not is_alive(f"one/{pid}/{int(started) - 1}"), "a reused pid is another process"
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not is_alive(f"one/{child.pid}/{started}")


@pytest.mark.parametrize("name", ["", "one", "one/x/1", "one/12"])
def test_an_owner_that_cannot_be_read_counts_as_alive(name: str) -> None:
    assert is_alive(name)
