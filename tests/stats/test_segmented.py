"""The days before alone: least squares carried on, and its false alarms."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from pymc_vibes.core.posterior import stream
from pymc_vibes.stats.segmented import Segmented, fit_segmented
from pymc_vibes.stats.series import Series, standard_of
from pymc_vibes.stats.terms import Model, design
from tests.stats.interrupted_worlds import FIRST, null_series, window

STUDY = window(90, 45)
MODEL = Model()


def fitted(series: Series, model: Model = MODEL) -> Segmented:
    standard = standard_of(series.between(STUDY.first, STUDY.change))
    assert standard is not None
    return fit_segmented(series, STUDY, model, standard)


def test_it_is_least_squares_of_the_days_before_carried_on() -> None:
    series = null_series(90, 0.3, np.random.default_rng(1), missing=0.1)
    bare = replace(MODEL, has_effect=False)
    before = series.between(STUDY.first, STUDY.change)
    after = series.between(STUDY.change, STUDY.end)
    found = sm.OLS(before.mean, design(before.day, STUDY, bare)).fit()
    row = design(after.day, STUDY, bare).mean(axis=0)

    effect = fitted(series).effect("average", 7)

    slack = 0.02 * effect.sd()[0]  # what priors ten times as wide as usual still move
    assert effect.mean()[0] == pytest.approx(after.mean.mean() - row @ found.params, abs=slack)
    error = float(np.sqrt(row @ found.cov_params() @ row))
    df = found.df_resid
    assert effect.sd()[0] == pytest.approx(error * np.sqrt(df / (df - 2)), rel=0.02)


def test_the_sum_is_over_observed_days_and_starts_with_the_change() -> None:
    fit = fitted(null_series(90, 0.3, np.random.default_rng(2), missing=0.1))
    calendar = np.arange(STUDY.first, STUDY.end)
    seen = int((fit.series.days >= STUDY.change).sum())

    total = fit.cumulative(calendar, np.array([0, 44, 89]))

    np.testing.assert_allclose(total.mean()[:2], 0.0, atol=1e-12)
    assert total.mean()[2] == pytest.approx(seen * fit.effect("average", 7).mean()[0])
    assert fit.summed_over == f"{seen} observed days"
    assert len(fit.effect_on(STUDY.after)) == seen


def test_draws_agree_with_the_mixture() -> None:
    fit = fitted(null_series(90, 0.3, np.random.default_rng(3)))
    effect = fit.effect("sustained", 7)

    draws = fit.draw("sustained", 7, 20_000, stream(1, "draws"))

    assert abs(draws.mean() - effect.mean()[0]) < 6 * effect.sd()[0] / 20_000**0.5
    assert draws.std() == pytest.approx(effect.sd()[0], rel=0.05)


def test_a_relative_effect_is_that_of_the_draws() -> None:
    series = null_series(90, 0.3, np.random.default_rng(4))
    fit = fitted(replace(series, mean=series.mean + 50))
    rng = np.random.default_rng(1)
    row = fit.expected_rows(fit.days_of("average", 1)).mean(axis=0)
    level = fit.standard.center + fit.standard.spread * fit.regression.draw(40_000, rng) @ row
    observed = fit.series.between(STUDY.change, STUDY.end).mean.mean()
    draws = (observed - level) / level

    found = fit.relative(0.95)

    assert found is not None
    slack = 6 * draws.std() / 40_000**0.5
    np.testing.assert_allclose(found, np.quantile(draws, [0.5, 0.025, 0.975]), atol=3 * slack)


def test_a_level_near_zero_has_no_relative_effect() -> None:
    assert fitted(null_series(90, 0.3, np.random.default_rng(5))).relative(0.95) is None


def test_correlated_days_raise_false_alarms_far_beyond_the_level() -> None:
    alarms = 0
    for seed in range(100):
        series = null_series(90, 0.8, np.random.default_rng([9, seed]))
        low, high = fitted(series).effect("average", 7).interval(0.95)
        alarms += bool(low[0] > 0 or high[0] < 0)
    assert alarms >= 25  # about half of them; at 5 % P < 1e-9


def test_what_is_left_over_of_the_days_before_is_white_where_days_are_independent() -> None:
    fit = fitted(null_series(400, 0.0, np.random.default_rng(6)).between(FIRST, FIRST + 90))
    left = fit.innovations()
    assert len(left) == 45
    assert abs(float(np.corrcoef(left[1:], left[:-1])[0, 1])) < 4 / 45**0.5
