"""Adstock and saturation against slow loops, and the laws they owe."""

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pymc_vibes.stats.media_transforms import (
    ADSTOCK_PARAMETERS,
    SATURATION_PARAMETERS,
    Adstock,
    MediaSpec,
    Saturation,
    carried,
    fourier,
    lag_weights,
    media_scale,
    respond,
    saturated,
    trend,
    with_carry_in,
    z_scores,
)
from pymc_vibes.stats.special import Array

SPECS = [
    MediaSpec(adstock=adstock, saturation=saturation, max_lag=5, normalized=normalized)
    for adstock in ADSTOCK_PARAMETERS
    for saturation in SATURATION_PARAMETERS
    for normalized in (True, False)
]


def some_params(draws: int, channels: int, seed: int = 1) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    size = (draws, channels)
    return {
        "decay": rng.uniform(0.05, 0.9, size),
        "peak": rng.uniform(0.0, 3.0, size),
        "shape": rng.uniform(0.6, 3.0, size),
        "spread": rng.uniform(1.0, 4.0, size),
        "half": rng.uniform(0.2, 1.5, size),
        "slope": rng.uniform(0.7, 2.5, size),
        "effect": rng.uniform(0.1, 1.0, size),
    }


def some_activity(rows: int, channels: int, seed: int = 2) -> Array:
    rng = np.random.default_rng(seed)
    return rng.gamma(1.0, 0.4, (rows, channels)) * (rng.random((rows, channels)) < 0.7)


def slow_weight(adstock: Adstock, lag: int, one: dict[str, float]) -> float:
    if adstock == "geometric":
        return float(one["decay"] ** lag)
    if adstock == "delayed":
        return float(one["decay"] ** ((lag - one["peak"]) ** 2))
    if adstock == "weibull":
        shape, spread = one["shape"], one["spread"]
        # scipy's density, but for its constant
        return float(stats.weibull_min.pdf(lag + 1, shape, scale=spread) * spread / shape)
    return float(lag == 0)


def slow_saturation(saturation: Saturation, x: float, one: dict[str, float]) -> float:
    if saturation == "hill":
        return float(x ** one["slope"] / (one["half"] ** one["slope"] + x ** one["slope"]))
    if saturation == "logistic":
        rate = np.log(3) / one["half"]
        return (1 - exp(-rate * x)) / (1 + exp(-rate * x))
    if saturation == "michaelis-menten":
        return x / (one["half"] + x)
    return x


