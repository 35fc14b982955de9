"""Lifts against the model itself, and their likelihood against SciPy and PyTensor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.media_effects import Link, MediaDraws
from pymc_vibes.stats.media_experiments import (
    Experiment,
    Grade,
    Readout,
    expected_lifts,
    gather,
    graph_data,
    graph_log_density,
    log_likelihood,
)
from pymc_vibes.stats.media_response import MediaResponse, expected_log
from pymc_vibes.stats.media_transforms import respond
from tests.stats.experiment_worlds import (
    LAGS,
    activity_of,
    cut,
    linear_test,
    mu_of,
    response_of,
)

type Array = NDArray[np.float64]


type Array = NDArray[np.float64]


@pytest.mark.parametrize("link", ["identity", "log"])
def test_a_lift_is_the_model_with_less_the_model_without(link: Link) -> None:
    response, activity, mu = response_of(6, link=link), activity_of(), mu_of(6)
    experiment = cut(
        Readout(start=10, stop=14, lift=0.0, sd=1.0), Readout(start=14, stop=19, lift=0.0, sd=1.0)
    )

    found = expected_lifts(gather([experiment], activity, LAGS), response, mu)

    without = activity.copy()
    without[LAGS + 10 : LAGS + 14, 1] += 0.2
    terms = [
        respond(response.spec, path, response.params).sum(axis=2) for path in (activity, without)
    ]
    levels = terms if link == "identity" else [np.exp(mu + term) for term in terms]
    change = 100.0 * (levels[0] - levels[1])
    known = np.stack([change[:, 10:14].sum(axis=1), change[:, 14:19].sum(axis=1)], axis=1)
    np.testing.assert_allclose(found, known, rtol=1e-10)
    np.testing.assert_allclose(change[:, 19:], 0.0, atol=1e-12)


def test_slow_carry_over_leaves_much_of_a_lift_for_after_the_window() -> None:
    experiment = cut(
        Readout(start=10, stop=14, lift=0.0, sd=1.0), Readout(start=14, stop=19, lift=0.0, sd=1.0)
    )

    during, after = expected_lifts(gather([experiment], activity_of(), LAGS), response_of(50)).mean(
        axis=0
    )

    assert during < after < 0.3 * during


def test_a_test_outside_of_the_panel_is_added_to_it() -> None:
    response, activity = response_of(6), activity_of()
    readout = Readout(start=10, stop=19, lift=0.0, sd=1.0)
    with_test = activity.copy()
    with_test[LAGS + 10 : LAGS + 14, 1] -= 0.2

    elsewhere = gather([cut(readout, is_in_panel=False)], activity, LAGS)
    here = gather([cut(readout)], with_test, LAGS)

    np.testing.assert_allclose(
        expected_lifts(elsewhere, response), expected_lifts(here, response), rtol=1e-10
    )


def test_a_fitted_series_gives_expected_sales() -> None:
    response, activity = response_of(6, link="log"), activity_of()
    media = MediaDraws(
        spec=response.spec,
        link="log",
        noise="lognormal",
        channels=("tv", "radio"),
        scale=np.array([2.0, 4.0]),
        params=response.params,
        baseline=mu_of(6),
        sigma=np.full(6, 0.3),
        unit=100.0,
    )
    evidence = gather([cut(Readout(start=10, stop=19, lift=0.0, sd=1.0))], activity, LAGS)

    found = expected_lifts(evidence, MediaResponse.of(media), expected_log(media, media.baseline))

    without = activity.copy()
    without[LAGS + 10 : LAGS + 14, 1] += 0.2
    sales = [
        media.sales(media.baseline + media.terms(path * media.scale).sum(axis=2))
        for path in (activity, without)
    ]
    known = (sales[0] - sales[1])[:, 10:19].sum(axis=1)
    np.testing.assert_allclose(found[:, 0], known, rtol=1e-10)


@pytest.mark.parametrize("freedom", [None, 4.0])
def test_the_likelihood_is_that_of_scipy(freedom: float | None) -> None:
    lifts = np.random.default_rng(0).normal(-5.0, 2.0, (40, 2))
    readouts = (
        Readout(start=10, stop=14, lift=-4.0, sd=1.5),
        Readout(start=14, stop=19, lift=-6.0, sd=0.5),
    )
    test = cut(*readouts, grade="geo", freedom=freedom, weight=2.0)

    found = log_likelihood(gather([test], activity_of(), LAGS), lifts)

    known = np.zeros(40)
    for at, readout in enumerate(readouts):
        sd = 1.2 * readout.sd
        error = stats.norm(scale=sd) if freedom is None else stats.t(4, scale=sd / np.sqrt(2))
        known += 2.0 * error.logpdf(readout.lift - lifts[:, at])
    np.testing.assert_allclose(found, known, rtol=1e-12)


@pytest.mark.parametrize("link", ["identity", "log"])
@pytest.mark.parametrize("freedom", [None, 5.0])
def test_the_graph_is_the_numpy_likelihood(link: Link, freedom: float | None) -> None:
    import pytensor
    import pytensor.tensor as pt

    response, mu = response_of(3, link=link), mu_of(3)
    test = cut(Readout(start=10, stop=17, lift=-8.0, sd=2.0), freedom=freedom, weight=0.5)
    evidence = gather([test], activity_of(), LAGS)
    decay, half, effect, level = pt.dvector(), pt.dvector(), pt.dvector(), pt.dvector()

    def media(behind: Any) -> Any:
        weight = decay[:, None] ** pt.arange(LAGS + 1)
        weight = weight / pt.sum(weight, axis=1, keepdims=True)
        amount = pt.sum(pt.as_tensor(behind) * weight, axis=2)
        return effect * pt.tanh(amount * (np.log(3) / 2 / half))

    density = graph_log_density(graph_data(evidence), media=media, mu=level, link=link, scale=100.0)
    slope = pytensor.grad(density, effect)
    compiled = pytensor.function(
        [decay, half, effect, level], [density, slope], on_unused_input="ignore"
    )

    names = ("decay", "half", "effect")
    values = [compiled(*(response.params[n][i] for n in names), mu[i]) for i in range(3)]
    known = log_likelihood(evidence, expected_lifts(evidence, response, mu))
    np.testing.assert_allclose([value for value, _ in values], known, rtol=1e-10)
    assert all(np.isfinite(gradient).all() for _, gradient in values)


def test_no_experiments_say_nothing() -> None:
    evidence = gather([], activity_of(), LAGS)

    lifts = expected_lifts(evidence, response_of(4))

    assert lifts.shape == (4, 0)
    np.testing.assert_array_equal(log_likelihood(evidence, lifts), np.zeros(4))
    assert {len(array) for array in graph_data(evidence).values()} == {0}


@pytest.mark.parametrize(
    ("grade", "factor"), [("randomized", 1.0), ("geo", 1.2), ("interrupted", 1.5)]
)
def test_weaker_designs_count_less(grade: Grade, factor: float) -> None:
    assert linear_test(1.0, 0.5, grade=grade).sd[0] == pytest.approx(0.5 * factor)


def test_the_order_of_experiments_does_not_matter() -> None:
    response, activity = response_of(30), activity_of()
    first = cut(Readout(start=10, stop=14, lift=-4.0, sd=1.0))
    second = cut(Readout(start=11, stop=20, lift=-7.0, sd=3.0), grade="geo", freedom=5.0)

    def density(*experiments: Experiment) -> Array:
        evidence = gather(experiments, activity, LAGS)
        return log_likelihood(evidence, expected_lifts(evidence, response))

    np.testing.assert_allclose(density(first, second), density(second, first), rtol=1e-12)
    np.testing.assert_allclose(density(first, second), density(first) + density(second), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight": 5.0}, "weight must be 0 to 4"),
        ({"freedom": 2.0}, "freedom must be above 2"),
        ({"grade": "rumor"}, "grade is not known"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused(options: Mapping[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        cut(Readout(start=10, stop=14, lift=0.0, sd=1.0), **options)


@pytest.mark.parametrize(
    ("readout", "said"),
    [
        (Readout(start=10, stop=14, lift=0.0, sd=0.0), "sd must be positive"),
        (Readout(start=10, stop=14, lift=np.nan, sd=1.0), "lift must be finite"),
        (Readout(start=9, stop=14, lift=0.0, sd=1.0), "readouts must"),
    ],
)
def test_a_readout_that_cannot_be_is_refused(readout: Readout, said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        cut(readout)


def test_a_readout_beyond_the_data_is_refused() -> None:
    with pytest.raises(BadConfig, match="cover periods 10 to 30; the data have 0 to 29"):
        gather([cut(Readout(start=10, stop=31, lift=0.0, sd=1.0))], activity_of(), LAGS)


def test_a_cut_below_nothing_is_refused() -> None:
    test = cut(Readout(start=10, stop=14, lift=0.0, sd=1.0), is_in_panel=False)

    with pytest.raises(BadConfig, match="below zero"):
        gather([test], 0.1 * activity_of(), LAGS)
