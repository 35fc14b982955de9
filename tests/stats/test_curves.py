"""Posteriors known by a table of densities: against the normal distribution they tabulate."""

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.stats.curves import Curves

LOC, SCALE = np.array([2.0, -1.0]), np.array([0.5, 3.0])


@pytest.fixture
def curves() -> Curves:
    x = LOC[:, None] + SCALE[:, None] * np.linspace(-9, 9, 601)
    height = 7 * stats.norm.pdf(x, LOC[:, None], SCALE[:, None])
    return Curves(x, height, LOC, SCALE)


@pytest.mark.parametrize("q", [0.001, 0.025, 0.5, 0.9, 0.999])
def test_quantiles_are_those_of_the_table(curves: Curves, q: float) -> None:
    np.testing.assert_allclose(
        (curves.quantile(q) - LOC) / SCALE, stats.norm.ppf(q), atol=5e-4, rtol=0
    )


@pytest.mark.parametrize("x", [-2.0, 0.0, 1.7])
def test_chances_are_those_of_the_table(curves: Curves, x: float) -> None:
    np.testing.assert_allclose(curves.below(x), stats.norm.cdf(x, LOC, SCALE), atol=1e-4)
    np.testing.assert_allclose(curves.above(x) + curves.below(x), 1.0)


def test_chances_and_quantiles_undo_each_other(curves: Curves) -> None:
    for q in (0.01, 0.3, 0.97):
        np.testing.assert_allclose(curves.below(curves.quantile(q)), q, atol=1e-9)


def test_the_shortest_interval_of_a_symmetric_curve_is_the_equal_tailed_one(
    curves: Curves,
) -> None:
    short, central = curves.hdi(0.9), curves.interval(0.9)

    for one, other in zip(short, central, strict=True):
        np.testing.assert_allclose((one - other) / SCALE, 0.0, atol=0.03)


def test_the_density_has_mass_one(curves: Curves) -> None:
    for index in range(2):
        x, y = curves.density(index)
        assert np.trapezoid(y, x) == pytest.approx(0.998, abs=1e-3)


def test_draws_are_those_of_the_table(curves: Curves) -> None:
    draws = curves.sample(1, 20_000, np.random.default_rng(1))

    assert stats.kstest(draws, stats.norm(-1.0, 3.0).cdf).pvalue > 1e-5


def test_outside_the_table_nothing_is_left(curves: Curves) -> None:
    assert curves.pdf(0, np.array([-100.0, 100.0])).tolist() == [0.0, 0.0]
    assert curves.cdf(0, np.array([-100.0, 100.0])) == pytest.approx([0.0, 1.0])


def test_labels_are_taken_in_order(curves: Curves) -> None:
    assert curves.take([1, 0]).mean().tolist() == [-1.0, 2.0]
