"""Which test to run next, against closed forms and simulation."""

import numpy as np
import pytest

from pymc_vibes.stats.media_effects import Link
from pymc_vibes.stats.media_experiments import expected_lifts
from pymc_vibes.stats.media_next import (
    Ground,
    Trial,
    linear_sd,
    next_experiments,
    planned,
    simulated_sd,
    trials_of,
)
from pymc_vibes.stats.media_transforms import respond
from tests.stats.experiment_worlds import LAGS, linear_of, linear_test, response_of


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
