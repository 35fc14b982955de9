"""Quantiles and shortest intervals of many mixtures at once, by root finding on their cdf.

A mixture resembles the conjugate posterior of the same mean and sd. On the scale of that one's
normal scores its own cdf is nearly a straight line, so that the secant method needs three or four
evaluations; what it does not settle is bracketed by the quantiles of the components.

Roots are found on a thin lattice first and then corrected on the full one: the result is that of
the full lattice, to about 1e-8 in probability.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.special import Array

_THREADS = 4
_VALUES = 1 << 16  # of pairs times nodes that a thread takes at once
_STEPS = 10
_SETTLED = 1e-8  # in normal scores
_TRUSTED = 1e-3  # a correction below this leaves an error of its square
_FARTHEST = 37.0
_LEAST = 1e-4  # share of the free probability that a shortest interval leaves at least below it


class Rows(Protocol):
    """Mixtures over the nodes of one lattice, one per row."""

    def __len__(self) -> int: ...

    @property
    def matched(self) -> Gamma | Beta:
        """Give conjugate posteriors of the same means and sds."""
        ...

    def take(self, indices: NDArray[np.int64]) -> "Rows":
        """Give some rows."""
        ...

    def lean(self) -> "Rows":
        """Give the same rows over few nodes."""
        ...

    def below(self, x: Array) -> Array:
        """Give every row's probability below its `x`."""
        ...

    def above(self, x: Array) -> Array:
        """Give every row's probability above its `x`."""
        ...

    def log_density(self, x: Array) -> Array:
        """Give every row's log density at its `x`, per unit of `x`."""
        ...

    def reach(self, q: Array) -> tuple[Array, Array]:
        """Give the least and the greatest quantile of any component, row by row."""
        ...


def average(function: Callable[..., Array], weights: Array, *columns: Array) -> Array:
    """Average over nodes, in chunks of rows and in threads; `function` gives `(rows, nodes)`."""
    count = len(columns[0])  # `weights` are `(nodes,)`, or `(nodes, sums)` for several at once
    size = max(1, _VALUES // len(weights))
    if count <= size:
        return np.asarray(function(*(c[:, None] for c in columns)) @ weights)
    starts = range(0, count, size)

    def part(start: int) -> Array:
        chosen = (c[start : start + size, None] for c in columns)
        return np.asarray(function(*chosen) @ weights)

    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(part, starts)))


def quantile(rows: Rows, q: Array) -> Array:
    """Give the quantile `q` `(rows,)` of every row."""
    lean = rows.lean()
    x, score, slope = _secant(lean, rows.matched, q)
    excess = _excess(rows, x, q)
    moved = score - excess * slope
    with np.errstate(invalid="ignore"):
        is_sure = np.abs(excess) < _TRUSTED
    x = np.where(is_sure, _at(rows.matched, moved), x)
    left = np.flatnonzero(~is_sure)
    if left.size:
        x[left] = _bracketed(rows.take(left), q[left])
    return x


def hdi(rows: Rows, mass: float) -> tuple[Array, Array]:
    """Give the shortest interval of every row that holds `mass`.

    It touches an end of the support where the density falls from there, as conjugate ones do.
    """
    lean, free = rows.lean(), 1 - mass
    top = 1.0 if isinstance(rows.matched, Beta) else np.inf

    def rise(some: Rows, below: Array) -> Array:
        low = _settled(some, below)
        high = _settled(some, below + mass)
        return some.log_density(low) - some.log_density(high)

    def start(below: float) -> Array:
        return rise(lean, np.full(len(rows), below))

    falls, climbs = start(_LEAST * free) >= 0, start(free - _LEAST * free) <= 0
    below = np.where(falls, 0.0, free)
    inner = np.flatnonzero(~falls & ~climbs)
    if inner.size:
        some = lean.take(inner)
        ends = np.full(inner.shape, _LEAST * free), np.full(inner.shape, free - _LEAST * free)
        below[inner] = special.find_roots(lambda p: rise(some, p), *ends, close=1e-6)
    low, high = np.zeros(len(rows)), np.full(len(rows), top)
    lifted = np.flatnonzero(below > 0)
    low[lifted] = quantile(rows.take(lifted), below[lifted])
    capped = np.flatnonzero(below + mass < 1)
    high[capped] = quantile(rows.take(capped), below[capped] + mass)
    return low, high


def _settled(rows: Rows, q: Array) -> Array:
    x, _, _ = _secant(rows, rows.matched, q)
    with np.errstate(invalid="ignore"):
        left = np.flatnonzero(~(np.abs(_excess(rows, x, q)) < _TRUSTED))
    if left.size:
        x[left] = _bracketed(rows.take(left), q[left])
    return x


def _at(matched: Gamma | Beta, score: Array) -> Array:
    from scipy.special import betaincinv, gammainccinv, gammaincinv, ndtr

    if isinstance(matched, Beta):
        return np.asarray(betaincinv(matched.a, matched.b, ndtr(score)))
    low = score <= 0
    tail = ndtr(-np.abs(score))
    x = np.empty_like(tail)
    x[low] = gammaincinv(matched.shape[low], tail[low])
    x[~low] = gammainccinv(matched.shape[~low], tail[~low])
    return x / matched.rate


def _excess(rows: Rows, x: Array, q: Array) -> Array:
    """Tell by how many normal scores the probability below `x` exceeds `q`."""
    upper = q > 0.5
    if upper.all():
        tail = rows.above(x)
        return special.probit(1 - tail, tail) - special.probit(q, 1 - q)
    tail = rows.below(x)
    return special.probit(tail, 1 - tail) - special.probit(q, 1 - q)


def _secant(rows: Rows, matched: Gamma | Beta, q: Array) -> tuple[Array, Array, Array]:
    """Give near quantiles, their scores under `matched`, and d score / d excess there."""
    score = special.probit(q, 1 - q)
    x = _at(matched, score)
    excess = _excess(rows, x, q)
    slope = np.ones_like(score)
    for _ in range(_STEPS):
        if np.all(np.abs(excess) < _SETTLED):
            break
        move = np.clip(-excess * slope, -2.0, 2.0)
        moved = np.clip(score + move, -_FARTHEST, _FARTHEST)
        x = _at(matched, moved)
        fresh = _excess(rows, x, q)
        with np.errstate(divide="ignore", invalid="ignore"):  # where nothing moved any more
            secant = (moved - score) / (fresh - excess)
        is_sound = np.isfinite(secant) & (secant > 0.02) & (np.abs(move) > 1e-7)
        slope = np.where(is_sound, np.minimum(secant, 50.0), slope)
        score, excess = moved, fresh
    return x, score, slope


def _bracketed(rows: Rows, q: Array) -> Array:
    low, high = rows.reach(q)
    result = low.copy()
    some = np.flatnonzero((low > 0) & (high > low))
    if some.size:
        chosen, wanted = rows.take(some), q[some]

        def excess(v: Array) -> Array:
            return _excess(chosen, np.exp(v), wanted)

        result[some] = np.exp(special.find_roots(excess, np.log(low[some]), np.log(high[some])))
    return result
