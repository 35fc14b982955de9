"""Finite mixtures of conjugate posteriors: what a hierarchy says about each of its labels.

Given the hyperparameters every label has a Gamma or a Beta posterior; over the nodes of a lattice
it is a mixture of them. Labels with the same data are computed once. Numbers come from the mixture
itself, never from draws; where there are very many distinct labels, quantiles are interpolated to
a relative error of 1e-6 (`patches`).

These are the marginals. The labels of one mixture depend on each other through the
hyperparameters: `compare` and `best` average over the nodes, and `hierarchy` draws them jointly.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import mixing
from pymc_vibes.stats.collapse import unique_pairs
from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.mixrows import BetaRows, GammaRows, Nodes
from pymc_vibes.stats.patches import Patches, Solve
from pymc_vibes.stats.special import Array

type Rows = GammaRows | BetaRows

_TOGETHER = 4_096  # labels whose parts share what is worked out; beyond, patches answer
_QUESTIONS = 32  # that are kept


@dataclass(frozen=True, eq=False)
class _Mixture(ABC):
    """What mixtures of any family know of their labels; `nodes` are shared, `k` is `(labels,)`."""

    nodes: Nodes
    k: Array

    @property
    @abstractmethod
    def rows(self) -> Rows:
        """Give a row for every label."""

    def __len__(self) -> int:
        return len(self.k)

    @property
    @abstractmethod
    def worked_out(self) -> "_Labels | None":
        """Give what a larger mixture, of which this is a part, knows of these labels."""

    @cached_property
    def _labels(self) -> "_Labels":
        return self.worked_out or _Labels.of(self.rows)

    def _part(self, indices: Array | list[int]) -> "_Labels | None":
        is_small = len(self) <= _TOGETHER
        return self._labels.take(np.asarray(indices, dtype=int)) if is_small else None

    def mean(self) -> Array:
        """Give the means."""
        return self._labels.spread(self._labels.rows.moments[0])

    def sd(self) -> Array:
        """Give the standard deviations."""
        return self._labels.spread(np.sqrt(self._labels.rows.moments[1]))

    def quantile(self, q: float) -> Array:
        """Give the quantile of every label."""
        return self._labels.quantile(q)

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`; it touches an end as the family's does."""
        return self._labels.hdi(mass)

    def shrinkage(self) -> Array:
        """Give the weight of the pooled mean in every label's mean; the rest is its own data's."""
        return self._labels.spread(self._labels.rows.shrinkage())

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one label at `x`; infinite at a pole."""
        return _pdf(self.rows.across(index, self.nodes), self.nodes, x)


@dataclass(frozen=True, eq=False)
class GammaMixture(_Mixture):
    """Posteriors of rates: mixtures of `Gamma(shape + k, rate + exposure)`, one per label.

    `nodes` are shared; `k` and `exposure` are `(labels,)`.
    """

    exposure: Array
    worked_out: "_Labels | None" = field(default=None, repr=False)

    @cached_property
    def rows(self) -> GammaRows:
        """Give a row for every label."""
        return GammaRows(self.nodes, self.k, self.exposure)

    def take(self, indices: Array | list[int]) -> "GammaMixture":
        """Give the posteriors of some labels, in that order."""
        part = self._part(indices)
        return GammaMixture(self.nodes, self.k[indices], self.exposure[indices], part)

    def parameters(self) -> Mapping[str, Array]:
        """Give the data of every label: `k` and `exposure`."""
        return {"k": self.k, "exposure": self.exposure}

    def across(self, index: int, nodes: Nodes) -> Gamma:
        """Give one label's posteriors given the hyperparameters at each of some nodes."""
        return self.rows.across(index, nodes)

    def given(self, nodes: Nodes, node: int) -> Gamma:
        """Give all labels' posteriors given the hyperparameters at one node."""
        return self.rows.given(nodes, node)

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one label lying at or below `x`."""
        x = np.asarray(x, dtype=float)
        at = np.maximum(np.ravel(x), 0.0)
        return self.rows.take(np.full(at.size, index)).below(at).reshape(x.shape)

    def above(self, x: float) -> Array:
        """Give the probability of every label lying above `x`."""
        rows = self._labels.rows
        return self._labels.spread(rows.above(np.full(len(rows), max(x, 0.0))))

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one label, from the mixture over the nodes."""
        one = self.across(index, self.nodes)
        node = rng.choice(len(one), n, p=self.nodes.weights)
        return np.asarray(rng.standard_gamma(one.shape[node]) / one.rate[node])

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label; finite everywhere."""
        return _curve(self, index, points)


@dataclass(frozen=True, eq=False)
class BetaMixture(_Mixture):
    """Posteriors of chances: mixtures of `Beta(a + k, b + n - k)`, one per label.

    `nodes` are shared; `k` and `n` are `(labels,)`.
    """

    n: Array
    worked_out: "_Labels | None" = field(default=None, repr=False)

    @cached_property
    def rows(self) -> BetaRows:
        """Give a row for every label."""
        return BetaRows(self.nodes, self.k, self.n - self.k)

    def take(self, indices: Array | list[int]) -> "BetaMixture":
        """Give the posteriors of some labels, in that order."""
        part = self._part(indices)
        return BetaMixture(self.nodes, self.k[indices], self.n[indices], part)

    def parameters(self) -> Mapping[str, Array]:
        """Give the data of every label: `k` and `n`."""
        return {"k": self.k, "n": self.n}

    def across(self, index: int, nodes: Nodes) -> Beta:
        """Give one label's posteriors given the hyperparameters at each of some nodes."""
        return self.rows.across(index, nodes)

    def given(self, nodes: Nodes, node: int) -> Beta:
        """Give all labels' posteriors given the hyperparameters at one node."""
        return self.rows.given(nodes, node)

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one label lying at or below `x`."""
        x = np.asarray(x, dtype=float)
        return self.rows.take(np.full(x.size, index)).below(np.ravel(x)).reshape(x.shape)

    def above(self, x: float) -> Array:
        """Give the probability of every label lying above `x`."""
        rows = self._labels.rows
        return self._labels.spread(rows.above(np.full(len(rows), x)))

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one label, from the mixture over the nodes."""
        one = self.across(index, self.nodes)
        node = rng.choice(len(one), n, p=self.nodes.weights)
        return np.asarray(rng.beta(one.a[node], one.b[node]))

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label; finite everywhere."""
        return _curve(self, index, points)


@dataclass(frozen=True, eq=False)
class _Labels:
    """Labels and the distinct rows that they share; what was solved for a row is kept.

    A table, a headline and a picture ask for the same intervals of parts of the same labels.
    """

    rows: Rows
    row: NDArray[np.int64]
    """The row of every label, `(labels,)`."""
    known: dict[tuple[str, float], Array] = field(default_factory=dict)
    """Values `(values, rows)` by what was asked, NaN where it was not asked of the row."""

    @staticmethod
    def of(rows: Rows) -> "_Labels":
        first, row = unique_pairs(rows.k, rows.size)
        return _Labels(rows.take(first), row)  # they come in another order

    def take(self, indices: NDArray[np.int64]) -> "_Labels":
        return _Labels(self.rows, self.row[indices], self.known)

    @cached_property
    def patches(self) -> Patches | None:
        return Patches.over(self.rows)

    def spread(self, values: Array) -> Array:
        return np.asarray(values[self.row])

    def quantile(self, q: float) -> Array:
        def solve(rows: Rows) -> Array:
            return mixing.quantile(rows, np.full(len(rows), q))[None, :]

        return np.asarray(self._solve("quantile", q, solve)[0])

    def hdi(self, mass: float) -> tuple[Array, Array]:
        low, high = self._solve("hdi", mass, lambda rows: np.stack(mixing.hdi(rows, mass)))
        return low, high

    def _solve(self, name: str, amount: float, solve: Solve) -> Array:
        if len(self.rows) > _TOGETHER:
            found = None if self.patches is None else self.patches.evaluate(solve)
            return np.asarray((solve(self.rows) if found is None else found)[:, self.row])
        known = self.known.get((name, amount))
        asked = np.unique(self.row)
        missing = asked if known is None else asked[np.isnan(known[0, asked])]
        if missing.size:
            found = solve(self.rows.take(missing))
            known = np.full((len(found), len(self.rows)), np.nan) if known is None else known.copy()
            known[:, missing] = found
            self._keep((name, amount), known)
        return np.asarray(np.empty((2, 0)) if known is None else known[:, self.row])

    def _keep(self, question: tuple[str, float], values: Array) -> None:
        if len(self.known) >= _QUESTIONS:
            self.known.clear()
        self.known[question] = values


def _pdf(across: Gamma | Beta, nodes: Nodes, x: Array) -> Array:
    x = np.asarray(x, dtype=float)
    values = np.zeros(x.shape)
    for node, weight in enumerate(nodes.weights):
        values += weight * across.pdf(node, x)
    return values


def _curve(mixture: GammaMixture | BetaMixture, index: int, points: int) -> tuple[Array, Array]:
    one = mixture.take([index])
    x = np.linspace(one.quantile(0.001)[0], one.quantile(0.999)[0], points)
    y = one.pdf(0, x)
    half = (x[1] - x[0]) / 2
    for k in np.flatnonzero(~np.isfinite(y)):  # at a pole the average over its cell stands in
        ends = one.cdf(0, x[k] + np.array([-half, half]))
        y[k] = (ends[1] - ends[0]) / (2 * half)
    return x, y
