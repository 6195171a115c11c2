"""The cache whose entries end."""

from hypothesis import given
from hypothesis import strategies as st

from orchestration.expiring import ExpiringCache
from tests.orchestration.support import FakeClock


def test_an_entry_lives_for_its_seconds() -> None:
    clock = FakeClock()
    cache: ExpiringCache[str, int] = ExpiringCache(size=2, seconds=10, monotonic=clock.monotonic)
    cache.put("a", 1)
    clock.advance(9.9)
    assert 1 == cache.get("a")
    clock.advance(0.1)
    assert cache.get("a") is None
    assert 0 == len(cache)
    cache.put("a", 2)
    cache.forget("a")
    cache.forget("a")
    assert cache.get("a") is None


@given(st.lists(st.tuples(st.sampled_from(["put", "get"]), st.integers(0, 8)), max_size=60))
def test_the_entry_used_longest_ago_makes_room(calls: list[tuple[str, int]]) -> None:
    cache: ExpiringCache[int, int] = ExpiringCache(size=3, seconds=10, monotonic=lambda: 0.0)
    used: list[int] = []
    for name, key in calls:
        known = key in used[-3:]
        if name == "put":
            cache.put(key, key)
        else:
            assert (cache.get(key) == key) == known
        if name == "put" or known:
            used = [other for other in used if other != key] + [key]
            used = used[-3:]
        assert len(cache) <= 3
