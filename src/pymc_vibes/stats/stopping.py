"""How a rule that may stop a trial early behaves: false alarms, power, length, exaggeration.

The score at information fraction t is a Brownian motion with drift, as in `crossing`; an estimate
is the score over t. A Bayesian rule stops where the chance of benefit is high or low enough. With a
normal prior around 0 of sd s that chance at information I is

    Phi(Z sqrt(I) / sqrt(I + 1/s^2))

so its thresholds are boundaries of Z as those of error spending are, and both can be compared by
the same recursive integration. Nothing is simulated: chances are exact to ten digits. How often a
trial stops, where, and its mean estimate then are integrals over what has crossed nothing before
(Emerson and Fleming 1990, *Biometrika* 77, 875-892; Gelman and Carlin 2014, *Perspect Psychol Sci*
9, 641-651, call the average exaggeration a type M error).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, sqrt

import numpy as np

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.crossing import START, Uncrossed, carried, check_fractions
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.spending import Guard, plan_looks


@dataclass(frozen=True, kw_only=True)
class Boundaries:
    """Where a trial stops at each of its looks, in Z; infinite where it may not."""

    fractions: tuple[float, ...]
    """Information at the looks over the planned total."""
    upper: tuple[float, ...]
    """At or above it the trial stops for benefit."""
    lower: tuple[float, ...]
    """At or below it the trial stops for harm or futility."""

    def __post_init__(self) -> None:
        if not len(self.fractions) == len(self.upper) == len(self.lower):
            raise ValueError("there must be as many boundaries as looks")
        check_fractions(self.fractions)


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """What a rule does to trials whose effect is a given one; arrays are `(looks,)`."""

    benefit: Array
    """P(stops for benefit at look k)."""
    other: Array
    """P(stops for harm or futility at look k)."""
    reached: Array
    """P(look k takes place)."""
    estimate: float | None
    """Mean estimate of the trials that stop for benefit, in expected Z at fraction 1; None where
    none does."""

    @property
    def chance_of_benefit(self) -> float:
        """Give P(stops for benefit): the power, or a false alarm where there is no effect."""
        return min(float(self.benefit.sum()), 1.0)

    @property
    def chance_of_other(self) -> float:
        """Give P(stops for harm or futility)."""
        return min(float(self.other.sum()), 1.0)

    def expected(self, lengths: Sequence[float]) -> float:
        """Give the mean length, where `lengths` (days, say) are those at the looks."""
        ends = self.benefit + self.other
        ends[-1] = self.reached[-1]  # the last look ends the trial, whatever it finds
        return float(ends @ np.asarray(lengths, dtype=float))


def bayesian(
    fractions: Sequence[float], information: float, *, prior_sd: float, benefit: float,
    futility: float,
) -> Boundaries:  # fmt: skip
    """Give the boundaries of stopping where P(benefit) is at least `benefit`, at most `futility`.

    `information` is that of fraction 1, in the unit of `prior_sd` to the power -2; the prior is
    normal around 0, flat where `prior_sd` is infinite.
    """
    from scipy.special import ndtri

    if not 0 < futility < 0.5 < benefit < 1:
        raise BadConfig(
            "The chance to stop for futility must be below 50 %, the one for benefit above.",
            fields=[{"field": "benefit", "reason": "must be above 0.5"},
                    {"field": "futility", "reason": "must be below 0.5"}],
        )  # fmt: skip
    doubt = 1 / prior_sd**2 if isfinite(prior_sd) else 0.0
    shrunk = [sqrt(1 + doubt / (fraction * information)) for fraction in fractions]
    return Boundaries(
        fractions=tuple(fractions),
        upper=tuple(float(ndtri(benefit)) * factor for factor in shrunk),
        lower=tuple(float(ndtri(futility)) * factor for factor in shrunk),
    )


def spending(guard: Guard, fractions: Sequence[float], *, is_last: bool = True) -> Boundaries:
    """Give the boundaries of error spending; the last look spends what is left if `is_last`."""
    looks = plan_looks(guard, fractions, is_last=is_last)
    upper = tuple(look.boundary for look in looks)
    lower = tuple(-limit for limit in upper) if guard.sides == 2 else (-inf,) * len(upper)
    return Boundaries(fractions=tuple(fractions), upper=upper, lower=lower)


def fixed_level(fractions: Sequence[float], level: float) -> Boundaries:
    """Give the boundaries of looking again and again as if each look were the only one."""
    from scipy.special import ndtri

    limit = float(ndtri((1 + level) / 2))
    many = len(fractions)
    return Boundaries(fractions=tuple(fractions), upper=(limit,) * many, lower=(-limit,) * many)


def behavior(rule: Boundaries, drift: float) -> Behavior:
    """Say what the rule does where the expected Z at fraction 1 is `drift`: exactly."""
    many = len(rule.fractions)
    benefit, other, reached = np.zeros(many), np.zeros(many), np.zeros(many)
    total, state = 0.0, START
    steps = [later - earlier for earlier, later in pairwise(rule.fractions)]
    for k, fraction in enumerate(rule.fractions):
        root = sqrt(fraction)
        ceiling, floor = rule.upper[k] * root, rule.lower[k] * root
        reached[k] = state.masses.sum()
        benefit[k] = state.above(ceiling, fraction, drift)
        other[k] = state.mirrored().above(-floor, fraction, -drift)
        total += _mean_above(state, ceiling, fraction, drift) / fraction
        if k < len(steps):
            state = carried(state, fraction, (floor, ceiling), drift, steps[k])
    stopped = float(benefit.sum())
    return Behavior(
        benefit=benefit,
        other=other,
        reached=reached,
        estimate=total / stopped if stopped > 1e-12 else None,
    )


def _mean_above(state: Uncrossed, limit: float, fraction: float, drift: float) -> float:
    """Give E[score; nothing crossed before, and the score at `fraction` is above `limit`]."""
    from scipy.special import ndtr

    if not isfinite(limit):
        return 0.0
    step = fraction - state.fraction
    middle = state.points + drift * step
    away = (middle - limit) / sqrt(step)
    density = np.exp(-0.5 * away**2) / sqrt(2 * np.pi)
    return float((middle * ndtr(away) + sqrt(step) * density) @ state.masses)
