"""Mixtures over a hierarchy's lattice, held against their components and against joint draws."""

import numpy as np
import pytest
from scipy.stats import beta, gamma

from pymc_vibes.stats import best, compare, mixing
from pymc_vibes.stats.best import best_of, pairwise, ranks
from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.hierarchy import (
    ChanceHierarchy,
    ChancePrior,
    LogNormalPrior,
    RateHierarchy,
    beta_binomial,
    gamma_poisson,
)
from pymc_vibes.stats.mixrows import Nodes
from pymc_vibes.stats.mixture import BetaMixture, GammaMixture
from pymc_vibes.stats.special import Array

DRAWS = 40_000


def rates(k: Array, exposure: Array) -> RateHierarchy:
    return gamma_poisson(k, exposure, shape=LogNormalPrior(2.0, 1.0), mean=LogNormalPrior(1.0, 1.0))


def chances(k: Array, n: Array) -> ChanceHierarchy:
    return beta_binomial(k, n, prior=ChancePrior(LogNormalPrior(10.0, 1.0)))


def rate_world(n: int, seed: int) -> GammaMixture:
    rng = np.random.default_rng(seed)
    exposure = np.exp(rng.normal(1, 1, n))
    return rates(rng.poisson(rng.gamma(2, 0.5, n) * exposure).astype(float), exposure).rates


def chance_world(n: int, seed: int) -> BetaMixture:
    rng = np.random.default_rng(seed)
    trials = rng.integers(1, 80, n)
    k = rng.binomial(trials, rng.beta(2, 8, n))
    return chances(k.astype(float), trials.astype(float)).chances


SPARSE = rates(np.array([0, 0, 1, 7.0]), np.array([1e-3, 5, 2, 3.0])).rates
ENDS = chances(np.array([0, 5, 3, 40.0]), np.array([1, 5, 9, 40.0])).chances
MIXTURES = [SPARSE, rate_world(8, 1), ENDS, chance_world(8, 2)]
NAMES = ["sparse rates", "rates", "chances at the ends", "chances"]


def component_cdf(mixture: GammaMixture | BetaMixture, index: int, x: float) -> float:
    nodes = mixture.nodes
    if isinstance(mixture, GammaMixture):
        shape, rate = nodes.first + mixture.k[index], nodes.second + mixture.exposure[index]
        return float(nodes.weights @ gamma.cdf(x, shape, scale=1 / rate))
    k, n = mixture.k[index], mixture.n[index]
    return float(nodes.weights @ beta.cdf(x, nodes.first + k, nodes.second + n - k))


@pytest.mark.parametrize("mixture", MIXTURES, ids=NAMES)
@pytest.mark.parametrize("q", [0.001, 0.025, 0.5, 0.975, 0.999])
def test_quantiles_invert_the_components_cdf(mixture: GammaMixture | BetaMixture, q: float) -> None:
    found = mixture.quantile(q)

    # a chance within 1e-16 of 1 has no double of its own: its neighbors enclose it
    for index, x in enumerate(found):
        assert component_cdf(mixture, index, np.nextafter(x, 0)) <= q * (1 + 1e-6)
        assert component_cdf(mixture, index, np.nextafter(x, 2 * x)) >= q * (1 - 1e-6)
        at = component_cdf(mixture, index, x)
        assert mixture.cdf(index, np.array(x)) == pytest.approx(at, rel=1e-9)


@pytest.mark.parametrize("mixture", MIXTURES, ids=NAMES)
def test_means_and_sds_are_those_of_the_components(mixture: GammaMixture | BetaMixture) -> None:
    nodes = mixture.nodes
    for index in range(len(mixture)):
        own = mixture.across(index, nodes)
        mean = nodes.weights @ own.mean()
        square = nodes.weights @ (own.sd() ** 2 + own.mean() ** 2)

        assert mixture.mean()[index] == pytest.approx(mean, rel=1e-12)
        assert mixture.sd()[index] == pytest.approx(np.sqrt(square - mean**2), rel=1e-9)


