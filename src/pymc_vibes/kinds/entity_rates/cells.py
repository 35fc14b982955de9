"""From events to cells, where the events live: every entity in every window, silent ones too.

The rows of an entity and a window are summed. The basic model needs no more than how often an
entity had which count, so a cell is an entity and a count, with the number of windows and the
earliest of them; it does not matter how many windows there are. Zero counts are not made row by
row: they are the windows that are left. Models that must see the windows one by one get a cell per
entity and window instead.

Fractions are summed as decimals, so that the order of rows cannot change a bit of the result. An
exposure is two decimals, its first 15 digits after the point and what is left of it.
"""

from typing import TYPE_CHECKING

from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from pymc_vibes.stats.events import column_or_null, within

if TYPE_CHECKING:
    import ibis.expr.types as ir

COLUMNS = ("entity", "count", "windows", "at", "clock", "bare")
MOST_CELLS = 1_000_000  # entities times windows that are looked at one by one
_DECIMAL = "decimal(38, 15)"
_FINE = 1e15  # units of the last digit above in one
_REST = "decimal(38, 18)"
_MICRO = 1_000_000


def reduce(events: "ir.Table", roster: "ir.Table | None", config: EntityConfig) -> "ir.Table":
    """Count the windows of every entity and count, or list every window of every entity."""
    known = (events if roster is None else roster).select("entity").distinct()
    counted = _counted(events, config)
    windows = _windows(counted, config)
    if config.by_window:
        return _by_window(known, counted, windows, config)
    seen = counted.group_by("entity", "count").agg(
        windows=counted.count(), at=counted["at"].min(), clock=counted["clock"].min(),
        bare=counted["bare"].sum(),
    )  # fmt: skip
    silent = _silent(known, counted, windows, fills=config.fills)
    both = seen.cast(silent.schema()).union(silent)
    cells = both.group_by("entity", "count").agg(
        windows=both["windows"].sum().cast("int64"), at=both["at"].min(),
        clock=both["clock"].min(), bare=both["bare"].sum().cast("int64"),
    )  # fmt: skip
    return cells.select(*COLUMNS).order_by(["entity", "count"])


def covariates(names: "tuple[str, ...] | list[str]") -> list[str]:
    """Give those of the columns that are covariates, in order."""
    return sorted(name for name in names if name.startswith("x_"))


def _counted(events: "ir.Table", config: EntityConfig) -> "ir.Table":
    """Sum the rows of each entity and window."""
    rows = _rows(events, config)
    sums = {"count": rows["count"].sum().cast("int64"), "bare": rows["bare"].sum().cast("int64")}
    sums |= {name: rows[name].sum() for name in ("coarse", "rest", "bytes")}
    means = {
        name: rows[name].sum().cast("float64") / rows[name].count().cast("float64")
        for name in covariates(rows.columns)
    }
    return rows.group_by("entity", "at", "clock").agg(**sums, **means)


def _rows(events: "ir.Table", config: EntityConfig) -> "ir.Table":
    """Give every row its window: `at` is a time in microseconds, or a number."""
    inside = within(events, config.start, config.end, time="window_start")
    inside = inside if config.window is None else inside.filter(inside["window_start"].notnull())
    began = column_or_null(inside, "window_start", "timestamp")
    began = began if config.window is None else began.truncate(_TRUNCATE[config.window])
    micro = began.truncate("s").epoch_seconds().cast("int64") * _MICRO
    at = micro + began.microsecond().cast("int64")
    exposure = column_or_null(inside, "exposure", "float64")
    coarse = exposure.cast(_DECIMAL)
    return inside.select(
        "entity",
        at=at.fill_null(column_or_null(inside, "window", "int64")),
        clock=began.notnull(),
        count=column_or_null(inside, "count", "int64").fill_null(1),
        bare=exposure.isnull().cast("int64"),
        coarse=coarse,
        rest=((exposure - coarse.cast("float64")) * _FINE).cast(_REST),
        bytes=column_or_null(inside, "bytes", "float64").cast("decimal(38, 6)"),
        **{name: inside[name].cast(_DECIMAL) for name in covariates(inside.columns)},
    )


