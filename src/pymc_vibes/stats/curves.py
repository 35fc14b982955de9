"""Real quantities whose posterior is known by its density at equally spaced points.

What a hierarchy says of its members has no name; its density is smooth, so several hundred values
and straight lines between them keep four digits of a posterior sd. Means and standard deviations
come from whoever made the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pymc_vibes.stats.special import Array

_STARTS = 301  # places at which a highest-density interval may start, per round


@dataclass(frozen=True, eq=False)
class Curves:
    """One posterior per label: points and densities `(labels, points)`, normalized here."""

    x: Array
    height: Array
    means: Array
    sds: Array

    def __len__(self) -> int:
        return len(self.means)

    @cached_property
    def _mass(self) -> Array:
        step = np.diff(self.x, axis=1)
        parts = (self.height[:, 1:] + self.height[:, :-1]) / 2 * step
        return np.concatenate([np.zeros((len(self), 1)), np.cumsum(parts, axis=1)], axis=1)

    def take(self, indices: Sequence[int]) -> "Curves":
        """Give the posteriors of some labels, in that order."""
        at = list(indices)
        return Curves(self.x[at], self.height[at], self.means[at], self.sds[at])

    def parameters(self) -> Mapping[str, Array]:
        """Give what stands for each posterior: its mean and sd."""
        return {"mean": self.means, "sd": self.sds}

    def mean(self) -> Array:
        """Give the means."""
        return self.means

    def sd(self) -> Array:
        """Give the standard deviations."""
        return self.sds

    def below(self, x: Array | float) -> Array:
        """Give the probability of every label of lying at or below its own `x`, `(labels,)`."""
        wanted = np.broadcast_to(x, self.means.shape)
        return np.array([float(self.cdf(i, wanted[i : i + 1])[0]) for i in range(len(self))])

    def above(self, x: Array | float) -> Array:
        """Give the probability of every label of lying above its own `x`."""
        return np.asarray(1.0 - self.below(x))

    def quantile(self, q: float) -> Array:
        """Give the quantile of every label."""
        return np.array([float(self._at(i, np.array([q]))[0]) for i in range(len(self))])

    def interval(self, level: float) -> tuple[Array, Array]:
        """Give the ends of the equal-tailed interval of every label."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`, for every label."""
        ends = np.array([self._shortest(i, mass) for i in range(len(self))])
        return ends[:, 0], ends[:, 1]

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one label at `x`; 0 outside the table."""
        total = self._mass[index, -1]
        found = np.interp(x, self.x[index], self.height[index], left=0.0, right=0.0)
        return np.asarray(found / total)

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one label lying at or below `x`."""
        points, mass = self.x[index], self._mass[index]
        x = np.clip(np.asarray(x, float), points[0], points[-1])
        cell = np.clip(np.searchsorted(points, x, side="right") - 1, 0, len(points) - 2)
        left, width = points[cell], points[cell + 1] - points[cell]
        low, high = self.height[index, cell], self.height[index, cell + 1]
        away = x - left
        inside = away * (low + (high - low) * away / width / 2)
        return np.asarray((mass[cell] + inside) / mass[-1])

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one label."""
        return self._at(index, rng.uniform(size=n))

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label."""
        low, high = self._at(index, np.array([0.001, 0.999]))
        x = np.linspace(low, high, points)
        return x, self.pdf(index, x)

    def _at(self, index: int, q: Array) -> Array:
        """Give quantiles: the root of the square that the mass is inside a cell."""
        points, mass, height = self.x[index], self._mass[index], self.height[index]
        wanted = q * mass[-1]
        cell = np.clip(np.searchsorted(mass, wanted, side="right") - 1, 0, len(points) - 2)
        low, high = height[cell], height[cell + 1]
        width, rest = points[cell + 1] - points[cell], wanted - mass[cell]
        bend = (high - low) / width
        root = np.sqrt(np.maximum(low**2 + 2 * bend * rest, 0.0))
        away = 2 * rest / np.maximum(low + root, 1e-300)
        return np.asarray(points[cell] + np.clip(away, 0.0, width))

    def _shortest(self, index: int, mass: float) -> tuple[float, float]:
        low, high = 0.0, 1 - mass
        for _ in range(2):
            lower = np.linspace(low, high, _STARTS)
            starts, stops = self._at(index, lower), self._at(index, lower + mass)
            best = int(np.argmin(stops - starts))
            low, high = lower[max(best - 1, 0)], lower[min(best + 1, _STARTS - 1)]
        return float(starts[best]), float(stops[best])
