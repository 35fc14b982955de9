"""Whether a budget is an optimum: the conditions of Karush, Kuhn and Tucker, in numbers.

At an optimum the marginal return of every channel is one price, plus what its active bound and the
active bounds of its groups are worth. A lower bound may only hold back less than the price, an
upper bound only more.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pymc_vibes.stats.media_goals import Goal, Limits, MarginalReturn
from pymc_vibes.stats.special import Array

AT_BOUND = 1e-5
"""A channel this near to a bound, as a share of the width between its bounds, is at it."""

type Place = Literal["locked", "low", "high", "inside"]


@dataclass(frozen=True, kw_only=True)
class Optimality:
    """How well a budget satisfies the conditions of an optimum."""

    places: tuple[Place, ...]
    price: float | None
    """Marginal return that the free channels share; None where none is free."""
    spread: float
    """Range of marginal returns of free channels over their price: 0 at an optimum."""
    residual: float
    """What the active bounds leave of the gradient, as a share of it: 0 at an optimum."""


def check_optimum(budget: Array, returns: Array, goal: Goal, limits: Limits) -> Optimality:
    """Check a budget, whose channels have these marginal returns on the aim."""
    places = places_of(budget, limits)
    grouped, columns, ends = _active(budget, limits, places)
    moving = [place == "inside" and i not in grouped for i, place in enumerate(places)]
    free = returns[moving]
    price = float(free.mean()) if len(free) else None
    spread = float(np.ptp(free)) / abs(price) if price else 0.0
    left = returns - goal.hurdle if isinstance(goal, MarginalReturn) else returns
    if not isinstance(goal, MarginalReturn):
        columns, ends = [np.ones(len(budget)), *columns], [(-np.inf, np.inf), *ends]
    held = [place != "locked" for place in places]
    size = max(float(np.linalg.norm(returns[held])), np.finfo(float).tiny)
    residual = _unexplained(left[held], [column[held] for column in columns], ends) / size
    return Optimality(places=places, price=price, spread=spread, residual=residual)


def places_of(budget: Array, limits: Limits) -> tuple[Place, ...]:
    """Say of every channel whether a bound holds it."""
    near = AT_BOUND * (limits.high - limits.low)

    def place(i: int) -> Place:
        if limits.low[i] == limits.high[i]:
            return "locked"
        if budget[i] <= limits.low[i] + near[i]:
            return "low"
        return "high" if budget[i] >= limits.high[i] - near[i] else "inside"

    return tuple(place(i) for i in range(len(budget)))


type _Ends = tuple[float, float]


def _active(
    budget: Array, limits: Limits, places: tuple[Place, ...]
) -> tuple[set[int], list[Array], list[_Ends]]:
    """Find the active bounds: channels in groups, directions, and the signs of their prices."""
    signs: dict[str, _Ends] = {"low": (-np.inf, 0.0), "high": (0.0, np.inf)}
    at = [i for i, place in enumerate(places) if place in signs]
    columns, ends = list(np.eye(len(budget))[at]), [signs[places[i]] for i in at]
    grouped: set[int] = set()
    for group in limits.groups:
        inside = list(group.channels)
        spent, near = budget[inside].sum(), AT_BOUND * (limits.high - limits.low)[inside].sum()
        low, high = bool(spent <= group.low + near), bool(spent >= group.high - near)
        if low or high:
            grouped |= set(inside)
            columns.append(np.isin(np.arange(len(budget)), inside).astype(float))
            ends.append((-np.inf if low else 0.0, np.inf if high else 0.0))
    return grouped, columns, ends


def _unexplained(left: Array, columns: list[Array], ends: list[_Ends]) -> float:
    """Give the length of what no mixture of active bounds explains."""
    from scipy.optimize import lsq_linear

    if not columns or not len(left):
        return float(np.linalg.norm(left))
    low, high = np.array(ends).T
    found = lsq_linear(np.stack(columns, axis=1), left, bounds=(low, high), method="bvls")
    return float(np.linalg.norm(found.fun))
