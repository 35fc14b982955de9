"""The question what a plan brings that somebody has in mind."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from pymc_vibes.core.answer import QueryAnswer, Summary, Table
from pymc_vibes.core.config import setting
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.ahead import (
    Ahead,
    Horizon,
    ahead_of,
    budget_place,
    findings_of,
    value_of,
)
from pymc_vibes.kinds.marketing_mix.asking import records, trusted
from pymc_vibes.kinds.marketing_mix.changes import (
    Change,
    brings_words,
    claims_of,
    estimates_of,
    gain_figures,
    plan_figure,
    plan_table,
)
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.kinds.marketing_mix.options import MAX_CHANNELS, Name
from pymc_vibes.stats.describe import plain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.core.figure import Figure
    from pymc_vibes.stats.special import Array


class ScenarioAsked(Horizon):
    """Which plan; channels that are not named stay as in the current one."""

    factors: Mapping[Name, Annotated[float, Field(ge=0, le=100)]] = setting(
        {}, "Channel -> its money as a multiple of the current plan, such as 1.2.",
        max_length=MAX_CHANNELS,
    )  # fmt: skip
    money: Mapping[Name, Annotated[float, Field(ge=0, le=1e15)]] = setting(
        {}, "Channel -> its money over all periods of the plan.", max_length=MAX_CHANNELS
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if twice := {*self.factors} & {*self.money}:
            raise ValueError(f"give {min(twice)} a factor or money, not both")
        return self


def scenario(posterior: Posterior, config: MarketingMixConfig, asked: ScenarioAsked) -> QueryAnswer:
    """Give what a plan brings beyond the current one, and what sales would be under both."""
    ahead = ahead_of(trusted(posterior, config), asked)
    change = Change(ahead, _budget(ahead, asked), value_of(ahead.reading, asked))
    now, then = ahead.sales(ahead.current), ahead.sales(change.budget)
    plan, forecast = plan_table(change), _forecast_table(ahead, now, then)
    told = f"This plan {brings_words(change)}." if change.is_any else "The plan is the current one."
    return QueryAnswer(
        summary=Summary(
            headline=told,
            estimates=tuple(estimates_of(change)),
            claims=claims_of(change),
            findings=tuple(findings_of(ahead, change.beyond)),
            tables=(plan, forecast),
            context={
                "total": float(change.budget.sum()), "current_total": float(ahead.current.sum()),
                "chance_of_a_gain": change.told_chance, "value_per_sale": change.value,
            },
        ),
        figures=(plan_figure(change), *gain_figures(change), _forecast_figure(ahead, now, then)),
        data={
            "more_sales": float(change.more.mean()),
            "cost": change.cost,
            "chance_of_a_gain": change.told_chance,
            "is_in_noise": change.is_in_noise,
            "channels": records(plan),
        },
    )  # fmt: skip


def _budget(ahead: Ahead, asked: ScenarioAsked) -> "Array":
    budget = ahead.current.copy()
    for name, factor in asked.factors.items():
        budget[budget_place(ahead, name, "factors")] *= factor
    for name, amount in asked.money.items():
        budget[budget_place(ahead, name, "money")] = amount
    return budget


def _forecast_table(ahead: Ahead, now: "Array", then: "Array") -> Table:
    columns = [*ahead.reading.three(now), *ahead.reading.three(then)]
    rows: list[tuple[JsonValue, ...]] = [
        (day_of(day).isoformat(), *(float(column[t]) for column in columns))
        for t, day in enumerate(ahead.days)
    ]
    unit = ahead.reading.config.sales_name
    return Table(
        name="forecast",
        title=f"Expected {unit} under the current plan and under this one",
        columns=(
            "period_start", "current_mean", "current_low", "current_high", "plan_mean", "plan_low",
            "plan_high",
        ),
        units=("", *[unit] * 6),
        rows=tuple(rows),
    )  # fmt: skip


def _forecast_figure(ahead: Ahead, now: "Array", then: "Array") -> "Figure":
    from pymc_vibes.stats.chart import lines_with_bands

    reading, days = ahead.reading, [day_of(day) for day in ahead.days]
    name, grain = reading.config.sales_name, reading.study.panel.grain
    whole, before = (plain(float(draws.sum(axis=1).mean())) for draws in (then, now))
    return lines_with_bands(
        "forecast",
        f"This plan makes {whole} {name} in all, the current one {before}",
        f"Expected {name} per {grain} under this plan, {whole} in all, and under the current one, "
        f"{before}.",
        lines=[
            (label, days, *reading.three(draws))
            for label, draws in (("current plan", now), ("this plan", then))
        ],
        x_label="period",
        y_label=f"{name} per {grain}",
        level=reading.config.level,
        x_kind="time",
        note="What is no media is as in the year before.",
    )