@pytest.mark.parametrize("mixture", MIXTURES, ids=NAMES)
@pytest.mark.parametrize("mass", [0.5, 0.95])
def test_the_hdi_holds_its_mass_and_no_other_interval_is_shorter(
    mixture: GammaMixture | BetaMixture, mass: float
) -> None:
    low, high = mixture.hdi(mass)

    others = np.linspace(0.0002, 1 - mass - 0.0002, 41)
    starts = np.array([mixture.quantile(p) for p in others])
    stops = np.array([mixture.quantile(p + mass) for p in others])
    for index in range(len(mixture)):
        held = mixture.cdf(index, np.array([low[index], high[index]]))
        assert held[1] - held[0] == pytest.approx(mass, abs=1e-6)
    assert (high - low <= (stops - starts).min(axis=0) * (1 + 1e-3)).all()


def test_the_hdi_touches_zero_only_where_the_density_falls_from_there() -> None:
    low, _ = SPARSE.hdi(0.9)

    assert (low[:2] == 0).all()
    assert (low[3:] > 0).all()


@pytest.mark.parametrize("mixture", MIXTURES, ids=NAMES)
def test_the_density_is_the_slope_of_the_cdf(mixture: GammaMixture | BetaMixture) -> None:
    x = mixture.quantile(0.6)[2]
    step = 1e-5 * x

    slope = np.diff(mixture.cdf(2, np.array([x - step, x + step])))[0] / (2 * step)

    assert mixture.pdf(2, np.array([x]))[0] == pytest.approx(slope, rel=1e-5)
    assert np.isfinite(mixture.density(0)[1]).all()


@pytest.mark.parametrize("mixture", MIXTURES, ids=NAMES)
def test_draws_of_one_label_have_its_distribution(mixture: GammaMixture | BetaMixture) -> None:
    draws = mixture.sample(2, 4_000, np.random.default_rng(3))

    assert distance(mixture.cdf(2, draws)) < dkw_bound(4_000)


@pytest.mark.parametrize("mixture", [rate_world(300, 4), chance_world(300, 5)])
def test_labels_with_the_same_data_are_one_and_each_label_is_itself(
    mixture: GammaMixture | BetaMixture,
) -> None:
    twice = mixture.take([5, 0, 5, 5, 7, 0, 9])

    alone = np.array([mixture.take([i]).quantile(0.9)[0] for i in (5, 0, 5, 5, 7, 0, 9)])

    assert twice.quantile(0.9) == pytest.approx(alone, rel=1e-7)
    assert twice.mean() == pytest.approx(mixture.mean()[[5, 0, 5, 5, 7, 0, 9]], rel=1e-12)


@pytest.mark.parametrize("make", ["rates", "chances"])
def test_every_label_has_its_own_numbers_whatever_the_order(make: str) -> None:
    # equal exposures and distinct counts: every pair is a row of its own
    few = SPARSE if make == "rates" else ENDS
    k = np.random.default_rng(4).permutation(30).astype(float)
    same = np.full(30, 40.0)
    together = type(few)(few.nodes, k, same)

    alone = [type(few)(few.nodes, k[[i]], same[[i]]) for i in range(30)]

    assert together.mean() == pytest.approx([one.mean()[0] for one in alone], rel=1e-12)
    assert together.sd() == pytest.approx([one.sd()[0] for one in alone], rel=1e-12)
    assert together.shrinkage() == pytest.approx([one.shrinkage()[0] for one in alone], rel=1e-12)
    assert together.above(0.3) == pytest.approx([one.above(0.3)[0] for one in alone], rel=1e-12)
    for q in (0.025, 0.5, 0.975):
        assert together.quantile(q) == pytest.approx([one.quantile(q)[0] for one in alone])
    ends = [np.concatenate(one.hdi(0.9)) for one in alone]
    assert np.column_stack(together.hdi(0.9)) == pytest.approx(np.array(ends), rel=1e-3, abs=1e-6)
    for i, one in enumerate(alone):
        assert together.cdf(i, np.array([0.3])) == pytest.approx(one.cdf(0, np.array([0.3])))


