"""Randomization tests against a loop over every schedule, and under the null."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.stats import randomization
from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.randomization import (
    Alternative,
    every_day,
    every_run,
    last_days,
    randomization_test,
)
from pymc_vibes.stats.schedules import Rules, Schedules

ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")
PAIRS = Schedules(Rules(slots=10, block=2, slot_days=3, washout_days=1))
PHASES = Schedules(Rules(slots=24, order=(0, 1, 0, 1), min_run=4))


def noise(days: int, rng: np.random.Generator, correlation: float = 0.8) -> np.ndarray:
    """Give a stationary AR(1) series of sd 1."""
    values = rng.normal(size=days)
    for day in range(1, days):
        values[day] = correlation * values[day - 1] + np.sqrt(1 - correlation**2) * values[day]
    return values


def slow_statistic(
    outcome: np.ndarray, schedule: np.ndarray, weights: np.ndarray, washout: int
) -> float:
    """Give the difference of means of one schedule, day by day."""
    sums, totals = [0.0, 0.0], [0.0, 0.0]
    since = washout
    for day, treatment in enumerate(schedule.tolist()):
        since = 0 if day and treatment != schedule[day - 1] else since + 1
        if since >= washout and not np.isnan(outcome[day]):
            sums[treatment] += weights[day] * outcome[day]
            totals[treatment] += weights[day]
    return sums[1] / totals[1] - sums[0] / totals[0]


def slow_p(
    outcome: np.ndarray,
    observed: np.ndarray,
    schedules: Schedules,
    weights: np.ndarray,
    alternative: Alternative,
    effect: float = 0.0,
) -> float:
    """Give p of a constant effect by enumeration."""
    rest = outcome - effect * observed
    washout = schedules.rules.washout_days
    values = np.array([slow_statistic(rest, one, weights, washout) for one in schedules.listed()])
    top = slow_statistic(rest, observed, weights, washout)
    if alternative == "two-sided":
        return float(np.mean(np.abs(values) >= abs(top) - 1e-9))
    sign = 1 if alternative == "greater" else -1
    return float(np.mean(sign * values >= sign * top - 1e-9))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    schedules=st.sampled_from([PAIRS, PHASES]),
    alternative=st.sampled_from(ALTERNATIVES),
    effect=st.sampled_from([0.0, 1.0, -3.0]),
)
def test_p_is_the_share_that_a_full_enumeration_gives(
    seed: int, schedules: Schedules, alternative: Alternative, effect: float
) -> None:
    rng = np.random.default_rng(seed)
    [observed] = schedules.draw(1, seed)
    outcome = 7 + noise(len(observed), rng) + effect * observed
    outcome[rng.integers(len(observed))] = np.nan
    weights = rng.integers(1, 5, len(observed)).astype(float)

    found = randomization_test(
        outcome, observed, schedules, weights=weights, alternative=alternative
    )

    expected = slow_p(outcome, observed, schedules, weights, alternative)
    statistic = slow_statistic(outcome, observed, weights, schedules.rules.washout_days)
    assert found.p == pytest.approx(expected, abs=1e-12)
    assert found.statistic == pytest.approx(statistic, rel=1e-9, abs=1e-12)
    assert found.is_exact
    assert found.compared == found.admissible == schedules.count


@pytest.mark.parametrize("schedules", [PAIRS, PHASES])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_the_interval_holds_the_effects_that_enumeration_does_not_refuse(
    schedules: Schedules, alternative: Alternative
) -> None:
    rng = np.random.default_rng(3)
    [observed] = schedules.draw(1, 4)
    outcome = noise(len(observed), rng) + 1.5 * observed
    weights = np.ones(len(observed))

    found = randomization_test(outcome, observed, schedules, alternative=alternative, level=0.8)

    assert found.low < found.statistic < found.high
    for end, outwards in ((found.low, -1e-6), (found.high, 1e-6)):
        if not np.isfinite(end):
            continue
        outside, inside = (
            slow_p(outcome, observed, schedules, weights, alternative, end + shift)
            for shift in (outwards, -outwards)
        )
        assert outside <= 0.2 + 1e-12 < inside
    assert np.isfinite(found.low) == (alternative != "less")
    assert np.isfinite(found.high) == (alternative != "greater")


@pytest.mark.parametrize("weighting", [every_day, every_run, last_days(2)])
def test_p_is_uniform_without_an_effect(weighting: randomization.Weighting) -> None:
    worlds, rng = 1_000, np.random.default_rng(8)
    schedules = Schedules(Rules(slots=24, order=(0, 1, 0, 1), min_run=3, washout_days=1))
    drawn = schedules.draw(worlds, 9)
    found = [
        randomization_test(
            noise(24, rng, 0.9) + np.linspace(0, 2, 24),
            observed,
            schedules,
            weighting=weighting,
            alternative="greater",
        )
        for observed in drawn
    ]

    # p is a whole number of steps; what was as likely to be anywhere on its step is uniform
    steps = rng.uniform(size=worlds) / schedules.count
    places = np.array([one.p for one in found]) - steps

    assert distance(places) < dkw_bound(worlds)


def test_drawn_schedules_err_at_most_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(randomization, "MAX_EXACT", 0)
    worlds, draws, rng = 1_500, 19, np.random.default_rng(2)
    found = [
        randomization_test(
            noise(24, rng), observed, PHASES, draws=draws, seed=world, alternative="greater"
        )
        for world, observed in enumerate(PHASES.draw(worlds, 3))
    ]

    ranks = np.array([one.p for one in found]) * (draws + 1)
    places = (ranks - rng.uniform(size=worlds)) / (draws + 1)

    assert {one.compared for one in found} == {draws + 1}
    assert not any(one.is_exact for one in found)
    # ties with the observed schedule, drawn again one time in 165, only make p larger
    assert np.max(np.arange(1, worlds + 1) / worlds - np.sort(places)) < dkw_bound(worlds)


def test_drawn_schedules_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    [observed] = PHASES.draw(1, 6)
    outcome = noise(24, rng) + 0.8 * observed
    exact = randomization_test(outcome, observed, PHASES)
    monkeypatch.setattr(randomization, "MAX_EXACT", 0)

    drawn = randomization_test(outcome, observed, PHASES, draws=9_999, seed=7)

    error = np.sqrt(exact.p * (1 - exact.p) / 9_999)
    assert abs(drawn.p - exact.p) < 6 * error + 1e-4
    assert randomization_test(outcome, observed, PHASES, seed=7) == drawn


def test_intervals_cover_the_effect_as_often_as_they_say() -> None:
    worlds, rng = 600, np.random.default_rng(12)
    held = 0
    for observed in PHASES.draw(worlds, 13):
        outcome = noise(24, rng) + 2.0 * observed
        found = randomization_test(outcome, observed, PHASES, level=0.9)
        held += found.low <= 2.0 <= found.high

    # 0.9 of 165 schedules is not a whole number: up to one schedule more is kept
    error = np.sqrt(0.09 / worlds)
    assert 0.9 - 5 * error < held / worlds < 0.9 + 1 / PHASES.count + 5 * error


@settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([1e-6, 1.0, 1e5]), shift=st.sampled_from([0.0, -40.0, 1e4]))
def test_units_and_shifts_change_nothing_else(scale: float, shift: float) -> None:
    [observed] = PAIRS.draw(1, 1)
    outcome = noise(30, np.random.default_rng(1)) + observed

    plain = randomization_test(outcome, observed, PAIRS, level=0.8)
    scaled = randomization_test(scale * (outcome + shift), observed, PAIRS, level=0.8)

    assert scaled.p == plain.p
    assert (scaled.low, scaled.high) == pytest.approx(
        (scale * plain.low, scale * plain.high), rel=1e-6
    )


def test_every_run_counts_the_same() -> None:
    observed = np.array([0, 0, 0, 1, 0, 1, 1, 1], dtype=np.int8)
    schedules = Schedules(Rules(slots=8))
    outcome = np.array([1.0, 2.0, 3.0, 10.0, 6.0, 1.0, 3.0, 5.0])

    by_run = randomization_test(outcome, observed, schedules, weighting=every_run)
    last = randomization_test(outcome, observed, schedules, weighting=last_days(2))

    assert by_run.statistic == pytest.approx((10 + 3) / 2 - (2 + 6) / 2)
    assert last.statistic == pytest.approx((10 + 3 + 5) / 3 - (2 + 3 + 6) / 3)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("seed", range(8))
def test_rounding_does_not_break_ties(seed: int, alternative: Alternative) -> None:
    schedules = Schedules(Rules(slots=8, max_imbalance=0))
    [observed] = schedules.draw(1, seed)
    tenths = np.random.default_rng(seed).integers(0, 5, 8)
    # with as many days of each, whole sums stand for the differences of means
    sums = (2 * schedules.listed().astype(int) - 1) @ tenths
    top = (2 * observed.astype(int) - 1) @ tenths
    extreme = {"two-sided": abs(sums) >= abs(top), "greater": sums >= top, "less": sums <= top}

    found = randomization_test(tenths * 0.1 + 0.7, observed, schedules, alternative=alternative)

    assert found.p == np.mean(extreme[alternative])


def test_few_schedules_cannot_refuse_anything() -> None:
    schedules = Schedules(Rules(slots=4, block=2))
    [observed] = schedules.draw(1, 0)

    found = randomization_test(100.0 * observed, observed, schedules)

    assert found.admissible == 4
    assert found.p == found.least_p == 0.5  # the schedule with all lots turned around is as extreme
    assert (found.low, found.high) == (-inf, inf)


def test_a_constant_outcome_says_nothing() -> None:
    [observed] = PHASES.draw(1, 0)

    assert randomization_test(np.full(24, 3.3), observed, PHASES).p == 1.0


def test_schedules_without_a_statistic_count_against_the_effect() -> None:
    schedules = Schedules(Rules(slots=6, order=(0, 1)))
    outcome = np.array([0.0, 0.1, 0.2, 5.0, np.nan, np.nan])
    observed = np.array([0, 0, 0, 1, 1, 1], dtype=np.int8)

    found = randomization_test(outcome, observed, schedules, alternative="greater")

    assert found.p == found.least_p == pytest.approx(2 / 5 + 1 / 5)


def test_what_cannot_be_tested_is_refused() -> None:
    outcome = np.zeros(24)
    [observed] = PHASES.draw(1, 0)
    many = Schedules(Rules(slots=6, treatments=3, block=3))

    with pytest.raises(BadConfig, match="could have been drawn"):
        randomization_test(outcome, 1 - observed, PHASES)
    with pytest.raises(BadConfig, match="two treatments"):
        randomization_test(np.zeros(6), many.numbered(0), many)
    with pytest.raises(InsufficientData, match="no day with data"):
        randomization_test(np.full(24, np.nan), observed, PHASES)
    with pytest.raises(InsufficientData, match="One of the two"):
        randomization_test(np.where(observed == 1, np.nan, 1.0), observed, PHASES)
    with pytest.raises(ValueError, match="24 outcomes"):
        randomization_test(outcome[1:], observed, PHASES)
    with pytest.raises(ValueError, match="not negative"):
        randomization_test(outcome, observed, PHASES, weights=outcome - 1)
