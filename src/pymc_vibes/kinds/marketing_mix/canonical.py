"""From cells to the canonical panel: every period there is, entities apart or added up.

Rules: a period of sales that are not known is masked, never filled; media that are not known are
none; a control that is not known keeps its last value. Periods before the first with sales are
kept, because their media carry over. Finer data are added up to the grain that is asked for, and a
period that is not whole is masked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.kinds.marketing_mix.combining import combined, filled, is_known, rules_of
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig, Rule
from pymc_vibes.kinds.marketing_mix.grain import (
    Grain,
    days_in,
    period_day,
    period_number,
    rhythm,
)
from pymc_vibes.kinds.marketing_mix.placing import Grid
from pymc_vibes.kinds.marketing_mix.schema import Roles, roles_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.stats.special import Array

TOTAL = "total"
MOST_NUMBERS = 50_000_000
MONDAY, SUNDAY = 4, 3  # days since 1970 of the first ones: 1970-01-01 was a Thursday


@dataclass(frozen=True, eq=False)
class Columns:
    """Cells as arrays, sorted by entity and date."""

    roles: Roles
    entities: tuple[str, ...]
    who: "np.ndarray"
    day: "np.ndarray"
    values: "Mapping[str, Array]"
    """Sales, media and controls by standard name, `rows` and `unreadable`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Periods without gaps, by entity: the canonical form.

    Arrays are `(entities, periods)`, media and controls have channels or controls last.
    """

    grain: Grain
    entities: tuple[str, ...]
    channels: tuple[str, ...]
    controls: tuple[str, ...]
    days: "np.ndarray"
    """First day of every period, in days since 1970."""
    first: int
    """Place of the first period with sales; those before are carry-in."""
    sales: "Array"
    """NaN where it is not known."""
    activity: "Array"
    spend: "Array"
    """NaN for a channel without a column of spend."""
    control: "Array"
    rules: Mapping[str, Rule]
    """How each control was brought to a total."""

    @property
    def observed(self) -> "np.ndarray":
        """Say which sales are known, `(entities, periods)`."""
        return is_known(self.sales)

    @property
    def carry_in(self) -> int:
        """Count the periods of media before the first sales."""
        return self.first


def columns_of(cells: "pa.Table") -> Columns:
    """Read cells; entities without a date are not among them."""
    import numpy as np

    dated = cells.filter(cells["period"].is_valid())
    names = np.array(dated["entity_id"].to_pylist(), dtype=object)
    entities, who = np.unique(names, return_inverse=True)
    day = dated["period"].cast("int32").to_numpy().astype(np.int64)
    order = np.lexsort((day, who))
    roles = roles_of(cells.column_names)
    wanted = ("sales", *roles.media, *roles.controls, "rows", "unreadable")
    values = {n: dated[n].cast("float64").to_numpy(zero_copy_only=False)[order] for n in wanted}
    return Columns(roles, tuple(map(str, entities)), who[order], day[order], values)


def panel_of(cells: "pa.Table", config: MarketingMixConfig) -> Panel:
    """Make the canonical panel of cells.

    Raises `InsufficientData` without any sales, `BadConfig` where periods fit no grain, or the
    grain that is asked for is finer than the data.
    """
    columns = columns_of(cells)
    if not is_known(columns.values["sales"]).any():
        raise InsufficientData(
            "No period has sales.", hint="Upload rows with period_start, entity_id and sales."
        )
    apart = _by_entity(columns, config)
    return apart if config.panel == "entities" else total_of(apart, config)


def total_of(panel: Panel, config: MarketingMixConfig) -> Panel:
    """Add entities up to one series.

    A period is masked where an entity's sales are missing between its first and last ones.
    """
    import numpy as np

    known = panel.observed
    started = np.maximum.accumulate(known, axis=1)
    ended = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    whole = known.any(axis=0) & ~(started & ended & ~known).any(axis=0)
    sales = np.where(whole, np.where(known, panel.sales, 0.0).sum(axis=0), np.nan)
    rules = rules_of(panel.controls, panel.control, config)
    control = np.stack(
        [
            combined(panel.control[..., j], panel.sales, known, rules[name])
            for j, name in enumerate(panel.controls)
        ],
        axis=-1,
    ) if panel.controls else panel.control[0]  # fmt: skip
    return Panel(
        grain=panel.grain,
        entities=(TOTAL,) if len(panel.entities) > 1 else panel.entities,
        channels=panel.channels,
        controls=panel.controls,
        days=panel.days,
        first=panel.first,
        sales=sales[None],
        activity=panel.activity.sum(axis=0)[None],
        spend=panel.spend.sum(axis=0)[None],
        control=control[None],
        rules=rules,
    )


def _by_entity(columns: Columns, config: MarketingMixConfig) -> Panel:
    import numpy as np

    grain, has = _grain(columns, config)
    anchor = _anchor(columns, config, grain, has)
    number = period_number(columns.day, grain, anchor=anchor)
    low = int(number.min())
    high = int(number[is_known(columns.values["sales"])].max())
    _check_size(len(columns.entities) * (high - low + 1) * len(columns.values))
    kept = number <= high
    grid = Grid(columns.who[kept], number[kept] - low, len(columns.entities), high - low + 1)
    numbers = np.arange(low, high + 1)
    values = {name: value[kept] for name, value in columns.values.items()}
    roles = columns.roles
    sales = grid.total(values["sales"])
    if grain != has:
        sales = _whole(sales, grid.count(values["sales"]), numbers, grain)
    rules = rules_of(roles.controls, None, config, values)
    control = [
        filled(grid.combined(values[name], values["sales"], rules[name])) for name in roles.controls
    ]
    activity = [grid.media(values[column]) for column in roles.drivers.values()]
    unknown = np.full_like(sales, np.nan)
    spend = [
        grid.media(values[roles.spends[c]]) if c in roles.spends else unknown
        for c in roles.channels
    ]
    return Panel(
        grain=grain,
        entities=columns.entities,
        channels=roles.channels,
        controls=tuple(roles.controls),
        days=period_day(numbers, grain, anchor=anchor),
        first=int(is_known(sales).any(axis=0).argmax()),
        sales=sales,
        activity=_stacked(activity, sales),
        spend=_stacked(spend, sales),
        control=_stacked(control, sales),
        rules=rules,
    )


def _whole(sales: "Array", days: "Array", numbers: "np.ndarray", grain: Grain) -> "Array":
    """Mask sales of periods with days unknown: a week of five days is no week."""
    import numpy as np

    found = np.where(days >= days_in(numbers, grain), sales, np.nan)
    if not is_known(found).any():
        raise InsufficientData(f"No whole {grain} has sales.", hint="Take a finer grain.")
    return found


def _check_size(numbers: int) -> None:
    if numbers > MOST_NUMBERS:
        raise BadConfig(
            f"The periods of all entities would hold {numbers:,} numbers; at most {MOST_NUMBERS:,} "
            "fit.",
            hint="Choose a shorter time with start and end, fewer entities, or a longer grain.",
        )


def _stacked(parts: "list[Array]", like: "Array") -> "Array":
    import numpy as np

    return np.stack(parts, axis=-1) if parts else np.zeros((*like.shape, 0))


def _grain(columns: Columns, config: MarketingMixConfig) -> tuple[Grain, Grain]:
    """Give the grain of the panel, and that of the data."""
    found = rhythm(columns.who, columns.day)
    has: Grain | None = found.grain
    if has is None and config.grain != "auto":
        has = config.grain  # one date has no distance
    if has is None:
        raise BadConfig(
            "The dates are neither days, weeks nor months apart.",
            hint="Give each row the first day of its period, or set grain.",
            fields=[{"field": "grain", "reason": "cannot be told from the dates"}],
        )
    grain = has if config.grain == "auto" else config.grain
    if grain != has and has != "day":
        reason = f"the data have a row a {has}: no {grain} can be made of them"
        raise BadConfig(
            f"{reason[0].upper()}{reason[1:]}.",
            hint=f"Set grain to {has} or leave it at auto.",
            fields=[{"field": "grain", "reason": reason}],
        )
    return grain, has


def _anchor(columns: Columns, config: MarketingMixConfig, grain: Grain, has: Grain) -> int:
    """Give the weekday that weeks begin on, as one of the first seven days since 1970."""
    if grain == has:
        return int(columns.day.min()) % 7
    return MONDAY if config.week_begins == "monday" else SUNDAY
