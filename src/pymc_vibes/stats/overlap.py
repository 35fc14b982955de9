"""Probabilities and densities of a difference or a ratio of two posteriors, by quadrature.

With `X` the first and `Y` the second, a point `y` is paired with `x = y + shift` (difference) or
`x = factor * y` (ratio), and one of the two posteriors is integrated against a tail of the other:
the narrower one is integrated, so that the other looks smooth. The integration runs over `log y`
(Gamma) or over the logit of `y` within its reach (Beta), where every integrand is analytic and
decays at both ends; panels of Gauss-Legendre nodes cover the window where it matters. Integrands
bend around a few places only and are plain powers between them, so that panels grow with the
distance from those: a shape of 0.05 needs little more of them than one of 5.

Every array has a last axis of length 1: the axis of the nodes.

The absolute error of a probability is below 1e-11 for shapes from 0.05 to 1e7, and mostly below
1e-13; at 1e8 and more the incomplete gamma function itself leaves up to 1e-7.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.pairing import Points, Scale, Shift
from pymc_vibes.stats.panels import Bend, place_nodes
from pymc_vibes.stats.special import Array

_FLOOR = 1e-280  # the left end of every window; a shape above 0.06 has no mass below it

_SDS = 10.0  # of a density that a panel may hold: its rounding is 1e-13

_CLOSE = 0.05  # from here to 1 the complement is the more accurate argument


class Side(Protocol):
    """One side of a comparison: parameters of shape `(pairs, 1)`."""

    def log_density(self, at: Points) -> Array:
        """Give the log density per unit of the natural coordinate (log or logit)."""
        ...

    def below(self, at: Points) -> Array:
        """Give the probability of lying below."""
        ...

    def above(self, at: Points) -> Array:
        """Give the probability of lying above."""
        ...

    @property
    def window(self) -> tuple[Points, Points]:
        """Give the ends beyond which nothing matters."""
        ...

    @property
    def middle(self) -> Points:
        """Give where the density leaves its power law."""
        ...

    @property
    def edge(self) -> Points:
        """Give a place about one sd above the middle."""
        ...

    def sd(self) -> Array:
        """Give the standard deviation."""
        ...

    def surplus(self, at: Points) -> Array:
        """Give E[max(X - at, 0)]."""
        ...

    def deficit(self, at: Points) -> Array:
        """Give E[max(at - X, 0)]."""
        ...


@dataclass(frozen=True)
class GammaSide:
    """Gamma posteriors."""

    shape: Array
    rate: Array

    def log_density(self, at: Points) -> Array:
        """Give the log density per unit of log value."""
        return special.gamma_log_density(self.shape, self.rate * at.value)

    def below(self, at: Points) -> Array:
        """Give the probability of lying below."""
        from scipy.special import gammainc

        return np.asarray(gammainc(self.shape, self.rate * at.value))

    def above(self, at: Points) -> Array:
        """Give the probability of lying above."""
        from scipy.special import gammaincc

        return np.asarray(gammaincc(self.shape, self.rate * at.value))

    @cached_property
    def window(self) -> tuple[Points, Points]:
        """Give the ends beyond which nothing matters."""
        low, high = special.gamma_drop(self.shape, np.full_like(self.shape, special.DROP))
        with np.errstate(under="ignore"):  # a tiny shape: the window starts at the floor
            low, high = self.mean() * np.exp(low), self.mean() * np.exp(high)
        nothing = np.zeros_like(low)
        return Points(np.maximum(low, _FLOOR), nothing), Points(high, nothing)

    @property
    def middle(self) -> Points:
        """Give where the density leaves its power law."""
        value = np.maximum(self.shape, 1.0) / self.rate
        return Points(value, np.zeros_like(value))

    @property
    def edge(self) -> Points:
        """Give a place about one sd above the middle."""
        shape = np.maximum(self.shape, 1.0)
        value = (shape + np.sqrt(shape)) / self.rate
        return Points(value, np.zeros_like(value))

    def mean(self) -> Array:
        """Give the mean."""
        return self.shape / self.rate

    def sd(self) -> Array:
        """Give the standard deviation."""
        return np.sqrt(self.shape) / self.rate

    def surplus(self, at: Points) -> Array:
        """Give E[max(X - at, 0)]."""
        return np.maximum((self.mean() - at.value) * self.above(at) + self._tie(at), 0.0)

    def deficit(self, at: Points) -> Array:
        """Give E[max(at - X, 0)]."""
        return np.maximum((at.value - self.mean()) * self.below(at) + self._tie(at), 0.0)

    def _tie(self, at: Points) -> Array:
        with np.errstate(under="ignore"):  # far out the density is 0
            return np.exp(self.log_density(at)) / self.rate


@dataclass(frozen=True)
class BetaSide:
    """Beta posteriors."""

    a: Array
    b: Array

    def log_density(self, at: Points) -> Array:
        """Give the log density per unit of logit value."""
        return special.beta_log_density(self.a, self.b, at.value, at.rest)

    def below(self, at: Points) -> Array:
        """Give the probability of lying below, from the end near 1 where that is close."""
        from scipy.special import betainc

        a, b, x, q = np.broadcast_arrays(self.a, self.b, at.value, at.rest)
        close = q < _CLOSE
        if not close.any():
            return np.asarray(betainc(a, b, x))
        # betaincc would keep the digits of a tiny result, unneeded here, at ten times the cost
        result = np.empty(close.shape)
        result[~close] = betainc(a[~close], b[~close], x[~close])
        result[close] = 1 - betainc(b[close], a[close], q[close])
        return result

    def above(self, at: Points) -> Array:
        """Give the probability of lying above."""
        return BetaSide(self.b, self.a).below(Points(at.rest, at.value))

    @cached_property
    def window(self) -> tuple[Points, Points]:
        """Give the ends beyond which nothing matters."""
        from scipy.special import expit

        low, high = special.beta_drop(self.a, self.b, np.full_like(self.a, special.DROP))
        center = np.log(self.a) - np.log(self.b)
        limit = -np.log(_FLOOR)
        low, high = np.maximum(center + low, -limit), np.minimum(center + high, limit)
        return Points(expit(low), expit(-low)), Points(expit(high), expit(-high))

    @property
    def middle(self) -> Points:
        """Give where the density leaves its power laws."""
        a, b = np.maximum(self.a, 1.0), np.maximum(self.b, 1.0)
        return Points(a / (a + b), b / (a + b))

    @property
    def edge(self) -> Points:
        """Give a place about one sd above the middle."""
        a, b = np.maximum(self.a, 1.0), np.maximum(self.b, 1.0)
        grown = a * np.exp(np.sqrt(1 / a + 1 / b))
        return Points(grown / (grown + b), b / (grown + b))

    def mean(self) -> Array:
        """Give the mean."""
        return self.a / (self.a + self.b)

    def sd(self) -> Array:
        """Give the standard deviation."""
        n = self.a + self.b
        return np.sqrt(self.a / n * (self.b / n) / (n + 1))

    def surplus(self, at: Points) -> Array:
        """Give E[max(X - at, 0)]."""
        return np.maximum((self.mean() - at.value) * self.above(at) + self._tie(at), 0.0)

    def deficit(self, at: Points) -> Array:
        """Give E[max(at - X, 0)]."""
        return np.maximum((at.value - self.mean()) * self.below(at) + self._tie(at), 0.0)

    def _tie(self, at: Points) -> Array:
        with np.errstate(under="ignore"):  # far out the density is 0
            return np.exp(self.log_density(at)) / (self.a + self.b)


def exceeds(first: Side, second: Side, shift: Array, top: float) -> Array:
    """Compute P(first - second > shift) for every shift >= 0; supports end at `top`."""
    pairing = Shift(shift, top)
    x_ends, y_ends = _ends(first, second, pairing)
    bends = _bends(first, second, pairing)
    if np.all(first.sd() <= second.sd()):
        start, stop = np.maximum(x_ends[0], y_ends[0]), x_ends[1]
        return _integrate_first(first, second.below, pairing, place_nodes(start, stop, bends))
    start, stop = y_ends[0], np.minimum(x_ends[1], y_ends[1])
    return _integrate_second(second, first.above, pairing, place_nodes(start, stop, bends))


def shortfall(first: Side, second: Side) -> Array:
    """Compute E[max(second - first, 0)] of two chances, as an integral of nothing negative."""
    pairing = Shift(np.zeros((1, 1)), 1.0)
    x_ends, y_ends = _ends(first, second, pairing)
    bends = _bends(first, second, pairing)
    if np.all(first.sd() <= second.sd()):
        start, stop = x_ends[0], np.minimum(x_ends[1], y_ends[1])
        return _integrate_first(first, second.surplus, pairing, place_nodes(start, stop, bends))
    start, stop = np.maximum(x_ends[0], y_ends[0]), y_ends[1]
    return _integrate_second(second, first.deficit, pairing, place_nodes(start, stop, bends))


def falls_short(first: Side, second: Side, scale: Array) -> Array:
    """Compute P(first < scale * second) for every 0 < scale <= 1; two chances."""
    pairing = Scale(scale)
    x_ends, y_ends = _ends(first, second, pairing)
    bends = _bends(first, second, pairing)
    if np.all(first.sd() <= np.median(scale) * second.sd()):
        start, stop = x_ends[0], np.minimum(x_ends[1], y_ends[1])
        return _integrate_first(first, second.above, pairing, place_nodes(start, stop, bends))
    start, stop = np.maximum(x_ends[0], y_ends[0]), y_ends[1]
    return _integrate_second(second, first.below, pairing, place_nodes(start, stop, bends))


def difference_density(first: Side, second: Side, shift: Array, top: float) -> Array:
    """Compute the density of `first - second` at every shift >= 0."""
    pairing = Shift(shift, top)
    v, weights = place_nodes(*_shared(first, second, pairing), _bends(first, second, pairing))
    y, x, slope, _ = pairing.place(v)
    spread = x.value if np.isinf(top) else x.value * x.rest
    return _product(first, second, x, y, weights * slope / spread)


def log_ratio_density(first: Side, second: Side, scale: Array) -> Array:
    """Compute the density of `log(first / second)` at the log of every 0 < scale <= 1."""
    pairing = Scale(scale)
    v, weights = place_nodes(*_shared(first, second, pairing), _bends(first, second, pairing))
    y, x, _, _ = pairing.place(v)
    return _product(first, second, x, y, weights / x.rest)


def _ends(
    first: Side, second: Side, pairing: Shift | Scale
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    x_low, x_high = first.window
    y_low, y_high = second.window
    return (
        (pairing.of_first(x_low), pairing.of_first(x_high)),
        (pairing.of_second(y_low), pairing.of_second(y_high)),
    )


def _shared(first: Side, second: Side, pairing: Shift | Scale) -> tuple[Array, Array]:
    x_ends, y_ends = _ends(first, second, pairing)
    return np.maximum(x_ends[0], y_ends[0]), np.minimum(x_ends[1], y_ends[1])


def _integrate_first(
    first: Side,
    tail: Callable[[Points], Array],
    pairing: Shift | Scale,
    nodes: tuple[Array, Array],
) -> Array:
    v, weights = nodes
    y, x, _, slope = pairing.place(v)
    with np.errstate(under="ignore"):  # densities at the ends of the window
        mass = np.exp(first.log_density(x)) * slope * weights
    return np.sum(mass * tail(y), axis=-1)


def _integrate_second(
    second: Side,
    tail: Callable[[Points], Array],
    pairing: Shift | Scale,
    nodes: tuple[Array, Array],
) -> Array:
    v, weights = nodes
    y, x, slope, _ = pairing.place(v)
    with np.errstate(under="ignore"):  # densities at the ends of the window
        mass = np.exp(second.log_density(y)) * slope * weights
    return np.sum(mass * tail(x), axis=-1)


def _product(first: Side, second: Side, x: Points, y: Points, weights: Array) -> Array:
    with np.errstate(under="ignore"):  # densities at the ends of the window
        mass = np.exp(first.log_density(x) + second.log_density(y))
    return np.sum(mass * weights, axis=-1)


def _bends(first: Side, second: Side, pairing: Shift | Scale) -> list[Bend]:
    """Give the coordinates around which the integrands are no plain powers."""
    return [
        _bend(pairing.of_first, first),
        _bend(pairing.of_second, second),
        *((place, special.PANEL) for place in pairing.bends),
    ]


def _bend(coordinate: Callable[[Points], Array], side: Side) -> Bend:
    """Bend within some sd of a density, which a shift close by can make wide or narrow."""
    middle, edge = coordinate(side.middle), coordinate(side.edge)
    place = np.where(np.isfinite(middle), middle, edge)
    with np.errstate(invalid="ignore"):  # both beyond reach
        width = _SDS * np.abs(edge - middle)
    return place, np.where(width < special.PANEL, width, special.PANEL)
