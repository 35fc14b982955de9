"""Simulation-based calibration of every kind: the truth lies anywhere in its posterior alike.

Worlds are drawn from the prior of the kind's example, simulated, reduced on a real DuckDB and
fitted. The bound is Dvoretzky, Kiefer and Wolfowitz's. A quadrature costs a thousand times an exact
fit, so it sees fewer worlds, and a sampler's fit costs more again; the tests of their own modules
hold them to many.
"""

from typing import Any

import numpy as np
import pytest

from pymc_vibes.core.kind import Kind
from pymc_vibes.stats.calibrate import dkw_bound, least_distance, sbc_ranks
from tests.contract.bench import Bench, world

SHARE = {"exact": 1.0, "quadrature": 0.1, "nuts": 0.03}
SIZE = 200  # of worlds, at most
MOST = {"few": SIZE, "common": SIZE, "many": 2000}


def size_of(kind: Kind[Any]) -> int:
    return min(SIZE, kind.sizes.common)


def worlds(kind: Kind[Any], bench: Bench, many: int) -> int:
    """Give as many worlds as the kind's method can afford."""
    _, posterior = bench.fit(kind, world(kind, size_of(kind))[1], kind.example)
    return round(many * SHARE[posterior.method])


def test_the_posterior_is_calibrated(kind: Kind[Any], bench: Bench) -> None:
    def learn(truth: Any, rng: np.random.Generator) -> Any:
        events = kind.simulate(truth, size_of(kind), rng)
        return bench.fit(kind, events, kind.example)[1]

    many = worlds(kind, bench, 400)
    places = sbc_ranks(lambda rng: kind.truth(kind.example, rng), learn, worlds=many, seed=2)

    # false-alarm rate at most 1e-6 for each variable; 400 worlds see a shift of a third of an sd,
    # 40 worlds one of an sd, 12 only a posterior of another place
    for values in places.values():
        assert least_distance(values) < dkw_bound(len(values), alpha=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["few", "common", "many"])
def test_the_posterior_is_calibrated_over_many_worlds(
    kind: Kind[Any], which: str, bench: Bench
) -> None:
    size = min(getattr(kind.sizes, which), MOST[which])

    def learn(truth: Any, rng: np.random.Generator) -> Any:
        return bench.fit(kind, kind.simulate(truth, size, rng), kind.example)[1]

    many = worlds(kind, bench, 4000)
    places = sbc_ranks(lambda rng: kind.truth(kind.example, rng), learn, worlds=many, seed=size)

    # false-alarm rate at most 1e-6 for each variable; 4000 worlds see a shift of a tenth of an sd
    for values in places.values():
        assert least_distance(values) < dkw_bound(len(values), alpha=1e-6)
