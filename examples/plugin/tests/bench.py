"""What the service does to events, without a service: reduce them in DuckDB and fit the cells."""

from collections import Counter
from typing import Any

import ibis
import pyarrow as pa
from pymc_vibes_survival.settings import SurvivalConfig
from pymc_vibes_survival.survival import kind

from pymc_vibes.core.config import parse
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY

CELLS = pa.schema(
    {"group": pa.string(), "duration": pa.float64(), "events": pa.int64(), "censored": pa.int64()}
)


def counted(events: pa.Table) -> pa.Table:
    """Count events by hand, as `reduce` should."""
    names, times, seen = (events[n].to_pylist() for n in ("group", "duration", "observed"))
    tally = Counter(zip(names, times, seen, strict=True))
    pairs = sorted({(name, time) for name, time, _ in tally})
    rows = [
        {"group": g, "duration": t, "events": tally[g, t, True], "censored": tally[g, t, False]}
        for g, t in pairs
    ]
    return pa.Table.from_pylist(rows, CELLS)


def reduced(events: pa.Table, **settings: Any) -> pa.Table:
    """Count events in DuckDB."""
    connection = ibis.duckdb.connect()
    table = connection.create_table("events", events)
    cells = kind.reduce(table, None, parse(SurvivalConfig, settings)).to_pyarrow()
    connection.disconnect()
    return cells.sort_by([("group", "ascending"), ("duration", "ascending")]).cast(CELLS)


def learned(events: pa.Table, **settings: Any) -> tuple[Posterior, SurvivalConfig]:
    """Fit events with some settings."""
    config = parse(SurvivalConfig, settings)
    return kind.fit(counted(events), config, NOBODY), config