_TRUNCATE = {"hour": "h", "day": "D", "week": "W"}


def _windows(counted: "ir.Table", config: EntityConfig) -> "ir.Table":
    """List the windows with their place in time, from 0 on."""
    import ibis

    if config.window is None:
        every = counted.select("at", "clock").distinct()
        return every.mutate(place=ibis.row_number().over(order_by=["clock", "at"]).cast("int64"))
    start, step, count = config.regular
    places = ibis.range(0, count).unnest().cast("int64").name("place").as_table()
    first = ibis.literal(int(start.timestamp()) * _MICRO, type="int64")
    return places.select(
        at=first + places["place"] * ibis.literal(step * _MICRO, type="int64"),
        clock=ibis.literal(value=True),
        place=places["place"],
    )


def _silent(
    known: "ir.Table", counted: "ir.Table", windows: "ir.Table", *, fills: bool
) -> "ir.Table":
    """Count for every entity the windows without a row, and find the earliest of them."""
    import ibis

    size = windows.aggregate(size=windows.count().cast("int64"))
    rows = counted.group_by("entity").agg(rows=counted.count().cast("int64"))
    everyone = known.cross_join(size).left_join(rows, "entity").drop("entity_right")
    missing = everyone["size"] - everyone["rows"].fill_null(0)
    zero = ibis.literal(0, type="int64")
    if not fills:
        return everyone.filter(everyone["rows"].isnull()).select(
            "entity", count=zero, windows=zero, at=ibis.null("int64"),
            clock=ibis.null("boolean"), bare=zero,
        )  # fmt: skip
    gaps = _first_gap(counted, windows)
    left = everyone.mutate(missing=missing).left_join(gaps, "entity").drop("entity_right")
    left = left.mutate(gap=left["gap"].fill_null(left["rows"].fill_null(0)))
    left = left.filter((left["missing"] > 0) | (left["size"] == 0))
    found = left.left_join(windows, [left["gap"] == windows["place"]])
    return found.select(
        "entity", count=zero, windows=found["missing"], at=found["at"], clock=found["clock"],
        bare=zero,
    )  # fmt: skip


def _first_gap(counted: "ir.Table", windows: "ir.Table") -> "ir.Table":
    """Find the place of each entity's earliest window without a row, where rows lie after it."""
    import ibis

    placed = counted.select("entity", "at", "clock").inner_join(windows, ["at", "clock"])
    order = ibis.row_number().over(group_by="entity", order_by="place")
    ranked = placed.select("entity", "place", order=order.cast("int64"))
    off = ranked.filter(ranked["place"] != ranked["order"])
    return off.group_by("entity").agg(gap=off["order"].min())


def _by_window(
    known: "ir.Table", counted: "ir.Table", windows: "ir.Table", config: EntityConfig
) -> "ir.Table":
    """List every window of every entity; an entity that was never observed has one empty cell."""
    import ibis

    placed = counted.inner_join(windows, ["at", "clock"])
    placed = placed.select(*counted.columns, "place")
    if config.fills:
        grid = known.cross_join(windows)
        joined = grid.left_join(placed.drop("at", "clock"), ["entity", "place"])
        joined = joined.mutate(windows=ibis.literal(1, type="int64"))
    else:
        joined = known.left_join(placed, "entity")
        joined = joined.mutate(windows=joined["at"].notnull().cast("int64"))
    exposure = joined["coarse"].cast("float64") + joined["rest"].cast("float64") / _FINE
    cells = joined.select(
        "entity",
        count=joined["count"].fill_null(0),
        windows=joined["windows"],
        at=joined["at"],
        clock=joined["clock"],
        bare=joined["bare"].fill_null(0),
        place=joined["place"],
        exposure=exposure,
        bytes=joined["bytes"].cast("float64"),
        **{name: joined[name] for name in covariates(joined.columns)},
    )
    return cells.limit(MOST_CELLS + 1).order_by(["entity", "place"])
