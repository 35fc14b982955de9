"""Posteriors of the entities' rates, averaged over the hyperparameters.

Entities with one total and one number of windows have one posterior. It is tabulated at the sites
(`entity_table`); where pairs are many, its mean, sd, quantiles and interval ends are interpolated
between them like everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.entity_prior import EntityPrior
from pymc_vibes.stats.entity_sites import Sites, place_sites
from pymc_vibes.stats.entity_table import Table, tabulate
from pymc_vibes.stats.lattice import Lattice
from pymc_vibes.stats.special import Array

type Rows = NDArray[np.int64]

_MANY_SITES = 100  # so many come from hundreds of entities, which leave little doubt about the
_NODES = 56  # hyperparameters: nodes that keep all moments to degree 5 then change no digit shown
_SCORES = np.linspace(-6.0, 6.0, 49)
_MEDIAN, _LOWER, _UPPER = 0.5, 0.158655, 0.841345


@dataclass(frozen=True, eq=False)
class Pairs:
    """The distinct totals and numbers of windows of all entities."""

    sums: Array
    windows: Array
    multiplicity: Array
    """How many entities have that pair, `(U,)`."""
    pair: Rows
    """Which pair every entity has, `(E,)`."""

    @staticmethod
    def of(sums: Array, windows: Array) -> "Pairs":
        """Find them; entities without windows must have no events."""
        valid = (sums >= 0) & (windows >= 0) & (sums == np.floor(sums))
        if not (valid & ((windows > 0) | (sums == 0))).all():
            raise ValueError("totals are whole, and only entities with windows have events")
        _, first, pair, often = np.unique(
            sums + 1j * windows, return_index=True, return_inverse=True, return_counts=True
        )
        return Pairs(sums[first], windows[first], often.astype(float), pair)

    @cached_property
    def sites(self) -> Sites:
        """Choose the sites that stand for them."""
        return place_sites(self.sums, self.windows)


@dataclass(frozen=True, eq=False)
class Pooled:
    """Hyperparameters and pairs, and the table that both make."""

    lattice: Lattice
    prior: EntityPrior
    pairs: Pairs

    @cached_property
    def table(self) -> Table:
        """Tabulate the posterior at every site."""
        sites = self.pairs.sites
        few = self.lattice
        if len(sites.sums) > _MANY_SITES:
            few = few.thin(_NODES)
        return tabulate(self.prior.hypers(few.nodes), few.weights, sites.sums, sites.windows)

    def one(self, row: int) -> Table:
        """Tabulate one pair by itself."""
        pairs, at = self.pairs, slice(row, row + 1)
        return tabulate(
            self.prior.hypers(self.lattice.nodes),
            self.lattice.weights,
            pairs.sums[at],
            pairs.windows[at],
        )

    @cached_property
    def scores(self) -> tuple[Array, Array, Array]:
        """Give medians and half-widths of log rates at all pairs, and normal scores there.

        The scores are of the probability below `median + z width`, shape `(pairs, z)`: almost
        straight lines in `z`, and smooth over the pairs.
        """
        from scipy.special import ndtri

        spread = self.pairs.sites.spread
        middle, low, high = (self.table.quantile(at) for at in _levels(len(self.table.start)))
        width = (high - low) / 2
        below = np.array([self.table.below(middle + z * width) for z in _SCORES])
        scores = ndtri(np.clip(below, 1e-12, 1 - 1e-12))
        return spread(middle), spread(width), spread(scores.T)

    def above(self, x: float) -> Array:
        """Give the probability of every pair's rate lying above `x`."""
        from scipy.special import ndtr

        if x <= 0:
            return np.ones(len(self.pairs.sums))
        if not self.pairs.sites.is_interpolated:
            return 1 - self.table.below(np.full(len(self.table.start), np.log(x)))
        middle, width, scores = self.scores
        z = (np.log(x) - middle) / width
        return np.asarray(ndtr(-_interpolate(z, scores)))


