"""Intervals of count regressions over many simulated worlds."""

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.stats.latent_counts import CountPrior, CountSeries, regress_counts
from tests.stats.count_worlds import STEP, Truth, columns, from_prior, series

PRIOR = CountPrior(np.array([0.8, 0.8]), center=np.array([1.0, 0.0]))
DAYS = 30
LEVEL = np.array([[1.0, 0.0]])


def ranks(worlds: int, seed: int) -> np.ndarray:
    """Give where the truth lies in its posterior: level and step of each world."""
    rng = np.random.default_rng(seed)
    x = columns(DAYS)
    found = []
    while len(found) < worlds:
        truth = from_prior(PRIOR, rng)
        data = series(truth, x, rng)
        if data.count.any():  # without events there is no answer; one world in thousands
            posterior = regress_counts(data, PRIOR)
            both = posterior.functional(np.vstack([LEVEL, STEP]))
            found.append(both.below(truth.b))
    return np.array(found)


def false_alarms(worlds: int, phi: float, *, days: int = 60) -> int:
    """Count the worlds without an effect whose 95 % interval leaves 0 out."""
    prior = CountPrior(np.array([5.0, 1.0]), center=np.array([1.5, 0.0]))
    alarms = 0
    for seed in range(worlds):
        rng = np.random.default_rng([seed, int(10 * phi)])
        data: CountSeries = series(Truth(np.array([1.5, 0.0]), phi, 0.4, 0.0), columns(days), rng)
        low, high = regress_counts(data, prior).functional(STEP).interval(0.95)
        alarms += bool(low[0] > 0 or high[0] < 0)
    return alarms


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    worlds = 200
    inside = (np.abs(ranks(worlds, 1) - 0.5) < 0.45).sum(axis=0)

    low, high = stats.binom.ppf([0.0005, 0.9995], worlds, 0.9)  # one in 500 for two coefficients
    assert ((low <= inside) & (inside <= high)).all()


def test_correlated_counts_raise_no_alarm() -> None:
    worlds = 100

    assert false_alarms(worlds, 0.5) <= stats.binom.ppf(0.999, worlds, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_the_truth_lies_anywhere_in_its_posterior(seed: int) -> None:
    for coefficient in ranks(500, seed).T:  # 2 000 worlds in all, eight tests: one alarm in 1 000
        assert stats.kstest(coefficient, "uniform").pvalue > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.4, 0.8])
def test_correlated_counts_raise_few_alarms(phi: float) -> None:
    worlds = 600

    assert false_alarms(worlds, phi, days=90) <= stats.binom.ppf(0.999, worlds, 0.05)
