"""Fewer nodes with the same moments, held against the linear program that defines them."""

from math import comb

import numpy as np
import pytest
from scipy.optimize import linprog

from pymc_vibes.stats.cubature import compress
from pymc_vibes.stats.special import Array


def cloud(n: int, d: int) -> tuple[Array, Array]:
    rng = np.random.default_rng([n, d])
    return rng.normal(size=(n, d)), rng.dirichlet(np.ones(n))


def monomials(points: Array, degree: int) -> Array:
    powers = [p for p in np.ndindex(*[degree + 1] * points.shape[1]) if sum(p) <= degree]
    return np.array([np.prod(points**p, axis=1) for p in powers])


@pytest.mark.parametrize(("n", "d", "degree"), [(300, 2, 4), (2_000, 2, 7), (700, 3, 4)])
def test_the_choice_keeps_moments_and_has_the_least_next_one(n: int, d: int, degree: int) -> None:
    points, weights = cloud(n, d)

    chosen, found = compress(points, weights, comb(d + degree, d))

    matrix = monomials(points, degree)
    mean = weights @ points
    covariance = (weights[:, None] * (points - mean)).T @ (points - mean)
    scores = np.linalg.solve(np.linalg.cholesky(covariance), (points - mean).T)
    cost = np.sum(scores**2, axis=0) ** (degree // 2 + 1)
    best = linprog(cost / cost.max(), A_eq=matrix, b_eq=matrix @ weights, method="highs-ds")
    assert len(chosen) <= comb(d + degree, d)
    assert (found > 0).all()
    assert matrix[:, chosen] @ found == pytest.approx(matrix @ weights, rel=1e-9, abs=1e-9)
    assert cost[chosen] @ found / cost.max() == pytest.approx(best.fun, rel=1e-4)


def test_in_one_dimension_it_is_a_gauss_rule() -> None:
    nodes = np.linspace(-1, 1, 4001)[:, None]

    chosen, weights = compress(nodes, np.full(4001, 1 / 4001), 6)

    # degree 5 takes three nodes; their neighbors on the grid may share a weight
    assert weights @ (nodes[chosen, 0] ** 4) == pytest.approx(1 / 5, abs=1e-3)
    outer = np.abs(nodes[chosen, 0])[np.abs(nodes[chosen, 0]) > 0.5]
    assert outer == pytest.approx(np.sqrt(0.6), abs=2e-3)
