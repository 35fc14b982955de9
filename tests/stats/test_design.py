"""Designs against dense algebra, closed forms, and simulated trials."""

from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.stats.design import (
    Analysis,
    Noise,
    carried_over,
    compare_designs,
    detectable_effect,
    expect,
    precision,
)
from pymc_vibes.stats.schedules import Rules, Schedules, analyzed_days

BLOCKS = Rules(slots=14, block=2, slot_days=3)
NOISE = Noise(sd=1.3, autocorrelation=0.6, measurement_sd=0.8, observations_per_day=2)


def dense_covariance(noise: Noise, days: int) -> np.ndarray:
    """Give the covariance of the days' means."""
    lags = np.abs(np.subtract.outer(np.arange(days), np.arange(days)))
    state = noise.sd**2 * noise.autocorrelation**lags
    white = noise.measurement_sd**2 / noise.observations_per_day
    return np.asarray(state + white * np.eye(days))


def dense_columns(schedule: np.ndarray, noise: Noise, analysis: Analysis) -> np.ndarray:
    """Give the regressors of one schedule, the effect first."""
    days = len(schedule)
    exposure, columns = 0.0, []
    for treatment in schedule.tolist():
        left = exposure * 0.5 ** (1 / noise.half_life_days) if noise.half_life_days else 0.0
        exposure = max(float(treatment), left)
        columns.append(exposure if analysis.has_carry_over else float(treatment))
    every = [np.array(columns), np.ones(days)]
    every += [np.arange(days)] if analysis.has_trend else []
    every += [np.arange(days) % 7 == one for one in range(6)] if analysis.has_weekdays else []
    return np.stack(every, axis=1).astype(float)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rho=st.sampled_from([-0.5, 0.0, 0.5, 0.95]),
    sds=st.sampled_from([(1.0, 0.0), (0.0, 2.0), (1.5, 0.7)]),
    half_life=st.sampled_from([0.0, 2.0]),
    has_trend=st.booleans(),
    has_weekdays=st.booleans(),
    washout=st.integers(0, 2),
)
def test_the_variance_is_that_of_dense_generalized_least_squares(
    seed: int,
    rho: float,
    sds: tuple[float, float],
    half_life: float,
    has_trend: bool,  # noqa: FBT001 drawn by name
    has_weekdays: bool,  # noqa: FBT001
    washout: int,
) -> None:
    noise = Noise(
        sd=sds[0],
        autocorrelation=rho,
        measurement_sd=sds[1],
        observations_per_day=3,
        half_life_days=half_life,
    )
    analysis = Analysis(has_trend=has_trend, has_weekdays=has_weekdays, washout_days=washout)
    schedules = Schedules(Rules(slots=20, block=2, slot_days=4)).draw(3, seed)
    has_data = np.arange(80) % 9 != seed % 9

    found = precision(schedules, noise, analysis, has_data=has_data)

    for schedule, error, degrees in zip(
        schedules, found.standard_error, found.degrees, strict=True
    ):
        kept = np.flatnonzero(analyzed_days(schedule, washout) & has_data)
        columns = dense_columns(schedule, noise, analysis)[kept]
        inside = np.linalg.inv(dense_covariance(noise, len(schedule))[np.ix_(kept, kept)])
        variance = np.linalg.inv(columns.T @ inside @ columns)[0, 0]
        assert error == pytest.approx(sqrt(variance), rel=1e-8)
        assert degrees == len(kept) - columns.shape[1]


def test_independent_days_give_the_error_of_two_means() -> None:
    schedules = np.array([[0] * 12 + [1] * 8], dtype=np.int8)

    found = precision(schedules, Noise(sd=2.0), Analysis(has_trend=False))

    assert found.standard_error[0] == pytest.approx(2 * sqrt(1 / 12 + 1 / 8))
    assert found.degrees[0] == 18


