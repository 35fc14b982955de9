"""Budgets of a marketing mix: the best one is best, and what a plan brings adds up."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import xarray as xr

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.marketing_mix.ahead import Horizon, ahead_of
from pymc_vibes.kinds.marketing_mix.changes import Change
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.stats import nuts
from tests.kinds.mix_fits import Mix, brand, by, column, regions, table_of, unsampled, unsaturated
from tests.kinds.mix_worlds import months, settings, table, weeks

EQUAL = 1e-3  # of the price: marginal returns nearer than this are one
WIDE = {"swing": 1.0}


@pytest.fixture(scope="module", autouse=True)
def samplers() -> Iterator[None]:
    """End all children when the worlds are through."""
    yield
    nuts.shutdown()


def more_of(mix: Mix, budget: Any, **given: Any) -> np.ndarray:
    """Give what a budget brings beyond the current one, in each draw."""
    ahead = ahead_of(mix.reading, Horizon(**given))
    return np.asarray(Change(ahead, np.asarray(budget, dtype=float), None).more)


def plan(answer: Any, name: str = "proposed") -> np.ndarray:
    return column(table_of(answer, "plan"), name)


@pytest.mark.parametrize("world", [brand, regions])
def test_the_best_split_of_the_same_money_beats_others(world: Any) -> None:
    mix = world()

    answer = mix.ask("optimize", **WIDE)

    budget, current = plan(answer), plan(answer, "current")
    assert budget.sum() == pytest.approx(current.sum())
    best = more_of(mix, budget).mean()
    assert best > 0
    assert best > more_of(mix, np.full(3, current.sum() / 3)).mean()
    for shift in ([1, -1, 0], [-1, 1, 0], [0, 1, -1], [0, -1, 1]):
        moved = np.clip(budget + 0.02 * current.sum() * np.array(shift), 0, 2 * current)
        moved *= current.sum() / moved.sum()
        assert more_of(mix, moved).mean() <= best * (1 + 1e-9)


@pytest.mark.parametrize("world", [brand, regions])
@pytest.mark.parametrize(
    "aim", [{"kind": "mean"}, {"kind": "quantile", "level": 0.3}, {"kind": "cvar", "level": 0.3}]
)
def test_at_the_best_budget_the_next_money_returns_the_same_wherever_it_may_go(
    world: Any, aim: dict[str, Any]
) -> None:
    answer = world().ask("optimize", aim=aim, swing=4)

    assert answer.data["residual"] < EQUAL
    assert answer.data["spread"] < EQUAL
    if aim["kind"] == "mean":
        free = plan(answer, "bound") == "free"
        assert free.sum() >= 2
        prices = plan(answer, "marginal")[free].astype(float)
        assert prices.tolist() == pytest.approx([answer.data["price"]] * len(prices), rel=EQUAL)


def test_a_channel_moves_no_further_than_it_may() -> None:
    answer = brand().ask(
        "optimize", locked=["digital"], bounds={"social": {"low": 1.1, "high": 1.2}}
    )

    share = plan(answer) / plan(answer, "current")
    assert share[0] == pytest.approx(1)
    assert 1.1 - 1e-6 <= share[1] <= 1.2 + 1e-6
    assert share[2] >= 0.7 - 1e-6
    assert plan(answer, "bound")[0] == "locked"


def test_bounds_in_money_and_on_groups_hold() -> None:
    current = plan(brand().ask("scenario"), "current")
    limit = float(0.9 * (current[0] + current[1]))

    answer = brand().ask(
        "optimize",
        groups=[{"channels": ["digital", "social"], "high": limit}],
        bounds={"tv": {"unit": "money", "high": float(2 * current[2])}},
    )

    budget = plan(answer)
    assert budget[0] + budget[1] <= limit * (1 + 1e-6)
    assert budget.sum() == pytest.approx(current.sum())
    assert budget[2] > 1.05 * current[2]


def test_goals_are_reached() -> None:
    mix, value = brand(), {"value_per_sale": 0.7}
    current = plan(mix.ask("scenario"), "current").sum()
    brought = ahead_of(mix.reading, Horizon()).outlook.outcome

    cheap = mix.ask("optimize", goal={"kind": "least-cost"}, **WIDE)
    worth = mix.ask("optimize", goal={"kind": "return", "target": 1.2}, **value, **WIDE)
    hurdle = mix.ask("optimize", goal={"kind": "marginal-return", "hurdle": 1.0}, **value, **WIDE)

    assert plan(cheap).sum() < current
    assert more_of(mix, plan(cheap)).mean() == pytest.approx(
        0, abs=1e-3 * more_of(mix, plan(cheap)).std()
    )
    budget = plan(worth)
    assert 0.7 * brought(budget).mean() >= 1.2 * budget.sum() * (1 - 1e-6)
    profit = [
        0.7 * more_of(mix, other).mean() - (other.sum() - current)
        for other in (plan(hurdle), 0.98 * plan(hurdle), plan(mix.ask("optimize", **WIDE)))
    ]
    assert profit[0] == max(profit)


def test_twice_the_money_may_be_split_where_bounds_allow_for_it() -> None:
    current = float(plan(brand().ask("scenario"), "current").sum())
    goal = {"kind": "fixed-total", "total": 2 * current}

    answer = brand().ask("optimize", goal=goal, swing=1.5)

    assert plan(answer).sum() == pytest.approx(2 * current)
    assert answer.summary.headline.startswith("Spending ")
    with pytest.raises(BadConfig, match="limits allow to spend between") as refusal:
        brand().ask("optimize", goal=goal)
    assert refusal.value.hint


def test_spending_far_beyond_what_was_seen_is_said() -> None:
    answer = brand().ask("scenario", factors={"tv": 20})

    (far,) = (f for f in answer.summary.findings if f.code == "beyond-seen")
    assert far.severity == "warning"
    assert "tv" in far.text
    assert plan(answer, "is_beyond_seen").tolist() == [False, False, True]


def test_a_gain_inside_the_noise_is_said() -> None:
    answer = brand().ask("scenario", factors={"digital": 0.8, "tv": 1.2, "social": 1.3})

    assert answer.data["is_in_noise"] == ("inside the noise" in answer.summary.headline)
    small = brand().ask("optimize", bounds={"tv": {"low": 0.7, "high": 0.72}}, swing=0.5)
    low, high = (small.summary.estimates[0].interval.low, small.summary.estimates[0].interval.high)
    assert (low <= 0 <= high) == ("inside the noise" in small.summary.headline)


@pytest.mark.parametrize("slug", ["optimize", "scenario"])
def test_nothing_is_planned_without_saturation(slug: str) -> None:
    reference = replace(brand(), config=settings(preset="reference"))

    for mix in (unsaturated(), reference):
        with pytest.raises(BadConfig, match="without saturation") as refusal:
            mix.ask(slug)
        assert "Fit the mix with saturation" in (refusal.value.hint or "")


@pytest.mark.parametrize("world", [brand, regions])
def test_the_current_plan_brings_nothing_beyond_itself(world: Any) -> None:
    answer = world().ask("scenario", factors={"tv": 1.0, "digital": 1})

    assert answer.data["more_sales"] == 0
    assert answer.data["chance_of_a_gain"] is None
    assert answer.summary.headline == "The plan is the current one."
    forecast = table_of(answer, "forecast")
    assert column(forecast, "plan_mean").tolist() == column(forecast, "current_mean").tolist()


@pytest.mark.parametrize("world", [brand, regions])
def test_a_plan_brings_what_the_forecasts_differ_by_and_what_comes_after(world: Any) -> None:
    mix = world()

    answer = mix.ask("scenario", factors={"tv": 1.5})

    forecast = table_of(answer, "forecast")
    apart = column(forecast, "plan_mean") - column(forecast, "current_mean")
    assert (apart > 0).all()
    assert 0.5 * answer.data["more_sales"] < apart.sum() < answer.data["more_sales"]
    long = mix.ask("scenario", factors={"tv": 1.5}, periods=40)
    beyond = column(table_of(long, "forecast"), "plan_mean") - column(
        table_of(long, "forecast"), "current_mean"
    )
    assert beyond.sum() / long.data["more_sales"] > apart.sum() / answer.data["more_sales"]


def test_forecasts_follow_the_last_period_and_the_year_before() -> None:
    mix = brand()

    answer = mix.ask("scenario", periods=60)

    days = column(table_of(answer, "forecast"), "period_start").tolist()
    study = mix.reading.study
    assert days[:2] == [day_of(study.features.days[-1] + 7 * step).isoformat() for step in (1, 2)]
    expected = column(table_of(answer, "forecast"), "current_mean")
    steady = expected[10:]  # what history left is gone
    before = mix.reading.media[0].baseline.mean(axis=0) * mix.reading.media[0].unit
    assert np.diff(steady[:40]).tolist() == pytest.approx(np.diff(before[-42:-2]).tolist(), rel=0.1)


def test_profit_is_the_value_of_sales_less_their_cost() -> None:
    answer = brand().ask("scenario", factors={"tv": 1.2}, money={"social": 0}, value_per_sale=0.6)

    more, profit, back = answer.summary.estimates
    cost = answer.data["cost"]
    assert cost == pytest.approx((plan(answer) - plan(answer, "current")).sum())
    assert profit.mean == pytest.approx(0.6 * more.mean - cost)
    assert back.mean == pytest.approx(more.mean / cost)
    assert plan(answer)[1] == 0


def test_the_unit_of_money_does_not_matter() -> None:
    mix = brand()
    cells = mix.posterior.cells
    for name in [name for name in cells.column_names if name.startswith("spend_")]:
        cells = cells.set_column(
            cells.column_names.index(name), name, pc.multiply(cells[name], 100.0)
        )

    euros, cents = mix.ask("optimize", **WIDE), mix.with_cells(cells).ask("optimize", **WIDE)

    assert (plan(cents) / 100).tolist() == pytest.approx(plan(euros).tolist(), rel=EQUAL)
    first, second = euros.summary.estimates[0].mean, cents.summary.estimates[0].mean
    assert second == pytest.approx(first, rel=EQUAL)


def test_a_channel_whose_spend_is_not_known_is_held() -> None:
    mix = brand()
    held = mix.with_cells(mix.posterior.cells.drop_columns(["spend_social"]))

    answer = held.ask("optimize")

    assert by(table_of(answer, "plan"), "channel", "proposed").keys() == {"digital", "tv"}
    assert "held" in [finding.code for finding in answer.summary.findings]
    forecast = column(table_of(held.ask("scenario"), "forecast"), "plan_mean")
    whole = column(table_of(mix.ask("scenario"), "forecast"), "plan_mean")
    assert forecast.sum() == pytest.approx(whole.sum(), rel=0.01)
    with pytest.raises(BadConfig, match="No spend is known of social"):
        held.ask("optimize", locked=["social"])


def test_without_any_spend_nothing_is_planned() -> None:
    mix = brand()
    names = [name for name in mix.posterior.cells.column_names if name.startswith("spend_")]

    with pytest.raises(BadConfig, match="channels whose spend is known"):
        mix.with_cells(mix.posterior.cells.drop_columns(names)).ask("scenario")


def test_money_may_fall_on_periods_as_of_late() -> None:
    even, late = (brand().ask("scenario", pattern=name, factors={"tv": 1.5}) for name in
                  ("even", "recent"))  # fmt: skip

    assert plan(even).tolist() == plan(late).tolist()
    assert even.data["more_sales"] != late.data["more_sales"]
    with pytest.raises(BadConfig, match="too few for the pattern"):
        brand().ask("scenario", pattern="recent", periods=200)


@pytest.mark.parametrize(
    ("slug", "given", "said"),
    [
        ("scenario", {"factors": {"radio": 2}}, "no channel 'radio'"),
        ("scenario", {"factors": {"tv": 2}, "money": {"tv": 5}}, "factor or money, not both"),
        ("optimize", {"locked": ["radio"]}, "no channel 'radio'"),
        ("optimize", {"bounds": {"tv": {"low": 2, "high": 1}}}, "low must not be above high"),
        (
            "optimize",
            {"groups": [{"channels": ["tv"], "low": 2, "high": 1}]},
            "low must not be above high",
        ),
    ],
)
def test_plans_that_make_no_sense_are_refused(slug: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        brand().ask(slug, **given)


def dark(mix: Mix, name: str) -> Mix:
    """Turn a channel off in the last quarter."""
    cells = mix.posterior.cells
    for column_name in (f"act_{name}", f"spend_{name}"):
        values = cells[column_name].to_numpy().copy()
        values[-13:] = 0.0
        cells = cells.set_column(
            cells.column_names.index(column_name), column_name, pa.array(values)
        )
    return mix.with_cells(cells)


def test_a_channel_that_is_dark_of_late_may_come_back_at_the_prices_it_had() -> None:
    mix = dark(brand(), "tv")

    held = mix.ask("optimize", **WIDE)
    free = mix.ask("optimize", bounds={"tv": {"unit": "money", "low": 20_000}}, **WIDE)

    assert (plan(held)[2], plan(held, "bound")[2]) == (0, "locked")
    assert plan(free)[2] == pytest.approx(20_000)
    before = plan(brand().ask("scenario"), "marginal")[2]
    assert plan(free, "marginal")[2] == pytest.approx(before, rel=0.5)


def test_where_nothing_may_move_nothing_does() -> None:
    fixed = brand().ask("optimize", swing=0)
    alone = brand().with_cells(
        brand().posterior.cells.drop_columns(["spend_social", "spend_digital"])
    )

    assert fixed.summary.headline == "Within these bounds no budget is better than the current one."
    assert fixed.summary.decision is not None
    assert fixed.summary.decision.action == "keep the budget"
    assert fixed.data["price"] is None
    only = alone.ask("optimize")
    assert plan(only).tolist() == pytest.approx(plan(only, "current").tolist())


@pytest.mark.parametrize(
    ("columns", "days"),
    [
        (months(40), ["2023-05-01", "2023-06-01", "2023-07-01"]),
        (months(40, day=15), ["2023-05-01", "2023-06-01", "2023-07-01"]),
        (weeks(40), ["2023-10-09", "2023-10-16", "2023-10-23"]),
    ],
    ids=["months", "months by their middle", "weeks"],
)
def test_the_periods_ahead_go_on_as_the_data_do(columns: dict[str, Any], days: list[str]) -> None:
    mix = unsampled(xr.Dataset(), table(columns), np.random.default_rng(1))

    answer = mix.ask("scenario")

    found = column(table_of(answer, "forecast"), "period_start").tolist()
    assert found[:3] == days
    assert len(found) == {"month": 3, "week": 13}[mix.reading.study.panel.grain]


def test_a_year_of_days_is_planned_as_the_year_before() -> None:
    mix = unsampled(xr.Dataset(), table(weeks(500, step=1)), np.random.default_rng(1))

    answer = mix.ask("scenario", factors={"tv": 2}, periods=365)

    found = column(table_of(answer, "forecast"), "period_start").tolist()
    assert (found[0], len(found)) == ("2024-05-16", 365)
    assert answer.data["more_sales"] > 0
