"""Search for the best budget: SLSQP in coordinates of about 1, with analytic gradients.

Unscaled objectives make SLSQP stop where it starts, at an equal split or the current plan. Here a
channel moves from 0 to 1 between its bounds, and the cost changes by about 1 over that way. Log
links and S-shaped curves may have several optima: where returns rise with spending, the search also
starts from budgets that fill one channel first. It starts on a few draws and ends on all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from pymc_vibes.core.errors import BadConfig, InferenceFailed
from pymc_vibes.stats.media_goals import FixedTotal, Goal, LeastCost, Limits, MarginalReturn, Return
from pymc_vibes.stats.media_outlook import Valued
from pymc_vibes.stats.special import Array

FEW_DRAWS = 200
"""Enough to find the right hill; its top is then found on all draws."""
_PRECISION = 1e-10  # of the cost, in units of its range between bounds
_ROUNDS = 200
_SLACK = 1e-6  # by how much of its own range a solution may miss what it must keep
_ROUNDING = 1e-9  # of a total or a goal

type Curve = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """Minimize a cost, keep another curve at 0 or above, and spend a total, if there is one."""

    cost: Curve
    kept: Curve | None = None
    total: float | None = None


def best_budget(
    valued: Valued, goal: Goal, limits: Limits, *, current: Array, value: float
) -> Array:
    """Find the budget that reaches the goal best; raise `BadConfig` if none reaches it."""
    inside = np.clip(current, limits.low, limits.high)
    total = _checked_total(goal, limits, otherwise=float(inside.sum()))
    if isinstance(goal, Return | LeastCost):
        hurdle = goal.target if isinstance(goal, Return) else 0.0
        easiest = MarginalReturn(hurdle)
        inside = best_budget(valued, easiest, limits, current=current, value=value)
        _check_reach(goal, float(valued(inside)[0]), float(inside.sum()), value)
    few = _thinned(valued)
    rough = _pose(few, goal, value)
    starts = _starts(few, limits, inside, total)
    found = [_solve(rough, limits, start) for start in starts]
    best = min(found, key=lambda budget: _merit(rough, limits, budget))
    fine = _pose(valued, goal, value)
    budget = _solve(fine, limits, best)
    if _merit(fine, limits, budget)[0] > 0:
        raise InferenceFailed(
            "The search for a budget did not settle.",
            hint="Start from another current plan, or leave out bounds on groups.",
        )
    return budget


def _thinned(valued: Valued) -> Valued:
    """Take every so-many-th draw."""
    step = valued.outlook.draws // FEW_DRAWS
    if step < 2:
        return valued
    draws = np.arange(0, valued.outlook.draws, step)
    return Valued(outlook=valued.outlook.take(draws), aim=valued.aim)


def _remembered(curve: Curve) -> Curve:
    """Keep the last point: solvers ask for values, gradients and constraints one by one."""
    last: dict[bytes, tuple[float, Array]] = {}

    def asked(budget: Array) -> tuple[float, Array]:
        key = budget.tobytes()
        if key not in last:
            last.clear()
            last[key] = curve(budget)
        return last[key]

    return asked


def _pose(valued: Valued, goal: Goal, value: float) -> _Problem:
    """Say what a goal minimizes and keeps."""
    aim = _remembered(valued)

    def less(budget: Array) -> tuple[float, Array]:
        found, slope = aim(budget)
        return -found, -slope

    def beyond(hurdle: float, sign: float) -> Curve:
        def profit(budget: Array) -> tuple[float, Array]:
            found, slope = aim(budget)
            return sign * (value * found - hurdle * float(budget.sum())), sign * (
                value * slope - hurdle
            )

        return profit

    def missing(budget: Array) -> tuple[float, Array]:
        found, slope = aim(budget)
        return found - (goal.outcome if isinstance(goal, LeastCost) else 0.0), slope

    if isinstance(goal, FixedTotal):
        return _Problem(cost=less, total=goal.total)
    if isinstance(goal, MarginalReturn):
        return _Problem(cost=beyond(goal.hurdle, -1.0))
    if isinstance(goal, Return):
        return _Problem(cost=less, kept=beyond(goal.target, 1.0))
    return _Problem(cost=_spent, kept=missing)


def _spent(budget: Array) -> tuple[float, Array]:
    return float(budget.sum()), np.ones_like(budget)


def _solve(problem: _Problem, limits: Limits, start: Array) -> Array:
    """Minimize from one start."""
    from scipy.optimize import minimize

    width = limits.high - limits.low
    free = np.flatnonzero(width > 0)
    if not len(free):
        return np.asarray(limits.low.copy())
    way = width[free]

    def at(moved: Array) -> Array:
        budget = limits.low.copy()
        budget[free] += way * np.clip(moved, 0.0, 1.0)
        return budget

    def scaled(curve: Curve) -> tuple[Callable[[Array], float], Callable[[Array], Array]]:
        size = _range(curve(start)[1][free] * way)
        return (
            lambda moved: curve(at(moved))[0] / size,
            lambda moved: curve(at(moved))[1][free] * way / size,
        )

    rules: list[Any] = []  # scipy types them as one kind of dictionary, or another
    for kind, curve in _rules(problem, limits):
        fun, jac = scaled(curve)
        rules.append({"type": kind, "fun": fun, "jac": jac})
    cost, slope = scaled(problem.cost)
    found = minimize(
        cost,
        np.clip((start[free] - limits.low[free]) / way, 0.0, 1.0),
        jac=slope,
        bounds=[(0.0, 1.0)] * len(free),
        constraints=rules,
        method="SLSQP",
        options={"ftol": _PRECISION, "maxiter": _ROUNDS},
    )
    return at(found.x)


def _range(change: Array) -> float:
    """Give by how much something changes from lower to upper bounds, 1 if it does not."""
    return float(np.abs(change).sum()) or 1.0


def _rules(problem: _Problem, limits: Limits) -> list[tuple[str, Curve]]:
    """List what must be 0 (`eq`) or not be negative (`ineq`)."""

    def sum_of(channels: tuple[int, ...], sign: float, bound: float) -> Curve:
        inside = np.where(np.isin(np.arange(len(limits.low)), channels), sign, 0.0)
        return lambda budget: (float(inside @ budget) - sign * bound, inside)

    everyone = tuple(range(len(limits.low)))
    rules = [] if problem.kept is None else [("ineq", problem.kept)]
    if problem.total is not None:
        rules.append(("eq", sum_of(everyone, 1.0, problem.total)))
    for group in limits.groups:
        rules.append(("ineq", sum_of(group.channels, 1.0, group.low)))
        if np.isfinite(group.high):
            rules.append(("ineq", sum_of(group.channels, -1.0, group.high)))
    return rules


def _merit(problem: _Problem, limits: Limits, budget: Array) -> tuple[float, float]:
    """Rank a solution: what it breaks first, then what it costs."""
    width = limits.high - limits.low
    broken = 0.0
    for kind, curve in _rules(problem, limits):
        found, slope = curve(budget)
        missed = abs(found) if kind == "eq" else max(-found, 0.0)
        broken += missed / _range(slope * width)
    return (broken if broken > _SLACK else 0.0), problem.cost(budget)[0]


def _starts(valued: Valued, limits: Limits, inside: Array, total: float) -> list[Array]:
    """List budgets to start from: more of them where more spending returns more."""
    width = limits.high - limits.low
    if not width.any():
        return [inside]
    share = float(np.clip((total - limits.low.sum()) / width.sum(), 0.0, 1.0))
    starts = [inside, limits.low + share * width]
    slopes = [valued(limits.low + part * width)[1] for part in (0.0, 0.5, 1.0)]
    rises = [(later > earlier * (1 + _ROUNDING)).any() for earlier, later in pairwise(slopes)]
    if not any(rises):
        return starts[:1]
    order = np.argsort(-_average_returns(valued, limits), kind="stable")
    fills = [order, *([first, *order[order != first]] for first in order[1:])]
    totals = [total, (total + float(limits.low.sum())) / 2]
    return starts + [_filled(limits, np.asarray(fill), most) for most in totals for fill in fills]


def _average_returns(valued: Valued, limits: Limits) -> Array:
    """Give what every channel brings per unit of money between its bounds, alone."""
    width = limits.high - limits.low
    nothing = valued(limits.low)[0]
    alone = [valued(limits.low + np.eye(len(width))[i] * width)[0] for i in range(len(width))]
    return np.asarray((np.array(alone) - nothing) / np.where(width > 0, width, 1.0))


def _filled(limits: Limits, order: Array, total: float) -> Array:
    """Fill one channel after the other until the total is spent."""
    budget, left = limits.low.copy(), total - float(limits.low.sum())
    for i in order:
        budget[i] += min(max(left, 0.0), float(limits.high[i] - limits.low[i]))
        left -= float(limits.high[i] - limits.low[i])
    return budget


def _checked_total(goal: Goal, limits: Limits, *, otherwise: float) -> float:
    """Give the total to spend, if the limits allow for it."""
    low, high = _totals(limits)
    if not isinstance(goal, FixedTotal):
        return otherwise
    if low * (1 - _ROUNDING) <= goal.total <= high * (1 + _ROUNDING):
        return goal.total
    raise BadConfig(
        f"The limits allow to spend between {low:g} and {high:g} in all, not {goal.total:g}.",
        hint="Widen the limits of some channels, or change the total.",
        fields=[{"field": "total", "reason": f"must be between {low:g} and {high:g}"}],
    )


def _totals(limits: Limits) -> tuple[float, float]:
    """Find the least and the most that the limits allow to spend in all."""
    from scipy.optimize import linprog

    if not limits.groups:
        return float(limits.low.sum()), float(limits.high.sum())
    everyone = np.arange(len(limits.low))
    rows = np.array([np.isin(everyone, group.channels) for group in limits.groups], dtype=float)
    high = np.array([min(group.high, float(limits.high.sum())) for group in limits.groups])
    low = np.array([group.low for group in limits.groups])
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(
            np.full(len(limits.low), sign),
            A_ub=np.concatenate([rows, -rows]),
            b_ub=np.concatenate([high, -low]),
            bounds=list(zip(limits.low.tolist(), limits.high.tolist(), strict=True)),
        )
        if found.x is None:
            raise BadConfig(
                "The bounds on groups of channels contradict those on the channels.",
                hint="Widen the bounds of a group, or of the channels in it.",
            )
        ends.append(float(found.x.sum()))
    return ends[0], ends[1]


def _check_reach(goal: Return | LeastCost, most: float, spent: float, value: float) -> None:
    """Refuse a goal that the budget which comes nearest to it misses."""
    if isinstance(goal, LeastCost):
        reach, wanted = most, goal.outcome
        said = f"The limits allow for an outcome of at most {most:g}, not {goal.outcome:g}."
    else:
        reach, wanted = value * most, goal.target * spent
        said = (
            f"No budget within the limits returns {goal.target:g} per unit of money; "
            f"one of {spent:g} returns {value * most:g}."
        )
    if reach < wanted - _ROUNDING * abs(wanted):
        raise BadConfig(said, hint="Widen the limits, or lower the goal.")
