"""Shrink a million summands to a few: the sums a hierarchy's likelihood is made of.

Every term of it is a smooth function of the log of a count or of an exposure. Equal values are one
summand with a weight. Where there are too many distinct ones, blocks of the log axis get Chebyshev
nodes, and every value hands its weight on to the nodes of its block: a sum over values becomes a
sum over nodes, exact for polynomials. The functions have their singularities at a distance of pi
from the axis, so that 20 nodes on a width of 3 keep 13 digits (Trefethen, *Approximation theory
and approximation practice*, chapter 8).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array

_DISTINCT = 160  # so many summands are kept as they are
_NODES = 20
_WIDTH = 3.0
_CHUNK = 1 << 12  # values whose polynomials fit into the cache, and whose sums need one thread only
_DENSE = 4  # times as many places as values that a table may have
_CODES = 1 << 24  # pairs that are told apart by a table rather than by sorting


@dataclass(frozen=True, eq=False)
class Summands:
    """Points `(J,)` with one or more rows of weights `(rows, J)`, which can be negative."""

    points: Array
    weights: Array


def collapse(values: Array, *weights: Array) -> Summands:
    """Replace positive `values` and the rows of their weights by a few points."""
    rows = np.stack([np.broadcast_to(w, values.shape) for w in weights])
    if len(values) > _DISTINCT:
        values, rows = _distinct(values, rows)
    return _nodes(np.log(values), rows) if len(values) > _DISTINCT else Summands(values, rows)


def _distinct(values: Array, rows: Array) -> tuple[Array, Array]:
    """Add up the weights of equal values, unless nearly all are different."""
    whole = _whole(values)
    if whole is not None:
        present = np.flatnonzero(np.bincount(whole))
        return present.astype(float), np.stack([np.bincount(whole, row)[present] for row in rows])
    distinct = np.unique(values)
    if len(distinct) > _DISTINCT:
        return values, rows
    at = np.searchsorted(distinct, values)
    return distinct, np.stack([np.bincount(at, row, len(distinct)) for row in rows])


def _whole(values: Array) -> NDArray[np.int64] | None:
    """Give whole numbers that are small beside their number as such: they need no sorting."""
    if not 0 <= values.max(initial=0.0) <= _DENSE * len(values):
        return None
    whole = values.astype(np.int64)
    return whole if bool((whole == values).all()) else None


def unique_pairs(k: Array, size: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find distinct pairs `(k, size)`: the place of one of each, and the pair of every place."""
    one, two = _whole(size), _whole(k)
    if one is not None and two is not None:
        width = int(two.max(initial=0)) + 1
        if (int(one.max(initial=0)) + 1) * width <= _DENSE * len(k):
            return _tabled(one * width + two, (int(one.max(initial=0)) + 1) * width)
    sizes = np.unique(size)
    everything = np.arange(len(k))
    if 2 * len(sizes) > len(k):  # then so are most pairs, and sorting them would be in vain
        return everything, everything
    counts = np.unique(k)
    code = np.searchsorted(sizes, size) * len(counts) + np.searchsorted(counts, k)
    if len(sizes) * len(counts) > max(_CODES, _DENSE * len(k)):
        _, first, pair = np.unique(code, return_index=True, return_inverse=True)
        return first, pair
    return _tabled(code, len(sizes) * len(counts))


def _tabled(code: NDArray[np.int64], codes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tell codes apart by a table that has a place for each."""
    one = np.full(codes, -1)
    one[code] = np.arange(len(code))
    present = np.flatnonzero(one >= 0)
    number = np.empty(codes, dtype=np.int64)
    number[present] = np.arange(len(present))
    return one[present], number[code]


def negative_log_beta(u: Array, a: Array) -> Array:
    """Compute `-log B(u, a)` of positive numbers; no large log-gammas are subtracted."""
    both = u + a
    main = u * np.log1p(a / u) + a * np.log1p(u / a) + (np.log(u) + np.log(a) - np.log(both)) / 2
    error = special.stirling_error
    return main - special.LOG_TWO_PI / 2 + error(both) - error(u) - error(a)


def _nodes(logs: Array, rows: Array) -> Summands:
    low, high = float(logs.min()), float(logs.max())
    blocks = max(1, int(np.ceil((high - low) / _WIDTH)))
    width = max((high - low) / blocks, 1e-300)
    block = np.minimum(((logs - low) / width).astype(np.int64), blocks - 1)
    order = np.argsort(block, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=blocks))])
    logs, rows = logs[order], rows[:, order]
    angles = np.pi * (np.arange(_NODES) + 0.5) / _NODES
    basis = np.cos(np.arange(_NODES)[:, None] * angles) * 2 / _NODES
    basis[0] /= 2
    points, weights = [], []
    for k in np.flatnonzero(np.diff(ends)):
        inside = slice(ends[k], ends[k + 1])
        start = low + k * width
        place = np.clip(2 * (logs[inside] - start) / width - 1, -1.0, 1.0)
        weights.append(_moments(place, rows[:, inside]) @ basis)
        points.append(np.exp(start + width * (np.cos(angles) + 1) / 2))
    return Summands(np.concatenate(points), np.concatenate(weights, axis=1))


def _moments(x: Array, rows: Array) -> Array:
    """Sum the weights times every Chebyshev polynomial, shape `(rows, _NODES)`."""
    moments = np.zeros((len(rows), _NODES))
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK]
        polynomials = np.empty((_NODES, len(part)))
        polynomials[0], polynomials[1] = 1.0, part
        for m in range(2, _NODES):
            np.multiply(2 * part, polynomials[m - 1], out=polynomials[m])
            polynomials[m] -= polynomials[m - 2]
        moments += rows[:, start : start + _CHUNK] @ polynomials.T
    return moments
