"""From rows to cells, and from cells to the units of each group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Finding
from pymc_vibes_survival.settings import EVERYBODY, SECONDS, SurvivalConfig

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]


def check(events: "ir.Table", config: SurvivalConfig) -> tuple[Finding, ...]:
    """Say which rows count for nothing, and whether units come twice."""
    rows = _rows(events, config)
    facts = rows.aggregate(
        short=(rows.duration.isnull() | (rows.duration <= 0)).sum(),
        again=rows.unit.count() - rows.unit.nunique(),
    )
    [found] = facts.to_pyarrow().to_pylist()
    told = {
        "no-time": (found["short"], "rows have no time between start and end and are left out"),
        "repeated-units": (found["again"], "rows repeat a unit; each row counts as one of its own"),
    }
    return tuple(
        Finding(code=code, severity="warning", text=f"{count:,} {words}.")
        for code, (count, words) in told.items()
        if count
    )


def _rows(events: "ir.Table", config: SurvivalConfig) -> "ir.Table":
    from pymc_vibes.stats.events import column_or_null

    start, end = (column_or_null(events, name, "timestamp") for name in ("start", "end"))
    whole = (end.epoch_seconds() - start.epoch_seconds()).cast("float64")
    parts = (end.microsecond() - start.microsecond()).cast("float64") / 1e6
    given = column_or_null(events, "duration", "float64")
    return events.select(
        unit=column_or_null(events, "unit", "string"),
        group=column_or_null(events, "group", "string").fill_null(EVERYBODY),
        duration=given.fill_null((whole + parts) / SECONDS[config.unit]),
        observed=events.observed,
    )


def reduce(events: "ir.Table", roster: "ir.Table | None", config: SurvivalConfig) -> "ir.Table":
    """Count events and censored units by group and time; a silent group has one row without."""
    rows = _rows(events, config)
    rows = rows.filter(rows.duration > 0)
    counted = rows.group_by("group", "duration").agg(
        events=rows.observed.sum().cast("int64"), censored=(~rows.observed).sum().cast("int64")
    )
    if roster is None:
        return counted
    known = roster.select(group=roster.group.fill_null(EVERYBODY)).distinct()
    joined = known.left_join(counted, "group").drop("group_right")
    return joined.mutate(events=joined.events.fill_null(0), censored=joined.censored.fill_null(0))


@dataclass(frozen=True, eq=False)
class Followed:
    """The units of one group: how many left at each time, and how many of these by the event."""

    times: "Array"
    units: "Array"
    events: "Array"

    @property
    def last(self) -> float:
        """Give the longest follow-up; 0 where there is none."""
        return float(self.times.max(initial=0.0))

    def kaplan_meier(self) -> "tuple[Array, Array, Array]":
        """Give the estimate after each time, Greenwood's sd of its log, and who was at risk."""
        import numpy as np

        at_risk = np.cumsum(self.units[::-1])[::-1]
        stayed = at_risk - self.events
        spread = np.cumsum(self.events / (at_risk * np.maximum(stayed, 0.5)))
        return np.cumprod(stayed / at_risk), np.sqrt(spread), at_risk

    def kaplan_meier_at(self, t: float) -> float | None:
        """Give the estimate at a time; None beyond the last follow-up."""
        import numpy as np

        before = int(np.searchsorted(self.times, t, side="right"))
        if t > self.last:
            return None
        return float(self.kaplan_meier()[0][before - 1]) if before else 1.0


def followed(cells: "pa.Table") -> Mapping[str, Followed]:
    """Map each group, in order, to its units by time."""
    import numpy as np

    names = np.array(cells["group"].to_pylist(), dtype=object)
    times = cells["duration"].to_numpy().astype(float)
    events = cells["events"].to_numpy().astype(float)
    units = events + cells["censored"].to_numpy()
    found = {}
    for name in sorted(set(names)):
        rows = np.flatnonzero((names == name) & (units > 0))
        rows = rows[np.argsort(times[rows])]
        found[name] = Followed(times[rows], units[rows], events[rows])
    return found
