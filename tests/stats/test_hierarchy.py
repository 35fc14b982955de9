"""Hierarchies held against published posteriors, dense grids, and worlds drawn from their prior."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import betaln, gammaln
from scipy.stats import gamma, nbinom

from pymc_vibes.core.posterior import stream
from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.hierarchy import (
    ChancePrior,
    DiffusePrior,
    LogNormalPrior,
    RateHierarchy,
    beta_binomial,
    gamma_poisson,
    gamma_poisson_under,
)
from pymc_vibes.stats.lattice import QuadratureRefused
from pymc_vibes.stats.special import Array

SHAPE = LogNormalPrior(2.0, 1.0)
MEAN = LogNormalPrior(1.0, 1.0)
SIZE = ChancePrior(LogNormalPrior(10.0, 1.0))

# Gaver and O'Muircheartaigh (1987), Technometrics 29, 1-15, with the rounded thousands of hours of
# George, Makov and Smith (1993) and BUGS Examples Volume 1, "Pumps"
PUMP_FAILURES = np.array([5, 1, 5, 14, 3, 19, 1, 1, 4, 22.0])
PUMP_HOURS = np.array([94.3, 15.7, 62.9, 126, 5.24, 31.4, 1.05, 1.05, 2.1, 10.5])

# Tarone (1982), in Gelman et al., Bayesian Data Analysis, 3rd edition, table 5.1
TUMORS = np.array(
    [0] * 14 + [1] * 8 + [2] * 9 + [1, 5, 2, 5, 3, 2, 7, 7, 3, 3, 2, 9, 10, 4, 4, 4, 4, 4, 4, 4]
    + [10, 4, 4, 4, 5, 11, 12, 5, 5, 6, 5, 6, 6, 6, 6, 16, 15, 15, 9, 4]
)  # fmt: skip
RATS = np.array(
    [20] * 7 + [19] * 4 + [18] * 2 + [17] + [20] * 4 + [19] * 2 + [18] * 2 + [25, 24, 23]
    + [20] * 6 + [10, 49, 19, 46, 27, 17, 49, 47, 20, 20, 13, 48, 50, 20, 20, 20, 20, 20, 20, 20]
    + [48, 19, 19, 19, 22, 46, 49, 20, 20, 23, 19, 22, 20, 20, 20, 52, 46, 47, 24, 14]
)  # fmt: skip


def fit(k: Array, exposure: Array) -> RateHierarchy:
    return gamma_poisson(k, exposure, shape=SHAPE, mean=MEAN)


def world(n: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    exposure = np.exp(rng.normal(1, 1, n))
    return rng.poisson(rng.gamma(2, 0.5, n) * exposure).astype(float), exposure


def pumps_prior(log_alpha: Array, log_mean: Array) -> Array:
    """alpha ~ Exponential(1), beta ~ Gamma(0.1, 1), as densities of their logs."""
    log_beta = log_alpha - log_mean
    return np.asarray(log_alpha - np.exp(log_alpha) + 0.1 * log_beta - np.exp(log_beta))


def test_pumps_have_their_published_posterior() -> None:
    pumps = gamma_poisson_under(pumps_prior, PUMP_FAILURES, PUMP_HOURS)

    # 20 000 draws of OpenBUGS, Examples Volume 1; `tests/calibration` holds all to their errors
    assert pumps.alpha.mean()[0] == pytest.approx(0.6978, abs=0.01)
    assert pumps.alpha.sd()[0] == pytest.approx(0.2695, abs=0.01)
    assert pumps.beta.mean()[0] == pytest.approx(0.9309, abs=0.01)
    assert pumps.beta.sd()[0] == pytest.approx(0.5443, abs=0.015)
    rates = pumps.rates.mean()[[0, 1, 8, 9]], pumps.rates.sd()[[0, 1, 8, 9]]
    assert rates[0] == pytest.approx([0.05993, 0.1027, 1.575, 1.985], rel=0.01)
    assert rates[1] == pytest.approx([0.02497, 0.07998, 0.7626, 0.4231], rel=0.02)


def test_rat_tumors_have_their_published_posterior() -> None:
    rats = beta_binomial(TUMORS, RATS, prior=DiffusePrior())

    # BDA3, section 5.3: E(alpha|y) = 2.4, E(beta|y) = 14.3
    assert len(TUMORS) == len(RATS) == 71
    assert rats.alpha.mean()[0] == pytest.approx(2.4, abs=0.05)
    assert rats.beta.mean()[0] == pytest.approx(14.3, abs=0.05)
    # so 4 of 14 rats are drawn to about (2.4 + 4) / (2.4 + 14.3 + 14) = 0.21
    assert rats.chances.mean()[-1] == pytest.approx(0.21, abs=0.005)


def grid(log_density: Callable[[Array, Array], Array], side: int = 900) -> tuple[Array, ...]:
    x, y = np.meshgrid(np.linspace(-16, 9, side), np.linspace(-9, 9, side), indexing="ij")
    logs = log_density(x, y)
    weights = np.exp(logs - logs.max())
    return x, y, weights / weights.sum()


@pytest.mark.parametrize(
    ("k", "exposure"),
    [
        ([0, 7], [3.0, 4.0]),
        ([2, 0, 9], [1.0, 0.01, 5.0]),
        ([0, 0, 0], [1.0, 2.0, 30.0]),
        ([1, 2, 1, 0, 4000], [1.0, 1.0, 1.0, 1.0, 1e3]),
        ([3], [2.0]),
    ],
    ids=["two", "three", "no events", "one dominant", "one"],
)
def test_a_dense_grid_over_the_hyperparameters_agrees(k: list[int], exposure: list[float]) -> None:
    count, time = np.array(k, dtype=float), np.array(exposure)

    def log_density(x: Array, y: Array) -> Array:
        a, b = np.exp(x), np.exp(x - y)
        total = SHAPE.log_density(x) + MEAN.log_density(y)
        for events, length in zip(count, time, strict=True):
            total = total + nbinom.logpmf(events, a, b / (b + length))
        return np.asarray(total)

    x, y, weights = grid(log_density)
    found = fit(count, time)

    rates = [
        np.sum(weights * (np.exp(x) + c) / (np.exp(x - y) + t))
        for c, t in zip(count, time, strict=True)
    ]
    assert found.alpha.mean()[0] == pytest.approx(np.sum(weights * np.exp(x)), rel=2e-3)
    assert found.mean.mean()[0] == pytest.approx(np.sum(weights * np.exp(y)), rel=2e-3)
    assert found.rates.mean() == pytest.approx(np.array(rates), rel=1e-3)
    shrunk = np.sum(weights * np.exp(x - y) / (np.exp(x - y) + time[0]))
    assert found.shrinkage[0] == pytest.approx(shrunk, rel=1e-3)
    below = np.cumsum(weights.sum(axis=1))
    median = np.interp(0.5, below, x[:, 0])
    assert np.log(found.alpha.quantile(0.5)[0]) == pytest.approx(median, abs=0.015)


@pytest.mark.parametrize(
    ("k", "n"), [([0, 5], [9, 8]), ([0, 0, 0], [4, 9, 1]), ([7, 3, 1, 900], [7, 9, 8, 1000])]
)
def test_a_dense_grid_agrees_on_chances(k: list[int], n: list[int]) -> None:
    success, trials = np.array(k, dtype=float), np.array(n, dtype=float)

    def log_density(x: Array, y: Array) -> Array:
        a, b = np.exp(x), np.exp(y)
        total = SIZE.log_density(x - y, np.logaddexp(x, y))
        for c, m in zip(success, trials, strict=True):
            total = total + betaln(a + c, b + m - c) - betaln(a, b)
        return np.asarray(total)

    x, y, weights = grid(log_density)
    found = beta_binomial(success, trials, prior=SIZE)

    chances = [
        np.sum(weights * (np.exp(x) + c) / (np.exp(x) + np.exp(y) + m))
        for c, m in zip(success, trials, strict=True)
    ]
    assert found.chances.mean() == pytest.approx(np.array(chances), rel=1e-3)
    mean = np.sum(weights * np.exp(x - np.logaddexp(x, y)))
    assert found.mean.mean()[0] == pytest.approx(mean, rel=1e-3)


def test_the_order_of_cohorts_does_not_matter() -> None:
    k, exposure = world(300, 1)
    order = np.random.default_rng(2).permutation(300)

    straight, mixed = fit(k, exposure), fit(k[order], exposure[order])

    assert mixed.rates.mean() == pytest.approx(straight.rates.mean()[order], rel=1e-9)
    assert mixed.rates.quantile(0.9) == pytest.approx(straight.rates.quantile(0.9)[order], rel=1e-7)


@pytest.mark.parametrize("unit", [1 / 86_400, 7.0, 1e9])
def test_the_unit_of_time_does_not_matter(unit: float) -> None:
    k, exposure = world(40, 3)
    k[:5], exposure[5:8] = 0, exposure[5:8] * 1e6

    one = fit(k, exposure)
    other = gamma_poisson(
        k, exposure * unit, shape=SHAPE, mean=LogNormalPrior(MEAN.median / unit, MEAN.log_sd)
    )

    assert other.rates.mean() * unit == pytest.approx(one.rates.mean(), rel=1e-9)
    assert other.rates.sd() * unit == pytest.approx(one.rates.sd(), rel=1e-9)
    assert other.rates.quantile(0.1) * unit == pytest.approx(one.rates.quantile(0.1), rel=1e-6)
    assert other.alpha.mean() == pytest.approx(one.alpha.mean(), rel=1e-9)
    assert other.beta.quantile(0.5) / unit == pytest.approx(one.beta.quantile(0.5), rel=1e-9)


@pytest.mark.parametrize("span", [1.0, 1e15])
def test_summing_over_nodes_equals_summing_over_cohorts(span: float) -> None:
    rng = np.random.default_rng(4)
    exposure = np.exp(rng.uniform(-np.log(span) / 2 - 1, np.log(span) / 2 + 1, 3_000))
    k = rng.poisson(rng.gamma(2, 0.5, 3_000) * exposure).astype(float)
    unit = (k.sum() + 0.5) / exposure.sum()

    density = fit(k, exposure).lattice.cells.density
    points = np.array([[0.1, 0.2], [1.5, -0.4], [-1.0, 2.0], [2.5, 0.0]])

    def by_cohort(x: Array, y: Array) -> float:
        a, b = np.exp(x), np.exp(x - y) / unit
        parts = gammaln(k + a) - gammaln(a) + a * np.log(b) - (k + a) * np.log(b + exposure)
        level = np.log(unit)
        return float(parts.sum() + SHAPE.log_density(x) + MEAN.log_density(y + level))

    truth = np.array([by_cohort(*point) for point in points])
    found = density(points)
    assert found - found[0] == pytest.approx(truth - truth[0], rel=1e-9, abs=1e-4)


def test_wildly_different_exposures_are_fitted() -> None:
    exposure = np.array([1e-6, 1.0, 3.0, 1e9])
    k = np.array([0, 2, 1, 1.3e9])

    found = fit(k, exposure)

    assert found.rates.mean()[3] == pytest.approx(1.3, rel=1e-4)
    assert found.rates.sd()[3] == pytest.approx(1.3 / np.sqrt(1.3e9), rel=1e-3)
    assert found.shrinkage[[0, 3]] == pytest.approx([1, 0], abs=1e-4)


def test_more_exposure_means_less_shrinkage_and_rates_lie_between() -> None:
    exposure = np.geomspace(0.1, 1000, 30)
    k = np.floor(exposure * 2.5)

    found = fit(np.append(k, [0, 3]), np.append(exposure, [10, 5]))

    assert (np.diff(found.shrinkage[:30]) < 0).all()
    assert ((found.shrinkage > 0) & (found.shrinkage < 1)).all()


def test_a_million_cohorts_are_fitted() -> None:
    rng = np.random.default_rng(5)
    exposure = np.exp(rng.normal(1, 1, 1_000_000))
    k = rng.poisson(rng.gamma(2, 0.5, 1_000_000) * exposure).astype(float)

    found = fit(k, exposure)

    # six posterior sds: false-alarm rate 2e-9
    assert abs(found.alpha.mean()[0] - 2) < 6 * found.alpha.sd()[0]
    assert abs(found.mean.mean()[0] - 1) < 6 * found.mean.sd()[0]
    assert found.alpha.sd()[0] < 0.01


@pytest.mark.parametrize("method", ["rates", "chances"])
def test_draws_have_the_marginals_and_one_seed_is_one_set(method: str) -> None:
    k, exposure = world(6, 6)
    found = fit(k, exposure) if method == "rates" else None
    group = beta_binomial(TUMORS[-6:], RATS[-6:], prior=SIZE)
    joint = group.joint if found is None else found.joint
    labels = group.chances if found is None else found.rates
    name = "chance" if found is None else "rate"

    draws = joint.draw(name, [0, 3], 4_000, 9)
    hyper = joint.draw("mean", [0], 4_000, 9)

    assert (joint.draw(name, [3], 4_000, 9)[:, 0] == draws[:, 1]).all()
    for column, index in enumerate([0, 3]):
        assert distance(labels.cdf(index, draws[:, column])) < dkw_bound(4_000)
    middle = group.mean if found is None else found.mean
    assert distance(middle.cdf(0, hyper[:, 0])) < dkw_bound(4_000)


def test_hyperparameter_draws_belong_together() -> None:
    joint = fit(*world(6, 6)).joint

    alpha, beta, mean = (joint.draw(name, [0], 50, 1)[:, 0] for name in ("alpha", "beta", "mean"))

    assert alpha / beta == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("name", ["alpha", "beta", "mean"])
def test_a_hyperparameter_knows_its_numbers(name: str) -> None:
    own = getattr(fit(*world(12, 7)), name)

    x = np.geomspace(own.quantile(1e-5)[0], own.quantile(1 - 1e-5)[0], 20_001)
    area = np.gradient(x)
    low, high = own.hdi(0.9)

    assert np.sum(own.pdf(0, x) * area) == pytest.approx(1, abs=1e-4)
    assert np.sum(own.pdf(0, x) * x * area) == pytest.approx(own.mean()[0], rel=1e-3)
    assert own.cdf(0, own.quantile(0.3)) == pytest.approx(0.3, abs=1e-9)
    assert own.cdf(0, high) - own.cdf(0, low) == pytest.approx(0.9, abs=1e-8)
    assert own.pdf(0, low) == pytest.approx(own.pdf(0, high), rel=1e-2)


@pytest.mark.parametrize(
    ("k", "exposure"),
    [([1.5], [1.0]), ([-1], [1.0]), ([1], [0.0]), ([1], [np.inf]), ([1, 2], [1.0]), ([], [])],
)
def test_impossible_data_are_refused(k: list[float], exposure: list[float]) -> None:
    with pytest.raises(ValueError, match=r"count|exposure"):
        fit(np.array(k), np.array(exposure))


def test_an_improper_posterior_is_refused_with_a_reason() -> None:
    with pytest.raises(QuadratureRefused) as refused:
        beta_binomial(np.zeros(2), np.ones(2), prior=DiffusePrior())

    assert refused.value.reason


def places(
    worlds: int,
    seed: int,
    learn: Callable[[Array, Array], RateHierarchy] = fit,
) -> dict[str, Array]:
    """Give the place of the truth in its posterior, in worlds of 12 cohorts from the prior."""
    found: dict[str, list[float]] = {"alpha": [], "mean": [], "beta": [], "rate": []}
    for number in range(worlds):
        rng = stream(seed, str(number))
        alpha, mean = (p.median * np.exp(p.log_sd * rng.normal()) for p in (SHAPE, MEAN))
        exposure = np.exp(rng.normal(0.5, 1, 12))
        rate = rng.gamma(alpha, mean / alpha, 12)
        posterior = learn(rng.poisson(rate * exposure).astype(float), exposure)
        found["alpha"].append(float(posterior.alpha.cdf(0, alpha)))
        found["mean"].append(float(posterior.mean.cdf(0, mean)))
        found["beta"].append(float(posterior.beta.cdf(0, alpha / mean)))
        found["rate"].append(float(posterior.rates.cdf(0, rate[0])))
    return {name: np.array(values) for name, values in found.items()}


def test_the_hierarchy_is_calibrated() -> None:
    # false-alarm rate at most 1e-6 for each variable
    for values in places(250, 8).values():
        assert distance(values) < dkw_bound(250)


@pytest.mark.slow
def test_the_hierarchy_is_calibrated_over_many_worlds() -> None:
    for values in places(4_000, 9).values():
        assert distance(values) < dkw_bound(4_000)


def test_calibration_catches_a_wrong_prior_of_the_mean() -> None:
    wrong = LogNormalPrior(MEAN.median * 20, 0.3)

    found = places(250, 8, lambda k, t: gamma_poisson(k, t, shape=SHAPE, mean=wrong))

    assert distance(found["mean"]) > dkw_bound(250)


def test_calibration_catches_a_wrong_prior_of_the_shape() -> None:
    wrong = LogNormalPrior(SHAPE.median * 20, 0.3)

    found = places(250, 8, lambda k, t: gamma_poisson(k, t, shape=wrong, mean=MEAN))

    assert distance(found["alpha"]) > dkw_bound(250)


def test_calibration_catches_a_dropped_exposure() -> None:
    found = places(250, 8, lambda k, t: fit(k, np.ones_like(t)))

    assert distance(found["rate"]) > dkw_bound(250)


def test_calibration_catches_a_scale_taken_for_a_rate() -> None:
    found = places(250, 8, lambda k, t: fit(k, 1 / t))

    assert distance(found["rate"]) > dkw_bound(250)
    assert distance(found["mean"]) > dkw_bound(250)


def chance_places(worlds: int, seed: int) -> dict[str, Array]:
    found: dict[str, list[float]] = {"alpha": [], "mean": [], "chance": []}
    for number in range(worlds):
        rng = stream(seed, str(number))
        mean, size = rng.beta(1, 1), SIZE.size.median * np.exp(SIZE.size.log_sd * rng.normal())
        n = rng.integers(1, 60, 12)
        chance = rng.beta(size * mean, size * (1 - mean), 12)
        posterior = beta_binomial(
            rng.binomial(n, chance).astype(float), n.astype(float), prior=SIZE
        )
        found["alpha"].append(float(posterior.alpha.cdf(0, np.array(size * mean))))
        found["mean"].append(float(posterior.mean.cdf(0, np.array(mean))))
        found["chance"].append(float(posterior.chances.cdf(0, chance[0])))
    return {name: np.array(values) for name, values in found.items()}


def test_the_hierarchy_of_chances_is_calibrated() -> None:
    for values in chance_places(250, 10).values():
        assert distance(values) < dkw_bound(250)


@pytest.mark.slow
def test_the_hierarchy_of_chances_is_calibrated_over_many_worlds() -> None:
    for values in chance_places(4_000, 11).values():
        assert distance(values) < dkw_bound(4_000)


def test_a_known_population_gives_the_conjugate_posterior() -> None:
    narrow = LogNormalPrior(2.0, 1e-4), LogNormalPrior(0.5, 1e-4)

    found = gamma_poisson(np.array([7.0]), np.array([3.0]), shape=narrow[0], mean=narrow[1])

    exact = gamma(2.0 + 7, scale=1 / (4.0 + 3))
    assert found.rates.mean() == pytest.approx(exact.mean(), rel=1e-4)
    assert found.rates.quantile(0.9) == pytest.approx(exact.ppf(0.9), rel=1e-4)
