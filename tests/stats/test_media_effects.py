"""Contributions, returns and curves against slow counterfactuals, and the sums they owe."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate

from pymc_vibes.stats.media_effects import (
    Link,
    MediaDraws,
    Noise,
    Window,
    contributions,
    divided,
    marginal_returns,
    predicted,
    response_curve,
    returns,
    window_gain,
)
from pymc_vibes.stats.media_transforms import MediaSpec
from pymc_vibes.stats.special import Array

SPEC = MediaSpec(adstock="geometric", saturation="hill", max_lag=5)
KINDS: list[tuple[Link, Noise]] = [
    ("identity", "student"),
    ("log", "lognormal"),
    ("log", "log-student"),
    ("log", "normal"),
]


def some_draws(
    link: Link, noise: Noise, *, draws: int = 7, periods: int = 40, spec: MediaSpec = SPEC
) -> MediaDraws:
    rng = np.random.default_rng(4)
    size = (draws, 3)
    return MediaDraws(
        spec=spec,
        link=link,
        noise=noise,
        channels=("tv", "radio", "web"),
        scale=np.array([200.0, 3.0, 0.5]),
        params={
            "decay": rng.uniform(0.1, 0.8, size),
            "half": rng.uniform(0.2, 0.9, size),
            "slope": rng.uniform(0.8, 2.0, size),
            "effect": rng.uniform(0.05, 0.5, size),
        },
        baseline=0.2 * rng.standard_normal((draws, periods)) + (link == "identity"),
        sigma=rng.uniform(0.05, 0.2, draws),
        nu=rng.uniform(3, 30, draws) if "student" in noise else None,
        unit=1000.0,
        offset=1.0 if noise == "log-student" else 0.0,
    )


def some_activity(draws: MediaDraws, seed: int = 5) -> Array:
    rng = np.random.default_rng(seed)
    rows = draws.baseline.shape[1] + draws.spec.lags
    return draws.scale * rng.random((rows, 3)) * (rng.random((rows, 3)) < 0.8)


def sales(draws: MediaDraws, activity: Array) -> Array:
    """Write out expected sales as the model says them."""
    mu = draws.baseline + draws.terms(activity).sum(2)
    factor = np.exp(draws.sigma**2 / 2)[:, None] if draws.noise == "lognormal" else 1.0
    return draws.unit * factor * (np.exp(mu) if draws.link == "log" else mu) - draws.offset


@pytest.mark.parametrize(("link", "noise"), KINDS)
def test_what_is_lost_is_the_difference_to_a_world_without_the_channel(
    link: Link, noise: Noise
) -> None:
    draws = some_draws(link, noise)
    activity = some_activity(draws)

    found = contributions(draws, draws.terms(activity))

    np.testing.assert_allclose(found.fitted, sales(draws, activity), rtol=1e-12)
    for channel in range(3):
        without = activity * (np.arange(3) != channel)
        lost = sales(draws, activity) - sales(draws, without)
        np.testing.assert_allclose(found.lost[:, :, channel], lost, atol=1e-9)
    jointly = sales(draws, activity) - sales(draws, 0 * activity)
    np.testing.assert_allclose(found.lost_jointly, jointly, atol=1e-9)


@pytest.mark.parametrize(("link", "noise"), KINDS)
def test_parts_and_rest_add_up_to_sales_in_every_draw(link: Link, noise: Noise) -> None:
    draws = some_draws(link, noise)

    found = contributions(draws, draws.terms(some_activity(draws)))

    total = found.parts.sum(2) + found.rest
    assert np.max(np.abs(total - found.fitted) / np.abs(found.fitted)) < 1e-12
    assert np.max(np.abs((total - found.fitted).sum(1))) < 1e-9


@pytest.mark.parametrize(("link", "noise"), KINDS)
def test_parts_of_anything_add_up_from_a_reference(link: Link, noise: Noise) -> None:
    draws = some_draws(link, noise)
    rng = np.random.default_rng(1)
    season = 0.3 * rng.standard_normal((*draws.baseline.shape, 2))
    terms = np.concatenate([draws.terms(some_activity(draws)), season], axis=2)

    parts = divided(draws, draws.baseline, terms)

    beyond = draws.sales(draws.baseline + terms.sum(2)) - draws.sales(draws.baseline)
    np.testing.assert_allclose(parts.sum(2), beyond, atol=1e-9)


def test_only_a_multiplicative_model_counts_twice() -> None:
    for link, noise in KINDS:
        draws = some_draws(link, noise)
        found = contributions(draws, draws.terms(some_activity(draws)))

        overlap = found.overlap.sum(1) / found.lost_jointly.sum(1)

        assert np.all(overlap > 0.01) if link == "log" else np.max(np.abs(overlap)) < 1e-12


def test_parts_are_those_along_the_straight_path() -> None:
    draws = some_draws("log", "lognormal", draws=1, periods=1)
    terms = draws.terms(some_activity(draws))
    parts = contributions(draws, terms).parts[0, 0]

    def slope(along: float) -> float:
        return float(draws.sales(draws.baseline + along * terms.sum(2))[0, 0])

    total, _ = integrate.quad(slope, 0, 1, epsabs=1e-10, epsrel=1e-12)
    np.testing.assert_allclose(parts, terms[0, 0] * total, rtol=1e-10)


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-8, 9.9e-5, 1.01e-4, -1e-6])
def test_parts_of_tiny_terms_are_exact(size: float) -> None:
    draws = some_draws("log", "log-student")
    terms = np.full((7, 40, 3), size / 3)

    parts = contributions(draws, terms).parts

    expected = draws.unit * np.exp(draws.baseline) * np.expm1(size)
    np.testing.assert_allclose(parts.sum(2), expected, rtol=1e-13)


@pytest.mark.parametrize(("link", "noise"), KINDS)
def test_a_silent_channel_did_exactly_nothing(link: Link, noise: Noise) -> None:
    draws = some_draws(link, noise)
    activity = some_activity(draws) * [1, 0, 1]

    found = contributions(draws, draws.terms(activity))

    assert np.all(found.lost[:, :, 1] == 0)
    assert np.all(found.parts[:, :, 1] == 0)


@pytest.mark.parametrize(("link", "noise"), KINDS)
@pytest.mark.parametrize("factor", [0.0, 1.01])
def test_a_window_is_the_difference_of_two_worlds_with_what_comes_after(
    link: Link, noise: Noise, factor: float
) -> None:
    draws = some_draws(link, noise)
    activity = some_activity(draws)
    other = activity.copy()
    other[5 + 10 : 5 + 20, 1] *= factor

    found = window_gain(draws, Window(activity=activity, start=10, stop=20), 1, factor=factor)

    known = (sales(draws, activity) - sales(draws, other)).sum(1)
    np.testing.assert_allclose(found, known, rtol=1e-7)


def test_carry_over_beyond_the_last_period_counts() -> None:
    spec = MediaSpec(adstock="geometric", saturation="none", max_lag=5)
    draws = some_draws("identity", "normal", spec=spec)
    activity = some_activity(draws)

    found = window_gain(draws, Window(activity=activity, start=38, stop=40), 0)

    # linear and normalized: a unit of activity brings its coefficient in the end, wherever it is
    scaled = activity[5 + 38 :, 0].sum() / draws.scale[0]
    np.testing.assert_allclose(found, draws.unit * draws.params["effect"][:, 0] * scaled)


def test_life_goes_on_as_usual_beyond_the_last_period() -> None:
    draws = some_draws("log", "lognormal")
    longer = replace(
        draws,
        baseline=np.concatenate(
            [draws.baseline, np.repeat(draws.baseline.mean(1, keepdims=True), 5, axis=1)], axis=1
        ),
    )
    activity = some_activity(draws)
    usual = np.repeat(activity[5:].mean(0, keepdims=True), 5, axis=0)
    onward = np.concatenate([activity, usual])

    found = window_gain(draws, Window(activity=activity, start=30, stop=40), 2)

    known = window_gain(longer, Window(activity=onward, start=30, stop=40), 2)
    np.testing.assert_allclose(found, known, rtol=1e-12)


def test_returns_of_a_linear_model_are_its_coefficients() -> None:
    spec = MediaSpec(adstock="geometric", saturation="none", max_lag=5)
    draws = some_draws("identity", "normal", spec=spec)
    activity = some_activity(draws)
    price = np.array([2.0, 50.0, 0.0])
    window = Window(activity=activity, start=12, stop=31)
    spend = price * activity[5 + 12 : 5 + 31].sum(0)

    found, marginal = returns(draws, window, spend), marginal_returns(draws, window, spend)

    expected = draws.unit * draws.params["effect"] / draws.scale / np.array([2.0, 50.0, 1.0])
    np.testing.assert_allclose(found[:, :2], expected[:, :2], rtol=1e-10)
    np.testing.assert_allclose(marginal[:, :2], expected[:, :2], rtol=1e-8)
    assert np.all(np.isnan(found[:, 2]))


def test_the_unit_of_money_only_changes_returns() -> None:
    draws = some_draws("log", "lognormal")
    activity = some_activity(draws)
    window = Window(activity=activity, start=0, stop=40)
    in_cents = replace(draws, unit=100 * draws.unit, scale=100 * draws.scale)

    found = returns(draws, window, np.ones(3))

    other = returns(in_cents, replace(window, activity=100 * activity), 100 * np.ones(3))
    np.testing.assert_allclose(found, other, rtol=1e-12)


@pytest.mark.parametrize("stop", [5, 41])
def test_a_window_outside_of_the_periods_is_refused(stop: int) -> None:
    draws = some_draws("identity", "normal")

    with pytest.raises(ValueError, match="40 periods"):
        window_gain(draws, Window(activity=some_activity(draws), start=5, stop=stop), 0)


@pytest.mark.parametrize(("link", "noise"), KINDS)
def test_curves_are_steady_states_and_their_slopes(link: Link, noise: Noise) -> None:
    draws = some_draws(link, noise)
    activity, at = some_activity(draws), np.array([0.0, 50.0, 120.0, 400.0])

    curve = response_curve(draws, activity, 0, at=at)

    others = activity * [0, 1, 1]
    for point, amount in enumerate(at):
        constant = np.where([True, False, False], amount, activity)
        known = (sales(draws, constant) - sales(draws, others)).mean(1)
        np.testing.assert_allclose(curve.gain[:, point], known, rtol=1e-9, atol=1e-9)
    near = response_curve(draws, activity, 0, at=at + 1e-3).gain
    slopes = (near - curve.gain)[:, 1:] / 1e-3
    np.testing.assert_allclose(curve.slope[:, 1:], slopes, rtol=1e-3)
    assert curve.observed == (activity[5:, 0].min(), activity[5:, 0].max())


@pytest.mark.parametrize(("link", "noise"), KINDS)
def test_predicted_sales_are_spread_around_what_is_fitted(link: Link, noise: Noise) -> None:
    draws = some_draws(link, noise)
    one = replace(
        draws,
        sigma=np.full(20_000, 0.1),
        nu=None if draws.nu is None else np.full(20_000, 5.0),
    )

    seen = predicted(one, np.full((20_000, 1), 0.3), np.random.default_rng(2))[:, 0]

    fitted = one.sales(np.full((20_000, 1), 0.3))[0, 0]
    center = np.median(seen) if one.is_median else seen.mean()
    # a median of 20 000 draws varies by 1.25 times what their mean does
    assert abs(center - fitted) < 1.25 * 5 * seen.std() / np.sqrt(20_000)