def test_many_labels_are_interpolated_as_well_as_computed() -> None:
    many = rate_world(20_000, 6)
    some = np.arange(0, 20_000, 97)

    for q in (0.025, 0.975):
        direct = mixing.quantile(many.rows.take(some), np.full(len(some), q))
        assert many.quantile(q)[some] == pytest.approx(direct, rel=2e-6)


def joint_draws(seed: int) -> tuple[RateHierarchy, Array]:
    found = rates(np.array([2, 0, 9, 30, 4.0]), np.array([3, 1, 8, 20, 2.0]))
    return found, found.joint.draw("rate", range(5), DRAWS, seed)


def test_two_rates_compare_as_their_joint_draws_do() -> None:
    found, draws = joint_draws(1)
    a, b = draws[:, 0], draws[:, 3]

    greater = compare.probability_greater(found.rates, 0, found.rates, 3)
    loss = compare.expected_loss(found.rates, 0, found.rates, 3, "higher")
    apart = compare.difference(found.rates, 0, found.rates, 3)
    times = compare.ratio(found.rates, 0, found.rates, 3)

    assert apart.mean is not None
    error = np.sqrt(0.25 / DRAWS)
    short = np.maximum(b - a, 0)
    assert abs(np.mean(a > b) - greater) < 6 * error
    assert abs(short.mean() - loss) < 6 * short.std() / np.sqrt(DRAWS)
    assert abs((a - b).mean() - apart.mean) < 6 * (a - b).std() / np.sqrt(DRAWS)
    for q in (0.05, 0.5, 0.95):
        assert abs(np.mean(a - b < apart.quantile(q)) - q) < 6 * error + 1e-3
        assert abs(np.mean(a / b < times.quantile(q)) - q) < 6 * error + 1e-3
    assert apart.cdf(0.0) == pytest.approx(1 - greater, abs=1e-12)


def test_two_chances_compare_as_their_joint_draws_do() -> None:
    found = chances(np.array([2, 0, 9, 6.0]), np.array([30, 10, 20, 40.0]))
    draws = found.joint.draw("chance", [0, 2], DRAWS, 2)
    a, b = draws.T

    greater = compare.probability_greater(found.chances, 0, found.chances, 2)
    lift = compare.relative_lift(found.chances, 2, found.chances, 0)

    error = np.sqrt(0.25 / DRAWS)
    assert abs(np.mean(a > b) - greater) < 6 * error
    assert abs(np.mean(b / a - 1 < lift.quantile(0.2)) - 0.2) < 6 * error + 1e-3


def test_the_best_is_as_often_best_as_in_joint_draws() -> None:
    found, draws = joint_draws(3)

    contest = best_of(found.rates)
    standing = ranks(found.rates)
    matrix = pairwise(found.rates)

    places = (draws[:, :, None] < draws[:, None, :]).sum(axis=2) + 1
    error = 6 * np.sqrt(0.25 / DRAWS)
    shortfall = draws.max(axis=1, keepdims=True) - draws
    assert np.abs(np.mean(places == 1, axis=0) - contest.probability).max() < error
    assert (
        np.abs(shortfall.mean(axis=0) - contest.expected_loss)
        < 6 * shortfall.std(axis=0) / np.sqrt(DRAWS)
    ).all()
    assert (
        np.abs(places.mean(axis=0) - standing.expected) < 6 * places.std(axis=0) / np.sqrt(DRAWS)
    ).all()
    assert abs(np.mean(draws[:, 1] > draws[:, 4]) - matrix[1, 4]) < error
    assert matrix + matrix.T == pytest.approx(np.ones((5, 5)))


