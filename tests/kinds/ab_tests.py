"""Shortcuts from counts per variant to answers of an A/B test."""

from typing import Any

import pyarrow as pa

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.ab_test import ABTestConfig, kind

type Counts = dict[str, tuple[int, int]]


def fitted(counts: Counts, **settings: Any) -> tuple[Posterior, ABTestConfig]:
    """Fit counts of (units, conversions) by variant."""
    cells = pa.Table.from_pylist(
        [
            {"variant": v, "trials": n, "successes": y, "shared": 0, "unnamed": 0}
            for v, (n, y) in counts.items()
        ]
    )
    config = parse(ABTestConfig, settings)
    return kind.fit(cells, config, NOBODY), config


def summary(counts: Counts, **settings: Any) -> Summary:
    return kind.summarize(*fitted(counts, **settings))


def ask(query: str, counts: Counts, parameters: dict[str, Any], **settings: Any) -> Any:
    found = kind.query(query)
    posterior, config = fitted(counts, **settings)
    return found.answer(posterior, config, parse(found.parameters, parameters))  # type: ignore[call-arg,arg-type]  # all queries here are about a posterior


def row_of(told: Summary, table: str, label: str) -> dict[str, Any]:
    found = next(t for t in told.tables if t.name == table)
    return next(dict(zip(found.columns, row, strict=True)) for row in found.rows if row[0] == label)
