"""What budgets bring, against the model itself, finite differences and other definitions."""

from typing import Literal

import numpy as np
import pytest

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.media_outlook import (
    Aim,
    Average,
    Quantile,
    Shortfall,
    Valued,
    look_ahead,
    rank_weights,
)
from pymc_vibes.stats.media_response import Link
from pymc_vibes.stats.media_transforms import respond
from tests.stats.budget_worlds import LAGS, PERIODS, outlook_of, response_of, spending_of


@pytest.mark.parametrize("link", ["identity", "log"])
def test_an_outlook_is_the_model_with_and_without_the_budget(link: Link) -> None:
    response = response_of(7, 3, saturation="hill", link=link)
    outlook, budget = outlook_of(response), np.array([500.0, 700.0, 300.0])

    found = outlook.outcome(budget)

    after = np.zeros((LAGS, 3))
    past = spending_of(3)[-LAGS:] / 100
    with_it = np.concatenate([past, np.tile(budget / PERIODS / 100, (PERIODS, 1)), after])
    without = np.concatenate([past, np.zeros((PERIODS, 3)), after])
    terms = [
        respond(response.spec, path, response.params).sum(axis=2) for path in (with_it, without)
    ]
    mu = 1 + 0.1 * np.random.default_rng(3).standard_normal((7, PERIODS + LAGS))
    levels = terms if link == "identity" else [np.exp(mu + term) for term in terms]
    known = 50.0 * (levels[0] - levels[1]).sum(axis=1)
    np.testing.assert_allclose(found, known, rtol=1e-10)
    np.testing.assert_allclose(outlook.with_slopes(budget)[0], known, rtol=1e-10)


@pytest.mark.parametrize("link", ["identity", "log"])
@pytest.mark.parametrize("saturation", ["hill", "logistic", "michaelis-menten"])
@pytest.mark.parametrize("aim", [Average(), Quantile(0.2), Shortfall(0.3)])
def test_gradients_are_those_of_finite_differences(
    saturation: Literal["hill", "logistic", "michaelis-menten"], link: Link, aim: Aim
) -> None:
    valued = Valued(
        outlook=outlook_of(response_of(50, 3, saturation=saturation, link=link)), aim=aim
    )
    budget, step = np.array([500.0, 700.0, 300.0]), 1e-3

    gradient = valued(budget)[1]

    steps = step * np.eye(3)
    known = [(valued(budget + way)[0] - valued(budget - way)[0]) / (2 * step) for way in steps]
    np.testing.assert_allclose(gradient, known, rtol=1e-6)


@pytest.mark.parametrize("saturation", ["hill", "logistic", "michaelis-menten", "none"])
def test_the_slope_of_saturation_is_that_of_finite_differences(
    saturation: Literal["hill", "logistic", "michaelis-menten", "none"],
) -> None:
    response = response_of(4, 3, saturation=saturation)
    exposure = np.random.default_rng(0).uniform(0.1, 2.0, (4, 5, 3))

    value, slope = response.tangent(exposure)

    step = 1e-5
    sides = [response.tangent(exposure + way)[0] for way in (step, -step)]
    np.testing.assert_allclose(slope, (sides[0] - sides[1]) / (2 * step), rtol=1e-6)
    np.testing.assert_allclose(
        value * response.effect[:, None, :], response.media(exposure), rtol=1e-12
    )


@pytest.mark.parametrize("steepness", [0.5, 1.0, 3.0])
def test_nothing_is_worth_nothing_and_its_slope_is_finite(steepness: float) -> None:
    response = response_of(4, 3, saturation="hill", steepness=steepness)

    value, slope = response.tangent(np.zeros((4, 5, 3)))

    assert (value == 0).all()
    assert np.isfinite(slope).all()


def test_a_log_link_needs_the_rest_of_the_model() -> None:
    with pytest.raises(ValueError, match="mu is needed"):
        look_ahead(
            response_of(5, 2, link="log"),
            history=np.zeros((1, 2)),
            pattern=np.ones((1, 2)),
            activity_per_money=np.ones(2),
        )


def test_draws_may_be_computed_in_any_number_of_blocks() -> None:
    response = response_of(5_000, 2)
    outlook, budget = outlook_of(response), np.array([500.0, 700.0])

    whole = outlook.outcome(budget)

    first, last = outlook.take(range(10)), outlook.take(range(4_990, 5_000))
    np.testing.assert_allclose(whole[:10], first.outcome(budget), rtol=1e-12)
    np.testing.assert_allclose(whole[-10:], last.outcome(budget), rtol=1e-12)


def test_quantiles_are_those_of_harrell_and_davis() -> None:
    from scipy.stats.mstats import hdquantiles

    values = np.random.default_rng(0).standard_normal(300)

    found = rank_weights(Quantile(0.1), 300) @ np.sort(values)

    assert found == pytest.approx(float(hdquantiles(values, [0.1])[0]), rel=1e-10)


def test_a_shortfall_is_the_mean_of_the_worst() -> None:
    weights = rank_weights(Shortfall(0.25), 10)

    np.testing.assert_allclose(weights, [0.4, 0.4, 0.2, *[0.0] * 7], atol=1e-15)


def test_an_average_weighs_all_draws_alike() -> None:
    np.testing.assert_allclose(rank_weights(Average(), 4), 0.25)


def test_a_level_is_a_share() -> None:
    with pytest.raises(BadConfig, match="between 0 and 1"):
        rank_weights(Quantile(1.0), 4)


def test_a_model_without_saturation_is_refused() -> None:
    with pytest.raises(BadConfig, match="without saturation"):
        outlook_of(response_of(5, 2, saturation="none"))


def test_shares_of_a_pattern_must_sum_to_one() -> None:
    with pytest.raises(BadConfig, match="sum to 1"):
        look_ahead(
            response_of(5, 2),
            history=np.zeros((1, 2)),
            pattern=np.ones((3, 2)),
            activity_per_money=np.ones(2),
        )
