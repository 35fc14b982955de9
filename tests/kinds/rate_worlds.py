"""Small worlds of rates, with and without a database, for the tests of `poisson-cohorts`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import ibis
import pyarrow as pa

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import parse
from pymc_vibes.core.kind import Extent
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.poisson_cohorts import kind
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig

type Row = tuple[datetime, str, str, int | None, float | None]

START = datetime(2024, 3, 1)  # noqa: DTZ001  # storage is naive UTC
TYPES = pa.schema(
    [
        ("timestamp", pa.timestamp("us")),
        ("cohort", pa.string()),
        ("event", pa.string()),
        ("count", pa.int64()),
        ("exposure", pa.float64()),
    ]
)


def table_of(rows: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(TYPES.names, row, strict=True)) for row in rows], TYPES)


def extent_of(events: pa.Table) -> Extent:
    times = [time.replace(tzinfo=UTC) for time in events["timestamp"].to_pylist()]
    return Extent(rows=len(times), first=min(times, default=None), last=max(times, default=None))


@cache
def duck() -> Any:
    return ibis.duckdb.connect()


def cells_of(events: pa.Table, config: RateConfig) -> pa.Table:
    """Reduce in a real DuckDB; the config must be resolved."""
    lake = ibis.memtable(events)
    roster = lake.select("cohort", "event").distinct()
    cells: pa.Table = duck().to_pyarrow(kind.reduce(lake, roster, config))
    return cells


def analyze(events: pa.Table, **settings: Any) -> tuple[Posterior, RateConfig]:
    assert kind.resolve is not None
    config = kind.resolve(parse(RateConfig, settings), extent_of(events))
    return kind.fit(cells_of(events, config), config, NOBODY), config


def fitted(
    counts: Mapping[str, int], *, days: int = 10, **given: Any
) -> tuple[Posterior, RateConfig]:
    """Fit counts that are spread evenly over days, without a database."""
    window = {"start": START, "end": START + timedelta(days=days), "exposure": "window"}
    config = parse(RateConfig, {**window, **given})
    share = 1 / days
    cells = [
        {
            "cohort": cohort,
            "event": "claim",
            "k": k,
            "exposure": config.length,
            "rows": days,
            "bare": 0,
            "buckets": days,
            "squares": float(k * k) * share,
            "cross": k * share,
            "w2": share,
            "w3": share**2,
            "w4": share**3,
        }
        for cohort, k in sorted(counts.items())
    ]
    return kind.fit(pa.Table.from_pylist(cells), config, NOBODY), config


def ask(posterior: Posterior, config: RateConfig, slug: str, **given: Any) -> QueryAnswer:
    query = kind.query(slug)
    answer: QueryAnswer = query.answer(posterior, config, parse(query.parameters, given))
    return answer


def counted(counts: Mapping[str, int], *, days: int = 10, event: str = "claim") -> pa.Table:
    """Spread each cohort's count evenly over the days, one row a day."""
    rows: list[Row] = [
        (START + timedelta(days=day), cohort, event, count // days + (day < count % days), None)
        for cohort, count in counts.items()
        for day in range(days)
    ]
    return table_of(rows)


def measured(cells: Iterable[tuple[str, int, float]], event: str = "death") -> pa.Table:
    return table_of((START, cohort, event, count, exposure) for cohort, count, exposure in cells)
