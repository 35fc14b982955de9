"""Runs move only along the table of transitions."""

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import sampled_from

from pymc_vibes.core.errors import IllegalTransition
from pymc_vibes.core.run import NOBODY, TRANSITIONS, RunState, check_transition

OVER = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class AnyRun(RuleBasedStateMachine):
    """Throw any wish at a run: it is granted exactly when the table says so."""

    def __init__(self) -> None:
        super().__init__()
        self.state = RunState.QUEUED
        self.was_over: RunState | None = None

    @rule(wish=sampled_from(RunState))
    def wish(self, wish: RunState) -> None:
        if wish in TRANSITIONS[self.state]:
            check_transition(self.state, wish)
            self.state = wish
        else:
            with pytest.raises(IllegalTransition):
                check_transition(self.state, wish)
        if self.state in OVER and self.was_over is None:
            self.was_over = self.state

    @invariant()
    def what_is_over_stays_as_it_ended(self) -> None:
        assert self.was_over in (None, self.state)


AnyRun.TestCase.settings = settings(max_examples=50, deadline=None)
test_any_run = AnyRun.TestCase


def test_every_state_has_a_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(RunState)


def test_a_lapsed_lease_gives_the_run_back() -> None:
    check_transition(RunState.RUNNING, RunState.QUEUED)
    assert RunState.QUEUED in TRANSITIONS[RunState.RUNNING]


def test_nobody_watches_without_effect() -> None:
    NOBODY.stage("fit")
    NOBODY.progress(1, 2, divergences=0.0)
    assert NOBODY.cancelled is False
