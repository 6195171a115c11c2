"""Whose address is believed, and what is kept of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.access.addresses import address_hash, caller_address


@pytest.mark.parametrize(
    ("header", "hops", "expected"),
    [
        ("203.0.113.7", 0, None),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("203.0.113.7:50123", 1, "203.0.113.7"),
        ("[2001:db8::1]:443", 1, "2001:db8::1"),
        ("2001:0db8:0:0::1", 1, "2001:db8::1"),
        ("1.1.1.1, 203.0.113.7", 1, "203.0.113.7"),
        ("1.1.1.1,203.0.113.7 , 10.0.0.1:80", 2, "203.0.113.7"),
        ("203.0.113.7", 2, None),
        ("unknown", 1, None),
        ("", 1, None),
        ("1.1.1.1,", 1, None),
        ("0x7f.1", 1, None),
    ],
)
def test_the_entry_that_our_own_proxy_wrote_is_the_address(
    header: str, hops: int, expected: str | None
) -> None:
    assert expected == caller_address({"x-forwarded-for": header}, hops=hops)


@given(st.text(max_size=300), st.sampled_from(["203.0.113.7", "2001:db8::9"]))
def test_nothing_that_a_caller_writes_to_the_left_changes_the_address(written: str, address: str) -> None:
    assert address == caller_address({"x-forwarded-for": f"{written},{address}"}, hops=1)


def test_a_hash_tells_addresses_apart_only_with_the_key() -> None:
    assert address_hash("1.1.1.1", b"a") == address_hash("1.1.1.1", b"a")
    assert address_hash("1.1.1.1", b"a") != address_hash("1.1.1.1", b"b")
    assert address_hash("1.1.1.1", b"a") != address_hash("1.1.1.2", b"a")
    assert address_hash("2001:db8::1", b"a") == address_hash("2001:db8::ffff", b"a")
    assert address_hash("2001:db8::1", b"a") != address_hash("2001:db8:0:1::1", b"a")
    assert "" == address_hash(None, b"a")