def simulated(
    schedule: np.ndarray, noise: Noise, analysis: Analysis, effect: float, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Give estimates and half widths of `n` trials, by dense generalized least squares."""
    days = len(schedule)
    kept = np.flatnonzero(analyzed_days(schedule, analysis.washout_days))
    covariance = dense_covariance(noise, days)
    truth = dense_columns(schedule, noise, replace(analysis, has_carry_over=True))[:, 0]
    errors = np.random.default_rng(17).normal(size=(n, days)) @ np.linalg.cholesky(covariance).T
    outcomes = (5 + 0.1 * np.arange(days) + effect * truth + errors)[:, kept]
    root = np.linalg.inv(np.linalg.cholesky(covariance[np.ix_(kept, kept)]))
    columns = root @ dense_columns(schedule, noise, analysis)[kept]
    whitened = outcomes @ root.T
    inverse = np.linalg.inv(columns.T @ columns)
    estimates = whitened @ columns @ inverse
    degrees = len(kept) - columns.shape[1]
    rest = np.sum((whitened - estimates @ columns.T) ** 2, axis=1) / degrees
    reach = float(stdtrit(degrees, (1 + analysis.level) / 2))
    return estimates[:, 0], reach * np.sqrt(rest * inverse[0, 0])


def test_width_and_power_are_those_of_simulated_trials() -> None:
    noise = replace(NOISE, half_life_days=1.5)
    analysis = Analysis(washout_days=1, level=0.9)
    schedules = Schedules(BLOCKS).draw(1, 2)
    effect, n = 0.9, 40_000
    found = precision(schedules, noise, analysis)

    estimates, reaches = simulated(schedules[0], noise, analysis, effect, n)

    power = found.powers(effect, 0.9)[0]
    assert 0.2 < power < 0.9
    assert abs(np.mean(estimates > reaches) - power) < 5 * sqrt(power * (1 - power) / n)
    widths = 2 * reaches
    assert abs(widths.mean() - found.widths(0.9)[0]) < 5 * widths.std() / sqrt(n)
    assert abs(estimates.mean() - effect) < 5 * estimates.std() / sqrt(n)


@pytest.mark.parametrize("washout", [0, 2])
def test_a_carry_over_left_out_hides_the_share_that_is_simulated(washout: int) -> None:
    noise = replace(NOISE, half_life_days=1.5)
    analysis = Analysis(washout_days=washout, has_carry_over=False)
    schedules = Schedules(BLOCKS).draw(1, 3)
    effect, n = 2.0, 20_000

    found = precision(schedules, noise, analysis)
    estimates, _ = simulated(schedules[0], noise, analysis, effect, n)

    error = estimates.std() / sqrt(n)
    assert abs(estimates.mean() - effect * found.share_seen[0]) < 5 * error
    assert found.share_seen[0] < 0.95


def test_washing_out_shows_more_of_the_effect_and_costs_width() -> None:
    noise = Noise(sd=1.0, autocorrelation=0.3, half_life_days=1.0)
    rules = Rules(slots=12, block=2, slot_days=5)
    analysis = Analysis(has_carry_over=False)

    kept, washed = (
        expect(replace(rules, washout_days=days), noise, analysis, effect=1.0) for days in (0, 3)
    )

    assert kept.share_seen < washed.share_seen < 1
    assert kept.width < washed.width
    assert kept.analyzed_days == 60 > washed.analyzed_days


def test_the_detectable_effect_has_the_target_power() -> None:
    found = precision(Schedules(BLOCKS).draw(20, 4), NOISE, Analysis())

    effect = detectable_effect(found, 0.95, 0.9)

    assert found.powers(effect, 0.95).mean() == pytest.approx(0.9, abs=1e-9)
    assert found.powers(0.0, 0.95) == pytest.approx(0.025, abs=1e-9)
    assert found.powers(1e6, 0.95) == pytest.approx(1.0)
    assert found.powers(-effect, 0.95) == pytest.approx(found.powers(effect, 0.95))


def test_more_changes_help_against_slow_noise_and_cost_nothing_against_fast_noise() -> None:
    designs = {
        "AB": Rules(slots=60, order=(0, 1), min_run=30),
        "ABAB": Rules(slots=60, order=(0, 1, 0, 1), min_run=15),
        "pairs": Rules(slots=30, block=2, slot_days=2),
    }
    slow, fast = Noise(sd=1.0, autocorrelation=0.8), Noise(sd=1.0)

    by_slow = compare_designs(designs, slow, Analysis(), effect=1.0)
    by_fast = compare_designs(designs, fast, Analysis(has_trend=False), effect=1.0)

    assert list(by_slow) == ["pairs", "ABAB", "AB"]
    assert by_slow["pairs"].power > 0.9 > 0.5 > by_slow["AB"].power
    assert by_slow["pairs"].detectable < 1.0 < by_slow["AB"].detectable
    widths = [one.width for one in by_fast.values()]
    assert max(widths) == pytest.approx(min(widths))
    assert [by_slow[name].admissible for name in designs] == [1, 1, 2**15]
    assert [by_slow[name].compared for name in designs] == [1, 1, 200]


def test_a_unit_scales_widths_and_leaves_power_alone() -> None:
    plain = expect(BLOCKS, NOISE, Analysis(), effect=0.7)
    noise = replace(NOISE, sd=1000 * NOISE.sd, measurement_sd=1000 * NOISE.measurement_sd)

    scaled = expect(BLOCKS, noise, Analysis(), effect=700)

    assert scaled.power == pytest.approx(plain.power)
    assert scaled.width == pytest.approx(1000 * plain.width)
    assert scaled.detectable == pytest.approx(1000 * plain.detectable)
    assert plain.narrowest <= plain.width <= plain.widest


def test_a_third_treatment_does_not_count_as_the_comparator() -> None:
    schedules = np.array([[0] * 10 + [1] * 10 + [2] * 10], dtype=np.int8)

    found = precision(schedules, Noise(sd=1.0), Analysis(has_trend=False))

    assert found.standard_error[0] == pytest.approx(sqrt(1 / 10 + 1 / 10))
    assert found.degrees[0] == 27


def test_an_exposure_halves_every_half_life() -> None:
    given_days = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.3, 1.0, 0.0])

    found = carried_over(given_days, 2.0)

    root = sqrt(0.5)
    assert found == pytest.approx([0, 1, root, 0.5, root / 2, 0.3, 1, root])
    assert carried_over(given_days, 0.0) == pytest.approx(given_days)


def test_an_effect_that_is_hidden_cannot_be_detected() -> None:
    found = precision(Schedules(BLOCKS).draw(2, 1), NOISE, Analysis())
    hidden = replace(found, share_seen=np.zeros(2))

    assert detectable_effect(hidden, 0.95) == inf


def test_schedules_that_cannot_tell_are_refused() -> None:
    for schedule in ([0] * 20, [0, 1] * 4):
        with pytest.raises(InsufficientData):
            precision(np.array([schedule], dtype=np.int8), NOISE, Analysis(has_weekdays=True))


@pytest.mark.parametrize(
    "noise",
    [
        {"sd": 0.0},
        {"sd": -1.0},
        {"sd": 1.0, "autocorrelation": 1.0},
        {"sd": 1.0, "measurement_sd": -1.0},
        {"sd": 1.0, "observations_per_day": 0.0},
        {"sd": 1.0, "half_life_days": -1.0},
        {"sd": float("nan")},
        {"sd": 1e-200},
        {"sd": 1.0, "autocorrelation": 1 - 1e-17},
    ],
)
def test_assumptions_that_make_no_sense_are_refused(noise: dict[str, float]) -> None:
    with pytest.raises(BadConfig):
        Noise(**noise)


def test_a_target_that_needs_no_effect_is_refused() -> None:
    found = precision(Schedules(BLOCKS).draw(2, 1), NOISE, Analysis())

    with pytest.raises(BadConfig):
        detectable_effect(found, 0.95, 0.02)
    with pytest.raises(BadConfig):
        detectable_effect(found, 0.95, 1.0)
