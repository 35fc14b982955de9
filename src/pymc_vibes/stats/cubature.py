"""Replace many weighted nodes by few of them that keep all moments up to a degree.

Tchakaloff's theorem promises such a choice with positive weights. Of all choices the one with the
least next even moment is taken: it is a linear program, its basic solution has no more nodes than
there are moments, and in one dimension it is Gauss's rule (Ryu and Boyd, *Extensions of Gauss
quadrature via linear programming*, 2015).
"""

from itertools import combinations_with_replacement
from math import comb

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.special import Array

_HIGHEST = 15


def compress(nodes: Array, weights: Array, limit: int) -> tuple[NDArray[np.int64], Array]:
    """Choose at most `limit` of `nodes` `(N, d)` and their weights, which sum to 1."""
    from scipy.optimize import linprog, nnls

    d = nodes.shape[1]
    degree = max(k for k in range(_HIGHEST + 1) if comb(d + k, d) <= max(limit, 1))
    points = _whiten(nodes, weights)
    matrix = _orthonormal(points, weights, degree)
    wanted = matrix @ weights
    far = np.sum(points**2, axis=1) ** (degree // 2 + 1)
    solved = linprog(far / far.max(), A_eq=matrix, b_eq=wanted, method="highs-ds")
    everywhere = np.ones(len(weights))
    likely = np.flatnonzero((everywhere if solved.x is None else solved.x) > 0)
    # the program solves to 1e-7; what it chose is weighted again to rounding
    found, _ = nnls(matrix[:, likely], wanted, maxiter=50 * len(wanted) + 100)
    kept = found > 0
    return likely[kept], found[kept] / found[kept].sum()


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
    triangle = np.linalg.qr(columns * np.sqrt(weights)[:, None], mode="r")
    return np.asarray(np.linalg.solve(triangle.T, columns.T))
