"""Entities to analyze: cells without a database, worlds of any config, fits by either engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pymc_vibes.core.config import parse
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.entity_rates import kind
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from tests.contract.bench import Bench


def events_of(counts: Mapping[str, Sequence[int]], **columns: Sequence[float]) -> pa.Table:
    """Give a row per entity and numbered window."""
    rows = [(name, j, y) for name, ys in counts.items() for j, y in enumerate(ys)]
    table = {
        "entity": pa.array([name for name, _, _ in rows], pa.string()),
        "window": pa.array([j for _, j, _ in rows], pa.int64()),
        "count": pa.array([y for _, _, y in rows], pa.int64()),
    }
    return pa.table({**table, **columns})


def analyze(
    bench: Bench, counts: Mapping[str, Sequence[int]], **given: Any
) -> tuple[Posterior, EntityConfig]:
    """Fit counts by entity."""
    config, posterior = bench.fit(kind, events_of(counts), parse(EntityConfig, given))
    return posterior, config


def world_of(seed: int, size: int = 240, **given: Any) -> tuple[Any, pa.Table, EntityConfig]:
    """Give truth, events and config of a world."""
    config = kind.example.model_copy(update=given)
    rng = np.random.default_rng(seed)
    truth = kind.truth(config, rng)
    return truth, kind.simulate(truth, size, rng), config


def fit_world(bench: Bench, seed: int, size: int = 240, **given: Any) -> tuple[Any, Posterior]:
    """Give truth and posterior of a world."""
    truth, events, config = world_of(seed, size, **given)
    resolved, cells = bench.cells(kind, events, config)
    return truth, kind.fit(cells, resolved, NOBODY)
