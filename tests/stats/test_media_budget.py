"""Budgets against closed forms, brute force, and what no optimum may depend on."""

from itertools import product
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.media_budget import around, observed, plan_budget, usual
from pymc_vibes.stats.media_goals import (
    FixedTotal,
    Goal,
    Group,
    LeastCost,
    Limits,
    MarginalReturn,
    Return,
)
from pymc_vibes.stats.media_optimality import check_optimum
from pymc_vibes.stats.media_outlook import (
    Aim,
    Average,
    Quantile,
    Shortfall,
    Valued,
    look_ahead,
    rank_weights,
)
from pymc_vibes.stats.media_response import Link, MediaResponse
from pymc_vibes.stats.media_transforms import MediaSpec
from tests.stats.budget_worlds import PERIODS, outlook_of, response_of, spending_of

type Array = NDArray[np.float64]


type Array = NDArray[np.float64]


def feasible(current: Array, limits: Limits, rng: np.random.Generator) -> Array:
    """Another budget of the same total, within the limits, near this one."""
    step = rng.standard_normal(len(current)) * (limits.high - limits.low)
    step -= step.mean()
    room = np.where(step > 0, limits.high - current, current - limits.low)
    moves = np.abs(step) > 0
    farthest = float((np.maximum(room, 0.0)[moves] / np.abs(step[moves])).min())
    return np.asarray(current + rng.uniform(0, 1) * min(farthest, 1.0) * step)


def test_a_channel_that_was_never_used_may_enter_the_plan() -> None:
    outlook = outlook_of(response_of(300, 3, saturation="hill", steepness=0.6))
    current = np.array([900.0, 0.0, 600.0])

    plan = plan_budget(
        outlook,
        FixedTotal(1_500.0),
        Limits(low=np.zeros(3), high=np.full(3, 900.0)),
        current=current,
    )

    assert plan.budget[1] > 100.0
    assert plan.optimality.residual < 1e-3


def test_two_michaelis_menten_channels_have_a_closed_form() -> None:
    half, effect = np.array([[2.0, 0.5]]), np.array([[3.0, 1.5]])
    response = MediaResponse(
        spec=MediaSpec(adstock="none", saturation="michaelis-menten"),
        params={"half": half, "effect": effect},
    )
    outlook = look_ahead(
        response,
        history=np.zeros((1, 2)),
        pattern=np.ones((1, 2)),
        activity_per_money=np.ones(2),
    )
    limits = Limits(low=np.zeros(2), high=np.full(2, 10.0))

    plan = plan_budget(outlook, FixedTotal(4.0), limits, current=np.array([2.0, 2.0]))

    root = np.sqrt(effect * half)[0]
    known = root * (4.0 + half.sum()) / root.sum() - half[0]
    np.testing.assert_allclose(plan.budget, known, rtol=1e-5)
    price = (root.sum() / (4.0 + half.sum())) ** 2
    assert plan.optimality.price == pytest.approx(price, rel=1e-5)


@pytest.mark.parametrize("link", ["identity", "log"])
@pytest.mark.parametrize("aim", [Average(), Quantile(0.1), Shortfall(0.2)])
def test_no_split_on_a_fine_grid_is_better(link: Link, aim: Aim) -> None:
    outlook = outlook_of(response_of(60, 3, link=link))
    limits = Limits(low=np.full(3, 100.0), high=np.full(3, 1_000.0))

    plan = plan_budget(outlook, FixedTotal(1_500.0), limits, current=np.full(3, 500.0), aim=aim)

    valued = Valued(outlook=outlook, aim=aim)
    steps = np.arange(100.0, 1_001.0, 50.0)
    rest = [(a, b, 1_500.0 - a - b) for a, b in product(steps, steps)]
    grid = [valued(np.array(split))[0] for split in rest if 100.0 <= split[2] <= 1_000.0]
    assert plan.budget.sum() == pytest.approx(1_500.0)
    assert valued(plan.budget)[0] > max(grid) * (1 - 1e-9)


def test_where_curves_are_s_shaped_the_best_hill_is_found() -> None:
    outlook = outlook_of(response_of(40, 3, saturation="hill", steepness=4.0))
    limits = Limits(low=np.zeros(3), high=np.full(3, 900.0))

    plan = plan_budget(outlook, FixedTotal(700.0), limits, current=np.full(3, 700 / 3))

    valued = Valued(outlook=outlook)
    steps = np.arange(0.0, 701.0, 25.0)
    rest = [(a, b, 700.0 - a - b) for a, b in product(steps, steps) if a + b <= 700.0]
    assert valued(plan.budget)[0] > max(valued(np.array(split))[0] for split in rest) * (1 - 1e-9)


