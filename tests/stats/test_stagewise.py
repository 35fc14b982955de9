"""Effects after stopping: unbiased in the median, right coverage, uniform p."""

from math import sqrt

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.spending import Guard, Pocock, plan_looks
from pymc_vibes.stats.stagewise import adjusted, stagewise_chance

GUARD = Guard(spending=Pocock(), error_rate=0.2)
FRACTIONS = [0.3, 0.5, 1.1]
LOOKS = plan_looks(GUARD, FRACTIONS)
TRIALS = 1_500


def outcomes(drift: float, seed: int) -> list[tuple[int, float]]:
    """Give the look at which each trial ended, and its Z."""
    steps = np.diff([0.0, *FRACTIONS])
    noise = np.random.default_rng(seed).normal(size=(TRIALS, len(steps))) * np.sqrt(steps)
    z = (noise + drift * steps).cumsum(axis=1) / np.sqrt(FRACTIONS)
    crossed = np.abs(z) >= [look.boundary for look in LOOKS]
    crossed[:, -1] = True
    ended = crossed.argmax(axis=1)
    return list(zip(ended.tolist(), z[np.arange(TRIALS), ended].tolist(), strict=True))


@pytest.mark.parametrize("drift", [0.0, 2.5])
def test_the_place_of_an_outcome_is_uniform_under_its_effect(drift: float) -> None:
    places = np.array(
        [
            stagewise_chance(GUARD, LOOKS[: k + 1], z, drift=drift)
            for k, z in outcomes(drift, seed=1)
        ]
    )

    assert distance(places) < dkw_bound(TRIALS)


def test_estimates_are_too_large_as_often_as_too_small_and_intervals_cover() -> None:
    drift = 2.5
    at_end = 0.8  # standard error at fraction 1
    effect = drift * at_end
    found = [
        adjusted(GUARD, LOOKS[: k + 1], z, at_end / sqrt(FRACTIONS[k]), level=0.9)
        for k, z in outcomes(drift, seed=2)[:400]
    ]

    above = np.mean([one.estimate > effect for one in found])
    covered = np.mean([one.low <= effect <= one.high for one in found])

    assert abs(above - 0.5) < 5 * sqrt(0.25 / 400)
    assert abs(covered - 0.9) < 5 * sqrt(0.09 / 400)


@pytest.mark.parametrize("sides", [1, 2])
def test_one_look_is_the_usual_test(sides: int) -> None:
    guard = Guard(spending=Pocock(), sides=1 if sides == 1 else 2)
    looks = plan_looks(guard, [0.6])

    found = adjusted(guard, looks, 2.3, 0.5)

    assert found.estimate == pytest.approx(2.3 * 0.5)
    assert found.low == pytest.approx(0.5 * (2.3 + ndtri(0.025)))
    assert found.high == pytest.approx(0.5 * (2.3 - ndtri(0.025)))
    assert found.p == pytest.approx(sides * ndtr(-2.3))


def test_stopping_early_pulls_the_estimate_towards_nothing() -> None:
    found = adjusted(GUARD, LOOKS[:2], 3.0, 1.0)

    assert 0 < found.estimate < 3.0


def test_p_equals_the_error_spent_where_the_boundary_is_just_met() -> None:
    for k, look in enumerate(LOOKS):
        found = adjusted(GUARD, LOOKS[: k + 1], look.boundary, 1.0)
        assert found.p == pytest.approx(look.spent, abs=1e-12)


def test_a_sign_turns_everything_around() -> None:
    up, down = (adjusted(GUARD, LOOKS[:2], z, 0.7) for z in (2.4, -2.4))

    assert down.p == pytest.approx(up.p)
    assert down.estimate == pytest.approx(-up.estimate)
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


def test_without_a_look_there_is_no_outcome() -> None:
    with pytest.raises(InsufficientData):
        adjusted(GUARD, [], 2.0, 1.0)
