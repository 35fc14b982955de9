"""Mixtures of Student-t against one component, draws and their own definitions."""

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.stats.student import StudentMixture, stacked

ONE = StudentMixture(np.array([7.0]), np.array([[1.0]]), np.array([[2.0]]), np.array([[3.0]]))
TWO = StudentMixture(
    np.array([9.0]), np.array([[0.3, 0.7]]), np.array([[-1.0, 2.0]]), np.array([[0.5, 1.5]])
)


def test_one_component_is_a_student_t() -> None:
    known = stats.t(7, 2, 3)

    assert ONE.mean()[0] == pytest.approx(known.mean())
    assert ONE.sd()[0] == pytest.approx(known.std())
    assert ONE.quantile(0.01)[0] == pytest.approx(known.ppf(0.01))
    assert ONE.above(40.0)[0] == pytest.approx(known.sf(40.0))
    np.testing.assert_allclose(ONE.pdf(0, np.array([0.0, 5.0])), known.pdf([0.0, 5.0]))
    assert ONE.hdi(0.9)[0][0] == pytest.approx(known.ppf(0.05), abs=1e-3)
    assert ONE.parameters()["scale"][0] == pytest.approx(3.0)


@pytest.mark.parametrize("q", [1e-6, 0.025, 0.5, 0.999])
def test_quantile_and_probability_are_inverse(q: float) -> None:
    assert TWO.below(TWO.quantile(q))[0] == pytest.approx(q, rel=1e-6)
    assert TWO.cdf(0, TWO.quantile(q))[0] == pytest.approx(q, rel=1e-6)


def test_the_shortest_interval_is_shorter_and_holds_as_much() -> None:
    low, high = TWO.hdi(0.9)
    start, stop = TWO.interval(0.9)

    assert (TWO.below(high) - TWO.below(low))[0] == pytest.approx(0.9, abs=1e-8)
    assert (high - low)[0] <= (stop - start)[0]


def test_draws_have_the_mean_of_the_mixture() -> None:
    draws = TWO.sample(0, 20_000, np.random.default_rng(2))

    assert abs(draws.mean() - TWO.mean()[0]) < 5 * TWO.sd()[0] / np.sqrt(20_000)


def test_the_density_adds_up_to_one() -> None:
    x, y = TWO.density(0, points=801)

    assert np.trapezoid(y, x) == pytest.approx(0.998, abs=1e-3)


def test_mixtures_of_different_length_stack() -> None:
    both = stacked([ONE, TWO])

    np.testing.assert_allclose(both.mean(), [ONE.mean()[0], TWO.mean()[0]])
    np.testing.assert_allclose(both.quantile(0.9), [ONE.quantile(0.9)[0], TWO.quantile(0.9)[0]])


def test_light_components_hardly_matter() -> None:
    many = StudentMixture(
        np.array([9.0]), np.array([[0.9995, 0.0005]]), np.array([[0.0, 1.0]]), np.ones((1, 2))
    )

    light = many.light()

    assert light.loc.shape == (1, 1)
    assert abs(light.quantile(0.9) - many.quantile(0.9))[0] < 0.01
