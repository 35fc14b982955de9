"""People together: against closed forms, a brute-force grid, and the regression without a prior."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from pymc_vibes.stats.people import (
    Normals,
    Population,
    PopulationPrior,
    combine,
    likelihood_of,
    merged,
    scale_nodes,
)
from pymc_vibes.stats.trial import TrialFit, TrialModel
from tests.stats.test_interrupted import excludes_zero, most
from tests.stats.trial_worlds import analyzed, schedule, world

PRIOR = PopulationPrior(mean=3.0, between=1.0)


def known(*people: tuple[float, float]) -> list[Normals]:
    """People of whom normal estimates with these sds are known."""
    return [Normals(np.ones(1), np.array([loc]), np.array([sd])) for loc, sd in people]


FOUR = known((1.0, 0.5), (2.0, 0.4), (0.3, 0.8), (1.2, 0.3))


class Brute:
    """The joint posterior of mean and spread on a fine grid of both."""

    def __init__(self, people: list[Normals], prior: PopulationPrior) -> None:
        self.people = people
        self.mu = np.linspace(-8, 10, 901)[:, None]
        self.tau = (np.arange(1800) + 0.5) / 200
        log = -0.5 * (self.mu / prior.mean) ** 2 - 0.5 * (self.tau / prior.between) ** 2
        for one in people:
            wide = np.sqrt(one.scale[:, None] ** 2 + self.tau**2)[:, None]
            dense = stats.norm.pdf(self.mu[None], one.loc[:, None, None], wide)
            log = log + np.log((one.weight[:, None, None] * dense).sum(axis=0))
        weight = np.exp(log - log.max())
        self.weight = weight / weight.sum()

    def moments(self, values: np.ndarray) -> tuple[float, float]:
        mean = float((self.weight * values).sum())
        return mean, float(np.sqrt((self.weight * (values - mean) ** 2).sum()))

    def effect(self, index: int) -> tuple[float, float]:
        """Mean and sd of a person's effect; of normal estimates only."""
        one = self.people[index]
        share = self.tau**2 / (self.tau**2 + one.scale[0] ** 2)
        center = self.mu * (1 - share) + one.loc[0] * share
        mean, sd = self.moments(center)
        return mean, float(np.sqrt(sd**2 + (self.weight * one.scale[0] ** 2 * share).sum()))


@pytest.fixture(scope="module")
def brute() -> Brute:
    return Brute(FOUR, PRIOR)


@pytest.fixture(scope="module")
def four() -> Population:
    return combine(FOUR, PRIOR)


def test_mean_and_spread_are_those_of_a_fine_grid(brute: Brute, four: Population) -> None:
    mean, mean_sd = brute.moments(brute.mu + 0 * brute.tau)
    between, between_sd = brute.moments(brute.tau + 0 * brute.mu)

    assert four.effect_of_all.mean()[0] == pytest.approx(mean, abs=2e-3 * mean_sd)
    assert four.effect_of_all.sd()[0] == pytest.approx(mean_sd, rel=2e-3)
    assert four.spread.mean()[0] == pytest.approx(between, abs=4e-3 * between_sd)
    assert four.spread.sd()[0] == pytest.approx(between_sd, rel=4e-3)


def test_quantiles_are_those_of_a_fine_grid(brute: Brute, four: Population) -> None:
    along = np.cumsum(brute.weight.sum(axis=1)) - brute.weight.sum(axis=1) / 2
    up = np.cumsum(brute.weight.sum(axis=0)) - brute.weight.sum(axis=0) / 2
    for q in (0.025, 0.5, 0.975):
        assert four.effect_of_all.quantile(q)[0] == pytest.approx(
            np.interp(q, along, brute.mu[:, 0]), abs=0.01
        )
        assert four.spread.quantile(q)[0] == pytest.approx(np.interp(q, up, brute.tau), abs=0.01)


@pytest.mark.parametrize("index", range(4))
def test_shrunken_effects_are_those_of_a_fine_grid(
    brute: Brute, four: Population, index: int
) -> None:
    mean, sd = brute.effect(index)

    assert four.effects.mean()[index] == pytest.approx(mean, abs=4e-3 * sd)
    assert four.effects.sd()[index] == pytest.approx(sd, rel=4e-3)


def test_the_next_person_is_that_of_a_fine_grid(brute: Brute, four: Population) -> None:
    for x in (0.0, 1.0):
        wanted = float((brute.weight * ndtr((brute.mu - x) / brute.tau)).sum())
        assert four.next_above(x) == pytest.approx(wanted, abs=1e-3)
        assert four.effect_of_next.above(x)[0] == pytest.approx(wanted, abs=3e-3)


def test_without_a_spread_people_are_one_estimate() -> None:
    # closed form: the inverse-variance mean with the prior's own precision
    found = combine(FOUR, PopulationPrior(mean=3.0, between=1e-3))

    precision = np.array([one.scale[0] ** -2.0 for one in FOUR])
    whole = precision.sum() + 3.0**-2
    assert found.effect_of_all.mean()[0] == pytest.approx(
        precision @ np.array([one.loc[0] for one in FOUR]) / whole, abs=1e-4
    )
    assert found.effect_of_all.sd()[0] == pytest.approx(whole**-0.5, rel=1e-3)


def test_with_a_huge_spread_people_stay_alone() -> None:
    found = combine(known((5.0, 0.2), (-40.0, 0.3), (60.0, 0.25)), PopulationPrior(300.0, 100.0))

    np.testing.assert_allclose(found.effects.mean(), [5.0, -40.0, 60.0], atol=0.02)
    np.testing.assert_allclose(found.effects.sd(), [0.2, 0.3, 0.25], rtol=0.01)


