"""Replace many weighted nodes by few of them that keep all moments up to a degree.

Tchakaloff's theorem promises such a choice with positive weights. Of all choices the one with the
least next even moment is wanted: it is a linear program, its basic solution has no more nodes than
there are moments, and in one dimension it is Gauss's rule (Ryu and Boyd, *Extensions of Gauss
quadrature via linear programming*, 2015).

Non-negative least squares gives a choice at once, which steps of the simplex method improve. Every
step is a choice that keeps the moments, so that it matters little where they stop.
"""

from itertools import combinations_with_replacement
from math import comb

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.special import Array

_HIGHEST = 15
_STEPS = 400  # of the simplex method; 2 000 nodes take 100 to 200
_FRESH = 32  # steps after which rounding is swept out
_GAIN = 1e-9  # of the largest cost: less is not worth a step
_PIVOT = 1e-9  # a column that lies this close to the span of the others replaces none of them


def compress(
    nodes: Array, weights: Array, limit: int, *, is_polished: bool = True
) -> tuple[NDArray[np.int64], Array]:
    """Choose at most `limit` of `nodes` `(N, d)` and their weights, which sum to 1.

    Steps of the simplex method polish the choice; they gain nothing where the nodes are draws.
    """
    from scipy.optimize import nnls

    d = nodes.shape[1]
    degree = max(k for k in range(_HIGHEST + 1) if comb(d + k, d) <= max(limit, 1))
    points = _whiten(nodes, weights)
    matrix = _orthonormal(points, weights, degree)
    wanted = matrix @ weights
    patience = 50 * len(wanted) + 100
    first, _ = nnls(matrix, wanted, maxiter=patience)
    likely = np.flatnonzero(first > 0)
    if is_polished:
        cost = np.sum(points**2, axis=1) ** (degree // 2 + 1)
        likely = _improved(matrix, wanted, cost / cost.max(), likely)
    found, _ = nnls(matrix[:, likely], wanted, maxiter=patience)
    kept = found > 0
    return likely[kept], found[kept] / found[kept].sum()


def _improved(
    matrix: Array, wanted: Array, cost: Array, basis: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Lower the cost of the nodes of a basis by simplex steps; an incomplete one is left as is."""
    if len(basis) < len(wanted):
        return basis
    basis = basis.copy()
    for step in range(_STEPS):
        if step % _FRESH == 0:
            inverse = np.linalg.inv(matrix[:, basis])
            held = inverse @ wanted
        # not a matrix product, which would be spread over all cores at every step
        gain = np.einsum("i,ij->j", cost[basis] @ inverse, matrix) - cost
        enters = int(np.argmax(gain))
        moved = inverse @ matrix[:, enters]
        leaving = np.flatnonzero(moved > _PIVOT)
        if gain[enters] < _GAIN or not leaving.size:
            break
        row = leaving[np.argmin(held[leaving] / moved[leaving])]
        basis[row] = enters
        moved[row] -= 1
        inverse -= np.outer(moved, inverse[row] / (moved[row] + 1))
        held -= moved * (held[row] / (moved[row] + 1))
    return basis


def _whiten(nodes: Array, weights: Array) -> Array:
    away = nodes - weights @ nodes
    variances, axes = np.linalg.eigh((away * weights[:, None]).T @ away)
    return np.asarray(away @ (axes / np.sqrt(np.maximum(variances, 1e-300))))


def _orthonormal(points: Array, weights: Array, degree: int) -> Array:
    """Give the orthonormal polynomials up to `degree` at the points, one per row."""
    powers = [
        factors
        for k in range(degree + 1)
        for factors in combinations_with_replacement(range(points.shape[1]), k)
    ]
    columns = np.column_stack([np.prod(points[:, factors], axis=1) for factors in powers])
    triangle = _triangle(columns * np.sqrt(weights)[:, None])
    return np.asarray(np.linalg.solve(triangle.T, columns.T))


def _triangle(rows: Array) -> Array:
    """Give the triangle of the QR decomposition, from blocks that keep linear algebra in a thread.

    A tall matrix would be spread over all cores, which wait for each other longer than they work.
    """
    width = rows.shape[1]
    while len(rows) > 2 * width:
        missing = -len(rows) % (2 * width)
        padded = np.vstack([rows, np.zeros((missing, width))])
        blocks = padded.reshape(-1, 2 * width, width)
        rows = np.linalg.qr(blocks, mode="r").reshape(-1, width)
    return np.asarray(np.linalg.qr(rows, mode="r"))