@pytest.mark.parametrize("saturation", ["hill", "logistic", "michaelis-menten"])
def test_no_feasible_move_improves_a_plan(
    saturation: Literal["hill", "logistic", "michaelis-menten"],
) -> None:
    outlook, rng = outlook_of(response_of(300, 6, saturation=saturation)), np.random.default_rng(0)
    current = usual(spending_of(6), periods=PERIODS)
    limits = around(current)

    plan = plan_budget(outlook, FixedTotal(float(current.sum())), limits, current=current)

    moved = [feasible(plan.budget, limits, rng) for _ in range(300)]
    best = plan.outcome.mean()
    assert max(outlook.outcome(budget).mean() for budget in moved) < best * (1 + 1e-8)
    assert plan.optimality.residual < 1e-3


def test_the_order_of_channels_does_not_matter() -> None:
    response = response_of(100, 4)
    turned = MediaResponse(
        spec=response.spec,
        params={name: given[:, ::-1] for name, given in response.params.items()},
        scale=response.scale,
    )
    current = np.full(4, 600.0)

    plan = plan_budget(outlook_of(response), FixedTotal(2_400.0), around(current), current=current)

    spending = spending_of(4)[:, ::-1] / 100
    other = look_ahead(
        turned,
        history=spending,
        pattern=np.full((PERIODS, 4), 1 / PERIODS),
        activity_per_money=np.full(4, 0.01),
    )
    again = plan_budget(other, FixedTotal(2_400.0), around(current), current=current)
    np.testing.assert_allclose(again.budget[::-1], plan.budget, rtol=1e-4)
    assert again.outcome.mean() == pytest.approx(plan.outcome.mean(), rel=1e-8)


def test_the_unit_of_money_does_not_matter() -> None:
    response, current = response_of(100, 4, link="log"), np.full(4, 600.0)

    plan = plan_budget(outlook_of(response), FixedTotal(2_400.0), around(current), current=current)

    cents = 100.0
    plan_in_cents = plan_budget(
        outlook_of(response, money=cents),
        FixedTotal(2_400.0 * cents),
        around(current * cents),
        current=current * cents,
    )
    np.testing.assert_allclose(plan_in_cents.budget / cents, plan.budget, rtol=1e-5)


def test_free_channels_share_one_marginal_return() -> None:
    outlook = outlook_of(response_of(200, 5))
    current = np.full(5, 600.0)
    limits = Limits(low=np.full(5, 1.0), high=np.full(5, 5_000.0))

    plan = plan_budget(outlook, FixedTotal(3_000.0), limits, current=current, value=2.0)

    free = [i for i, place in enumerate(plan.optimality.places) if place == "inside"]
    returns = plan.marginal.mean(axis=0)
    assert len(free) >= 2
    np.testing.assert_allclose(returns[free], plan.optimality.price, rtol=1e-3)
    assert plan.optimality.spread < 1e-3
    assert (np.delete(returns, free) < plan.optimality.price).all()


def test_a_budget_that_is_no_optimum_fails_the_check() -> None:
    outlook = outlook_of(response_of(200, 4))
    equal = np.full(4, 600.0)
    slopes = outlook.with_slopes(equal)[1].mean(axis=0)

    found = check_optimum(equal, slopes, FixedTotal(2_400.0), around(equal))

    assert found.spread == pytest.approx(np.ptp(slopes) / slopes.mean())
    left = slopes - slopes.mean()
    assert found.residual == pytest.approx(np.linalg.norm(left) / np.linalg.norm(slopes))


@pytest.mark.parametrize("link", ["identity", "log"])
def test_the_goals_agree_with_each_other(link: Link) -> None:
    outlook = outlook_of(response_of(100, 4, link=link))
    current = np.full(4, 600.0)
    limits = Limits(low=np.full(4, 10.0), high=np.full(4, 4_000.0))
    first = plan_budget(outlook, FixedTotal(2_400.0), limits, current=current)
    outcome = float(first.outcome.mean())

    goals: list[Goal] = [
        MarginalReturn(first.optimality.price or 0.0),
        LeastCost(outcome),
        Return(outcome / 2_400.0),
    ]
    others = [plan_budget(outlook, goal, limits, current=current) for goal in goals]

    for plan in others:
        np.testing.assert_allclose(plan.budget, first.budget, rtol=2e-3, atol=2.0)
        assert plan.optimality.residual < 1e-3


def test_a_locked_channel_stays() -> None:
    outlook, current = outlook_of(response_of(100, 3)), np.array([500.0, 700.0, 300.0])
    limits = around(current).locked([1], current)

    plan = plan_budget(outlook, FixedTotal(1_500.0), limits, current=current)

    assert plan.budget[1] == 700.0
    assert plan.optimality.places[1] == "locked"
    assert plan.optimality.residual < 1e-3


