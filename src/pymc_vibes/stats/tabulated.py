"""Positive quantities whose posterior is known by its density on a grid of logs.

Mixtures over where a rate changed, or how fast it wanders, have no name. Their densities of the
log are smooth, so a few hundred values and the cubic spline through them keep six digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

type Rows = NDArray[np.int64]

_STARTS = 201  # places at which a highest-density interval may start, per round


@dataclass(frozen=True, eq=False)
class Tabulated:
    """Posteriors of positive quantities, one per label, by the density of their log.

    Means and standard deviations come from whoever made the table, because they may not exist:
    then they are infinite.
    """

    start: Array
    """Log of the first value, `(labels,)`."""
    step: Array
    """Distance in log between values, `(labels,)`."""
    height: Array
    """Density per unit of the log, `(labels, points)`; normalized here."""
    means: Array
    sds: Array

    def __post_init__(self) -> None:
        from scipy.interpolate import CubicSpline

        points = np.arange(self.height.shape[1])
        height = np.maximum(self.height, 0.0)
        spline = CubicSpline(points, height, axis=1)
        mass = spline.antiderivative()(points) * self.step[:, None]
        mass = np.maximum.accumulate(np.maximum(mass, 0.0), axis=1)
        total = mass[:, -1:]
        object.__setattr__(self, "height", height / total)
        object.__setattr__(self, "_mass", mass / total)

    def __len__(self) -> int:
        return len(self.start)

    def take(self, indices: Array | list[int]) -> "Tabulated":
        """Give the posteriors of some labels, in that order."""
        parts = (self.start, self.step, self.height, self.means, self.sds)
        return Tabulated(*(part[indices] for part in parts))

    def parameters(self) -> Mapping[str, Array]:
        """Give what stands for each posterior: its mean and sd."""
        return {"mean": self.means, "sd": self.sds}

    def mean(self) -> Array:
        """Give the means; infinite where there is none."""
        return self.means

    def sd(self) -> Array:
        """Give the standard deviations; infinite where there is none."""
        return self.sds

    def quantile(self, q: float) -> Array:
        """Give the quantile of every label."""
        return self.at(np.arange(len(self)), np.full(len(self), float(q)))

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`; it can start at exactly 0."""
        rows = np.arange(len(self))[:, None]
        low, high = np.zeros(len(self)), np.full(len(self), 1 - mass)
        for _ in range(2):
            lower = np.linspace(low, high, _STARTS, axis=1)
            starts, stops = self.at(rows, lower), self.at(rows, lower + mass)
            starts[lower == 0] = 0.0
            best = np.argmin(stops - starts, axis=1)
            low = lower[rows[:, 0], np.maximum(best - 1, 0)]
            high = lower[rows[:, 0], np.minimum(best + 1, _STARTS - 1)]
        return starts[rows[:, 0], best], stops[rows[:, 0], best]

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one label at `x`; 0 outside the table."""
        x = np.asarray(x, dtype=float)
        safe = np.where(x > 0, x, 1.0)
        place = (np.log(safe) - self.start[index]) / self.step[index]
        inside = (x > 0) & (place >= 0) & (place <= self.height.shape[1] - 1)
        return np.where(inside, np.maximum(self._curve(index)(place), 0.0), 0.0) / safe

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one label lying at or below `x`."""
        x = np.asarray(x, dtype=float)
        return np.asarray(self._below(np.full(x.shape, index), x))

    def above(self, x: float) -> Array:
        """Give the probability of every label lying above `x`."""
        return np.asarray(1 - self._below(np.arange(len(self)), np.full(len(self), float(x))))

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one label."""
        return self.at(np.full(n, index), rng.uniform(size=n))

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label."""
        ends = self.at(np.full(2, index), np.array([0.001, 0.999]))
        x = np.linspace(ends[0], ends[1], points)
        return x, self.pdf(index, x)

    @cached_property
    def _cumulated(self) -> Array:
        return np.asarray(self.__dict__["_mass"])

    def _curve(self, index: int) -> "CubicSpline":
        from scipy.interpolate import CubicSpline

        return CubicSpline(np.arange(self.height.shape[1]), self.height[index])

    def _cell(self, rows: Rows, cells: Rows, share: Array) -> Array:
        """Give the mass below a place inside cells: the Hermite cubic of mass and density."""
        mass = self._cumulated
        left, right = mass[rows, cells], mass[rows, cells + 1]
        rise = self.step[rows]
        up, down = self.height[rows, cells] * rise, self.height[rows, cells + 1] * rise
        gain, rest = right - left, 1 - share
        bend = (up - gain) * rest - (down - gain) * share
        return np.asarray(left + share * gain + share * rest * bend)

    def _below(self, rows: Rows, x: Array) -> Array:
        last = self.height.shape[1] - 1
        with np.errstate(divide="ignore"):  # 0 lies below every table
            place = (np.log(np.maximum(x, 0.0)) - self.start[rows]) / self.step[rows]
        place = np.clip(place, 0, last)
        cells = np.minimum(place.astype(int), last - 1)
        return np.clip(self._cell(rows, cells, place - cells), 0.0, 1.0)

    def at(self, rows: Rows, q: Array) -> Array:
        """Give quantiles of labels by index, one `q` each (arrays of one shape)."""
        rows, q = np.broadcast_arrays(rows, q)
        cells = np.empty(q.shape, dtype=int)
        for row in np.unique(rows):
            here = rows == row
            cells[here] = np.searchsorted(self._cumulated[row], q[here], side="right") - 1
        cells = np.clip(cells, 0, self.height.shape[1] - 2)

        def excess(share: Array) -> Array:
            return self._cell(rows, cells, share) - q

        zero, one = np.zeros(q.shape), np.ones(q.shape)
        bounded = (excess(zero) < 0) & (excess(one) > 0)
        share = special.find_roots(excess, zero, one, close=1e-12)
        share = np.where(bounded, share, np.where(excess(one) <= 0, 1.0, 0.0))
        return np.asarray(np.exp(self.start[rows] + (cells + share) * self.step[rows]))
