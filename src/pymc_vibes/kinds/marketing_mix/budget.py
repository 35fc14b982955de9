"""The question for the best budget: what to spend, how sure the gain is, and whether it is best."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Decision, Finding, QueryAnswer, Summary
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.ahead import Ahead, ahead_of, findings_of, value_of
from pymc_vibes.kinds.marketing_mix.asking import records, trusted
from pymc_vibes.kinds.marketing_mix.changes import (
    Change,
    brings_words,
    claims_of,
    estimates_of,
    gain_figures,
    horizon_words,
    plan_figure,
    plan_table,
)
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.goals import BudgetAsked, aim_of, goal_of, limits_of
from pymc_vibes.kinds.marketing_mix.pictures import returns_forest
from pymc_vibes.kinds.marketing_mix.words import money, per_money_words
from pymc_vibes.stats.decide import decide, join
from pymc_vibes.stats.describe import percent, plain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.stats.media_optimality import Optimality

_MOVED = 0.005
"""A change of a channel below this share of all money is not worth a word."""
_PLACES = {
    "locked": "locked", "low": "at its lower bound", "high": "at its upper bound", "inside": "free",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Proposal:
    """A budget that was found, and how well it satisfies the conditions of an optimum."""

    change: Change
    optimality: "Optimality"

    @property
    def ahead(self) -> Ahead:
        """Give what it rests on."""
        return self.change.ahead

    @property
    def places(self) -> list[str]:
        """Say of every channel whether a bound holds it."""
        return [_PLACES[place] for place in self.optimality.places]


def propose(ahead: Ahead, asked: BudgetAsked) -> Proposal:
    """Search for the best budget; raises `BadConfig` where no budget within the bounds will do."""
    from pymc_vibes.stats.media_budget import plan_budget

    value = value_of(ahead.reading, asked)
    plan = plan_budget(
        ahead.outlook, goal_of(asked, ahead), limits_of(asked, ahead), current=ahead.current,
        aim=aim_of(asked), value=value or 1.0, most=ahead.most,
    )  # fmt: skip
    return Proposal(change=Change(ahead, plan.budget, value), optimality=plan.optimality)


def optimize(posterior: Posterior, config: MarketingMixConfig, asked: BudgetAsked) -> QueryAnswer:
    """Find the best budget within bounds around the current one."""
    found = propose(ahead_of(trusted(posterior, config), asked), asked)
    change, table = found.change, plan_table(found.change, found.places)
    context = _context(found, asked)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(found),
            decision=_decision(found),
            estimates=tuple(estimates_of(change)),
            claims=claims_of(change),
            findings=tuple(_findings(found, asked)),
            tables=(table,),
            context=context,
        ),
        figures=tuple(_figures(found)),
        data={
            "channels": records(table),
            **context,
        },
    )


def _headline(found: Proposal) -> str:
    change = found.change
    if not change.is_any:
        return "Within these bounds no budget is better than the current one."
    return f"{_moves(change)} {brings_words(change)}."


def _moves(change: Change) -> str:
    """Say from where to where the money goes."""
    reading, names = change.ahead.reading, change.ahead.names
    least = _MOVED * float(change.ahead.current.sum())
    up = [names[i] for i in (-change.moved).argsort() if change.moved[i] > least]
    down = [names[i] for i in change.moved.argsort() if change.moved[i] < -least]
    if not change.cost and up and down:
        amount = money(reading, float(change.moved.clip(0).sum()))
        return f"Moving {amount} from {join(down)} to {join(up)}"
    spent = f"Spending {money(reading, float(change.budget.sum()))}"
    told = [f"more on {join(up)}" if up else "", f"less on {join(down)}" if down else ""]
    return ", ".join([spent, *filter(None, told)])


def _decision(found: Proposal) -> Decision:
    change = found.change
    ruling = decide(change.chance, change.ahead.reading.config.level)
    if not change.is_any:
        return Decision(
            action="keep the budget", tone="same", reason="None within the bounds is better."
        )
    if ruling == "higher":
        return Decision(
            action="move the money", tone="higher",
            reason="The interval of the gain holds no loss, if nothing unrecorded drives both "
            "spend and sales.",
        )  # fmt: skip
    if change.value is None and change.cost:
        return Decision(
            action="say what a sale is worth", tone="undecided",
            reason="The plan changes what is spent in all: set value_per_sale to see whether that "
            "pays.",
        )  # fmt: skip
    return Decision(
        action="test before you move much", tone="undecided",
        reason="The gain is inside the noise: its interval holds a loss.",
    )  # fmt: skip


def _findings(found: Proposal, asked: BudgetAsked) -> Iterator[Finding]:
    change = found.change
    yield from findings_of(found.ahead, change.beyond)
    if change.value is None and asked.goal.kind in {"return", "marginal-return"}:
        yield Finding(
            code="no-value", severity="note",
            text="Nobody said what a unit of sales is worth, so it counts as one unit of money. "
            "Set value_per_sale.",
        )  # fmt: skip
    yield Finding(code="optimality", severity="note", text=_optimality_words(found))


def _optimality_words(found: Proposal) -> str:
    optimality, reading = found.optimality, found.ahead.reading
    price, free = optimality.price, optimality.places.count("inside")
    if price is None:
        return "Bounds hold every channel: the next money returns more on those at upper bounds."
    per = per_money_words(reading)
    told = f"the next money returns {plain(_in_sales(found, price))} {per}"
    if free == 1:
        return f"One channel is free to move: {told}, and bounds hold the others."
    return (
        f"On the {free} channels that are free to move {told}, by at most "
        f"{percent(optimality.spread, 2)} apart: at the best budget they are equal."
    )


def _in_sales(found: Proposal, price: float) -> float:
    """Turn a price in value into one in sales."""
    return price / (found.change.value or 1.0)


def _context(found: Proposal, asked: BudgetAsked) -> "Mapping[str, JsonValue]":
    ahead, optimality = found.ahead, found.optimality
    price = optimality.price
    return {
        "goal": asked.goal.model_dump(mode="json"),
        "aim": asked.aim.model_dump(mode="json"),
        "horizon": horizon_words(ahead),
        "total": float(found.change.budget.sum()),
        "current_total": float(ahead.current.sum()),
        "price": None if price is None else _in_sales(found, price),
        "spread": optimality.spread,
        "residual": optimality.residual,
        "chance_of_a_gain": found.change.told_chance,
        "is_in_noise": found.change.is_in_noise,
        "value_per_sale": found.change.value,
    }


def _figures(found: Proposal) -> Iterator[Figure]:
    yield plan_figure(found.change)
    yield returns_forest(
        found.ahead.reading, "marginal_returns", found.ahead.names, found.change.marginal,
        None if found.optimality.price is None else _in_sales(found, found.optimality.price),
        marginal=True, meant="the next money where it is free to move",
    )  # fmt: skip
    yield from gain_figures(found.change)
