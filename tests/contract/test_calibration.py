"""Simulation-based calibration of every kind: the truth lies anywhere in its posterior alike.

Worlds are drawn from the prior of the kind's example, simulated, reduced on a real DuckDB and
fitted. The bound is Dvoretzky, Kiefer and Wolfowitz's.
"""

from typing import Any

import numpy as np
import pytest

from pymc_vibes.core.kind import Kind
from pymc_vibes.stats.calibrate import distance, dkw_bound, sbc_ranks
from tests.contract.bench import Bench


def test_the_posterior_is_calibrated(kind: Kind[Any], bench: Bench) -> None:
    def learn(truth: Any, rng: np.random.Generator) -> Any:
        events = kind.simulate(truth, 200, rng)
        return bench.fit(kind, events, kind.example)[1]

    places = sbc_ranks(lambda rng: kind.truth(kind.example, rng), learn, worlds=400, seed=2)

    # false-alarm rate at most 1e-6 for each variable; 400 worlds see a shift of a third of an sd
    for values in places.values():
        assert distance(values) < dkw_bound(len(values), alpha=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 200, 2000])
def test_the_posterior_is_calibrated_over_many_worlds(
    kind: Kind[Any], size: int, bench: Bench
) -> None:
    def learn(truth: Any, rng: np.random.Generator) -> Any:
        return bench.fit(kind, kind.simulate(truth, size, rng), kind.example)[1]

    places = sbc_ranks(lambda rng: kind.truth(kind.example, rng), learn, worlds=4000, seed=size)

    # false-alarm rate at most 1e-6 for each variable; 4000 worlds see a shift of a tenth of an sd
    for values in places.values():
        assert distance(values) < dkw_bound(len(values), alpha=1e-6)
