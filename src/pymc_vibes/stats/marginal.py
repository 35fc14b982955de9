"""The posterior of one hyperparameter: a smooth density on the log or the logit axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.lattice import Lattice
from pymc_vibes.stats.special import Array

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

type Link = Literal["log", "logit"]

_KEPT = 14.0  # planes this far below the top hold less than a millionth
_FINE = 16  # panels between two planes
_RULE = 4  # Gauss-Legendre nodes of a panel


@dataclass(frozen=True, eq=False)
class Marginal:
    """The posterior of `exp(u)` or `expit(u)`, with `u` a combination of a lattice's coordinates.

    Mean and sd are sums over the lattice; density, cdf and quantiles come from a quintic spline
    through the log of the marginal density on the planes of a lattice of their own.
    """

    lattice: Lattice
    direction: Array
    """Weights of the coordinates, `(d,)`."""
    shift: float = 0.0
    """Added to `u`."""
    link: Link = "log"

    def __len__(self) -> int:
        return 1

    def parameters(self) -> Mapping[str, Array]:
        """Give mean and sd on the log or logit axis."""
        u = self.lattice.nodes @ self.direction + self.shift
        mean = self.lattice.mean(u)
        sd = np.sqrt(self.lattice.mean((u - mean) ** 2))
        return {f"{self.link}_mean": np.array([mean]), f"{self.link}_sd": np.array([sd])}

    @cached_property
    def values(self) -> Array:
        """Give the hyperparameter at the nodes of the lattice, `(N,)`."""
        return self.place(self.lattice.nodes)

    def place(self, points: Array) -> Array:
        """Give the hyperparameter at points `(n, d)` of the lattice's space."""
        return self._value(points @ self.direction + self.shift)

    def mean(self) -> Array:
        """Give the mean, shape `(1,)`."""
        return np.array([self.lattice.mean(self.values)])

    def sd(self) -> Array:
        """Give the standard deviation, shape `(1,)`."""
        away = self.values - self.mean()
        return np.array([np.sqrt(self.lattice.mean(away**2))])

    def quantile(self, q: float) -> Array:
        """Give a quantile, shape `(1,)`."""
        return self._value(self._places(np.array([q])))

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`."""
        from scipy.optimize import minimize_scalar

        def width(below: float) -> float:
            low, high = self._value(self._places(np.array([below, below + mass])))
            return float(high - low)

        coarse = np.linspace(0, 1 - mass, 41)
        low = self._value(self._places(coarse))
        high = self._value(self._places(coarse + mass))
        best = int(np.argmin(high - low))
        inside = coarse[max(best - 1, 0)], coarse[min(best + 1, 40)]
        below = float(minimize_scalar(width, bounds=inside, method="bounded").x)
        ends = self._value(self._places(np.array([below, below + mass])))
        return ends[:1], ends[1:]

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density at `x`."""
        _only(index)
        x = np.asarray(x, dtype=float)
        top = 1.0 if self.link == "logit" else np.inf
        inside = (x > 0) & (x < top)
        safe = np.where(inside, x, 0.5)
        u = self._coordinate(safe)
        spread = safe * (1 - safe) if self.link == "logit" else safe
        start, stop = self._table[0][[0, -1]]
        known = inside & (u >= start) & (u <= stop)
        log = self._spline(np.clip(u, start, stop))
        return np.where(known, np.exp(log) / self._table[2] / spread, 0.0)

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of lying at or below `x`."""
        _only(index)
        x = np.asarray(x, dtype=float)
        top = 1.0 if self.link == "logit" else np.inf
        inside = (x > 0) & (x < top)
        u = self._coordinate(np.where(inside, x, 0.5))
        return np.where(inside, self._below(u), np.where(x <= 0, 0.0, 1.0))

    def above(self, x: float) -> Array:
        """Give the probability of lying above `x`."""
        return 1 - self.cdf(0, np.array([x]))

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values."""
        _only(index)
        return self.place(self.lattice.sample(n, rng))

    def density(self, index: int = 0, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 %."""
        x = np.linspace(self.quantile(0.001)[0], self.quantile(0.999)[0], points)
        return x, self.pdf(index, x)

    def _value(self, u: Array) -> Array:
        from scipy.special import expit

        return np.asarray(expit(u) if self.link == "logit" else np.exp(u))

    def _coordinate(self, x: Array) -> Array:
        return np.log(x) - np.log1p(-x) if self.link == "logit" else np.log(x)

    @cached_property
    def _spline(self) -> "BSpline":
        from scipy.interpolate import make_interp_spline

        values, logs = self.lattice.project(self.direction)
        kept = logs > logs.max() - _KEPT
        return make_interp_spline(values[kept] + self.shift, logs[kept], k=5)

    @cached_property
    def _table(self) -> tuple[Array, Array, float]:
        """Tabulate places, their cumulative probabilities, and the mass of the spline."""
        knots = np.unique(self._spline.t)
        ends = np.interp(np.arange((len(knots) - 1) * _FINE + 1) / _FINE, range(len(knots)), knots)
        masses = self._masses(ends[:-1], ends[1:])
        total = float(masses.sum())
        return ends, np.concatenate([[0.0], np.cumsum(masses)]) / total, total

    def _masses(self, start: Array, stop: Array) -> Array:
        fractions, weights = special.rule(1, _RULE)
        length = (stop - start)[:, None]
        found = np.exp(self._spline(start[:, None] + length * fractions)) * length
        return np.asarray(found @ weights)

    def _below(self, u: Array) -> Array:
        ends, cumulative, total = self._table
        flat = np.clip(np.ravel(u), ends[0], ends[-1])
        panel = np.clip(np.searchsorted(ends, flat, side="right") - 1, 0, len(ends) - 2)
        below = cumulative[panel] + self._masses(ends[panel], flat) / total
        return np.minimum(below, 1.0).reshape(np.shape(u))

    def _places(self, q: Array) -> Array:
        ends, cumulative, _ = self._table
        panel = np.clip(np.searchsorted(cumulative, q, side="right") - 1, 0, len(ends) - 2)
        low, high = ends[panel], ends[panel + 1]
        return special.find_roots(lambda u: self._below(u) - q, low, high, close=1e-13)


def _only(index: int) -> None:
    if index not in (0, -1):
        raise IndexError("a hyperparameter is a single label")
