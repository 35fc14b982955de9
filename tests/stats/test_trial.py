"""One trial: calendars, periods, exposures, the shared effect; false alarms and widths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pymc_vibes.stats.design import Analysis, Noise, precision
from pymc_vibes.stats.series import Series
from pymc_vibes.stats.terms import Errors
from pymc_vibes.stats.trial import HalfLives, TrialModel, cycles, half_lives
from pymc_vibes.stats.trial_checks import INDEPENDENT, alternatives, share_of_time
from pymc_vibes.stats.trial_days import WASHED, Trial
from tests.stats.interrupted_worlds import FIRST
from tests.stats.test_interrupted import excludes_zero, most
from tests.stats.trial_worlds import DESIGNS, analyzed, rescaled, schedule, world

QUICK, MANY = 400, 4000


def days(treatments: list[int], *, at: list[int] | None = None, washout_days: int = 0) -> Trial:
    """One row a day with its number as value, or on the days `at`."""
    when = np.arange(len(treatments)) if at is None else np.array(at)
    many = max(treatments) + 1
    series = Series(FIRST + when.astype(float), when.astype(float), np.ones(len(when)))
    return Trial(series, np.array(treatments), many, washout_days)


# calendars


def test_periods_are_runs_of_one_treatment() -> None:
    trial = days([0, 0, 1, 1, 1, 0])

    found = [(p.treatment, p.first - FIRST, p.end - FIRST) for p in trial.periods]

    assert found == [(0, 0, 2), (1, 2, 5), (0, 5, 6)]


def test_a_day_without_a_row_was_given_what_the_day_before_was() -> None:
    trial = days([0, 1, 0], at=[0, 3, 5])

    assert trial.main.tolist() == [0, 0, 0, 1, 1, 0]


def test_days_of_wash_out_part_periods_and_do_not_count() -> None:
    trial = days([0, WASHED, 0, 1])

    assert [p.treatment for p in trial.periods] == [0, 0, 1]
    assert trial.kept.tolist() == [True, False, True, True]


def test_the_first_days_after_a_change_do_not_count() -> None:
    trial = days([0, 0, 0, 1, 1, 1, 0, 0], washout_days=2)

    assert trial.kept.tolist() == [True] * 3 + [False, False, True, False, False]
    assert trial.observed_days(1) == 1


def test_a_wash_out_in_between_is_a_change() -> None:
    trial = days([0, 0, WASHED, 1, 1], washout_days=1)

    assert trial.kept.tolist() == [True, True, False, False, True]


def test_a_treatment_fades_with_its_half_life() -> None:
    trial = days([0, 1, 1, 0, 0, 1])

    np.testing.assert_allclose(trial.exposure(1.0)[0], [0, 1, 1, 0.5, 0.25, 1])
    np.testing.assert_allclose(trial.exposure(0.0)[0], [0, 1, 1, 0, 0, 1])


def test_a_treatment_fades_through_days_that_do_not_count() -> None:
    trial = days([1, WASHED, WASHED, 0])

    np.testing.assert_allclose(trial.row_exposure(2.0)[0], [1, 0.5**0.5, 0.5, 0.5**1.5])


def test_two_treatments_of_a_day_are_rows_of_their_own() -> None:
    trial = days([0, 1, 0, 1], at=[0, 0, 1, 1])

    assert trial.share.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert trial.row_exposure(0.0)[0].tolist() == [0, 1, 0, 1]
    assert len(trial.periods) == 1


def test_cycles_pair_neighbors_once() -> None:
    trial = days([0, 0, 1, 1, 0, 1, 1, 1])

    found = [(one.number, other.number) for one, other in cycles(trial, 1)]

    assert found == [(1, 0), (3, 2)]


def test_a_third_treatment_is_in_no_cycle_of_the_first() -> None:
    trial = days([0, 2, 1, 2, 0])

    found = [(one.treatment, other.treatment) for one, other in cycles(trial, 1)]

    assert found == [(1, 0)]


# the model


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3), weeks=st.integers(-2000, 2000))
def test_units_zero_and_calendar_do_not_matter(factor: float, shift: float, weeks: int) -> None:
    rng = np.random.default_rng(2)
    trial = world(schedule("blocks", rng), 0.5, rng, effect=1.0, missing=0.1)
    model = TrialModel(day_of_week=True, carry_over=half_lives(4.0))

    one = analyzed(trial, model)
    other = analyzed(rescaled(trial, factor, shift, 7.0 * weeks), model)

    before = np.array(one.effect(1).interval(0.95))
    after = np.array(other.effect(1).interval(0.95))
    np.testing.assert_allclose(after / factor, before, rtol=1e-5, atol=1e-6)
    assert other.half_life_quantile(0.5) == pytest.approx(one.half_life_quantile(0.5), rel=1e-5)


def test_swapping_names_turns_the_effect() -> None:
    rng = np.random.default_rng(3)
    trial = world(schedule("blocks", rng), 0.3, rng, effect=1.0)
    swapped = Trial(trial.series, 1 - trial.treatment, 2)
    fixed = TrialModel(level_sd=50.0, effect_sd=50.0)

    one, other = analyzed(trial, fixed).effect(1), analyzed(swapped, fixed).effect(1)

    assert one.mean()[0] == pytest.approx(-other.mean()[0], abs=0.02 * one.sd()[0])


@pytest.mark.parametrize("errors", ["ar1-white", "ar1", "independent"])
def test_a_known_half_life_on_a_grid_of_one_is_that_half_life(errors: str) -> None:
    rng = np.random.default_rng(4)
    trial = world(schedule("ABAB", rng), 0.4, rng, effect=2.0, half_life=2.0)
    model = TrialModel(errors=errors, carry_over=HalfLives((2.0,)))  # type: ignore[arg-type]  # of a list
    twice = TrialModel(
        errors=errors,  # type: ignore[arg-type]  # of a list
        carry_over=HalfLives((2.0, 2.0), (np.log(0.3), np.log(0.7))),
    )

    one, other = analyzed(trial, model), analyzed(trial, twice)

    assert one.effect(1).mean()[0] == pytest.approx(other.effect(1).mean()[0])
    assert one.effect(1).sd()[0] == pytest.approx(other.effect(1).sd()[0])


def test_a_half_life_is_weighed_by_the_evidence_of_its_own_fit() -> None:
    rng = np.random.default_rng(5)
    trial = world(schedule("blocks", rng), 0.2, rng, effect=4.0, half_life=3.0)
    lives = (0.5, 3.0, 6.0)

    whole = analyzed(trial, TrialModel(carry_over=HalfLives(lives, (0.0, 0.0, 0.0))))
    alone = [analyzed(trial, TrialModel(carry_over=HalfLives((life,)))) for life in lives]

    odds = np.array([one.regression.log_evidence for one in alone])
    chance = np.exp(odds - odds.max())
    kept, found = whole.chance_of_half_life
    at = [lives.index(life) for life in kept]
    np.testing.assert_allclose(found, (chance / chance.sum())[at], rtol=1e-3, atol=1e-4)
    assert whole.effect(1).mean()[0] == pytest.approx(
        float(sum(c * one.effect(1).mean()[0] for c, one in zip(chance, alone, strict=True)))
        / chance.sum(),
        rel=1e-3,
    )


def test_a_strong_carry_over_is_recovered() -> None:
    rng = np.random.default_rng(6)
    trial = world(schedule("blocks", rng), 0.2, rng, effect=5.0, half_life=2.5)

    found = analyzed(trial, TrialModel(carry_over=half_lives(10.0)))

    assert found.half_life_quantile(0.025) < 2.5 < found.half_life_quantile(0.975)
    assert found.half_life_quantile(0.975) - found.half_life_quantile(0.025) < 4.0
    low, high = found.effect(1).interval(0.99)
    assert low[0] < 5.0 < high[0]


def test_a_half_life_that_nothing_tells_of_keeps_its_prior() -> None:
    rng = np.random.default_rng(7)
    trial = world(schedule("blocks", rng), 0.0, rng)

    found = analyzed(trial, TrialModel(carry_over=half_lives(8.0), effect_sd=1e-3))

    for q in (0.1, 0.5, 0.9):
        assert found.half_life_quantile(q) == pytest.approx(0.25 * 32**q, rel=0.15)


def test_forgetting_the_carry_over_hides_part_of_the_effect() -> None:
    # the negative control: what fades into the days after dilutes the difference
    rng = np.random.default_rng(8)
    trial = world(schedule("blocks", rng), 0.0, rng, effect=5.0, half_life=5.0)

    without = analyzed(trial).effect(1)
    within = analyzed(trial, TrialModel(carry_over=HalfLives((5.0,)))).effect(1)

    assert without.quantile(0.99)[0] < 5.0
    assert abs(within.mean()[0] - 5.0) < 4 * within.sd()[0]


def test_washing_out_keeps_more_of_an_effect_that_lingers() -> None:
    rng = np.random.default_rng(9)
    trial = world(schedule("blocks", rng), 0.0, rng, effect=5.0, half_life=2.0)
    washed = Trial(trial.series, trial.treatment, 2, washout_days=5)

    assert analyzed(washed).effect(1).mean()[0] > analyzed(trial).effect(1).mean()[0] + 0.2


def test_two_treatments_have_effects_of_their_own() -> None:
    rng = np.random.default_rng(10)
    given_days = np.repeat(np.tile([0, 1, 2], 5), 6)
    trial = world(given_days, 0.2, rng, effect=3.0)

    found = analyzed(trial)

    for treatment, effect in ((1, 3.0), (2, 0.0)):
        known = found.effect(treatment)
        assert abs(known.mean()[0] - effect) < 4 * known.sd()[0]


def test_a_cycle_is_drawn_towards_the_shared_effect() -> None:
    rng = np.random.default_rng(11)
    trial = world(schedule("ABAB", rng), 0.2, rng, effect=1.0)
    trial.series.mean[:20] += 3.0  # the first period of the comparator was a good one

    found = analyzed(trial)

    one, other = (found.cycle_effect(*pair).mean()[0] for pair in cycles(trial, 1))
    shared = found.effect(1).mean()[0]
    assert one < shared < other
    assert other - one < 3.0


def test_the_level_of_a_period_is_the_mean_of_its_days() -> None:
    rng = np.random.default_rng(12)
    trial = world(schedule("ABAB", rng), 0.2, rng, effect=1.0, half_life=1.0)
    found = analyzed(trial, TrialModel(carry_over=half_lives(5.0)))
    period = trial.periods[2]

    by_day = found.expected(np.arange(period.first, period.end)).mean()

    assert found.period_level(period).mean()[0] == pytest.approx(by_day.mean())


def test_levels_under_two_treatments_differ_by_the_effect() -> None:
    rng = np.random.default_rng(15)
    found = analyzed(world(schedule("pairs", rng), 0.2, rng, effect=1.0))
    days = found.trial.calendar

    gap = found.expected_under(1, days).mean() - found.expected_under(0, days).mean()

    np.testing.assert_allclose(gap, found.effect(1).mean()[0])


def test_other_models_are_fitted_to_the_same_days() -> None:
    rng = np.random.default_rng(13)
    trial = world(schedule("ABAB", rng), 0.4, rng, effect=1.0)
    fit = analyzed(trial)

    found = {other.name: other for other in alternatives(fit, 1, 0.95)}

    trendless = analyzed(trial, TrialModel(trend=False)).effect(1)
    assert found["as given"].mean == pytest.approx(fit.effect(1).mean()[0])
    assert found["without a trend"].mean == pytest.approx(trendless.mean()[0])
    narrow, wide = (found[name] for name in ("priors half as wide", "priors twice as wide"))
    assert narrow.high - narrow.low < wide.high - wide.low
    assert {"with carry-over", "periods alike", INDEPENDENT} <= set(found)
    assert "with a trend" not in found


@pytest.mark.parametrize(("design", "share"), [("AB", 0.75), ("ABAB", 0.19), ("pairs", 0.0)])
def test_time_explains_an_ab_design(design: str, share: float) -> None:
    rng = np.random.default_rng(14)
    fit = analyzed(world(schedule(design, rng), 0.0, rng))

    assert share_of_time(fit, 1) == pytest.approx(share, abs=0.02)


# right


def alarms(design: str, phi: float, worlds: int, model: TrialModel | None = None) -> int:
    """Count intervals that exclude 0 where there is no effect, with 15 % of the days missing."""
    found = 0
    for seed in range(worlds):
        rng = np.random.default_rng([seed, round(100 * phi), len(design)])
        trial = world(schedule(design, rng), phi, rng, missing=0.15)
        found += excludes_zero(*analyzed(trial, model).effect(1).interval(0.95))
    return found


@pytest.mark.parametrize("design", ["ABAB", "blocks", "pairs"])
@pytest.mark.parametrize("phi", [0.0, 0.4, 0.8])
def test_no_effect_is_rarely_called_one(design: str, phi: float) -> None:
    assert alarms(design, phi, QUICK) <= most(QUICK, 0.07)


def test_independent_days_are_called_an_effect_far_too_often() -> None:
    blind = TrialModel(errors="independent", trend=False, deviations=False)

    # the negative control: at a correlation of 0.8 a third of the worlds, where 5 % is promised
    assert alarms("ABAB", 0.8, 200, blind) > 40


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("phi", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_no_effect_is_rarely_called_one_in_many_worlds(design: str, phi: float) -> None:
    assert alarms(design, phi, MANY) <= most(MANY, 0.07)


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_intervals_hold_a_real_effect(phi: float) -> None:
    held = 0
    for seed in range(QUICK):
        rng = np.random.default_rng([7, seed])
        trial = world(schedule("blocks", rng), phi, rng, effect=1.5, missing=0.15)
        low, high = analyzed(trial).effect(1).interval(0.95)
        held += bool(low[0] <= 1.5 <= high[0])

    # periods that could have differed and did not: coverage is above the nominal
    assert held >= stats.binom.ppf(1e-5, QUICK, 0.93)


def widths(design: str, errors: Errors) -> np.ndarray:
    """Widths of the interval in 60 worlds at a correlation of 0.5."""
    plain = TrialModel(trend=False, deviations=False, errors=errors)
    found = []
    for seed in range(60):
        rng = np.random.default_rng([11, seed])
        low, high = analyzed(world(schedule(design, rng), 0.5, rng), plain).effect(1).interval(0.95)
        found.append(float(high[0] - low[0]))
    return np.array(found)


def test_width_falls_in_the_same_order_of_designs_as_in_another_implementation() -> None:
    # our own measurement, of a program with other priors of the correlation
    measured = {"AB": 1.51, "ABAB": 1.36, "blocks": 1.15, "pairs": 0.58}

    found = {design: widths(design, "ar1-white") for design in DESIGNS}

    means = [found[design].mean() for design in DESIGNS]
    assert means == sorted(means, reverse=True)
    for design, width in measured.items():
        error = found[design].std() * np.sqrt(1 / 60 + 1 / 400)
        assert abs(found[design].mean() - width) < 4 * error + 0.05 * width


@pytest.mark.parametrize("design", DESIGNS)
def test_width_is_that_of_least_squares_with_known_correlation(design: str) -> None:
    rng = np.random.default_rng(1)
    schedules = np.array([schedule(design, rng) for _ in range(60)], np.int8)
    noise = Noise(sd=1, autocorrelation=0.5)
    known = precision(schedules, noise, Analysis(has_trend=False)).widths(0.95).mean()

    found = widths(design, "ar1")

    # the correlation is learned: at most a little more or less than what is known
    assert abs(found.mean() - known) < 4 * found.std() / np.sqrt(60) + 0.05 * known
