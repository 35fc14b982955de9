"""Lattice integration held against closed forms; what it cannot do it refuses."""

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import kstest, norm

from pymc_vibes.stats.lattice import Lattice, LogDensity, QuadratureRefused, integrate
from pymc_vibes.stats.special import Array


def gaussian(center: Array, covariance: Array) -> LogDensity:
    precision = np.linalg.inv(covariance)
    level = np.linalg.slogdet(2 * np.pi * covariance)[1] / 2
    return lambda x: (
        -level - np.einsum("ij,jk,ik->i", x - center, precision, x - center, optimize=True) / 2
    )


def correlated(d: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d, d))
    return rng.normal(size=d) * 5, root @ root.T * 1e-3


def log_gammas(*shapes: float) -> LogDensity:
    a = np.array(shapes)
    return lambda x: np.sum(a * x - np.exp(np.minimum(x, 700.0)) - gammaln(a), axis=1)


def banana(x: Array) -> Array:
    bent = x[:, 1] - x[:, 0] ** 2
    return np.asarray(-(x[:, 0] ** 2) / 2 - (bent / 0.3) ** 2 / 2 - np.log(2 * np.pi) - np.log(0.3))


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_gaussian_is_integrated_to_six_digits(d: int, seed: int) -> None:
    center, covariance = correlated(d, seed)

    lattice = integrate(gaussian(center, covariance), np.zeros(d))

    away = (lattice.nodes - center) / np.sqrt(np.diag(covariance))
    assert lattice.weights.sum() == pytest.approx(1, abs=1e-12)
    assert lattice.log_evidence == pytest.approx(0, abs=5e-6)
    assert np.abs(lattice.mean(away)).max() < 5e-6
    assert np.abs(lattice.mean(away**2) - 1).max() < 2e-5


@pytest.mark.parametrize("shapes", [(0.3, 0.5), (2.0, 40.0), (1.5, 1.5, 7.0)])
def test_the_error_estimate_bounds_the_error_of_skewed_densities(shapes: tuple[float, ...]) -> None:
    lattice = integrate(log_gammas(*shapes), np.full(len(shapes), 3.0))

    assert abs(lattice.log_evidence) < max(lattice.error_estimate, 2e-5)
    assert lattice.error_estimate <= 1e-3


def test_a_banana_is_followed_around_its_bend() -> None:
    lattice = integrate(banana, np.array([5.0, -3.0]))

    assert abs(lattice.log_evidence) < lattice.error_estimate
    assert lattice.mean(lattice.nodes[:, 1]) == pytest.approx(1, abs=1e-3)
    assert lattice.mean(lattice.nodes[:, 1] ** 2) == pytest.approx(3.09, abs=0.01)


def test_a_tighter_tolerance_makes_a_finer_lattice() -> None:
    coarse = integrate(banana, np.zeros(2))
    fine = integrate(banana, np.zeros(2), tolerance=1e-4)

    assert fine.error_estimate <= 1e-4
    assert len(fine.weights) > len(coarse.weights)


def test_a_hessian_that_misjudges_the_scale_is_corrected() -> None:
    # near its mode the density looks five times narrower than it is
    def pinched(x: Array) -> Array:
        wide = x[:, 0] ** 2 / 2 + np.sum(np.logaddexp(x, -x), axis=1)
        return np.asarray(0.05 * np.exp(-np.sum(x**2, axis=1) * 200) - wide)

    lattice = integrate(pinched, np.array([0.4, 0.3]))

    line = np.linspace(-25, 25, 4001)
    grid = np.stack(np.meshgrid(line, line[::8], indexing="ij"), axis=-1).reshape(-1, 2)
    area = (line[1] - line[0]) ** 2 * 8
    truth = np.log(np.sum(np.exp(pinched(grid))) * area)
    assert lattice.log_evidence == pytest.approx(truth, abs=1e-3)


@pytest.mark.parametrize(
    "density",
    [
        lambda x: -(x[:, 0] ** 2) / 2,
        lambda x: -2 * np.log1p(np.sum(x**2, axis=1)),
        lambda x: np.zeros(len(x)),
        lambda x: np.full(len(x), np.nan),
        lambda x: -np.abs(x[:, 0] * 1e9) - x[:, 1] ** 2,
    ],
    ids=["ridge", "heavy tails", "flat", "not a number", "cusp"],
)
def test_what_cannot_be_integrated_is_refused_with_a_reason(density: LogDensity) -> None:
    with pytest.raises(QuadratureRefused) as refused:
        integrate(density, np.array([0.3, 0.1]))

    assert len(refused.value.reason) > 20


@pytest.mark.parametrize("limit", [10, 36, 66])
def test_a_thin_lattice_keeps_low_moments_with_positive_weights(limit: int) -> None:
    full = integrate(log_gammas(0.8, 5.0), np.zeros(2))

    thin = full.thin(limit)

    assert len(thin.weights) <= limit
    assert (thin.weights > 0).all()
    x, y = full.nodes.T
    u, v = thin.nodes.T
    for i, j in [(1, 0), (0, 1), (2, 0), (1, 1), (1, 2)]:
        assert thin.mean(u**i * v**j) == pytest.approx(full.mean(x**i * y**j), rel=1e-9)


def test_more_nodes_make_a_thin_lattice_more_accurate() -> None:
    full = integrate(gaussian(np.zeros(2), np.eye(2)), np.zeros(2))

    def error(limit: int) -> float:
        thin = full.thin(limit)
        return float(abs(thin.mean(np.exp(thin.nodes[:, 0])) / np.exp(0.5) - 1))

    assert error(36) < 1e-3
    assert error(66) < 1e-4


def place_of_a_draw(lattice: Lattice, seed: int, n: int) -> Array:
    return lattice.sample(n, np.random.default_rng(seed))


@pytest.mark.parametrize("d", [2, 3])
def test_draws_have_the_density(d: int) -> None:
    center, covariance = correlated(d, 4)
    lattice = integrate(gaussian(center, covariance), np.zeros(d))

    draws = place_of_a_draw(lattice, 5, 20_000)

    # false-alarm rate 1e-6 for each coordinate
    for k in range(d):
        score = (draws[:, k] - center[k]) / np.sqrt(covariance[k, k])
        assert kstest(score, norm.cdf).pvalue > 1e-6
    assert 0.5 < lattice.proposal_ess <= 1


def test_draws_of_a_bent_density_have_its_moments() -> None:
    draws = place_of_a_draw(integrate(banana, np.zeros(2)), 6, 50_000)

    error = np.sqrt(2.09 / 50_000)
    assert abs(draws[:, 1].mean() - 1) < 6 * error
    assert kstest(draws[:, 0], norm.cdf).pvalue > 1e-6


def test_the_same_seed_gives_the_same_draws() -> None:
    lattice = integrate(banana, np.zeros(2))

    first, again = (place_of_a_draw(lattice, 7, 100) for _ in range(2))

    assert (first == again).all()
    assert len(np.unique(first, axis=0)) == 100