def test_labels_of_a_hierarchy_are_not_taken_for_independent() -> None:
    # few data each: what is known of one is mostly known of all
    found = rates(np.array([0, 1.0]), np.array([1e-3, 1e-3]))
    draws = found.joint.draw("rate", [0, 1], DRAWS, 4)

    apart = compare.difference(found.rates, 0, found.rates, 1)

    independent = np.hypot(*found.rates.sd())
    assert apart.sd is not None
    assert apart.sd < 0.95 * independent
    assert float(np.asarray(np.corrcoef(draws.T))[0, 1]) > 0.05


@pytest.mark.parametrize(("labels", "close"), [(2, 4e-3), (10, 1e-3), (100, 1e-6)])
def test_a_thin_lattice_answers_nearly_as_the_full_one(
    labels: int, close: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixture = rate_world(labels, 7)
    thin = compare.difference(mixture, 0, mixture, 1)

    monkeypatch.setattr(compare, "_CONTRAST_NODES", 1_000_000)
    full = compare.difference(mixture, 0, mixture, 1)

    for q in (0.025, 0.5, 0.975):
        assert thin.cdf(full.quantile(q)) == pytest.approx(q, abs=close)


@pytest.mark.parametrize("labels", [3, 12, 30, 70, 140])
def test_contests_on_a_thin_lattice_are_nearly_those_on_the_full_one(
    labels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixture = rate_world(labels, 8)
    thin, standing, matrix = best_of(mixture), ranks(mixture), pairwise(mixture)

    monkeypatch.setattr(best, "_SOME_NODES", ((np.inf, 1_000_000),))

    assert np.abs(thin.probability - best_of(mixture).probability).max() < 1e-4
    assert np.abs(standing.expected - ranks(mixture).expected).max() < 1e-3
    assert np.abs(matrix - pairwise(mixture)).max() < 2e-4


@pytest.mark.parametrize(("labels", "enough", "close"), [(2, 45, 0.06), (20, 28, 3e-3)])
def test_few_draws_of_the_hyperparameters_stand_for_all(
    labels: int, enough: int, close: float
) -> None:
    rng = np.random.default_rng(3)
    exposure = rng.uniform(5, 30, labels)
    found = rates(rng.poisson(rng.gamma(0.4, 0.2, labels) * exposure).astype(float), exposure)
    drawn = [found.joint.draw(name, [0], 4_000, 1)[:, 0] for name in ("alpha", "beta")]
    nodes = Nodes(np.full(4_000, 1 / 4_000), *drawn)
    every = GammaMixture(nodes, found.rates.k, found.rates.exposure)

    few = GammaMixture(nodes.thin(enough, is_polished=False), every.k, every.exposure)

    # in posterior sds; chains of 4 000 draws know a 97.5 % quantile to about 0.04
    sd = every.sd()
    assert np.abs((few.mean() - every.mean()) / sd).max() < close
    for q in (0.025, 0.5, 0.975):
        assert np.abs((few.quantile(q) - every.quantile(q)) / sd).max() < close
    for end, true in zip(few.hdi(0.95), every.hdi(0.95), strict=True):
        assert np.abs((end - true) / sd).max() < close


def test_labels_of_different_hierarchies_cannot_be_compared() -> None:
    with pytest.raises(TypeError, match="one hierarchy"):
        compare.probability_greater(rate_world(3, 9), 0, rate_world(3, 9), 1)


def test_counts_of_a_billion_keep_their_digits() -> None:
    found = rates(np.array([10**9, 2 * 10**9, 5.0]), np.array([1e9, 1e9, 5.0])).rates

    assert found.sd()[:2] == pytest.approx(np.sqrt([1e9, 2e9]) / 1e9, rel=1e-6)
    low, high = found.quantile(0.025)[0], found.quantile(0.975)[0]
    assert (high - low) / found.sd()[0] == pytest.approx(2 * 1.959964, rel=1e-4)
