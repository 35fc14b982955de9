"""Weighted draws, conflicts, and a confounded world that experiments mend."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pymc_vibes.stats.media_calibration import (
    Weighted,
    find_conflict,
    reweigh,
    shift,
    weighted_quantile,
)
from pymc_vibes.stats.media_experiments import (
    Experiment,
    Readout,
    expected_lifts,
    gather,
    log_likelihood,
)
from tests.stats.experiment_worlds import (
    linear_of,
    linear_test,
)

type Array = NDArray[np.float64]


def test_weighted_draws_have_the_conjugate_posterior() -> None:
    draws, mean, sd, error = 40_000, 1.5, 0.4, 0.5
    effect = np.random.default_rng(0).normal(mean, sd, (draws, 1))
    evidence = linear_test(4.0, error)

    weighted = reweigh(log_likelihood(evidence, expected_lifts(evidence, linear_of(effect))))
    found = shift(effect, weighted).after

    precision = 1 / sd**2 + (2 / error) ** 2
    known = (mean / sd**2 + 4.0 * 2 / error**2) / precision
    known_sd = precision**-0.5
    mcse = known_sd / np.sqrt(weighted.effective)
    assert weighted.is_trusted
    assert abs(found.mean[0] - known) < 5 * mcse
    assert abs(found.sd[0] - known_sd) < 5 * mcse / np.sqrt(2)
    assert abs(found.low[0] - (known - 1.645 * known_sd)) < 5 * 2.1 * mcse


def test_weights_are_the_likelihood_up_to_their_smoothed_tail() -> None:
    effect = np.random.default_rng(1).normal(1.0, 0.5, (2_000, 1))
    evidence = linear_test(2.2, 0.8)
    log_weight = log_likelihood(evidence, expected_lifts(evidence, linear_of(effect)))

    weights = reweigh(log_weight).weights

    raw = stats.norm.pdf(2.2, 2 * effect[:, 0], 0.8)
    rest = np.argsort(raw)[: -int(3 * np.sqrt(2_000)) - 1]
    np.testing.assert_allclose(weights[rest] / weights[rest].sum(), raw[rest] / raw[rest].sum())
    assert weights.sum() == pytest.approx(1.0)


def test_draws_that_do_not_reach_the_readout_are_not_trusted() -> None:
    effect = np.random.default_rng(0).normal(1.0, 0.1, (2_000, 1))
    evidence = linear_test(4.0, 0.1)

    weighted = reweigh(log_likelihood(evidence, expected_lifts(evidence, linear_of(effect))))

    assert not weighted.is_trusted


def test_equal_weights_shift_nothing() -> None:
    values = np.random.default_rng(0).standard_normal((500, 3))

    found = shift(values, Weighted(weights=np.full(500, 1 / 500), shape=-np.inf))

    np.testing.assert_allclose(found.moved, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.narrowed, 1.0, rtol=1e-12)


def test_whole_weights_are_repeated_draws() -> None:
    values = np.random.default_rng(0).standard_normal((2_000, 1))
    times = np.random.default_rng(1).integers(1, 4, 2_000)

    found = weighted_quantile(values, times / times.sum(), 0.3)[0]

    repeated = np.repeat(values[:, 0], times)
    low, high = np.quantile(repeated, [0.3 - 3e-3, 0.3 + 3e-3])
    assert low <= found <= high


def test_a_conflict_is_where_the_readout_falls() -> None:
    effect = np.random.default_rng(0).normal(1.0, 0.3, (100_000, 1))
    evidence = linear_test(3.2, 0.5)

    found = find_conflict(evidence, expected_lifts(evidence, linear_of(effect)))

    spread = np.hypot(0.6, 0.5)
    position = stats.norm.cdf(1.2 / spread)
    slack = 5 * 0.5 / np.sqrt(100_000)
    assert abs(found.position[0] - position) < slack
    assert abs(found.p_value[0] - 2 * (1 - position)) < 2 * slack
    assert abs(found.together - 2 * (1 - position)) < 4 * slack


def test_a_conflict_is_never_certain() -> None:
    evidence = linear_test(1e6, 0.1)

    found = find_conflict(evidence, np.zeros((99, 1)))

    assert found.p_value[0] == found.together == pytest.approx(0.01)


def test_conflicts_are_rare_where_the_model_is_right() -> None:
    rng = np.random.default_rng(0)
    effect = rng.normal(1.0, 0.3, (2_000, 1))
    truths = rng.normal(1.0, 0.3, 400)
    seen = 2 * truths + 0.5 * rng.standard_normal(400)

    lifts = expected_lifts(linear_test(0.0, 0.5), linear_of(effect))
    chances = [find_conflict(linear_test(lift, 0.5), lifts).p_value[0] for lift in seen]

    assert stats.kstest(chances, "uniform").pvalue > 1e-4  # one seed in ten thousand fails


def confounded(effects: Array) -> tuple[Array, Array]:
    """Two years in which demand moves both spending and sales: truth is 1.0 per unit.

    Gives the spending and the log likelihood of effects under a regression that knows no demand.
    """
    rng = np.random.default_rng(4)
    demand = rng.standard_normal(104)
    spending = 3 + 0.8 * demand + 0.6 * rng.standard_normal(104)
    sales = 10 + 1.0 * spending + 1.2 * demand + 0.5 * rng.standard_normal(104)
    x, y = spending - spending.mean(), sales - sales.mean()
    left = y[None, :] - effects[:, None] * x
    sigma2 = (left**2).sum(axis=1).min() / 102
    return spending, -(left**2).sum(axis=1) / (2 * sigma2)


def test_truthful_experiments_mend_a_confounded_world() -> None:
    effects = np.linspace(-1.0, 5.0, 20_001)
    spending, observational = confounded(effects)
    change = np.full((6, 1), -1.0)
    tests = [
        Experiment(
            name=f"cut {start}",
            start=start,
            change=change,
            readouts=(Readout(start=start, stop=start + 6, lift=-6.0, sd=0.3),),
            grade="randomized",
            is_in_panel=False,
        )
        for start in (20, 50, 80)
    ]
    evidence = gather(tests, np.maximum(spending, 1.0)[:, None], 0)
    lifts = expected_lifts(evidence, linear_of(effects[:, None]))

    def mean(log_density: Array) -> float:
        weight = np.exp(log_density - log_density.max())
        return float(weight @ effects / weight.sum())

    before = mean(observational)
    after = mean(observational + log_likelihood(evidence, lifts))

    assert before > 1.6
    assert abs(after - 1.0) < 0.25 * (before - 1.0)
    chosen = np.random.default_rng(0).choice(
        20_001, 4_000, p=np.exp(observational - np.logaddexp.reduce(observational))
    )
    assert find_conflict(evidence, lifts[chosen]).p_value.max() < 0.01
    assert not reweigh(log_likelihood(evidence, lifts[chosen])).is_trusted
