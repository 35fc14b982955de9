"""The reduction of rows to days, or to the quarters of days.

A cell holds sums of decimals, of each value's place in its cell's range, so that neither the order
of rows nor a large offset costs digits.
"""

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.schema import snake_case
from pymc_vibes.kinds.interrupted_series.config import SCHEMA, InterruptedConfig
from pymc_vibes.stats.events import column_or_null, within
from pymc_vibes.stats.series_cells import NAMELESS

if TYPE_CHECKING:
    import ibis.expr.types as ir

PART_HOURS = 6
_SUM = "decimal(38, 18)"  # sums of decimals do not depend on the order of rows
_MOST = 1e15  # the bound of the declared outcome
_KEYS = ("user_id", "day", "part")


def reduce(events: "ir.Table", roster: "ir.Table | None", config: InterruptedConfig) -> "ir.Table":
    """Give each person's cells with mean and number of rows; a person without rows has a null one.

    `began` says whether a row is of the phase `intervention`; `control_1` and so on are the means
    of the controls, null where no row of the cell has one. Of counts there are also `total` and,
    if rows have one, `exposure`.
    """
    cells = _cells(_rows(events, config), config)
    if roster is None:
        return cells.order_by(*_KEYS)
    known = roster.select(user_id=roster.user_id.fill_null(NAMELESS)).distinct()
    if config.user_id is not None:
        known = known.filter(known.user_id == config.user_id)
    # the roster lists names only: rows without one are a series of their own
    known = known.union(cells.select("user_id"), distinct=True)
    joined = known.left_join(cells, "user_id").drop("user_id_right")
    return joined.mutate(count=joined["count"].fill_null(0)).order_by(*_KEYS)


def _rows(events: "ir.Table", config: InterruptedConfig) -> "ir.Table":
    import ibis

    rows = within(events, config.start, config.end)
    phase = column_or_null(rows, "phase", "string").fill_null("").lower()
    local = rows.timestamp
    if config.utc_offset:
        local = local + ibis.interval(minutes=round(60 * config.utc_offset))
    whole_day = ibis.literal(0, "int32")
    named = {
        "user_id": column_or_null(rows, "user_id", "string").fill_null(NAMELESS),
        "day": local.date(),
        "part": (local.hour() // PART_HOURS).cast("int32") if has_parts(config) else whole_day,
        "phase": phase,
        "began": phase == "intervention",
        "value": _number(rows, config.outcome_column, "outcome_column"),
        "exposure": column_or_null(rows, "exposure", "float64"),
    }
    held = [stored_name(control, rows.columns) for control in config.controls]
    if stored_name(config.outcome_column, rows.columns) in held:
        raise BadConfig(
            "The outcome cannot be its own control: it would explain every effect away.",
            fields=[{"field": "controls", "reason": "holds the outcome"}],
        )
    controls = {
        name: _number(rows, column, "controls")
        for name, column in zip(control_names(config), config.controls, strict=True)
    }
    rows = rows.select(**named, **controls)
    rows = rows.filter(rows.value.notnull())
    if config.user_id is not None:
        rows = rows.filter(rows.user_id == config.user_id)
    if config.phases is not None:
        rows = rows.filter(rows.phase.isin([phase.lower() for phase in config.phases]))
    return rows


def has_parts(config: InterruptedConfig) -> bool:
    """Say whether days are divided: not for counts, of which a part without rows may be a zero."""
    return config.include_time_of_day and config.outcome_type == "number"


def control_names(config: InterruptedConfig) -> Sequence[str]:
    """Name the columns of cells that hold the controls, in their order."""
    return [f"control_{i}" for i in range(1, len(config.controls) + 1)]


def stored_name(given: str, present: Container[str]) -> str:
    """Give the name that a column of that header is stored under, of those that are present.

    A name of its own goes before what it is another name of: a file may have a `score` beside the
    column that was mapped to `outcome`.
    """
    own = snake_case(given)
    return own if own in present else SCHEMA.resolve(given) or own


def _number(rows: "ir.Table", given: str, field: str) -> "ir.Value":
    """Give a column as numbers; text that is none, and what is beyond bounds, becomes null."""
    name = stored_name(given, rows.columns)
    if name not in rows.columns:
        reason = f"the events have no column {given[:80]!r}"
        raise BadConfig(
            f"{reason[0].upper()}{reason[1:]}.",
            hint=f"They have: {', '.join(sorted(rows.columns))[:500]}.",
            fields=[{"field": field, "reason": reason}],
        )
    column = rows[name]
    if not (column.type().is_numeric() or column.type().is_string()):
        raise BadConfig(
            f"The column {name!r} holds no numbers.",
            fields=[{"field": field, "reason": f"{name} holds no numbers"}],
        )
    number = column.try_cast("float64")
    return (number.isnan() | (number.abs() > _MOST)).ifelse(None, number)


def _cells(rows: "ir.Table", config: InterruptedConfig) -> "ir.Table":
    import ibis

    values = ("value", *control_names(config))
    ends = rows.group_by(*_KEYS).agg(
        **{f"low_{v}": rows[v].min() for v in values},
        **{f"high_{v}": rows[v].max() for v in values},
    )
    placed = rows.join(ends, list(_KEYS))
    width = {v: placed[f"high_{v}"] - placed[f"low_{v}"] for v in values}
    place = {
        f"place_{v}": ibis.ifelse(width[v] > 0, (placed[v] - placed[f"low_{v}"]) / width[v], 0.0)
        for v in values
    }
    sums = placed.mutate(**place).group_by(*_KEYS)
    found = sums.agg(
        count=lambda t: t.count().cast("int64"),
        began=lambda t: t.began.any(),
        total=lambda t: t.value.cast(_SUM).sum().cast("float64"),
        exposure=lambda t: t.exposure.cast(_SUM).sum().cast("float64"),
        **{v: _mean(v) for v in values},
    )
    kept: Mapping[str, str] = {"mean": "value"} | {name: name for name in control_names(config)}
    if config.outcome_type == "count":
        kept = {**kept, "total": "total", "exposure": "exposure"}
    return found.select(
        *_KEYS, "count", "began", **{name: found[column] for name, column in kept.items()}
    )


def _mean(value: str) -> "ir.Deferred":
    from ibis import _ as cell

    low, high = cell[f"low_{value}"].min(), cell[f"high_{value}"].max()
    place = cell[f"place_{value}"].cast(_SUM).sum().cast("float64")
    return low + (high - low) * place / cell[value].count()
