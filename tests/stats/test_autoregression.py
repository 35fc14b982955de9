"""The regression with correlated days against covariances in full and closed forms."""

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.stats.autoregression import (
    Grid,
    Prior,
    fixed_grid,
    make_grid,
    mean_noise,
    regress,
    state_grid,
    whiten,
)
from tests.stats.interrupted_worlds import ar1, covariance, dense_node

PRIOR = Prior(np.array([5.0, 1.0, 2.0]), spread=1.3, weight=3.0)
NODES = fixed_grid([0.0, 0.3, 0.9, 0.99], [0.5, 0.9, 0.2, 1.0])


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Days with gaps, unequal counts, three columns and a series."""
    rng = np.random.default_rng(5)
    day = np.array([0, 1, 2, 4, 5, 9, 10, 11, 12, 20, 21, 22, 23.0])
    count = rng.integers(1, 9, len(day)).astype(float)
    x = np.column_stack([np.ones(len(day)), (day >= 10).astype(float), day / 23])
    return day, count, x, x @ [1.0, 2.0, 0.5] + ar1(len(day), 0.5, rng)


def test_the_filter_is_the_inverse_of_the_covariance(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    day, count, x, y = data
    columns = np.column_stack([x, y])

    found = whiten(day, count, columns, NODES)

    for node, (phi, share) in enumerate(zip(NODES.phi, NODES.share, strict=True)):
        whole = covariance(day, count, phi, share)
        products = found.values[node].T @ found.values[node]
        np.testing.assert_allclose(products, columns.T @ np.linalg.solve(whole, columns), rtol=1e-9)
        assert found.log_determinant[node] == pytest.approx(np.linalg.slogdet(whole)[1])


def test_each_node_is_the_regression_with_its_covariance(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    day, count, x, y = data

    found = regress(whiten(day, count, np.column_stack([x, y]), NODES), PRIOR)

    dense = [
        dense_node(x, y, covariance(day, count, phi, share), PRIOR)
        for phi, share in zip(NODES.phi, NODES.share, strict=True)
    ]
    weights = np.exp([log for log, *_ in dense])
    np.testing.assert_allclose(found.weights, weights / weights.sum(), rtol=1e-8)
    np.testing.assert_allclose(found.mean, [mean for _, mean, *_ in dense], rtol=1e-8)
    np.testing.assert_allclose(found.covariance, [c for _, _, c, *_ in dense], rtol=1e-7)
    np.testing.assert_allclose(found.variance, [v for *_, v, _ in dense], rtol=1e-8)


def test_the_evidence_compares_columns_as_multivariate_t_densities_do(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    day, count, x, y = data
    node = fixed_grid([0.4], [0.6])
    noise = covariance(day, count, 0.4, 0.6)

    def told(keep: list[int]) -> float:
        prior = Prior(PRIOR.sd[keep], PRIOR.spread, PRIOR.weight)
        columns = np.column_stack([x[:, keep], y])
        return regress(whiten(day, count, columns, node), prior).log_evidence

    def density(keep: list[int]) -> float:
        shape = noise + (x[:, keep] * PRIOR.sd[keep] ** 2) @ x[:, keep].T
        whole = stats.multivariate_t(shape=PRIOR.spread**2 * shape, df=PRIOR.weight)
        return float(whole.logpdf(y))

    assert told([0, 1, 2]) - told([0]) == pytest.approx(density([0, 1, 2]) - density([0]))


def test_rows_of_one_day_share_its_state(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    day, count, x, y = data
    twice = np.repeat(day, 2)
    counts = np.repeat(count, 2)
    counts[::3] += 2
    columns = np.column_stack([np.repeat(x, 2, axis=0), np.repeat(y, 2) + np.arange(len(twice))])
    nodes = fixed_grid([0.0, 0.3, 0.9], [0.5, 0.9, 0.2])

    found = whiten(twice, counts, columns, nodes)

    for node, (phi, share) in enumerate(zip(nodes.phi, nodes.share, strict=True)):
        typical = counts.sum() / len(day)
        state = share * phi ** np.abs(twice[:, None] - twice[None, :])
        whole = state + np.diag((1 - share) * typical / counts)
        products = found.values[node].T @ found.values[node]
        np.testing.assert_allclose(products, columns.T @ np.linalg.solve(whole, columns), rtol=1e-8)


def test_the_grid_agrees_with_a_much_finer_one(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    day, count, x, y = data
    at = (np.arange(60) + 0.5) / 60
    fine = fixed_grid(np.repeat(at, 60).tolist(), np.tile(at, 60).tolist())
    columns = np.column_stack([x, y])
    row = np.array([[0.0, 1.0, 0.0]])

    ours = regress(whiten(day, count, columns, make_grid(len(day))), PRIOR).functional(row)
    brute = regress(whiten(day, count, columns, fine), PRIOR).functional(row)

    for q in (0.025, 0.5, 0.975):
        assert abs(ours.quantile(q) - brute.quantile(q))[0] < 0.005 * brute.sd()[0]


def test_without_correlation_it_is_conjugate_regression(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    day, _, x, y = data
    grid = fixed_grid([0.0], [0.5])

    found = regress(whiten(day, np.ones(len(day)), np.column_stack([x, y]), grid), PRIOR)

    precision = x.T @ x + np.diag(PRIOR.sd**-2.0)
    mean = np.linalg.solve(precision, x.T @ y)
    left = y @ y - mean @ precision @ mean
    df = PRIOR.weight + len(y)
    scale = np.sqrt((PRIOR.weight * PRIOR.spread**2 + left) / df * np.linalg.inv(precision)[1, 1])
    known = stats.t(df, mean[1], scale)
    effect = found.functional(np.array([[0.0, 1.0, 0.0]]))
    assert effect.quantile(0.975)[0] == pytest.approx(known.ppf(0.975), rel=1e-8)
    assert effect.above(0.0)[0] == pytest.approx(known.sf(0.0), rel=1e-8)


def test_draws_agree_with_the_mixture(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    day, count, x, y = data
    found = regress(whiten(day, count, np.column_stack([x, y]), make_grid(len(day))), PRIOR)
    row = np.array([0.3, 1.0, -0.2])

    draws = found.draw(20_000, np.random.default_rng(1)) @ row

    exact = found.functional(row[None, :])
    for q in (0.05, 0.5, 0.95):
        below = float(np.mean(draws < exact.quantile(q)[0]))
        assert abs(below - q) < 5 * np.sqrt(q * (1 - q) / len(draws))


def test_a_coarse_grid_holds_the_whole_prior() -> None:
    for grid in (make_grid(90), state_grid(90)):
        assert np.exp(grid.log_weight).sum() == pytest.approx(1.0)
        assert grid.phi.max() > 0.995


def test_the_noise_of_a_mean_is_that_of_its_covariance() -> None:
    grid = Grid(np.array([0.0, 0.7]), np.array([0.3, 0.8]), np.zeros(2))
    day, count = np.array([0.0, 1, 2, 5]), np.array([1.0, 2, 1, 4])

    found = mean_noise(day, count, grid, count.mean())

    known = [
        covariance(day, count, phi, share).mean()
        for phi, share in zip(grid.phi, grid.share, strict=True)
    ]
    np.testing.assert_allclose(found, known)


def test_a_smooth_correlation_is_recovered() -> None:
    rng = np.random.default_rng(3)
    days = 700
    day, y = np.arange(days, dtype=float), ar1(days, 0.6, rng)
    grid = state_grid(days)

    found = regress(whiten(day, np.ones(days), np.column_stack([np.ones(days), y]), grid),
                    Prior(np.array([5.0])))  # fmt: skip

    mean = float(found.weights @ found.grid.phi)
    assert abs(mean - 0.6) < 4 * np.sqrt((1 - 0.6**2) / days)
