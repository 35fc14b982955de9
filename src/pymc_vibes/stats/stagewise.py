"""What to report of a trial that ended at a look: an effect that the stopping did not exaggerate.

A trial that stops because an effect looks large overstates it, and the usual p-value is too small.
In the stage-wise order an outcome speaks the more for an effect the earlier it crossed (Armitage
1957; Tsiatis, Rosner and Mehta 1984, *Biometrics* 40, 797-803; Jennison and Turnbull 2000,
*Group Sequential Methods*). It needs no looks that did not take place, so unplanned ones are
allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.stats.crossing import exit_chances
from pymc_vibes.stats.spending import Guard, Look


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """An effect after stopping, in its own unit."""

    estimate: float
    """Median-unbiased: as often too large as too small, whatever the effect."""
    low: float
    high: float
    level: float
    """How often the interval, equal-tailed, holds the effect."""
    p: float
    """Of no effect against a positive one, or against any where the guard is two-sided."""


def stagewise_chance(guard: Guard, looks: Sequence[Look], z: float, *, drift: float = 0.0) -> float:
    """Give P(an outcome that speaks at least as much for a positive effect), given the drift.

    The trial ended at the last of `looks` with statistic `z`, whatever the reason. `drift` is the
    expected Z at information fraction 1. With drift 0 this is the one-sided p-value.
    """
    if not looks:
        raise InsufficientData("The trial has had no look yet, so it has no outcome.")
    fractions = [look.fraction for look in looks]
    upper = [look.boundary for look in looks[:-1]] + [z]
    lower = [-limit for limit in upper[:-1]] + [-inf] if guard.sides == 2 else None
    up, _ = exit_chances(fractions, upper, lower, drift=drift)
    return float(up.sum())


def adjusted(
    guard: Guard, looks: Sequence[Look], z: float, standard_error: float, *, level: float = 0.95
) -> Adjusted:
    """Give the effect of a trial that ended at the last of `looks` with statistic `z`.

    `standard_error` is that look's, in the unit of the effect. `level` is the interval's. A
    two-sided p-value is twice the smaller one-sided one.
    Raises `InsufficientData` where there was no look.
    """
    upward = stagewise_chance(guard, looks, z)
    p = upward if guard.sides == 1 else min(1.0, 2 * min(upward, 1 - upward))
    unit = standard_error * sqrt(looks[-1].fraction)
    tail = (1 - level) / 2
    low, middle, high = (
        unit * _drift_where(guard, looks, z, chance) for chance in (tail, 0.5, 1 - tail)
    )
    return Adjusted(estimate=middle, low=low, high=high, level=level, p=p)


def _drift_where(guard: Guard, looks: Sequence[Look], z: float, chance: float) -> float:
    """Find the drift under which the outcome is reached with `chance`; it grows with the drift."""
    from scipy.optimize import brentq

    def excess(drift: float) -> float:
        return stagewise_chance(guard, looks, z, drift=drift) - chance

    step = 1 / sqrt(looks[-1].fraction)
    low = high = z * step
    while excess(low) > 0:
        low, step = low - step, 2 * step
    while excess(high) < 0:
        high, step = high + step, 2 * step
    return float(brentq(excess, low, high, xtol=1e-10)) if low < high else low
