"""The posterior of a difference, a ratio or a relative lift as an object that knows its numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.decide import decide
from pymc_vibes.stats.special import Array

_WIDE = 1e150
"""Spread of a table beyond which the differences of its values overflow."""

_EXACT = 1e-10  # in normal scores
_ROUGH = 0.2
_PLACES = 33  # of the table that a shortest interval is looked up in
_SAME = 1e-6  # in the log densities of both ends of a shortest interval

_ENOUGH = 4
"""Places of a table below which there is no shape to search."""


@dataclass(frozen=True)
class Contrast:
    """The posterior of a difference, a ratio or a relative lift of two quantities.

    The equal-tailed interval of a level excludes `neutral` (0, or 1 for a ratio) exactly when
    `decide` says higher or lower at that level.
    """

    mean: float | None
    """None where the posterior has no mean."""
    sd: float | None
    """None where the posterior has no variance."""
    neutral: float
    """The value that means "no difference"."""
    greater: float
    """P(contrast > neutral), computed as by `probability_greater`."""
    reach: tuple[float, float]
    """Coordinates beyond which nothing matters."""
    tails: Callable[[Array], tuple[Array, Array]]
    """P(below) and P(above) at coordinates; the smaller of the two is accurate."""
    slope: Callable[[Array], Array]
    """Density per unit of the coordinate."""
    is_log: bool = False
    """Whether the coordinate is the log of the contrast (after taking off `offset`)."""
    offset: float = 0.0
    """Added to the contrast: -1 makes a ratio a relative lift."""

    def cdf(self, x: float) -> float:
        """Give P(contrast <= x)."""
        return self._tails_at(x)[0]

    def pdf(self, x: float) -> float:
        """Give the density at `x`; infinite at a pole."""
        return float(self._pdf(np.array([x], dtype=float))[0])

    def probability_above(self, x: float = 0.0) -> float:
        """Give P(contrast > x)."""
        return self._tails_at(x)[1]

    def probability_within(self, low: float, high: float) -> float:
        """Give P(low < contrast <= high), for example of a zone too small to matter."""
        return max(self.cdf(high) - self.cdf(low), 0.0)

    def quantile(self, q: float) -> float:
        """Give the value below which the contrast lies with probability `q`."""
        return float(self._quantiles(np.array([q]))[0])

    def interval(self, level: float) -> tuple[float, float]:
        """Give the equal-tailed interval; it excludes `neutral` exactly when `decide` decides."""
        tail = (1 - level) / 2
        low, high = (float(end) for end in self._quantiles(np.array([tail, 1 - tail])))
        claim = decide(self.greater, level)
        if claim == "higher":
            return max(low, np.nextafter(self.neutral, np.inf)), high
        if claim == "lower":
            return low, min(high, np.nextafter(self.neutral, -np.inf))
        return min(low, self.neutral), max(high, self.neutral)

    def hdi(self, mass: float) -> tuple[float, float]:
        """Give the shortest interval that holds `mass`; of a ratio it can start at exactly 0.

        What is spread over more than doubles can tell apart, or crowded within less, is not
        searched: a ratio's starts at 0, a difference's is the equal-tailed one.
        """
        scores, places = self._table
        x = self._value(places)
        if len(x) < _ENOUGH or not np.isfinite(x).all() or np.ptp(x) > _WIDE:
            ends = self._quantiles(np.array([mass, (1 - mass) / 2, (1 + mass) / 2]))
            return (
                (self.offset, float(ends[0])) if self.is_log else (float(ends[1]), float(ends[2]))
            )
        lower = np.linspace(0.0, 1 - mass, 1001)
        starts, stops = _at(lower, scores, x), _at(lower + mass, scores, x)
        best = int(np.argmin(stops - starts))
        below = lower[[best]]
        if 0 < best < len(lower) - 1:
            below = self._polish(lower[[best - 1]], lower[[best + 1]], below, mass)
        low, high = self._value(self._near(np.concatenate([below, below + mass])))
        starts_at_zero = self.is_log and best == 0
        return self.offset if starts_at_zero else float(low), float(high)

    def density(self, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 %; finite everywhere."""
        low, high = self._quantiles(np.array([0.001, 0.999]))
        x = np.linspace(low, high, points)
        y = self._pdf(x)
        poles = np.flatnonzero(~np.isfinite(y))
        half = (high - low) / (points - 1) / 2
        for k in poles:  # at a pole the average over its cell stands in
            y[k] = (self.cdf(x[k] + half) - self.cdf(x[k] - half)) / (2 * half)
        return x, y

    def _coordinate(self, x: Array) -> Array:
        if not self.is_log:
            return x
        with np.errstate(divide="ignore"):  # a ratio of 0 lies at minus infinity
            return np.log(np.maximum(x - self.offset, 0.0))

    def _value(self, coordinate: Array) -> Array:
        if not self.is_log:
            return coordinate
        with np.errstate(over="ignore", under="ignore"):  # beyond doubles: infinity and 0
            return np.expm1(coordinate) if self.offset == -1 else np.exp(coordinate)

    def _tails_at(self, x: float) -> tuple[float, float]:
        if x == self.neutral:
            return 1 - self.greater, self.greater
        below, above = self._bounded_tails(self._coordinate(np.array([x], dtype=float)))
        return float(below[0]), float(above[0])

    def _bounded_tails(self, at: Array) -> tuple[Array, Array]:
        low, high = self.reach
        below, above = self.tails(np.clip(at, low, high))
        # at no difference the two ways to integrate may differ in the last digit: one counts
        below = np.where(at == 0, 1 - self.greater, below)
        above = np.where(at == 0, self.greater, above)
        below = np.where(at <= low, 0.0, np.where(at >= high, 1.0, below))
        above = np.where(at <= low, 1.0, np.where(at >= high, 0.0, above))
        return below, above

    def _pdf(self, x: Array) -> Array:
        at = self._coordinate(x)
        inside = (at > self.reach[0]) & (at < self.reach[1])
        density = np.zeros_like(x)
        density[inside] = self.slope(at[inside])
        return density / np.where(inside, x - self.offset, 1.0) if self.is_log else density

    def _quantiles(self, q: Array) -> Array:
        return self._value(self._places(q))

    def _places(self, q: Array, *, close: float = _EXACT) -> Array:
        """Give quantiles as coordinates, which neither overflow nor vanish."""
        center = 0.0  # the coordinate of `neutral`, in either coordinate
        left = q < 1 - self.greater
        low = np.where(left, self.reach[0], center)
        high = np.where(left, center, self.reach[1])
        return self._solve(q, low, high, close)

    def _near(self, q: Array) -> Array:
        """Give the same quantiles, searched between neighbors in the table."""
        scores, places = self._table
        after = np.searchsorted(scores, special.probit(q, 1 - q))
        low = np.append(self.reach[0], places)[after]
        high = np.append(places, self.reach[1])[after]
        return self._solve(q, low, high, _EXACT)

    def _solve(self, q: Array, low: Array, high: Array, close: float) -> Array:
        wanted = special.probit(q, 1 - q)

        def above_wanted(at: Array) -> Array:
            return special.probit(*self._bounded_tails(at)) - wanted

        return special.find_roots(above_wanted, low, high, close=close)

    def _polish(self, low: Array, high: Array, best: Array, mass: float) -> Array:
        """Find where the density is the same at both ends, if it is between `low` and `high`."""

        def excess(below: Array) -> Array:
            ends = self._value(self._near(np.concatenate([below, below + mass])))
            with np.errstate(divide="ignore"):  # an end without density
                return np.diff(np.log(self._pdf(ends)) * -1.0)

        with np.errstate(invalid="ignore"):  # two ends without density
            crosses = excess(low) < 0 < excess(high)
        return special.find_roots(excess, low, high, close=_SAME) if crosses else best

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        """Tabulate coordinates against normal scores: rough places, then their true scores."""
        from scipy.interpolate import PchipInterpolator
        from scipy.special import ndtr

        rough = np.linspace(-4.0, 4.0, 9)
        coordinate = self._places(ndtr(rough), close=_ROUGH)
        at = PchipInterpolator(rough, coordinate)(np.linspace(-4.0, 4.0, _PLACES))
        scores, index = np.unique(special.probit(*self._bounded_tails(at)), return_index=True)
        return scores, at[index]


def _at(below: Array, scores: Array, x: Array) -> Array:
    from scipy.interpolate import PchipInterpolator
    from scipy.special import ndtri

    with np.errstate(divide="ignore"):  # probability 0 and 1 are clipped to the table
        wanted = np.clip(ndtri(below), scores[0], scores[-1])
    return np.asarray(PchipInterpolator(scores, x)(wanted))