def test_units_do_not_matter() -> None:
    factor = 250.0
    people = [Normals(one.weight, factor * one.loc, factor * one.scale) for one in FOUR]

    one, other = combine(FOUR, PRIOR), combine(people, PopulationPrior(3 * factor, factor))

    np.testing.assert_allclose(other.effects.mean() / factor, one.effects.mean(), rtol=1e-6)
    np.testing.assert_allclose(other.spread.mean() / factor, one.spread.mean(), rtol=1e-6)
    assert other.next_above(factor) == pytest.approx(one.next_above(1.0))


def test_people_with_the_same_days_have_the_same_effect() -> None:
    found = combine(known((1.0, 0.5), (1.0, 0.5)), PRIOR)

    assert found.effects.mean()[0] == found.effects.mean()[1]
    assert found.effects.quantile(0.9)[0] == found.effects.quantile(0.9)[1]


def test_draws_are_joint(four: Population) -> None:
    drawn = four.draw(40_000, np.random.default_rng(2))

    many = len(drawn["mean"])
    for name, known_one in (("mean", four.effect_of_all), ("between", four.spread)):
        gap = abs(drawn[name].mean() - known_one.mean()[0])
        assert gap < 6 * known_one.sd()[0] / np.sqrt(many)
    gaps = np.abs(drawn["effects"].mean(axis=0) - four.effects.mean())
    assert (gaps < 6 * four.effects.sd() / np.sqrt(many)).all()
    apart = (drawn["effects"] - drawn["mean"][:, None]) / drawn["between"][:, None]
    assert np.corrcoef(drawn["mean"], drawn["effects"][:, 2])[0, 1] > 0.3
    assert apart.std() == pytest.approx(1.0, abs=0.1)


def test_a_students_t_is_a_mixture_of_few_normals() -> None:
    for df in (10.0, 40.0, 2000.0):
        precision, weight = scale_nodes(df)
        x = np.linspace(0, 4, 9)

        dense = stats.norm.pdf(x[:, None], 0, precision**-0.5) @ weight

        assert weight.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(dense, stats.t.pdf(x, df), rtol=0.02)


def test_merging_keeps_mean_variance_and_curve() -> None:
    rng = np.random.default_rng(3)
    many = Normals(np.full(800, 1 / 800), rng.normal(0, 1, 800), rng.uniform(0.9, 1.3, 800))

    few = merged(many)

    x = np.linspace(-4, 4, 33)
    assert len(few.weight) < 150
    assert few.mean == pytest.approx(many.mean, abs=1e-9)
    assert few.variance == pytest.approx(many.variance)
    np.testing.assert_allclose(few.pdf(x), many.pdf(x), atol=2e-3 * many.pdf(x).max())


def likelihood(fit: TrialFit) -> Normals:
    return likelihood_of(
        fit.regression, fit.names["effect_1"], fit.model.effect_sd, fit.standard.spread
    )


def test_the_likelihood_is_the_posterior_without_its_prior() -> None:
    # oracle: the same regression with a prior so wide that it says nothing; 1 / sigma of its
    # density is taken back, which leaves one degree of freedom less
    rng = np.random.default_rng(4)
    trial = world(schedule("ABAB", rng), 0.5, rng, effect=1.0)
    fit = analyzed(trial)
    wide = analyzed(trial, TrialModel(effect_sd=1e5))
    known_one, at = wide.regression, wide.names["effect_1"]
    weight = known_one.weights * np.sqrt(known_one.variance)
    df = known_one.df - 1
    scale = np.sqrt(known_one.covariance[:, at, at] * known_one.variance * known_one.df / df)
    unit = wide.standard.spread

    found = likelihood(fit)

    x = np.linspace(found.mean - 3 * found.variance**0.5, found.mean + 3 * found.variance**0.5, 13)
    dense = stats.t.pdf(x[:, None], df, unit * known_one.mean[:, at], unit * scale)
    oracle = dense @ weight / weight.sum()
    np.testing.assert_allclose(found.pdf(x), oracle, atol=0.01 * oracle.max())


def test_mean_and_people_are_covered() -> None:
    worlds, alarms, held = 60, 0, 0
    for seed in range(worlds):
        rng = np.random.default_rng([3, seed])
        effects = 0.5 * rng.standard_normal(4)
        fits = [analyzed(world(schedule("blocks", rng), 0.4, rng, effect=e)) for e in effects]
        unit = float(np.sqrt(np.mean([fit.standard.spread**2 for fit in fits])))
        found = combine([likelihood(fit) for fit in fits], PopulationPrior(3 * unit, unit))
        alarms += excludes_zero(*found.effect_of_all.interval(0.95))
        low, high = found.effects.interval(0.95)
        held += int(((low <= effects) & (effects <= high)).sum())

    # the mean of people is 0; people of one world depend on each other, so their bound is wider
    assert alarms <= most(worlds, 0.07)
    assert held >= stats.binom.ppf(1e-9, 4 * worlds, 0.95)


def test_one_more_person_of_whom_nothing_is_known_changes_nothing() -> None:
    nobody = known((0.0, 1e4))

    one, other = combine(FOUR, PRIOR), combine([*FOUR, *nobody], PRIOR)

    assert other.effect_of_all.mean()[0] == pytest.approx(one.effect_of_all.mean()[0], abs=2e-3)
    assert other.spread.mean()[0] == pytest.approx(one.spread.mean()[0], rel=5e-3)
    assert other.effects.mean()[4] == pytest.approx(one.effect_of_next.mean()[0], abs=5e-3)
    assert other.effects.sd()[4] == pytest.approx(one.effect_of_next.sd()[0], rel=5e-3)
