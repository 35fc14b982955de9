"""The best budget over channels, how sure the gain is, and whether it is the optimum at all.

    fixed total            max aim(b)                  sum b = total
    marginal return        max value aim(b) - hurdle sum b
    return                 max aim(b)                  value aim(b) >= target sum b
    least cost             min sum b                   aim(b) >= outcome

each within bounds per channel and bounds on sums over groups of channels. The aim is the mean, a
quantile or the mean of the worst draws of the incremental outcome. Profit, value times outcome less
money, has the same best split; hurdle 1 asks for the most profit.

SLSQP solves it in coordinates of about 1, with analytic gradients: from several starts on a few
draws, because log links and S-shaped curves may have several optima, then from the best on all. The
answer carries the check: at an optimum all channels that are free to move return the same for the
next unit of money, and what is left of the gradient after the active bounds is nothing.
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.media_goals import Goal, Group, Limits
from pymc_vibes.stats.media_optimality import Optimality, check_optimum
from pymc_vibes.stats.media_outlook import Aim, AnyOutlook, Average, Valued
from pymc_vibes.stats.media_search import best_budget
from pymc_vibes.stats.special import Array

BEYOND = 1.2
"""Spending above this multiple of the largest ever observed is extrapolation."""
RECENT = 13
"""Periods whose mean spending is the current plan."""
SWING = 0.3
"""How far from the current plan a channel may move unless told otherwise."""
_ROUNDING = 1e-6  # a plan at a bound may be this much over it


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A budget, and draws of what it brings."""

    budget: Array
    current: Array
    outcome: Array
    """Incremental outcome of the budget, `(draws,)`."""
    before: Array
    """The same of the current plan, draw by draw."""
    marginal: Array
    """Value of the outcome of the next unit of money, `(draws, channels)`."""
    beyond: tuple[bool, ...]
    """Which channels would spend more per period than was ever observed, by far."""
    value: float
    optimality: Optimality

    @property
    def gain(self) -> Array:
        """Give what the budget is worth beyond the current one, less what it costs beyond it."""
        more = float(self.budget.sum() - self.current.sum())
        return np.asarray(self.value * (self.outcome - self.before) - more)

    def verdict(self, prob: float = 0.9) -> "Gain":
        """Sum up the gain over the current plan."""
        low, high = np.quantile(self.gain, [(1 - prob) / 2, (1 + prob) / 2])
        return Gain(
            mean=float(self.gain.mean()),
            low=float(low),
            high=float(high),
            prob=prob,
            chance=float((self.gain > 0).mean()),
            is_in_noise=bool(low <= 0),
        )


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What is known of the gain over the current plan; draws are paired."""

    mean: float
    low: float
    high: float
    prob: float
    """Mass of the equal-tailed interval from `low` to `high`."""
    chance: float
    """P(gain > 0), a share of draws."""
    is_in_noise: bool
    """Whether the interval holds no gain, or a loss."""


def usual(spending: Array, *, periods: int, recent: int = RECENT) -> Array:
    """Give the current plan: mean spending of the recent periods, over the horizon.

    `spending` is `(past periods, channels)` in money.
    """
    return np.asarray(spending[-recent:].mean(axis=0) * periods)


def around(current: Array, *, swing: float = SWING, groups: tuple[Group, ...] = ()) -> Limits:
    """Let every channel move by a share of the current plan."""
    return Limits(low=(1 - swing) * current, high=(1 + swing) * current, groups=groups)


def observed(spending: Array, pattern: Array) -> Array:
    """Give the budgets beyond which some period's spending would be far above all observed."""
    return np.asarray(BEYOND * spending.max(axis=0) / pattern.max(axis=0))


def plan_budget(
    outlook: AnyOutlook,
    goal: Goal,
    limits: Limits,
    *,
    current: Array,
    aim: Aim | None = None,
    value: float = 1.0,
    most: Array | None = None,
) -> Plan:
    """Find the best budget within limits, and compare it with the current plan.

    `value` is money per unit of outcome. `most` is the largest spending per channel that would be
    no extrapolation, as `observed` gives it. Raises `BadConfig` if the limits leave no budget that
    reaches the goal.
    """
    valued = Valued(outlook=outlook, aim=aim or Average())
    budget = best_budget(valued, goal, limits, current=current, value=value)
    outcome, slopes = outlook.with_slopes(budget)
    beyond = np.zeros(len(budget), dtype=bool) if most is None else budget > most * (1 + _ROUNDING)
    return Plan(
        budget=budget,
        current=current,
        outcome=outcome,
        before=outlook.outcome(current),
        marginal=value * slopes,
        beyond=tuple(bool(flag) for flag in beyond),
        value=value,
        optimality=check_optimum(budget, value * valued(budget)[1], goal, limits),
    )
