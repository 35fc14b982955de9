"""Boundaries that keep the chance of a false positive while one looks again and again.

A spending function says how much of the error rate may be used up at an information fraction
(Lan and DeMets 1983, *Biometrika* 70, 659-663). The boundary of a look depends on the looks before
it and on none after it, so looks need no plan: any increasing information will do. Information is
`1 / se^2` of the effect, not days: before the first change of treatment there is none.

* Two-sided means two one-sided tests at half the error rate each, with symmetric boundaries of Z.
* A look whose share is below 1e-14 cannot end the trial: its boundary is infinite. What it leaves
  is spent by the next one.
* At an information fraction of 1 or more, or at a look declared the last, all that is left is
  spent. The information may exceed the plan (overrunning): the correlation of the looks uses the
  information there is. After that nothing is left, and a further look cannot end anything.
* The boundaries are exact for a given sequence of fractions. Who lets the time of a look depend on
  the effect seen so far spends a little more (Lan and DeMets 1989, *Biometrics* 45, 1017-1020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import e, exp, expm1, inf, isfinite, log1p, sqrt
from typing import Literal

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.crossing import REACH, START, Uncrossed, carried, check_fractions

_LEAST_SHARE = 1e-14


@dataclass(frozen=True)
class ObrienFleming:
    """Spend almost nothing early: `2 - 2 Phi(z / sqrt(t))` (Lan and DeMets 1983, first example)."""

    def spent(self, error_rate: float, fraction: float) -> float:
        """Give the one-sided error rate used up at `fraction` of the information."""
        from scipy.special import ndtr, ndtri

        t = min(fraction, 1.0)
        return 2 * float(ndtr(ndtri(error_rate / 2) / sqrt(t)))


@dataclass(frozen=True)
class Pocock:
    """Spend nearly evenly: `a log(1 + (e - 1) t)` (Lan and DeMets 1983, second example)."""

    def spent(self, error_rate: float, fraction: float) -> float:
        """Give the one-sided error rate used up at `fraction` of the information."""
        return error_rate * log1p((e - 1) * min(fraction, 1.0))


@dataclass(frozen=True)
class HwangShihDeCani:
    """Spend `a (1 - exp(-g t)) / (1 - exp(-g))` (Hwang, Shih and DeCani 1990, *Stat Med* 9, 1439).

    `gamma` -4 is near O'Brien and Fleming, 1 near Pocock, 0 spends in proportion to information.
    """

    gamma: float = -4.0

    def __post_init__(self) -> None:
        if not abs(self.gamma) <= 40:
            raise BadConfig(
                f"gamma must be between -40 and 40, not {self.gamma:g}.",
                fields=[{"field": "gamma", "reason": "must be between -40 and 40"}],
            )

    def spent(self, error_rate: float, fraction: float) -> float:
        """Give the one-sided error rate used up at `fraction` of the information."""
        t = min(fraction, 1.0)
        if abs(self.gamma) < 1e-9:
            return error_rate * t
        if self.gamma < 0:  # the same, without numbers that overflow
            grown = -expm1(self.gamma * t) / -expm1(self.gamma)
            return error_rate * exp(self.gamma * (1 - t)) * grown
        return error_rate * expm1(-self.gamma * t) / expm1(-self.gamma)


type Spending = ObrienFleming | Pocock | HwangShihDeCani


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look and its boundary; what a trial stores of it, once and for all."""

    fraction: float
    """Information so far over the planned total; above 1 where it exceeds the plan."""
    boundary: float
    """The trial may end where Z, or |Z| if two-sided, reaches it; `inf` where it may not end."""
    spent: float
    """The whole error rate used up by this look and those before it, both sides together."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """How a trial is guarded against too many looks."""

    spending: Spending
    error_rate: float = 0.05
    """The chance of a false positive over all looks, both sides together."""
    sides: Literal[1, 2] = 2
    """One-sided guards against claims of a positive effect only."""

    def __post_init__(self) -> None:
        if not 0 < self.error_rate < 0.5:
            raise BadConfig(
                f"The error rate must be between 0 and 0.5, not {self.error_rate:g}.",
                fields=[{"field": "error_rate", "reason": "must be between 0 and 0.5"}],
            )

    def allowed(self, fraction: float, *, is_last: bool = False) -> float:
        """Give the error rate of one side that may be used up at `fraction`."""
        share = self.error_rate / self.sides
        return share if is_last else self.spending.spent(share, fraction)

    def region(self, fraction: float, boundary: float) -> tuple[float, float]:
        """Give the scores `Z sqrt(t)` with which the trial goes on."""
        limit = boundary * sqrt(fraction)
        return (-limit if self.sides == 2 else -inf, limit)


def plan_looks(
    guard: Guard, fractions: Sequence[float], *, is_last: bool = False
) -> tuple[Look, ...]:
    """Give the looks at all of `fractions`, increasing and positive, with their boundaries.

    `is_last` declares the last one final: it spends all that is left even below fraction 1.
    Raises `BadConfig` where the fractions do not increase.
    """
    check_fractions(fractions)
    looks: list[Look] = []
    state, spent = START, 0.0
    steps = [later - earlier for earlier, later in pairwise(fractions)]
    for k, fraction in enumerate(fractions):
        is_final = is_last and k == len(steps)
        share = guard.allowed(fraction, is_last=is_final) - spent
        boundary, used = _boundary(state, fraction, share)
        spent += used
        looks.append(Look(fraction=fraction, boundary=boundary, spent=spent * guard.sides))
        if k < len(steps):
            state = carried(state, fraction, guard.region(fraction, boundary), 0.0, steps[k])
    return tuple(looks)


def next_look(
    guard: Guard, done: Sequence[Look], fraction: float, *, is_last: bool = False
) -> Look:
    """Give the next look, at `fraction`, after those that were `done`, planned or not.

    The boundaries of `done` are taken as they were stored, whatever function made them; what they
    used up is computed from them. `is_last` spends all that is left even below fraction 1.
    Raises `BadConfig` where `fraction` adds no information.
    """
    fractions = [look.fraction for look in done] + [fraction]
    check_fractions(fractions)
    state, spent = START, 0.0
    for k, look in enumerate(done):
        spent += _tail(state, look.fraction, look.boundary)
        region = guard.region(look.fraction, look.boundary)
        following = fractions[k + 1] - look.fraction
        state = carried(state, look.fraction, region, 0.0, following)
    boundary, used = _boundary(state, fraction, guard.allowed(fraction, is_last=is_last) - spent)
    return Look(fraction=fraction, boundary=boundary, spent=(spent + used) * guard.sides)


def repeated_interval(
    estimate: float, standard_error: float, look: Look, guard: Guard
) -> tuple[float, float]:
    """Give the interval of the effect that may be looked at again and again, in its unit.

    Over all looks together the chance that any of them misses the effect is the error rate
    (Jennison and Turnbull 1989, *JRSS B* 51, 305-361). One-sided ones are open above. It is the
    whole line where the boundary is infinite.
    """
    reach = look.boundary * standard_error
    return estimate - reach, estimate + reach if guard.sides == 2 else inf


def _tail(state: Uncrossed, fraction: float, boundary: float) -> float:
    return state.above(boundary * sqrt(fraction), fraction) if isfinite(boundary) else 0.0


def _boundary(state: Uncrossed, fraction: float, share: float) -> tuple[float, float]:
    """Give the Z that is crossed with chance `share` at `fraction`, and the chance it has."""
    from scipy.optimize import brentq

    if share < _LEAST_SHARE:
        return inf, 0.0
    found = brentq(lambda z: _tail(state, fraction, z) - share, -REACH, REACH, xtol=1e-13)
    boundary = float(found)
    return boundary, _tail(state, fraction, boundary)
