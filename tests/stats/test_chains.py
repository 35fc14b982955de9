"""R-hat and effective sample sizes are those of ArviZ, whatever the chains look like."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from pymc_vibes.stats.chains import bfmi, mcse_mean, measure

AXES = {"chain_axis": 0, "draw_axis": 1}
CORRELATIONS = np.linspace(-0.9, 0.995, 24)


def autoregressive(chains: int, draws: int) -> np.ndarray:
    """Chains of one parameter per correlation."""
    noise = np.random.default_rng(1).standard_normal((chains, draws, len(CORRELATIONS)))
    values = noise.copy()
    for t in range(1, draws):
        values[:, t] = CORRELATIONS * values[:, t - 1] + noise[:, t]
    return values


SHAPES = {
    "long": autoregressive(4, 1000),
    "an odd number of draws": autoregressive(3, 101),
    "two chains of a few draws": autoregressive(2, 9),
    "ties": np.round(autoregressive(4, 200)),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def values(request: pytest.FixtureRequest) -> np.ndarray:
    return np.asarray(request.param)


def test_r_hat_is_that_of_arviz(values: np.ndarray) -> None:
    r_hat, _, _ = measure(values)

    expected = [float(array_stats.rhat(column, **AXES)) for column in np.moveaxis(values, 2, 0)]
    assert r_hat == pytest.approx(expected, rel=1e-9)


def test_bulk_sizes_are_those_of_arviz(values: np.ndarray) -> None:
    _, bulk, _ = measure(values)

    expected = [float(array_stats.ess(column, **AXES)) for column in np.moveaxis(values, 2, 0)]
    assert bulk == pytest.approx(expected, rel=1e-9)


def test_tail_sizes_are_those_of_arviz(values: np.ndarray) -> None:
    _, _, tail = measure(values)

    tails = {"method": "tail", "prob": (0.05, 0.95)}
    expected = [
        float(array_stats.ess(column, **AXES, **tails)) for column in np.moveaxis(values, 2, 0)
    ]
    assert tail == pytest.approx(expected, rel=1e-9)


def test_errors_of_means_are_those_of_arviz(values: np.ndarray) -> None:
    expected = [float(array_stats.mcse(column, **AXES)) for column in np.moveaxis(values, 2, 0)]

    assert mcse_mean(values) == pytest.approx(expected, rel=1e-9)


def test_energy_fractions_are_those_of_arviz() -> None:
    energy = autoregressive(4, 300)[:, :, 20]

    assert bfmi(energy) == pytest.approx(array_stats.bfmi(energy, **AXES), rel=1e-9)


def test_many_parameters_are_measured_as_one_by_one() -> None:
    few = autoregressive(4, 500)
    many = np.concatenate([few] * 50, axis=2)

    together, alone = measure(many), measure(few)

    for all_of_them, once in zip(together, alone, strict=True):
        assert all_of_them.tolist() == np.tile(once, 50).tolist()


def test_chains_that_stand_still_in_different_places_never_converge() -> None:
    values = np.repeat(np.arange(4.0)[:, None, None], 100, axis=1)

    r_hat, _, _ = measure(values)

    assert r_hat[0] > 1e6


def test_what_is_not_finite_is_no_number_and_leaves_its_neighbor_alone() -> None:
    values = np.random.default_rng(2).standard_normal((4, 100, 2))
    alone = measure(values[:, :, 1:])
    values[2, 50, 0] = np.inf

    together = measure(values)

    assert all(np.isnan(column[0]) for column in together)
    assert [column[1] for column in together] == [column[0] for column in alone]


def test_no_parameters_have_no_measures() -> None:
    assert [len(column) for column in measure(np.empty((4, 100, 0)))] == [0, 0, 0]