def test_groups_keep_to_their_bounds() -> None:
    outlook, current = outlook_of(response_of(100, 4)), np.full(4, 600.0)
    limits = Limits(low=np.full(4, 10.0), high=np.full(4, 2_000.0))
    free = plan_budget(outlook, FixedTotal(2_400.0), limits, current=current)
    less = float(free.budget[:2].sum()) - 100

    grouped = Limits(low=limits.low, high=limits.high, groups=(Group((0, 1), high=less),))
    plan = plan_budget(outlook, FixedTotal(2_400.0), grouped, current=current)

    assert plan.budget[:2].sum() == pytest.approx(less)
    assert plan.outcome.mean() < free.outcome.mean()
    assert plan.optimality.residual < 1e-3


def test_the_gain_is_paired_draw_by_draw() -> None:
    outlook, current = outlook_of(response_of(400, 4)), np.full(4, 600.0)

    plan = plan_budget(outlook, FixedTotal(2_500.0), around(current), current=current, value=3.0)

    known = 3.0 * (outlook.outcome(plan.budget) - outlook.outcome(current)) - 100.0
    np.testing.assert_allclose(plan.gain, known, atol=1e-4)
    gain = plan.verdict(prob=0.8)
    assert gain.low == pytest.approx(np.quantile(known, 0.1), abs=1e-4)
    assert gain.chance == (plan.gain > 0).mean()


def test_a_gain_that_draws_disagree_on_is_inside_the_noise() -> None:
    vague = outlook_of(response_of(400, 3, spread=0.8))
    clear = outlook_of(response_of(400, 3, spread=0.01))
    current = np.full(3, 600.0)

    plans = [
        plan_budget(outlook, FixedTotal(1_800.0), around(current), current=current)
        for outlook in (vague, clear)
    ]

    assert [plan.verdict().is_in_noise for plan in plans] == [True, False]


def test_aiming_at_the_worst_avoids_what_is_uncertain() -> None:
    rng = np.random.default_rng(5)
    effect = np.stack([np.full(500, 0.3), 0.32 * np.exp(rng.normal(-0.32, 0.8, 500))], axis=1)
    params = {"half": np.full((500, 2), 0.5), "effect": effect}
    response = MediaResponse(spec=MediaSpec(adstock="none"), params=params)
    outlook = look_ahead(
        response, history=np.zeros((1, 2)), pattern=np.ones((1, 2)), activity_per_money=np.ones(2)
    )
    limits, current = Limits(low=np.zeros(2), high=np.ones(2)), np.full(2, 0.5)

    plans = [
        plan_budget(outlook, FixedTotal(1.0), limits, current=current, aim=aim)
        for aim in (Average(), Shortfall(0.1))
    ]

    worst = rank_weights(Shortfall(0.1), 500)
    in_the_worst = [worst @ np.sort(plan.outcome) for plan in plans]
    assert plans[1].budget[1] < plans[0].budget[1] - 0.1
    assert in_the_worst[1] > in_the_worst[0]


def test_spending_far_beyond_what_was_seen_is_flagged() -> None:
    spending, pattern = spending_of(3), np.full((PERIODS, 3), 1 / PERIODS)
    outlook, current = outlook_of(response_of(50, 3)), usual(spending, periods=PERIODS)
    most = observed(spending, pattern)
    limits = Limits(low=np.array([0.0, 0.0, 2_000.0]), high=np.full(3, 3_000.0))

    plan = plan_budget(outlook, FixedTotal(3_000.0), limits, current=current, most=most)

    np.testing.assert_allclose(most, 1.2 * PERIODS * spending.max(axis=0))
    assert plan.beyond == tuple(bool(flag) for flag in plan.budget > most)
    assert plan.beyond[2]


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        (FixedTotal(5_000.0), "between 840 and 1560 in all, not 5000"),
        (Return(50.0), "No budget within the limits returns 50"),
        (LeastCost(1e6), "an outcome of at most"),
    ],
)
def test_a_goal_out_of_reach_says_what_is_in_reach(goal: Goal, said: str) -> None:
    current = np.full(2, 600.0)

    with pytest.raises(BadConfig, match=said):
        plan_budget(outlook_of(response_of(50, 2)), goal, around(current), current=current)


def test_limits_that_contradict_each_other_are_refused() -> None:
    outlook, current = outlook_of(response_of(5, 2)), np.full(2, 600.0)

    with pytest.raises(BadConfig, match="lower bound"):
        Limits(low=np.array([2.0, 0.0]), high=np.ones(2))
    with pytest.raises(BadConfig, match="groups"):
        plan_budget(
            outlook,
            FixedTotal(1_200.0),
            around(current, groups=(Group((0,), low=5_000.0),)),
            current=current,
        )


def test_a_budget_without_freedom_is_what_the_limits_say() -> None:
    current = np.array([500.0, 700.0])

    plan = plan_budget(
        outlook_of(response_of(50, 2)),
        FixedTotal(1_200.0),
        Limits(low=current, high=current),
        current=current,
    )

    np.testing.assert_array_equal(plan.budget, current)
    assert plan.optimality.price is None
    assert plan.verdict().is_in_noise
