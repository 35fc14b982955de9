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
_CHUNK = 1 << 15  # values whose polynomials fit into the cache
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
        distinct = np.unique(values)
        if len(distinct) > _DISTINCT:
            return _nodes(np.log(values), rows)
        at = np.searchsorted(distinct, values)
        rows = np.stack([np.bincount(at, row, len(distinct)) for row in rows])
        values = distinct
    return Summands(values, rows)


def unique_pairs(k: Array, size: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find distinct pairs `(k, size)`: the place of one of each, and the pair of every place."""
    sizes = np.unique(size)
    everything = np.arange(len(k))
    if 2 * len(sizes) > len(k):  # then so are most pairs, and sorting them would be in vain
        return everything, everything
    counts = np.unique(k)
    code = np.searchsorted(sizes, size) * len(counts) + np.searchsorted(counts, k)
    if len(sizes) * len(counts) > max(_CODES, 4 * len(k)):
        _, first, pair = np.unique(code, return_index=True, return_inverse=True)
        return first, pair
    one = np.full(len(sizes) * len(counts), -1)
    one[code] = everything
    present = np.flatnonzero(one >= 0)
    number = np.empty(len(one), dtype=np.int64)
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
