"""What a budget is asked to reach, and what it must keep to, as people say it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from pymc_vibes.core.config import setting
from pymc_vibes.core.records import Record
from pymc_vibes.kinds.marketing_mix.ahead import Ahead, Horizon, budget_place
from pymc_vibes.kinds.marketing_mix.options import MAX_CHANNELS, Name

if TYPE_CHECKING:
    from pymc_vibes.stats.media_goals import Goal, Limits
    from pymc_vibes.stats.media_outlook import Aim

_MOST_MONEY = 1e15


class SplitTotal(Record):
    """Split a total in the best way."""

    kind: Literal["fixed-total"] = setting("fixed-total", "What is spent in all is given.")
    total: float | None = setting(
        None, "Money for all periods of the plan; open: as much as the current plan spends.",
        gt=0, le=_MOST_MONEY,
    )  # fmt: skip


class TargetReturn(Record):
    """Bring the most while all money together returns enough."""

    kind: Literal["return"] = setting("return", "All money together must return enough.")
    target: float = setting(
        1.0, "What a unit of money must return on average: in money where the value of a sale is "
        "known, else in sales.", gt=0, le=1e9,
    )  # fmt: skip


class TargetMarginal(Record):
    """Spend as long as the next unit of money returns enough."""

    kind: Literal["marginal-return"] = setting(
        "marginal-return", "The next unit of money must return enough: 1 makes the most profit."
    )
    hurdle: float = setting(
        1.0, "What the next unit of money must return: in money where the value of a sale is "
        "known, else in sales.", gt=0, le=1e9,
    )  # fmt: skip


class LowestCost(Record):
    """Spend the least that brings enough."""

    kind: Literal["least-cost"] = setting("least-cost", "What media must bring is given.")
    sales: float | None = setting(
        None, "Sales beyond those without any spend; open: as many as the current plan brings.",
        gt=0, le=_MOST_MONEY,
    )  # fmt: skip


type GoalAsked = Annotated[
    SplitTotal | TargetReturn | TargetMarginal | LowestCost, Field(discriminator="kind")
]


class MeanAim(Record):
    """What is brought on average over what may be true."""

    kind: Literal["mean"] = setting("mean", "The mean: best on average.")


class QuantileAim(Record):
    """What is brought at least, with a given chance."""

    kind: Literal["quantile"] = setting("quantile", "A quantile: what is missed with that chance.")
    level: float = setting(0.2, "The chance that it brings less.", gt=0, lt=1)


class ShortfallAim(Record):
    """What the worst cases bring on average."""

    kind: Literal["cvar"] = setting("cvar", "The mean of the worst cases.")
    level: float = setting(0.2, "The share of cases that are the worst.", gt=0, lt=1)


type AimAsked = Annotated[MeanAim | QuantileAim | ShortfallAim, Field(discriminator="kind")]


def check_ends(low: float | None, high: float | None) -> None:
    """Raise `ValueError` for bounds that cross."""
    if low is not None and high is not None and low > high:
        raise ValueError("low must not be above high")


class ChannelBounds(Record):
    """What one channel may spend over the plan."""

    unit: Literal["current", "money"] = setting(
        "current", "Whether bounds are multiples of the current plan, or money over all periods."
    )
    low: float | None = setting(
        None,
        "At least; open: as swing has it, if that is not above the other bound.",
        ge=0,
        le=_MOST_MONEY,
    )
    high: float | None = setting(
        None, "At most; open: as swing has it, or the other bound.", ge=0, le=_MOST_MONEY
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_ends(self.low, self.high)
        return self


class ChannelGroup(Record):
    """What some channels may spend together over the plan."""

    channels: tuple[Name, ...] = setting(
        ..., "The channels.", min_length=1, max_length=MAX_CHANNELS
    )
    low: float = setting(0.0, "Money at least.", ge=0, le=_MOST_MONEY)
    high: float | None = setting(None, "Money at most.", ge=0, le=_MOST_MONEY)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_ends(self.low, self.high)
        return self


class BudgetAsked(Horizon):
    """Which budget."""

    goal: GoalAsked = setting(SplitTotal(), "What the budget is to reach.")
    aim: AimAsked = setting(MeanAim(), "What counts of the outcomes that are possible.")
    swing: float = setting(
        0.3, "How far a channel may move from the current plan, as a share of it.", ge=0, le=10
    )
    bounds: Mapping[Name, ChannelBounds] = setting(
        {}, 'Channel -> bounds of its own, such as {"tv": {"low": 0.8, "high": 1.5}}: multiples '
        "of the current plan.", max_length=MAX_CHANNELS,
    )  # fmt: skip
    locked: tuple[Name, ...] = setting(
        (), "Channels that stay as in the current plan.", max_length=MAX_CHANNELS
    )
    groups: tuple[ChannelGroup, ...] = setting(
        (), "Bounds on what several channels spend together, such as "
        '[{"channels": ["tv", "radio"], "high": 50000}].', max_length=20,
    )  # fmt: skip


def goal_of(asked: BudgetAsked, ahead: Ahead) -> "Goal":
    """Say the goal in the words of the optimizer."""
    from pymc_vibes.stats.media_goals import FixedTotal, LeastCost, MarginalReturn, Return
    from pymc_vibes.stats.media_outlook import Valued

    match asked.goal:
        case SplitTotal(total=total):
            return FixedTotal(float(ahead.current.sum()) if total is None else total)
        case TargetReturn(target=target):
            return Return(target)
        case TargetMarginal(hurdle=hurdle):
            return MarginalReturn(hurdle)
        case LowestCost(sales=sales):
            valued = Valued(outlook=ahead.outlook, aim=aim_of(asked))
            return LeastCost(valued(ahead.current)[0] if sales is None else sales)


def aim_of(asked: BudgetAsked) -> "Aim":
    """Say the aim in the words of the optimizer."""
    from pymc_vibes.stats.media_outlook import Average, Quantile, Shortfall

    match asked.aim:
        case QuantileAim(level=level):
            return Quantile(level)
        case ShortfallAim(level=level):
            return Shortfall(level)
        case MeanAim():
            return Average()


def limits_of(asked: BudgetAsked, ahead: Ahead) -> "Limits":
    """Give the bounds of every channel; `BadConfig` for a channel that no plan can move."""
    import numpy as np

    from pymc_vibes.stats.media_goals import Group, Limits

    low = max(1 - asked.swing, 0.0) * ahead.current
    high = (1 + asked.swing) * ahead.current
    for name, own in asked.bounds.items():
        place = budget_place(ahead, name, "bounds")
        low[place], high[place] = _ends(
            own, float(ahead.current[place]), (float(low[place]), float(high[place]))
        )
    locked = [budget_place(ahead, name, "locked") for name in asked.locked]
    low[locked] = high[locked] = ahead.current[locked]
    groups = tuple(
        Group(
            channels=tuple(sorted({budget_place(ahead, n, "groups") for n in one.channels})),
            low=one.low,
            high=np.inf if one.high is None else one.high,
        )
        for one in asked.groups
    )
    return Limits(low=low, high=high, groups=groups)


def _ends(own: ChannelBounds, current: float, usual: tuple[float, float]) -> tuple[float, float]:
    """Give the bounds of a channel in money; an open one gives way to one that is given."""
    unit = current if own.unit == "current" else 1.0
    low = None if own.low is None else own.low * unit
    high = None if own.high is None else own.high * unit
    if low is None:
        low = usual[0] if high is None else min(usual[0], high)
    if high is None:
        high = max(usual[1], low)
    return low, high
