"""Shares of a policy: exact, and those of drawing by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_vibes.kinds.bandits.config import Thompson, TopTwoThompson
from pymc_vibes.kinds.bandits.policy import shares


@settings(max_examples=60)
@given(
    weights=st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda w: sum(w) > 0.1),
    beta=st.floats(0.05, 1),
    floor=st.floats(0, 1 / 6),
)
def test_shares_are_a_split_that_keeps_the_floor(
    weights: list[float], beta: float, floor: float
) -> None:
    p_best = np.array(weights) / sum(weights)

    for policy in (Thompson(floor=floor), TopTwoThompson(beta=beta, floor=floor)):
        found = shares(policy, p_best)

        assert found.sum() == pytest.approx(1.0)
        assert (found >= floor * (1 - 1e-9)).all()


def test_top_two_shares_are_those_of_drawing_again_until_another_arm_wins() -> None:
    p_best = np.array([0.6, 0.3, 0.1])
    rng = np.random.default_rng(23)
    size = 100_000

    winners = rng.choice(3, size=size, p=p_best)
    given_arm = winners.copy()
    open_cases = np.flatnonzero(rng.random(size) >= 0.7)
    while open_cases.size:
        given_arm[open_cases] = rng.choice(3, size=open_cases.size, p=p_best)
        open_cases = open_cases[given_arm[open_cases] == winners[open_cases]]

    exact = shares(TopTwoThompson(beta=0.7), p_best)
    mcse = np.sqrt(exact * (1 - exact) / size)
    assert (np.abs(np.bincount(given_arm) / size - exact) < 6 * mcse).all()


def test_a_certain_winner_leaves_the_challengers_equal_shares() -> None:
    found = shares(TopTwoThompson(beta=0.5), np.array([1.0, 0.0, 0.0]))

    assert found == pytest.approx([0.5, 0.25, 0.25])
