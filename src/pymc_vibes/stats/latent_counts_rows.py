"""Rows of counts and what one of them says of its log rate: the likelihood of `latent_counts`.

A negative binomial is written by `extra` = 1 / sqrt(size), the relative sd of a rate around its
mean: 0 is Poisson. Its log likelihood is concave in the log rate, whatever `extra` is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pymc_vibes.stats.special import Array

_LARGEST = 700.0  # a log rate whose exponential is still a number
_LEAST_EXTRA = 1e-9  # a size of 1e18 is Poisson
_HERMITE = 9  # nodes that average over a normal: seven digits where its sd is 1


@dataclass(frozen=True)
class Rows:
    """Counts in the order of their days, with the days that have a state."""

    day: Array
    """The days with a state, increasing, `(days,)`."""
    place: np.ndarray
    """Of each row among the days, `(rows,)`."""
    count: Array
    offset: Array
    """Log of the exposure plus what the prior centers on, `(rows,)`."""
    columns: Array
    """`(rows, coefficients)`."""

    @cached_property
    def is_daily(self) -> bool:
        """Say whether every day with a state has one row."""
        return np.array_equal(self.place, np.arange(len(self.day)))

    def by_day(self, values: Array) -> Array:
        """Add up rows, the first axis, to days."""
        if self.is_daily:
            return values
        seen, first = np.unique(self.place, return_index=True)
        summed = np.zeros((len(self.day), *values.shape[1:]))
        summed[seen] = np.add.reduceat(values, first, axis=0)
        return summed


def log_likelihood(rows: Rows, log_rate: Array, extra: Array) -> Array:
    """Give the log likelihood less `log_constant`, `(nodes,)`, from `(nodes, rows)`."""
    y = rows.count
    rate = np.exp(np.minimum(log_rate, _LARGEST))
    if not np.any(extra):
        return np.asarray((y * log_rate - rate).sum(axis=1))
    inverse = np.maximum(extra, _LEAST_EXTRA)[:, None] ** 2
    return np.asarray((y * log_rate - (1 / inverse + y) * np.log1p(rate * inverse)).sum(axis=1))


def log_constant(rows: Rows, extra: Array) -> Array:
    """Give what counts and `extra` alone add to the log likelihood, but for log factorials."""
    if not np.any(extra):
        return np.zeros(len(extra))
    values, many = np.unique(rows.count, return_counts=True)
    return np.asarray(_rising(np.maximum(extra, _LEAST_EXTRA)[:, None] ** -2, values) @ many)


def slopes(rows: Rows, log_rate: Array, extra: Array) -> tuple[Array, Array]:
    """Give first and minus second derivatives in the log rate, `(nodes, rows)`."""
    rate = np.exp(np.minimum(log_rate, _LARGEST))
    inverse = extra[:, None] ** 2
    spread = 1 + inverse * rate
    return (rows.count - rate) / spread, rate / spread * ((1 + inverse * rows.count) / spread)


def higher(rows: Rows, log_rate: Array, extra: Array) -> tuple[Array, Array]:
    """Give third and fourth derivatives in the log rate, `(nodes, rows)`."""
    rate = np.exp(np.minimum(log_rate, _LARGEST))
    inverse = extra[:, None] ** 2
    spread = 1 + inverse * rate
    weight = rate / spread * ((1 + inverse * rows.count) / spread)
    lean = (1 - inverse * rate) / spread
    return -weight * lean, -weight * (lean**2 - 2 * inverse * rate / spread**2)


def averaged(
    slopes_at: Callable[[Array], tuple[Array, Array]], center: Array, variance: Array
) -> tuple[Array, Array]:
    """Average both derivatives over normal log rates of that center and variance."""
    at, weight = np.polynomial.hermite_e.hermegauss(_HERMITE)
    first, second = np.zeros_like(center), np.zeros_like(center)
    sd = np.sqrt(variance)
    for node, share in zip(at, weight / weight.sum(), strict=True):
        one, two = slopes_at(center + node * sd)
        first += share * one
        second += share * two
    return first, second


def _rising(size: Array, y: Array) -> Array:
    """Compute `log(size (size + 1) ... (size + y - 1)) - y log size` without cancellation."""
    from scipy.special import gammaln

    least = 16.0  # below, Stirling's series needs help
    large = np.maximum(size, least)
    series = (large + y - 0.5) * np.log1p(y / large) - y + _error(large + y) - _error(large)
    small = np.minimum(size, least)
    direct = gammaln(small + y) - gammaln(small) - y * np.log(small)
    return np.where(size >= least, series, direct)


def _error(x: Array) -> Array:
    """Compute `lgamma(x)` minus its Stirling approximation, for x >= 16."""
    inverse = 1 / (x * x)
    return (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / x
