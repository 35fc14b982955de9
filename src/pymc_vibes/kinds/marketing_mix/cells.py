"""The reduction of rows to one cell per entity and date, in standard names.

Sums are of decimals, so that the order of rows does not matter; a value that stands alone is kept
as it is. Entities stay apart and no date is moved: adding up is for who reads the cells.
"""

from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.schema import CONTROL, MOST, Roles, roles_of
from pymc_vibes.stats.events import within

if TYPE_CHECKING:
    import ibis.expr.types as ir

KEYS = ("entity_id", "period")
_SUM = "decimal(38, 12)"


def reduce(events: "ir.Table", roster: "ir.Table | None", config: MarketingMixConfig) -> "ir.Table":
    """Give sales, media and controls of each entity and date; a silent entity has a null date.

    `rows` counts what a cell was made of, `unreadable` the values that are no numbers. Media and
    sales are sums, controls means; null where no row has a value.
    """
    roles = roles_of(events.columns, config.target_column, config.drivers, config.controls)
    cells = _cells(_rows(events, roles, config), roles)
    if roster is None:
        return cells.order_by(*KEYS)
    known = roster.select("entity_id").filter(roster.entity_id.notnull()).distinct()
    if config.entities is not None:
        known = known.filter(known.entity_id.isin(config.entities))
    joined = known.left_join(cells, "entity_id").drop("entity_id_right")
    filled = {name: joined[name].fill_null(0) for name in ("rows", "unreadable")}
    return joined.mutate(**filled).order_by(*KEYS)


def _rows(events: "ir.Table", roles: Roles, config: MarketingMixConfig) -> "ir.Table":
    import ibis

    rows = within(events, config.start, config.end, time="period_start")
    rows = rows.filter(rows.period_start.notnull() & rows.entity_id.notnull())
    if config.entities is not None:
        rows = rows.filter(rows.entity_id.isin(config.entities))
    sources = {"sales": roles.target, **roles.standard}
    numbers = {name: _number(rows[column]) for name, column in sources.items()}
    lost = [
        (rows[column].notnull() & numbers[name].isnull()).cast("int64")
        for name, column in sources.items()
    ]
    return rows.select(
        entity_id=rows.entity_id,
        period=rows.period_start.date(),
        unreadable=sum(lost, ibis.literal(0, "int64")),
        **numbers,
    )


def _number(column: "ir.Value") -> "ir.Value":
    """Give a column as numbers; text that is none, and what is beyond bounds, becomes null."""
    number = column.try_cast("float64") if column.type().is_string() else column.cast("float64")
    return (number.isnan() | (number.abs() > MOST)).ifelse(None, number)


def _cells(rows: "ir.Table", roles: Roles) -> "ir.Table":
    values = {name: _joined(rows[name], name) for name in ("sales", *sorted(roles.standard))}
    return rows.group_by(*KEYS).agg(
        rows=rows.count().cast("int64"),
        unreadable=rows.unreadable.sum().cast("int64"),
        **values,
    )


def _joined(column: "ir.Value", name: str) -> "ir.Value":
    import ibis

    total = column.cast(_SUM).sum().cast("float64")
    known = column.count()
    several = total / known if name.startswith(CONTROL) else total
    return ibis.ifelse(known == 1, column.max(), several)
