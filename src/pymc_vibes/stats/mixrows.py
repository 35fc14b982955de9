"""Rows of Gamma and of Beta mixtures over shared nodes: one row for each distinct data of a label.

Means and variances are sums over all nodes, taken as deviations from one node, so that nothing
cancels however little the nodes disagree.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.cubature import compress
from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.mixing import average
from pymc_vibes.stats.special import Array

_LEAN = 21  # nodes that keep all moments up to degree 5; results are corrected on ample ones
_FEW_ROWS = 300  # for which choosing nodes would take longer than computing all
_KNOWN, _AMPLE = 0.06, ((0.12, 36), (0.2, 66))
"""Nodes that leave an error below 1e-7 sd in a quantile, by the spread of the hyperparameters; the
lean ones up to the first spread."""
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Nodes:
    """Hyperparameters at the nodes of a lattice, with probabilities; arrays `(nodes,)`."""

    weights: Array
    first: Array
    """The shape of a Gamma, or `a` of a Beta."""
    second: Array
    """The rate of a Gamma, or `b` of a Beta."""

    @cached_property
    def spread(self) -> float:
        """Give the greater sd of the logs of the hyperparameters."""
        logs = np.log(np.stack([self.first, self.second]))
        away = logs - (logs @ self.weights)[:, None]
        return float(np.sqrt((away**2 @ self.weights).max()))

    def lean(self) -> "Nodes":
        """Give few of these nodes, to start from."""
        return self if len(self.weights) < 2 * _LEAN else self.thin(_LEAN)

    def ample(self) -> "Nodes":
        """Give as few of these nodes as answer like all of them."""
        if self.spread <= _KNOWN:
            return self.lean()
        for limit, enough in _AMPLE:
            if self.spread <= limit:
                return self.thin(enough)
        return self

    def thin(self, limit: int, *, is_polished: bool = True) -> "Nodes":
        """Give at most `limit` of these nodes with the same low moments of the logs."""
        return self if len(self.weights) <= limit else _thin(self, limit, is_polished=is_polished)


@lru_cache(maxsize=32)
def _thin(nodes: Nodes, limit: int, *, is_polished: bool) -> Nodes:
    logs = np.column_stack([np.log(nodes.first), np.log(nodes.second)])
    chosen, weights = compress(logs, nodes.weights, limit, is_polished=is_polished)
    return Nodes(weights, nodes.first[chosen], nodes.second[chosen])


@dataclass(frozen=True, eq=False)
class GammaRows:
    """Mixtures of `Gamma(shape + k, rate + exposure)`; `k` and `exposure` are `(rows,)`."""

    nodes: Nodes
    k: Array
    size: Array
    """The exposure."""

    def __len__(self) -> int:
        return len(self.k)

    def take(self, indices: NDArray[np.int64]) -> "GammaRows":
        """Give some rows."""
        return GammaRows(self.nodes, self.k[indices], self.size[indices])

    def lean(self) -> "GammaRows":
        """Give the same rows over few nodes."""
        return GammaRows(self.nodes.lean(), self.k, self.size)

    def ample(self) -> "GammaRows":
        """Give the same rows over as many nodes as quantiles need."""
        if len(self) < _FEW_ROWS:
            return self
        return GammaRows(self.nodes.ample(), self.k, self.size)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Give means and variances."""
        w, a, b = self.nodes.weights, self.nodes.first, self.nodes.second
        a0, b0 = float(w @ a), float(w @ b)
        da, db = a - a0, b - b0
        once = np.column_stack([w * da, w * db])
        twice = np.column_stack([w * a, w, w * da * da, w * da * db, w * db * db])
        one = average(lambda size: 1 / (b + size), once, self.size).T
        two = average(lambda size: (b + size) ** -2, twice, self.size).T
        base = (a0 + self.k) / (b0 + self.size)
        shift = one[0] - base * one[1]
        between = two[2] - 2 * base * two[3] + base**2 * two[4] - shift**2
        return base + shift, two[0] + self.k * two[1] + np.maximum(between, 0.0)

    @cached_property
    def matched(self) -> Gamma:
        """Give the Gammas of the same means and variances."""
        mean, variance = self.moments
        return Gamma(mean / variance * mean, mean / variance)

    def below(self, x: Array) -> Array:
        """Give every row's probability below its `x`."""
        from scipy.special import gammainc

        a, b = self.nodes.first, self.nodes.second
        return average(
            lambda k, size, at: gammainc(a + k, (b + size) * at),
            self.nodes.weights, self.k, self.size, x,
        )  # fmt: skip

    def above(self, x: Array) -> Array:
        """Give every row's probability above its `x`."""
        from scipy.special import gammaincc

        a, b = self.nodes.first, self.nodes.second
        return average(
            lambda k, size, at: gammaincc(a + k, (b + size) * at),
            self.nodes.weights, self.k, self.size, x,
        )  # fmt: skip

    def log_density(self, x: Array) -> Array:
        """Give every row's log density at its `x`, minus infinity at 0."""
        a, b = self.nodes.first, self.nodes.second

        def density(k: Array, size: Array, at: Array) -> Array:
            return np.exp(special.gamma_log_density(a + k, (b + size) * at))

        with np.errstate(under="ignore", divide="ignore"):
            found = average(density, self.nodes.weights, self.k, self.size, np.maximum(x, _TINY))
            return np.asarray(np.log(found) - np.log(x))

    def reach(self, q: Array) -> tuple[Array, Array]:
        """Give the least and the greatest quantile of any component, row by row."""
        from scipy.special import gammaincinv

        a, b = self.nodes.first, self.nodes.second
        at = gammaincinv(a + self.k[:, None], q[:, None]) / (b + self.size[:, None])
        return at.min(axis=1), at.max(axis=1)

    def shrinkage(self) -> Array:
        """Give the weight of the pooled mean in every row's mean."""
        b = self.nodes.second
        return average(lambda size: b / (b + size), self.nodes.weights, self.size)

    def given(self, nodes: Nodes, node: int) -> Gamma:
        """Give the posteriors given the hyperparameters of one node."""
        return Gamma(nodes.first[node] + self.k, nodes.second[node] + self.size)

    def across(self, row: int, nodes: Nodes) -> Gamma:
        """Give the posteriors of one row at every node."""
        return Gamma(nodes.first + self.k[row], nodes.second + self.size[row])


