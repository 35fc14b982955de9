"""What marketing data look like: a row per entity and period, columns by prefix, and their roles.

`act_tv` and `spend_tv` are activity and spend of the channel `tv`. Activity drives the model where
there is both; where there is spend alone, spend does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.schema import Column, Pattern, Schema, snake_case

ACTIVITY, SPEND, CONTROL = "act_", "spend_", "ctrl_"
MOST = 1e15

SCHEMA = Schema(
    columns=(
        Column(
            name="period_start", type="instant", role="time", required=True,
            aliases=(
                "date", "day", "week", "week_start", "month", "period", "ds", "time", "timestamp",
            ),
            about="First day of the day, week or month that the row is about.",
        ),
        Column(
            name="entity_id", type="string", role="entity", required=True,
            aliases=("entity", "geo", "region", "market", "brand", "store", "dma"),
            about="Where it was sold, such as a region; one name in every row for one market.",
        ),
        Column(
            name="sales", type="number", role="outcome", low=-MOST, high=MOST, expected=True,
            aliases=("revenue", "kpi", "target", "conversions", "orders", "y"),
            about="What was sold in the period, in money or units. Empty where it is not known; "
            "periods before the first one with sales let media carry over.",
        ),
    ),
    patterns=(
        Pattern(
            prefix=ACTIVITY, type="number", low=0, high=MOST, role="exposure",
            about="Activity of a channel in the period, such as impressions or clicks.",
        ),
        Pattern(
            prefix=SPEND, type="number", low=0, high=MOST, role="exposure",
            about="Money spent on a channel in the period.",
        ),
        Pattern(
            prefix=CONTROL, type="number", low=-MOST, high=MOST, role="covariate",
            about="What else moves sales, such as price, promotions or the weather.",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which columns play which part."""

    target: str
    drivers: Mapping[str, str]
    """Channel -> the column that drives it; sorted by channel."""
    spends: Mapping[str, str]
    """Channel -> its column of spend, for those that have one."""
    controls: Sequence[str]
    """Columns, sorted."""

    @property
    def standard(self) -> Mapping[str, str]:
        """Give the name of every column of media and controls in the canonical form, its source.

        Columns of other names get the prefix of the part they play.
        """
        drivers = {c: _prefixed(c, ACTIVITY) for c in self.drivers.values()}
        spends = {c: c for c in self.spends.values()}
        controls = {c: _prefixed(c, CONTROL) for c in self.controls}
        return {name: column for column, name in {**drivers, **spends, **controls}.items()}

    @property
    def channels(self) -> tuple[str, ...]:
        """Name the channels, sorted."""
        return tuple(self.drivers)

    @property
    def media(self) -> tuple[str, ...]:
        """Name every column of activity and spend, each once, sorted."""
        return tuple(sorted({*self.drivers.values(), *self.spends.values()}))


def roles_of(
    present: Iterable[str],
    target: str = "sales",
    drivers: Sequence[str] | None = None,
    controls: Sequence[str] | None = None,
) -> Roles:
    """Say which of the columns that are `present` play which part.

    Without a choice every channel and every control is taken. Raises `BadConfig` where the choice
    names a column that is not there, or two columns of one channel.

    >>> roles = roles_of(["sales", "act_tv", "spend_tv", "spend_radio", "ctrl_price"])
    >>> dict(roles.drivers), dict(roles.spends), roles.controls
    ({'radio': 'spend_radio', 'tv': 'act_tv'}, {'radio': 'spend_radio', 'tv': 'spend_tv'}, \
('ctrl_price',))
    """
    names = sorted(set(present))
    chosen = _every_driver(names) if drivers is None else _chosen(drivers, names, "drivers")
    by_channel = {channel_of(column): column for column in sorted(chosen)}
    if len(by_channel) < len(chosen):
        raise _refused("drivers", "two drivers are of one channel: name its activity or its spend")
    others = [n for n in names if n.startswith(CONTROL)]
    taken = others if controls is None else _chosen(controls, names, "controls")
    if clash := {*taken} & {*chosen, target}:
        raise _refused("controls", f"{min(clash)} is a control and something else too")
    roles = Roles(
        target=_chosen((target,), names, "target_column")[0],
        drivers={channel: by_channel[channel] for channel in sorted(by_channel)},
        spends={c: f"{SPEND}{c}" for c in sorted(by_channel) if f"{SPEND}{c}" in names},
        controls=tuple(sorted(taken)),
    )
    if len(roles.standard) < len({*roles.media, *roles.controls}):
        raise _refused("controls", "two columns differ by their prefix alone")
    return roles


def _prefixed(column: str, prefix: str) -> str:
    return column if column.startswith((ACTIVITY, SPEND, CONTROL)) else f"{prefix}{column}"


def channel_of(column: str) -> str:
    """Name the channel that a column of activity or spend is about."""
    return column.removeprefix(ACTIVITY).removeprefix(SPEND)


def _every_driver(names: Sequence[str]) -> list[str]:
    active = [name for name in names if name.startswith(ACTIVITY)]
    paid = [name for name in names if name.startswith(SPEND)]
    return active + [n for n in paid if f"{ACTIVITY}{n.removeprefix(SPEND)}" not in active]


def _chosen(wanted: Sequence[str], names: Sequence[str], field: str) -> list[str]:
    found = [SCHEMA.resolve(given) or snake_case(given) for given in wanted]
    for given, name in zip(wanted, found, strict=True):
        if name not in names:
            known = ", ".join(names)[:500]
            raise _refused(field, f"the data have no column {given[:80]!r}", f"They have: {known}.")
    if len(set(found)) < len(found):
        raise _refused(field, "a column is named twice")
    return found


def _refused(field: str, reason: str, hint: str | None = None) -> BadConfig:
    return BadConfig(
        f"{reason[0].upper()}{reason[1:]}.", hint=hint, fields=[{"field": field, "reason": reason}]
    )
