"""Chances of counts in one more window against slow sums over everything, and simulation."""

import numpy as np
import pytest
from scipy.stats import nbinom

from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.entity_hierarchy import EntityHierarchy, EntityPrior
from pymc_vibes.stats.entity_predictive import Population, predictive
from tests.stats.entity_worlds import World, table, world


@pytest.fixture(scope="module")
def usual() -> World:
    return world(300, 30, 8.0, 0.5, 1.5, np.random.default_rng(1))


def population_of(found: EntityHierarchy) -> Population:
    return Population.of_lattice(found.lattice, found.prior)


def slow_two_sided(found: EntityHierarchy, total: float, windows: float, count: int) -> float:
    """Sum over every node of the lattice, and for each over a fine grid of log rates."""
    hypers = found.prior.hypers(found.lattice.nodes).column()
    log_t = np.linspace(-40, 8, 241)[None, :]
    t = np.exp(log_t)
    logs = (hypers.mu * hypers.alpha + total) * log_t - hypers.alpha * t
    logs = logs - (total + windows * hypers.phi) * np.log1p(t / hypers.phi)
    density = np.exp(logs - logs.max(axis=1, keepdims=True))
    density *= (found.lattice.weights / density.sum(axis=1))[:, None]
    y = nbinom(hypers.phi, hypers.phi / (hypers.phi + t))
    half = y.pmf(count) / 2
    return float(
        2 * min((density * (y.sf(count) + half)).sum(), (density * (y.cdf(count) - half)).sum())
    )


@pytest.mark.parametrize(
    "prior", [EntityPrior.reference(), EntityPrior.scale_free()], ids=["reference", "scale-free"]
)
def test_chances_of_a_small_world_are_those_of_slow_sums(prior: EntityPrior) -> None:
    # the fewer entities there are, the less is known of the population: few nodes would not do
    rng = np.random.default_rng(3)
    rate = rng.gamma(1.5, 2.0, (6, 1))
    counts = rng.poisson(rate * rng.gamma(2.0, 0.5, (6, 5)))
    found = table(counts.tolist()).fit(prior)
    asked = [(3.0, 4.0, 0), (3.0, 4.0, 9), (3.0, 4.0, 40), (0.0, 0.0, 30)]

    chances = predictive(
        population_of(found), *(np.array(part, float) for part in zip(*asked, strict=True))
    )

    slow = [slow_two_sided(found, *one) for one in asked]
    assert chances.two_sided == pytest.approx(slow, rel=0.01)


def test_few_nodes_are_as_good_as_all_where_much_is_known(usual: World) -> None:
    found = population_of(usual.fit())
    counts = np.array([0.0, 5.0, 15.0, 40.0, 90.0])
    asked = np.full(5, usual.sums[0]), np.full(5, 29.0), counts

    few = predictive(found.few, *asked)

    assert len(found.few.weights) == 56
    assert few.two_sided == pytest.approx(predictive(found, *asked).two_sided, rel=0.02)


def test_draws_of_a_population_give_the_chances_of_its_nodes(usual: World) -> None:
    found = usual.fit()
    hypers = found.joint.hypers(2_000, 5)
    drawn = Population.of_draws(hypers.mu, (hypers.mu * hypers.alpha) ** -0.5, hypers.phi**-0.5)
    asked = np.full(3, usual.sums[0]), np.full(3, 29.0), np.array([0.0, 15.0, 40.0])

    by_nodes, by_draws = (
        predictive(known, *asked).two_sided for known in (population_of(found), drawn)
    )

    # the sd of a chance between single draws, by ten groups of them
    groups = [
        predictive(Population.of_draws(*parts), *asked).two_sided
        for parts in zip(
            *(
                np.split(values, 10)
                for values in (hypers.mu, (hypers.mu * hypers.alpha) ** -0.5, hypers.phi**-0.5)
            ),
            strict=True,
        )
    ]
    error = np.std(groups, axis=0, ddof=1) / 10**0.5
    assert np.all(np.abs(by_draws - by_nodes) < 8 * error)


def test_the_chances_of_all_counts_add_to_one(usual: World) -> None:
    found = usual.fit()
    y = np.arange(400.0)

    chances = predictive(population_of(found), np.full(400, usual.sums[0]), np.full(400, 30.0), y)

    assert chances.at.sum() == pytest.approx(1.0, abs=1e-6)
    assert chances.below == pytest.approx(np.cumsum(chances.at) - chances.at, abs=1e-7)
    assert (chances.at * y).sum() == pytest.approx(chances.mean[0], rel=1e-5)
    assert chances.mean[0] == pytest.approx(found.rates.mean()[0], rel=1e-4)


def test_a_new_entity_counts_like_the_population(usual: World) -> None:
    found = usual.fit()
    hypers, rng = found.joint.hypers(20_000, 3), np.random.default_rng(8)
    rate = rng.gamma(hypers.mu * hypers.alpha) / hypers.alpha
    simulated = rng.poisson(rate * rng.gamma(hypers.phi) / hypers.phi)
    y = np.array([0.0, 3.0, 20.0, 60.0])

    chances = predictive(population_of(found), np.zeros(4), np.zeros(4), y)

    seen = (simulated[:, None] > y).mean(axis=0)
    assert np.all(np.abs(chances.above - seen) < 6 * np.sqrt(chances.above / 20_000))


def known_population(phi: float) -> Population:
    mu, alpha = 3.0, 0.5
    one = (np.array([value]) for value in (mu, (mu * alpha) ** -0.5, phi**-0.5))
    return Population.of_draws(*one)


@pytest.mark.parametrize("phi", [0.5, 5.0, 1e9])
def test_places_are_spread_evenly_under_the_model(phi: float) -> None:
    rng = np.random.default_rng(2)
    theta = rng.gamma(1.5, 2.0, 1500)
    y = rng.poisson(theta[:, None] * rng.gamma(phi, 1 / phi, (1500, 5)))

    # one window of each entity, given its others: independent places
    found = predictive(known_population(phi), y[:, 1:].sum(axis=1), np.full(1500, 4), y[:, 0])

    assert distance(found.place(rng)) < dkw_bound(1500, alpha=1e-6)


def test_places_of_windows_left_out_are_uniform() -> None:
    rng = np.random.default_rng(9)
    theta = rng.gamma(4.0, 2.0, 200)
    y = rng.poisson(theta[:, None] * rng.gamma(1.5, 1 / 1.5, (200, 6)))
    found = population_of(table(y.tolist()).fit())
    left_out = y[:, 0].astype(float)

    chances = predictive(found, y.sum(axis=1) - left_out, np.full(200, 5.0), left_out)

    assert distance(chances.place(rng)) < dkw_bound(200)
    assert ((chances.two_sided > 0) & (chances.two_sided <= 1 + 1e-9)).all()