@dataclass(frozen=True, eq=False)
class BetaRows:
    """Mixtures of `Beta(a + k, b + rest)`; `k` and `size`, the failures, are `(rows,)`."""

    nodes: Nodes
    k: Array
    size: Array
    """The failures."""

    def __len__(self) -> int:
        return len(self.k)

    def take(self, indices: NDArray[np.int64]) -> "BetaRows":
        """Give some rows."""
        return BetaRows(self.nodes, self.k[indices], self.size[indices])

    def lean(self) -> "BetaRows":
        """Give the same rows over few nodes."""
        return BetaRows(self.nodes.lean(), self.k, self.size)

    def ample(self) -> "BetaRows":
        """Give the same rows over as many nodes as quantiles need."""
        if len(self) < _FEW_ROWS:
            return self
        return BetaRows(self.nodes.ample(), self.k, self.size)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Give means and variances."""
        w, a, b = self.nodes.weights, self.nodes.first, self.nodes.second
        n, trials = a + b, self.k + self.size
        a0, n0 = float(w @ a), float(w @ n)
        da, dn = a - a0, n - n0
        once = np.column_stack([w * da, w * dn])
        twice = np.column_stack([w * da * da, w * da * dn, w * dn * dn])
        inner = np.column_stack([w * a * b, w * a, w * b, w])
        one = average(lambda t: 1 / (n + t), once, trials).T
        two = average(lambda t: (n + t) ** -2, twice, trials).T
        three = average(lambda t: (n + t) ** -2 / (n + t + 1), inner, trials).T
        base = (a0 + self.k) / (n0 + trials)
        shift = one[0] - base * one[1]
        between = two[0] - 2 * base * two[1] + base**2 * two[2] - shift**2
        within = three[0] + self.size * three[1] + self.k * (three[2] + self.size * three[3])
        return base + shift, within + np.maximum(between, 0.0)

    @cached_property
    def matched(self) -> Beta:
        """Give the Betas of the same means and variances."""
        mean, variance = self.moments
        n = np.maximum(mean * (1 - mean) / variance - 1, _TINY)
        return Beta(np.maximum(mean * n, _TINY), np.maximum((1 - mean) * n, _TINY))

    def below(self, x: Array) -> Array:
        """Give every row's probability below its `x`."""
        from scipy.special import betainc

        a, b = self.nodes.first, self.nodes.second
        return average(
            lambda k, rest, at: betainc(a + k, b + rest, at),
            self.nodes.weights, self.k, self.size, np.clip(x, 0.0, 1.0),
        )  # fmt: skip

    def above(self, x: Array) -> Array:
        """Give every row's probability above its `x`."""
        from scipy.special import betaincc

        a, b = self.nodes.first, self.nodes.second
        return average(
            lambda k, rest, at: betaincc(a + k, b + rest, at),
            self.nodes.weights, self.k, self.size, np.clip(x, 0.0, 1.0),
        )  # fmt: skip

    def log_density(self, x: Array) -> Array:
        """Give every row's log density at its `x`, minus infinity at 0 and 1."""
        a, b = self.nodes.first, self.nodes.second

        def density(k: Array, rest: Array, at: Array) -> Array:
            return np.exp(special.beta_log_density(a + k, b + rest, at, 1 - at))

        inside = np.clip(x, _TINY, 1 - 1e-16)
        with np.errstate(under="ignore", divide="ignore"):
            found = average(density, self.nodes.weights, self.k, self.size, inside)
            return np.asarray(np.log(found) - np.log(x) - np.log1p(-x))

    def reach(self, q: Array) -> tuple[Array, Array]:
        """Give the least and the greatest quantile of any component, row by row."""
        from scipy.special import betaincinv

        a, b = self.nodes.first, self.nodes.second
        at = betaincinv(a + self.k[:, None], b + self.size[:, None], q[:, None])
        return at.min(axis=1), at.max(axis=1)

    def shrinkage(self) -> Array:
        """Give the weight of the pooled mean in every row's mean."""
        n = self.nodes.first + self.nodes.second
        return average(lambda t: n / (n + t), self.nodes.weights, self.k + self.size)

    def given(self, nodes: Nodes, node: int) -> Beta:
        """Give the posteriors given the hyperparameters of one node."""
        return Beta(nodes.first[node] + self.k, nodes.second[node] + self.size)

    def across(self, row: int, nodes: Nodes) -> Beta:
        """Give the posteriors of one row at every node."""
        return Beta(nodes.first + self.k[row], nodes.second + self.size[row])
