"""The circuit breaker under a clock of the test's own."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orchestration.breaker import Breaker, BreakerOpen, BreakerPolicy, BreakerState

POLICY = BreakerPolicy(window=60, fewest=4, share=0.5, pause=30)


class Time:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def calls(breaker, *outcomes):
    for worked in outcomes:
        with breaker.call() as outcome:
            outcome.worked = worked


def test_it_opens_when_half_of_the_calls_in_the_window_failed():
    breaker = Breaker("x", Time(), policy=POLICY)

    calls(breaker, True, True, False)
    assert breaker.state is BreakerState.CLOSED
    calls(breaker, False)
    assert breaker.state is BreakerState.OPEN
    with pytest.raises(BreakerOpen) as refused, breaker.call():
        pytest.fail("the call was made")
    assert refused.value.retry_after == 30


def test_failures_that_left_the_window_are_forgotten():
    time = Time()
    breaker = Breaker("x", time, policy=POLICY)

    calls(breaker, False, False, False)
    time.now += 61
    calls(breaker, False)
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize(("worked", "after"), [(True, BreakerState.CLOSED), (False, BreakerState.OPEN)])
def test_after_the_pause_exactly_one_call_probes_and_decides(worked, after):
    time = Time()
    breaker = Breaker("x", time, policy=POLICY)
    calls(breaker, *[False] * 4)
    time.now += 30

    with breaker.call() as probe:
        for _ in range(5):
            with pytest.raises(BreakerOpen), breaker.call():
                pytest.fail("a second probe was made")
        probe.worked = worked
    assert breaker.state is after


def test_a_cancelled_probe_leaves_the_place_to_the_next():
    time = Time()
    breaker = Breaker("x", time, policy=POLICY)
    calls(breaker, *[False] * 4)
    time.now += 30

    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt
    calls(breaker, True)
    assert breaker.state is BreakerState.CLOSED


def test_a_call_from_before_the_breaker_opened_does_not_close_it():
    breaker = Breaker("x", Time(), policy=POLICY)

    with breaker.call() as slow:
        calls(breaker, *[False] * 4)
        slow.worked = True
    assert breaker.state is BreakerState.OPEN


class Machine(RuleBasedStateMachine):
    """Any interleaving of calls: never two probes, never a call while open."""

    def __init__(self):
        super().__init__()
        self.time = Time()
        self.breaker = Breaker("x", self.time, policy=POLICY)
        self.under_way = []

    @rule()
    def begin(self):
        state, probing = self.breaker.state, any(probe for _, _, probe in self.under_way)
        guard = self.breaker.call()
        try:
            outcome = guard.__enter__()
        except BreakerOpen:
            assert state is BreakerState.OPEN or probing
        else:
            assert state is not BreakerState.OPEN
            assert not (state is BreakerState.HALF_OPEN and probing)
            self.under_way.append((guard, outcome, state is BreakerState.HALF_OPEN))

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50), worked=st.sampled_from([True, False, None]))
    def end(self, place, worked):
        guard, outcome, _ = self.under_way.pop(place % len(self.under_way))
        outcome.worked = worked
        guard.__exit__(None, None, None)

    @rule(seconds=st.sampled_from([1, 29, 31, 70]))
    def wait(self, seconds):
        self.time.now += seconds

    @invariant()
    def at_most_one_probe(self):
        assert sum(probe for _, _, probe in self.under_way) <= 1


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=25)
