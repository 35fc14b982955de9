"""The hierarchy of entities against a dense grid, closed forms, its own draws, and hard data."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import gamma, halfnorm, nbinom

from pymc_vibes.stats.entity_hierarchy import EntityPrior, entity_rates
from pymc_vibes.stats.entity_sites import place_sites
from tests.stats.entity_worlds import World, table, world

if TYPE_CHECKING:
    from pymc_vibes.core.posterior import Distribution, Joint

DRAWS = 4_000
PRIORS = pytest.mark.parametrize(
    "prior", [EntityPrior.reference(), EntityPrior.scale_free()], ids=["reference", "scale-free"]
)


@pytest.fixture(scope="module")
def usual() -> World:
    return world(300, 30, 8.0, 0.5, 1.5, np.random.default_rng(1))


@pytest.fixture(scope="module")
def ragged() -> World:
    rng = np.random.default_rng(2)
    return world(2_500, rng.integers(1, 60, 2_500), 8.0, 0.5, 1.5, rng)


def test_a_dense_grid_over_everything_agrees() -> None:
    counts = [[0, 1, 0], [3, 0, 4], [0, 0, 0], [9, 2, 5]]
    found = table(counts).fit(EntityPrior.reference(), tolerance=1e-4)

    # every rate on a grid of logs, every hyperparameter on a grid of logs, by scipy's densities
    log_t = np.linspace(-16, 6, 331)
    t, step = np.exp(log_t), log_t[1] - log_t[0]
    mu, alpha, phi = (
        np.exp(np.linspace(-4, 5, 46)),
        np.exp(np.linspace(-9, 2.2, 46)),
        np.exp(np.linspace(-6, 2.4, 43)),
    )
    m, a = np.meshgrid(mu, alpha, indexing="ij")
    prior_t = gamma.pdf(t, (m * a)[..., None], scale=1 / a[..., None]) * t * step
    rest = 1 - prior_t.sum(axis=-1, keepdims=True)  # to the left all counts are 0
    density = np.empty((*m.shape, len(phi)))
    first = np.empty_like(density)
    for k, size in enumerate(phi):
        chance = [
            np.prod([nbinom.pmf(y, size, size / (size + t)) for y in own], axis=0) for own in counts
        ]
        each = [
            prior_t @ c + rest[..., 0] * (sum(own) == 0)
            for c, own in zip(chance, counts, strict=True)
        ]
        density[..., k] = np.prod(each, axis=0) * halfnorm.pdf(size, scale=2) * size
        first[..., k] = (prior_t @ (chance[1] * t)) / np.maximum(each[1], 1e-300)
    density *= (0.1 * np.exp(-0.1 * m) * m * halfnorm.pdf(a, scale=2) * a)[..., None]
    density /= density.sum()

    def mean(values: np.ndarray) -> float:
        return float((density * values).sum())

    assert found.mu.mean()[0] == pytest.approx(mean(m[..., None]), rel=2e-3)
    assert found.alpha.mean()[0] == pytest.approx(mean(a[..., None]), rel=2e-3)
    assert found.phi.mean()[0] == pytest.approx(mean(phi), rel=2e-3)
    assert found.rates.mean()[1] == pytest.approx(mean(first), rel=2e-3)


@PRIORS
def test_draws_and_numbers_are_of_one_posterior(usual: World, prior: EntityPrior) -> None:
    found = usual.fit(prior)
    rates, some = found.rates, list(range(100))

    drawn = found.joint.draw("theta", some, DRAWS, 7)

    z = (drawn.mean(axis=0) - rates.mean()[some]) / (rates.sd()[some] / DRAWS**0.5)
    below = (drawn < rates.quantile(0.1)[some]).mean(axis=0)
    assert np.abs(z).max() < 6
    assert np.abs(below - 0.1).max() < 6 * (0.09 / DRAWS) ** 0.5
    assert found.error_estimate < 1e-3


@PRIORS
def test_hyperparameters_are_drawn_from_their_marginals(usual: World, prior: EntityPrior) -> None:
    found = usual.fit(prior)

    for name in ("mu", "alpha", "phi", "spread", "noise"):
        drawn = found.joint.draw(name, [0], DRAWS, 3)[:, 0]
        for q in (0.05, 0.5, 0.95):
            below = (drawn < getattr(found, name).quantile(q)[0]).mean()
            # 2e-3 is what the marginals of single hyperparameters are off by at most
            assert abs(below - q) < 2e-3 + 6 * (q * (1 - q) / DRAWS) ** 0.5


def test_it_speaks_the_vocabulary_of_posteriors(usual: World) -> None:
    found = usual.fit()
    distribution: Distribution = found.rates
    joint: Joint = found.joint

    assert len(found.rates) == 300
    assert distribution.mean().shape == (300,)
    assert joint.draw("mu", [0], 5, 1).shape == (5, 1)


def test_a_selection_draws_the_same_values(usual: World) -> None:
    joint = usual.fit().joint

    together = joint.draw("theta", [3, 250, 9], 200, 5)

    assert np.array_equal(joint.draw("theta", [9], 200, 5)[:, 0], together[:, 2])
    assert np.array_equal(joint.draw("theta", [250, 3], 200, 5), together[:, [1, 0]])
    assert not np.array_equal(joint.draw("theta", [9], 200, 6)[:, 0], together[:, 2])


def test_rows_of_joint_draws_belong_together() -> None:
    # one window each: a rate is mostly what the population says
    found = world(5, 1, 4.0, 1.0, 2.0, np.random.default_rng(3)).fit()

    drawn = {name: np.log(found.joint.draw(name, [0], DRAWS, 5)[:, 0]) for name in ("theta", "mu")}

    assert np.corrcoef(drawn["theta"], drawn["mu"])[0, 1] > 0.1 + 6 / DRAWS**0.5


def test_the_order_of_entities_does_not_matter(usual: World) -> None:
    order = np.random.default_rng(0).permutation(300)
    found = usual.fit().rates

    shuffled = entity_rates(
        usual.sums[order], usual.windows[order], usual.values[::-1], usual.counts[::-1]
    ).rates

    assert shuffled.mean() == pytest.approx(found.mean()[order], rel=1e-9)
    assert shuffled.quantile(0.9) == pytest.approx(found.quantile(0.9)[order], rel=1e-9)


def test_a_thousand_times_the_windows_cost_no_more_integrals(usual: World) -> None:
    few = place_sites(*np.unique([usual.sums, usual.windows], axis=1))

    many = place_sites(*np.unique([1e3 * usual.sums, 1e3 * usual.windows], axis=1))

    assert len(many.sums) <= len(few.sums) + 4
    assert len(few.sums) < 40


def test_interpolated_numbers_are_those_of_each_entity_alone(ragged: World) -> None:
    rates = ragged.fit().rates
    low, high = rates.hdi(0.9)

    assert rates.pooled.pairs.sites.is_interpolated
    for index in (0, 7, 500, 2_000, int(np.argmax(ragged.sums)), int(np.argmin(ragged.sums))):
        alone = rates.pooled.one(rates.pair[index])
        sd = alone.sds[0]
        ends = np.exp(np.concatenate(alone.hdi(0.9)))
        assert abs(rates.mean()[index] - alone.means[0]) < 1e-4 * sd
        assert abs(rates.sd()[index] - sd) < 1e-4 * sd
        for q in (0.01, 0.5, 0.99):
            exact = np.exp(alone.quantile(np.array([q]))[0])
            assert abs(rates.quantile(q)[index] - exact) < 1e-3 * sd
        assert abs(low[index] - ends[0]) < 5e-3 * sd
        assert abs(high[index] - ends[1]) < 5e-3 * sd


@pytest.mark.parametrize("threshold", [0.5, 8.0, 40.0])
def test_above_is_what_is_not_below(ragged: World, threshold: float) -> None:
    rates = ragged.fit().rates

    above = rates.above(threshold)

    for index in range(0, 2_500, 311):
        below = rates.cdf(index, np.array([threshold]))[0]
        assert above[index] == pytest.approx(1 - below, abs=1e-4)
    assert rates.above(-1.0).min() == 1.0


def test_taking_entities_keeps_their_numbers(usual: World) -> None:
    rates = usual.fit().rates

    taken = rates.take([5, 2])

    assert np.array_equal(taken.mean(), rates.mean()[[5, 2]])
    assert np.array_equal(taken.above(9.0), rates.above(9.0)[[5, 2]])


def test_densities_have_mass_one_and_match_the_numbers(usual: World) -> None:
    rates = usual.fit().rates
    x, y = rates.density(4, 801)

    assert np.trapezoid(y, x) == pytest.approx(0.998, abs=2e-4)
    assert rates.cdf(4, rates.quantile(0.3)[[4]])[0] == pytest.approx(0.3, abs=1e-6)
    assert rates.pdf(4, np.array([-1.0, 0.0])).tolist() == [0.0, 0.0]


@PRIORS
def test_all_zeros_are_data_too(prior: EntityPrior) -> None:
    found = table([[0] * 6] * 20).fit(prior)
    rates = found.rates

    drawn = found.joint.draw("theta", [0, 19], 500, 1)

    assert found.error_estimate < 1e-3
    assert np.isfinite(drawn).all()
    assert rates.hdi(0.9)[0][0] == 0.0
    assert rates.quantile(1e-6)[0] >= 0.0


@PRIORS
def test_all_zeros_agree_with_worlds_of_the_prior(prior: EntityPrior) -> None:
    found = table([[0] * 2] * 3).fit(prior)
    rng = np.random.default_rng(12)
    hypers = prior.draw(rng, 400_000)
    theta = rng.gamma(hypers.mu * hypers.alpha, size=(3, 400_000)) / hypers.alpha
    log_zero = -2 * hypers.phi * np.log1p(theta / hypers.phi)
    weight = np.exp(log_zero.sum(axis=0))

    for q in (0.3, 0.5, 0.9):
        below = theta[0] < found.rates.quantile(q)[0]
        share = np.average(below, weights=weight)
        error = np.sqrt(np.sum((weight * (below - share)) ** 2)) / weight.sum()
        assert abs(share - q) < 6 * error + 1e-4


def test_tiny_shapes_can_be_drawn_from() -> None:
    from pymc_vibes.stats.entity_draws import draw_rates
    from pymc_vibes.stats.entity_integral import Hypers, peaks

    rng = np.random.default_rng(4)
    tiny = np.full(2_000, 1e-9)
    peak = peaks(Hypers(tiny, tiny + 1, tiny + 1), np.zeros(2_000), np.full(2_000, 6.0))

    drawn = draw_rates(peak, lambda places: rng.random((3, len(places))))

    assert np.isfinite(drawn).all()
    assert (drawn < 1e-300).mean() > 0.99  # a log rate of about -1e9


@PRIORS
def test_one_window_per_entity_is_separated_by_the_prior_alone(prior: EntityPrior) -> None:
    found = world(60, 1, 5.0, 0.5, 1.5, np.random.default_rng(5)).fit(prior)

    low, high = found.spread.quantile(0.025)[0], found.spread.quantile(0.975)[0]

    assert found.error_estimate < 1e-3
    assert high / low > 3


def test_one_dominant_entity_keeps_its_own_rate() -> None:
    found = table([[0, 1, 0, 0, 2, 1]] * 15 + [[900, 1100, 1000, 950, 1050, 1000]]).fit()

    assert found.rates.mean()[-1] == pytest.approx(1000, rel=0.3)
    assert found.rates.mean()[0] < 2
    assert found.error_estimate < 1e-3


def test_an_entity_without_windows_has_the_rate_of_the_population(usual: World) -> None:
    sums, windows = np.append(usual.sums, 0.0), np.append(usual.windows, 0.0)

    found = entity_rates(sums, windows, usual.values, usual.counts)

    assert found.rates.mean()[-1] == pytest.approx(found.mu.mean()[0], rel=1e-5)


def test_the_default_prior_leaves_poisson_counts_alone() -> None:
    poisson = world(15, 8, 200.0, 0.01, np.inf, np.random.default_rng(6))
    sd = np.sqrt(poisson.sums) / 8  # of a rate from its own windows

    free = poisson.fit().rates.sd() / sd
    reference = poisson.fit(EntityPrior.reference()).rates.sd() / sd

    assert np.median(free) < 1.2
    assert np.median(reference) > 1.8


def test_a_table_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="does not add up"):
        entity_rates(np.array([3.0]), np.array([2.0]), np.array([1.0]), np.array([2.0]))


def test_events_without_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="only entities with windows"):
        entity_rates(np.array([3.0]), np.array([0.0]), np.array([3.0]), np.array([1.0]))