def _levels(sites: int) -> list[Array]:
    return [np.full(sites, level) for level in (_MEDIAN, _LOWER, _UPPER)]


def _interpolate(z: Array, scores: Array) -> Array:
    """Interpolate each row's scores by the cubic through four, straight on beyond the ends."""
    inside = np.clip(z, _SCORES[0], _SCORES[-1])
    step = _SCORES[1] - _SCORES[0]
    place = (inside - _SCORES[0]) / step
    first = np.clip(np.floor(place) - 1, 0, len(_SCORES) - 4).astype(int)
    t = place - first
    rows = np.arange(len(z))
    a, b, c, d = (scores[rows, first + k] for k in range(4))
    value = (
        -a * (t - 1) * (t - 2) * (t - 3) / 6
        + b * t * (t - 2) * (t - 3) / 2
        - c * t * (t - 1) * (t - 3) / 2
        + d * t * (t - 1) * (t - 2) / 6
    )
    return np.asarray(value + (z - inside))


@dataclass(frozen=True, eq=False)
class EntityRates:
    """Posteriors of rates, in events per window, one per entity."""

    pooled: Pooled
    pair: Rows
    """The pair of every entity here."""

    def __len__(self) -> int:
        return len(self.pair)

    def take(self, indices: "Array | Rows | list[int]") -> "EntityRates":
        """Give the posteriors of some entities, in that order."""
        return EntityRates(self.pooled, self.pair[indices])

    def parameters(self) -> Mapping[str, Array]:
        """Give the data of every entity: total and number of windows."""
        pairs = self.pooled.pairs
        return {"total": pairs.sums[self.pair], "windows": pairs.windows[self.pair]}

    def mean(self) -> Array:
        """Give the means."""
        return self._spread(np.log(self.pooled.table.means))

    def sd(self) -> Array:
        """Give the standard deviations."""
        return self._spread(np.log(self.pooled.table.sds))

    def quantile(self, q: float) -> Array:
        """Give the quantile of every entity."""
        table = self.pooled.table
        return self._spread(table.quantile(np.full(len(table.start), q)))

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`; it starts at 0 where the density falls."""
        low, high = self.pooled.table.hdi(mass)
        means = np.log(self.pooled.table.means)
        share = self.pooled.pairs.sites.spread(np.exp(low - means))
        return np.maximum(share, 0.0)[self.pair] * self._spread(means), self._spread(high)

    def above(self, x: float) -> Array:
        """Give the probability of every rate lying above `x`."""
        return self.pooled.above(x)[self.pair]

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one rate at `x`; 0 at and below 0."""
        x = np.asarray(x, dtype=float)
        safe = np.where(x > 0, x, 1.0)
        density = self._one(index).pdf(0, np.log(safe.ravel())).reshape(x.shape) / safe
        return np.where(x > 0, density, 0.0)

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one rate lying at or below `x`."""
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore"):  # 0 lies below everything
            places = np.log(np.maximum(x.ravel(), 0.0))
        table = self._one(index)
        below = [float(table.below(np.array([at]))[0]) for at in places]
        return np.reshape(below, x.shape)

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one rate from its table: exact to 1e-6 of probability."""
        return np.asarray(np.exp(self._one(index).quantile(rng.random((1, n)))[0]))

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one rate; finite everywhere."""
        ends = np.exp(self._one(index).quantile(np.array([[0.001, 0.999]]))[0])
        low = max(float(ends[0]), float(ends[1]) / points)  # at 0 there may be a pole
        x = np.linspace(low, ends[1], points)
        return x, self.pdf(index, x)

    def _one(self, index: int) -> Table:
        return self.pooled.one(int(self.pair[index]))

    def _spread(self, logs: Array) -> Array:
        with np.errstate(under="ignore"):
            values: Array = np.exp(self.pooled.pairs.sites.spread(logs))
            return values[self.pair]
