"""The chance that a score crosses its boundary at one of several looks, by recursive integration.

The score at information fraction t is a Brownian motion with drift, `S(t) ~ N(drift t, t)`, and the
statistic of a look is `Z = S(t) / sqrt(t)`. What has not crossed is carried from look to look as a
density on quadrature nodes (Armitage, McPherson and Rowe 1969, *JRSS A* 132, 235-244; Jennison and
Turnbull 2000, *Group Sequential Methods*, chapter 19). Each density is a normal kernel's image, so
Gauss's rule on panels of the kernel's width is exact to rounding, however unequal the steps are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import inf, pi, sqrt

import numpy as np

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.special import Array

REACH = 9.5
"""Normal mass beyond so many sd is left out: 1e-21."""

LEAST_STEP = 1e-6
"""Two looks are at least this share of their information apart: closer ones are one look."""

_NODES = 16
_PANEL = 2.0  # sd of the narrower kernel; half of it changes no digit before the 14th


@dataclass(frozen=True)
class Uncrossed:
    """The distribution of a score that has crossed nothing so far, as masses on nodes."""

    fraction: float
    points: Array
    """Ascending scores, `(nodes,)`."""
    masses: Array
    """Their probabilities, `(nodes,)`; the sum is the chance of having crossed nothing."""

    def above(self, limit: float, fraction: float, drift: float = 0.0) -> float:
        """Give P(nothing crossed before, and the score at `fraction` is above `limit`)."""
        from scipy.special import ndtr

        step = fraction - self.fraction
        scores = (self.points + drift * step - limit) / sqrt(step)
        return float(ndtr(scores) @ self.masses)

    def mirrored(self) -> "Uncrossed":
        """Turn up and down around."""
        return Uncrossed(self.fraction, -self.points[::-1], self.masses[::-1])


START = Uncrossed(0.0, np.zeros(1), np.ones(1))
"""Nothing is known yet, so the score is 0."""


def carried(
    before: Uncrossed, fraction: float, region: tuple[float, float], drift: float, following: float
) -> Uncrossed:
    """Give what is still within `region` (of scores) at `fraction`.

    `following` is the information up to the look after it, which decides how fine the nodes are.
    """
    step = fraction - before.fraction
    middle, spread = drift * fraction, REACH * sqrt(fraction)
    low, high = max(region[0], middle - spread), min(region[1], middle + spread)
    if low >= high:
        return Uncrossed(fraction, np.zeros(0), np.zeros(0))
    panels = int(np.ceil((high - low) / (_PANEL * sqrt(min(step, following)))))
    edges = np.linspace(low, high, panels + 1)
    nodes, weights = _rule()
    half = (high - low) / panels / 2
    points = edges[:-1, None] + half * (1 + nodes)
    masses = _density(before, points, step, drift) * (half * weights)
    return Uncrossed(fraction, points.ravel(), masses.ravel())


def exit_chances(
    fractions: Sequence[float],
    upper: Sequence[float],
    lower: Sequence[float] | None = None,
    *,
    drift: float = 0.0,
) -> tuple[Array, Array]:
    """Give P(first crossing is at look k), upwards and downwards, `(looks,)` each.

    `fractions` are increasing information fractions; `upper` and `lower` are boundaries of Z, where
    `inf` and `-inf` cannot be crossed; without `lower` nothing ends below. `drift` is the expected
    Z at fraction 1: the effect over its standard error there. The looks' total is the power.
    Raises `BadConfig` where the fractions do not increase.
    """
    check_fractions(fractions)
    floors = [-inf] * len(fractions) if lower is None else list(lower)
    if not len(fractions) == len(upper) == len(floors):
        raise ValueError("there must be as many boundaries as looks")
    up, down = np.zeros(len(fractions)), np.zeros(len(fractions))
    state = START
    steps = [b - a for a, b in pairwise(fractions)]
    for k, fraction in enumerate(fractions):
        ceiling, floor = upper[k] * sqrt(fraction), floors[k] * sqrt(fraction)
        up[k] = state.above(ceiling, fraction, drift)
        down[k] = state.mirrored().above(-floor, fraction, -drift)
        if k < len(steps):
            state = carried(state, fraction, (floor, ceiling), drift, steps[k])
    return up, down


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuse information fractions that are not positive, finite and increasing."""
    if not all(0 < fraction < inf for fraction in fractions):
        raise BadConfig("Every look needs a positive, finite amount of information.")
    for earlier, later in pairwise(fractions):
        if later - earlier < LEAST_STEP * later:
            raise BadConfig(
                f"A look at information fraction {later:g} adds nothing to the one at {earlier:g}.",
                hint="Look again once there are more data.",
            )


def _density(before: Uncrossed, points: Array, step: float, drift: float) -> Array:
    """Give the density at ascending `points`, `(panels, nodes)`, from the nodes that reach them."""
    sd = sqrt(step)
    means = before.points + drift * step
    first = np.searchsorted(means, points[:, 0] - REACH * sd)
    last = np.searchsorted(means, points[:, -1] + REACH * sd)
    density = np.empty_like(points)
    for panel, at in enumerate(points):
        near = slice(first[panel], last[panel])
        kernel = np.exp(-0.5 * ((at[:, None] - means[near]) / sd) ** 2)
        density[panel] = kernel @ before.masses[near]
    return density / (sd * sqrt(2 * pi))


@cache
def _rule() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights
