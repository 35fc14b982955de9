"""Experiments in a marketing mix against closed forms, brute force and a confounded world."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.media_calibration import (
    Weighted,
    find_conflict,
    reweigh,
    shift,
    weighted_quantile,
)
from pymc_vibes.stats.media_effects import Link, MediaDraws
from pymc_vibes.stats.media_experiments import (
    Evidence,
    Experiment,
    Grade,
    Readout,
    expected_lifts,
    gather,
    graph_data,
    graph_log_density,
    log_likelihood,
)
from pymc_vibes.stats.media_next import (
    Ground,
    Trial,
    linear_sd,
    next_experiments,
    planned,
    simulated_sd,
    trials_of,
)
from pymc_vibes.stats.media_response import MediaResponse, expected_log
from pymc_vibes.stats.media_transforms import MediaSpec, respond

type Array = NDArray[np.float64]

LAGS = 5
PERIODS = 30


def response_of(draws: int, *, link: Link = "identity") -> MediaResponse:
    rng = np.random.default_rng(draws)
    params = {
        "decay": rng.uniform(0.4, 0.8, (draws, 2)),
        "half": rng.uniform(0.3, 0.7, (draws, 2)),
        "effect": rng.uniform(0.1, 0.5, (draws, 2)),
    }
    return MediaResponse(spec=MediaSpec(max_lag=LAGS), params=params, link=link, scale=100.0)


def activity_of() -> Array:
    return np.asarray(np.random.default_rng(1).uniform(0.3, 0.9, (LAGS + PERIODS, 2)))


def mu_of(draws: int) -> Array:
    return np.asarray(0.1 * np.random.default_rng(2).standard_normal((draws, PERIODS)))


def cut(*readouts: Readout, **options: Any) -> Experiment:
    """Four weeks from period 10 with 0.2 less of channel 1."""
    change = np.zeros((4, 2))
    change[:, 1] = -0.2
    given: dict[str, Any] = {"name": "cut", "grade": "randomized", **options}
    return Experiment(start=10, change=change, readouts=readouts, **given)


def linear_of(effect: Array) -> MediaResponse:
    """No carry-over, no saturation: a lift is effect times change."""
    spec = MediaSpec(adstock="none", saturation="none")
    return MediaResponse(spec=spec, params={"effect": effect})


def linear_test(lift: float, sd: float, **options: Any) -> Evidence:
    """One period with 2 more of the only channel, on a panel of three periods."""
    given: dict[str, Any] = {"name": "up", "grade": "randomized", "is_in_panel": False, **options}
    readout = Readout(start=1, stop=2, lift=lift, sd=sd)
    test = Experiment(start=1, change=np.full((1, 1), 2.0), readouts=(readout,), **given)
    return gather([test], np.ones((3, 1)), 0)


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


def ground_of(link: Link = "identity", draws: int = 2_000) -> Ground:
    response = response_of(draws, link=link)
    return Ground(
        response=response,
        activity=np.array([0.5, 0.4]),
        cost=np.array([10.0, 20.0]),
        returns=response.effect * np.array([1.0, 3.0]),
        noise=2.0,
        level=np.zeros(draws),
    )


def test_what_a_linear_test_leaves_is_known() -> None:
    effect = np.random.default_rng(0).normal(1.5, 0.4, (20_000, 1))
    evidence = linear_test(0.0, 0.5)
    lifts = expected_lifts(evidence, linear_of(effect))

    linear = linear_sd(effect[:, 0], lifts, evidence.sd)
    simulated, error = simulated_sd(
        effect[:, 0], evidence, lifts, readings=200, rng=np.random.default_rng(1)
    )

    known = (1 / effect.var(ddof=1) + (2 / 0.5) ** 2) ** -0.5
    assert linear == pytest.approx(known, rel=1e-10)
    assert abs(simulated - known) < 5 * error


@pytest.mark.parametrize("link", ["identity", "log"])
def test_a_planned_test_is_one_on_a_panel_of_usual_activity(link: Link) -> None:
    ground = ground_of(link, draws=20)

    found = planned(ground, Trial(channel=1, factor=0.5, periods=4))[1]

    usual = np.tile(ground.activity, (2 * LAGS + 4, 1))
    tested = usual.copy()
    tested[LAGS : LAGS + 4, 1] *= 0.5
    response = ground.response
    terms = [respond(response.spec, path, response.params).sum(axis=2) for path in (tested, usual)]
    levels = terms if link == "identity" else [np.exp(term) for term in terms]
    change = 100.0 * (levels[0] - levels[1])
    known = np.stack([change[:, :4].sum(axis=1), change[:, 4:].sum(axis=1)], axis=1)
    np.testing.assert_allclose(found, known, rtol=1e-9)


@pytest.mark.parametrize("link", ["identity", "log"])
def test_the_first_order_promises_too_little_but_not_much(link: Link) -> None:
    ground = ground_of(link)
    evidence, lifts = planned(ground, Trial(channel=0, factor=0.0, periods=4))
    values = ground.returns[:, 0]

    linear = linear_sd(values, lifts, evidence.sd)
    simulated, error = simulated_sd(
        values, evidence, lifts, readings=300, rng=np.random.default_rng(0)
    )

    assert linear < 0.9 * values.std()
    assert simulated - 5 * error < linear < 1.2 * simulated + 5 * error


def test_longer_and_larger_tests_teach_more() -> None:
    ground = ground_of()
    trials = [
        Trial(channel=0, factor=factor, periods=periods)
        for factor, periods in ((0.5, 4), (0.0, 4), (0.0, 12))
    ]

    found = {prospect.trial: prospect for prospect in next_experiments(ground, trials)}

    widths = [found[trial].width_after for trial in trials]
    assert widths[0] > widths[1] > widths[2]
    assert {prospect.width for prospect in found.values()} == {
        widths[0] + found[trials[0]].reduction
    }


def test_the_best_test_per_money_comes_first() -> None:
    found = next_experiments(ground_of(), trials_of(2))

    scores = [prospect.per_money for prospect in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == 2 * 4 * 2
    best = found[0]
    moved = abs(best.trial.factor - 1) * best.trial.periods
    assert best.money == pytest.approx(moved * [5.0, 8.0][best.trial.channel])


def test_a_channel_that_is_known_has_nothing_to_teach() -> None:
    ground = ground_of()
    known = Ground(
        response=ground.response,
        activity=ground.activity,
        cost=ground.cost,
        returns=ground.returns * np.array([1.0, 0.0]),
        noise=ground.noise,
    )

    found = next_experiments(known, trials_of(2))

    assert {prospect.trial.channel for prospect in found[:8]} == {0}
    assert {prospect.reduction for prospect in found[8:]} == {0.0}


def test_tests_that_change_nothing_are_left_out() -> None:
    ground = ground_of()
    unused = Ground(
        response=ground.response,
        activity=np.array([0.5, 0.0]),
        cost=ground.cost,
        returns=ground.returns,
        noise=ground.noise,
    )

    found = next_experiments(unused, trials_of(2, factors=(0.0, 1.0, 2.0)))

    assert {prospect.trial.channel for prospect in found} == {0}
    assert {prospect.trial.factor for prospect in found} == {0.0, 2.0}