def slow_response(spec: MediaSpec, activity: Array, params: dict[str, Array]) -> Array:
    draws, channels = params["effect"].shape
    periods = len(activity) - spec.lags
    found = np.zeros((draws, periods, channels))
    for s, t, c in np.ndindex(found.shape):
        one = {name: float(values[s, c]) for name, values in params.items()}
        weights = [slow_weight(spec.adstock, lag, one) for lag in range(spec.lags + 1)]
        total = sum(weights) if spec.normalized else 1.0
        amount = sum(
            weight / total * activity[t + spec.lags - lag, c] for lag, weight in enumerate(weights)
        )
        found[s, t, c] = one["effect"] * slow_saturation(spec.saturation, amount, one)
    return found


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_response_is_that_of_a_slow_loop(spec: MediaSpec) -> None:
    activity, params = some_activity(20, 3), some_params(4, 3)

    found = respond(spec, activity, params)

    np.testing.assert_allclose(found, slow_response(spec, activity, params), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_no_activity_is_exactly_no_effect(spec: MediaSpec) -> None:
    activity, params = some_activity(20, 3), some_params(4, 3)
    activity[:, 1] = 0.0

    found = respond(spec, activity, params)

    assert np.all(found[:, :, 1] == 0.0)
    assert np.all(respond(spec, np.zeros((9, 3)), params) == 0.0)


@given(steps=st.integers(0, 30), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_later_activity_has_the_same_effect_later(steps: int, seed: int) -> None:
    params = some_params(2, 2, seed)
    for spec in SPECS:
        pulse = np.zeros((60 + spec.lags, 2))
        pulse[spec.lags : spec.lags + 10] = some_activity(10, 2, seed)

        here, there = (respond(spec, np.roll(pulse, by, axis=0), params) for by in (0, steps))

        np.testing.assert_allclose(there[:, steps:], here[:, : 60 - steps], rtol=1e-12, atol=1e-15)


@given(factor=st.floats(1e-3, 1e6), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_unit_of_activity_does_not_matter(factor: float, seed: int) -> None:
    activity, params = some_activity(25, 2, seed), some_params(2, 2, seed)
    for spec in SPECS:
        other = respond(spec, factor * activity / media_scale(factor * activity), params)

        known = respond(spec, activity / media_scale(activity), params)
        np.testing.assert_allclose(other, known, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("saturation", ["hill", "logistic", "michaelis-menten"])
def test_half_is_where_half_is_reached_and_more_never_gives_less(saturation: Saturation) -> None:
    spec, params = MediaSpec(saturation=saturation), some_params(3, 2)

    at_half = saturated(spec, params["half"][:, None, :], params)
    rising = saturated(spec, np.linspace(0, 50, 400)[None, :, None], params)

    np.testing.assert_allclose(at_half, 0.5, rtol=1e-12)
    assert np.all(np.diff(rising, axis=1) >= 0)
    assert np.all((rising >= 0) & (rising <= 1))


@pytest.mark.parametrize("adstock", ADSTOCK_PARAMETERS)
def test_normalized_adstock_keeps_the_total(adstock: Adstock) -> None:
    spec = MediaSpec(adstock=adstock, max_lag=6)
    pulse = np.zeros((40, 2))
    pulse[10] = [3.0, 5.0]

    found = carried(spec, pulse, some_params(3, 2))

    np.testing.assert_allclose(found.sum(1), np.broadcast_to([3.0, 5.0], (3, 2)), rtol=1e-12)


def test_truncated_geometric_weights_are_powers() -> None:
    spec = MediaSpec(max_lag=13, normalized=False)

    weights = lag_weights(spec, {"decay": np.array([[0.5]])})

    np.testing.assert_array_equal(weights[0, 0], 0.5 ** np.arange(14.0))


@pytest.mark.parametrize(
    ("adstock", "extreme", "at"),
    [
        ("weibull", {"shape": 2.0, "spread": 1e-6}, 0),
        ("weibull", {"shape": 8.0, "spread": 1e-60}, 0),
        ("weibull", {"shape": 40.0, "spread": 90.0}, 6),
        ("delayed", {"decay": 1e-200, "peak": 2.4}, 2),
        ("delayed", {"decay": 0.1, "peak": 80.0}, 6),
        ("delayed", {"decay": 0.0, "peak": 3.0}, 3),
        ("geometric", {"decay": 0.0}, 0),
    ],
)
def test_carry_over_that_is_all_at_one_lag_is_still_weights(
    adstock: Adstock, extreme: dict[str, float], at: int
) -> None:
    spec = MediaSpec(adstock=adstock, max_lag=6)

    weights = lag_weights(spec, {n: np.array([[value]]) for n, value in extreme.items()})[0, 0]

    assert weights[at] > 0.99
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)


def test_rows_before_the_window_carry_in() -> None:
    spec, params = MediaSpec(max_lag=4), some_params(2, 2)
    whole = some_activity(30, 2)

    later = respond(spec, with_carry_in(whole[:20], whole[20:], 4), params)

    np.testing.assert_allclose(later, respond(spec, whole, params)[:, -10:], rtol=1e-12)
    assert np.all(with_carry_in(whole[:1], whole[20:], 4)[:3] == 0)
    assert len(with_carry_in(whole[:0], whole[20:], 4)) == 14


def test_activity_that_is_all_carry_in_is_refused() -> None:
    with pytest.raises(ValueError, match="carry-in"):
        respond(MediaSpec(max_lag=8), np.ones((8, 1)), some_params(1, 1))


def test_columns_are_standardized_and_rows_to_come_alike() -> None:
    rng = np.random.default_rng(3)
    columns = np.column_stack([rng.normal(7, 2, 50), np.full(50, 0.1)])

    scores, scaler = z_scores(columns)

    np.testing.assert_allclose(scores.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scores[:, 0].std(), 1, rtol=1e-12)
    assert np.all(scores[:, 1] == 0)
    np.testing.assert_allclose(scaler.scaled(columns[:5])[:, 0], scores[:5, 0], rtol=1e-12)


def test_seasons_repeat_and_harmonics_are_orthogonal() -> None:
    columns = fourier(np.arange(104.0), 52.0, 2)

    np.testing.assert_allclose(columns[:52], columns[52:], atol=1e-12)
    np.testing.assert_allclose(columns.T @ columns, 52 * np.eye(4), atol=1e-10)
    assert trend(5).ravel().tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert media_scale(np.array([[0.0, 2.0], [0.0, 5.0]])).tolist() == [1.0, 5.0]
