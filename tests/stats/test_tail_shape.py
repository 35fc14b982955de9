"""Smoothed importance weights against another implementation and known tails."""

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.stats.tail_shape import smooth


@pytest.mark.parametrize("freedom", [1.0, 2.0, 5.0, 50.0])
def test_it_smooths_as_arviz_does(freedom: float) -> None:
    from arviz_stats.base import array_stats

    log_weight = np.log(np.abs(np.random.default_rng(0).standard_t(freedom, 4_000)))

    smoothed, shape = smooth(log_weight)

    known, known_shape = array_stats.psislw(-log_weight)  # it takes logs of 1 / weight
    assert shape == pytest.approx(known_shape, rel=1e-9)
    np.testing.assert_allclose(smoothed - np.log(np.exp(smoothed).sum()), known, atol=1e-9)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_the_shape_of_a_pareto_tail_is_found(shape: float) -> None:
    weight = stats.genpareto(shape).rvs(40_000, random_state=np.random.default_rng(1))

    found = smooth(np.log(weight))[1]

    tail = 3 * np.sqrt(40_000)
    assert abs(found - shape) < 5 * (1 + shape) / np.sqrt(tail)


def test_equal_weights_have_no_tail() -> None:
    smoothed, shape = smooth(np.full(100, -3.0))

    assert shape == -np.inf
    assert (smoothed == 0).all()


def test_a_handful_of_weights_says_nothing() -> None:
    smoothed, shape = smooth(np.array([0.0, -1.0, -2.0]))

    assert shape == -np.inf
    assert list(smoothed) == [0.0, -1.0, -2.0]
