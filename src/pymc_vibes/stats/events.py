"""Small Ibis steps that the reductions of several kinds share."""

from datetime import datetime
from typing import TYPE_CHECKING

from pymc_vibes.core.instant import naive

if TYPE_CHECKING:
    import ibis.expr.types as ir


def within(
    events: "ir.Table", start: datetime | None, end: datetime | None, *, time: str = "timestamp"
) -> "ir.Table":
    """Keep the events of the half-open window; without bounds all, also those without a time."""
    import ibis

    kept = events
    if start is not None:
        kept = kept.filter(kept[time] >= ibis.literal(naive(start)))
    if end is not None:
        kept = kept.filter(kept[time] < ibis.literal(naive(end)))
    return kept


def column_or_null(events: "ir.Table", name: str, dtype: str) -> "ir.Value":
    """Give the column, or nulls of that type where the table has no such column."""
    import ibis

    return events[name].cast(dtype) if name in events.columns else ibis.null(dtype)
