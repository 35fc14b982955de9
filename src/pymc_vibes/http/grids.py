"""An answer's numbers as tables for people.

A program reads every column of an answer; a person wants few, with the ends of an interval in one
cell, as many decimals as the uncertainty is worth, and no unit said twice. Nothing is lost: the
JSON of the answer has every column and digit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from statistics import median
from typing import Any

from pymc_vibes.core.answer import Claim, Estimate, Interval, Summary, Table
from pymc_vibes.http.text import DASH, chance, is_numeric, plain, sentence, shown

_KINDS = {"hdi": "highest-density", "eti": "equal-tailed"}
_WORDS = {
    "sd": "SD",
    "tone": "verdict",
    "theta": "rate",
    "hdi": _KINDS["hdi"],
    "eti": _KINDS["eti"],
}
_INITIALS = {"roas": "ROAS"}
_MINOR = frozenset({"median", "sd", "alpha", "beta", "rank"})
_SHARE = "share"
_RATIO = "times"
_LOSS_DECIMALS = 3


@dataclass(frozen=True, kw_only=True)
class Heading:
    """The head of a column."""

    title: str
    unit: str = ""
    is_number: bool = False
    is_minor: bool = False
    """Left out where there is no room, as on a phone."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of text, ready to print."""

    title: str
    unit: str = ""
    """The unit that most columns have."""
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column as it is printed: one column of the answer, or the two ends of an interval."""

    name: str
    unit: str
    values: tuple[Any, ...]
    ends: tuple[Any, ...] | None = None

    @property
    def is_number(self) -> bool:
        known = [value for value in self.values if value is not None]
        return bool(known) and all(map(is_numeric, known))

    @property
    def spreads(self) -> list[float]:
        """Give how wide each interval is, as a standard deviation would be."""
        pairs = zip(self.values, self.ends or (), strict=False)
        widths = [(high - low) / 4 for low, high in pairs if is_numeric(low) and is_numeric(high)]
        return [width for width in widths if isfinite(width) and width > 0]


def claims_beside(summary: Summary) -> tuple[Claim, ...]:
    """Give the claims that the headline does not make already."""
    first = summary.claims[:1]
    told = tuple(claim for claim in first if chance(claim.probability) in summary.headline)
    return tuple(
        claim
        for claim in summary.claims
        if claim not in told and claim.text.rstrip(".") not in summary.headline
    )


def grids(summary: Summary, caption: str) -> tuple[Grid, ...]:
    """Give an answer's estimates and tables; the estimates only where no table holds them."""
    tables = tuple(table_grid(table, summary.estimates) for table in summary.tables)
    cells = (value for table in summary.tables for row in table.rows for value in row)
    held = {value for value in cells if isinstance(value, float)}
    beside = [one for one in summary.estimates if not {one.mean, one.median} & held]
    return (estimate_grid(beside, caption), *tables) if beside else tables


def estimate_grid(estimates: Sequence[Estimate], caption: str) -> Grid:
    """Give estimates as rows: mean, interval, standard deviation.

    Where a long tail may carry off a mean, the middle of all of them is the median, without an sd.
    """
    is_skewed = any(map(_has_tail, estimates))
    names = {estimate.name for estimate in estimates}
    units = {estimate.unit for estimate in estimates}
    kinds = {_kind(estimate.interval) for estimate in estimates}
    masses = {_mass(estimate.interval) for estimate in estimates}
    of = " ".join(text for words in (masses, kinds) if len(words) == 1 for text in words)
    has_kinds, has_units = len(kinds) > 1, len(units) > 1
    title = estimates[0].name if len(names) == 1 and len(estimates) > 1 else caption
    headings = (
        Heading(title="Quantity"),
        Heading(title="Median" if is_skewed else "Mean", is_number=True),
        Heading(title=f"{of} interval".strip(), is_number=True),
        *([Heading(title="Kind of interval", is_minor=True)] if has_kinds else []),
        *([Heading(title="Unit", is_minor=True)] if has_units else []),
        *([] if is_skewed else [Heading(title="SD", is_number=True, is_minor=True)]),
    )
    digits = [_estimate_decimals(estimates, e) for e in estimates]
    rows = [
        (
            shown(e.label),
            written(e.median if is_skewed else e.mean, d, percent=e.percent),
            _estimate_span(e, d),
            *([_kind(e.interval)] if has_kinds else []),
            *([e.unit] if has_units else []),
            *([] if is_skewed else [written(e.sd, d, percent=e.percent)]),
        )
        for e, d in zip(estimates, digits, strict=True)
    ]
    return Grid(
        title=sentence(title),
        unit="" if has_units else estimates[0].unit,
        headings=headings,
        rows=tuple(rows),
        total=len(rows),
    )


def _has_tail(one: Estimate) -> bool:
    """Whether a long tail has the mean: that of a ratio, or one with an sd beyond its interval."""
    if one.median is None:
        return False
    width = None if one.interval is None else _spread(one)
    is_wild = one.sd is not None and width is not None and one.sd > 4 * width
    return one.unit == _RATIO or one.mean is None or is_wild


def _estimate_span(one: Estimate, digits: int) -> str:
    if one.interval is None:
        return DASH
    return span(one.interval.low, one.interval.high, digits, percent=one.percent)


def _estimate_decimals(estimates: Iterable[Estimate], one: Estimate) -> int:
    same = (e for e in estimates if (e.unit, e.percent) == (one.unit, one.percent))
    return decimals([width for e in same if (width := _spread(e))], percent=one.percent)


def _spread(one: Estimate) -> float | None:
    given = one.interval
    if given is None or given.low is None or given.high is None:
        return one.sd
    return (given.high - given.low) / 4


def _mass(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.prob * 100:.4g} %"


def _kind(interval: Interval | None) -> str:
    return "" if interval is None else _KINDS[interval.kind]


def table_grid(table: Table, estimates: Sequence[Estimate] = ()) -> Grid:
    """Give a table with intervals in one column and the common unit in its title."""
    columns = _merged(table)
    constant = [column for column in columns[1:] if _is_constant(column)]
    kept = [column for column in columns if not any(column is other for other in constant)]
    percents = {e.unit for e in estimates if e.percent} - {""} | {_SHARE}
    silent = {*percents, _RATIO}  # a number of times needs no unit
    common = _common_unit(column for column in kept if column.unit not in silent)
    told = {"", common, *silent}
    names = _names_of_a_matrix(table, kept)
    printed = [_printed(kept, i, table.title, percents) for i in range(len(kept))]
    kept, printed = _without_repeats(kept, printed)
    of = "".join(map(_said_of_all, constant))
    return Grid(
        title=shown(table.title + of),
        unit=common,
        headings=tuple(
            _heading(column, told, estimates, is_name=column.name in names) for column in kept
        ),
        rows=tuple(zip(*printed, strict=True)),
        total=max(table.total or 0, len(table.rows)),
    )


def _names_of_a_matrix(table: Table, columns: Sequence[_Column]) -> set[Any]:
    """Give the names that columns and rows share; one alone may be a parameter named `mean`."""
    shared = {row[0] for row in table.rows} & {column.name for column in columns[1:]}
    return shared if len(shared) > 1 else set()


def _without_repeats(
    columns: list[_Column], printed: list[tuple[str, ...]]
) -> tuple[list[_Column], list[tuple[str, ...]]]:
    """Leave out a median that reads as the mean does in every row."""
    means = [cells for column, cells in zip(columns, printed, strict=True) if column.name == "mean"]
    pairs = zip(columns, printed, strict=True)
    kept = [(c, cells) for c, cells in pairs if c.name != "median" or cells not in means]
    return [column for column, _ in kept], [cells for _, cells in kept]


def _merged(table: Table) -> list[_Column]:
    units = table.units or ("",) * len(table.columns)
    values = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    given = list(zip(table.columns, units, values, strict=True))
    partners = {_upper(name): i for i, name in enumerate(table.columns) if _upper(name)}
    found: list[_Column] = []
    for i, (name, unit, column) in enumerate(given):
        if partners.get(name) == i - 1:
            found.pop()
            low = given[i - 1][2]
            stem = name.removesuffix("high").strip(" _") or "interval"
            found.append(_Column(name=stem, unit=unit, values=low, ends=column))
        else:
            found.append(_Column(name=name, unit=unit, values=column))
    return found


def _upper(name: str) -> str:
    """Name the column that holds the upper ends where `name` holds the lower ones."""
    return name.removesuffix("low") + "high" if name.endswith("low") else ""


def _is_constant(column: _Column) -> bool:
    is_text = len(column.values) > 1 and not column.is_number
    return is_text and len(set(map(str, column.values))) == 1


def _said_of_all(column: _Column) -> str:
    """Say in the title what is the same in every row; what holds of none is not said.

    >>> _said_of_all(_Column(name="is_held_out", unit="", values=(True, True)))
    ': held out'
    """
    value = column.values[0]
    if value is None or value is False:
        return ""
    return f": {column.name.removeprefix('is_').replace('_', ' ') if value is True else value}"


def _common_unit(columns: Iterable[_Column]) -> str:
    units = [column.unit for column in columns if column.unit and not _is_said(column)]
    most = max(units, key=units.count, default="")
    return most if units.count(most) > 1 else ""


def _is_said(column: _Column) -> bool:
    """Whether the name of a column says its unit."""
    return column.unit.removesuffix("s") in column.name.replace("_", " ")


def _heading(
    column: _Column, told: set[str], estimates: Sequence[Estimate], *, is_name: bool
) -> Heading:
    words = words_of(column.name)
    if column.ends is not None:
        level = _level(column, estimates)
        is_kind = words in _KINDS.values()
        words = f"{level} {words}" if is_kind else _interval_words(level, words)
    unit = "" if column.unit in told or _is_said(column) else column.unit
    return Heading(
        title=shown(words) if is_name else sentence(words),
        unit=unit,
        is_number=column.is_number,
        is_minor=column.name in _MINOR,
    )


def _interval_words(level: str, words: str) -> str:
    """Name the column of an interval, whose mass may be said elsewhere.

    >>> _interval_words("95 %", "rank"), _interval_words("", "rank")
    ('rank, 95 % interval', 'rank, interval')
    """
    of = f"{level} interval".strip()
    return of if words == "interval" else f"{words}, {of}"


def _level(column: _Column, estimates: Sequence[Estimate]) -> str:
    """Find of which mass the intervals of a column are, and of which kind where it is not said."""
    given = [i for e in estimates for i in (*e.intervals, e.interval) if i is not None]
    low = column.values[0] if column.values else None
    same = next((i for i in given if i.low == low), None)
    mass = _mass(same or (given[0] if given else None))
    return f"{mass} {_kind(same)}" if same and column.name == "interval" else mass


def _printed(
    columns: Sequence[_Column], index: int, title: str, percents: set[str]
) -> tuple[str, ...]:
    column = columns[index]
    percent = column.unit in percents
    if any(text.lower().startswith("chance") for text in (title, column.name)):
        return tuple(chance(v) if is_numeric(v) else plain(v) for v in column.values)
    if not column.is_number:
        return tuple(plain(value) for value in column.values)
    digits = _column_decimals(columns, index, percent=percent)
    if percent and "loss" in column.name:
        return tuple(loss(value, digits) for value in column.values)
    if column.ends is None:
        return tuple(written(value, digits, percent=percent) for value in column.values)
    pairs = zip(column.values, column.ends, strict=True)
    return tuple(span(low, high, digits, percent=percent) for low, high in pairs)


def _column_decimals(columns: Sequence[_Column], index: int, *, percent: bool) -> int:
    """Count decimals by the interval beside the column, else by the size of its values."""
    column = columns[index]
    ends = (*column.values, *(column.ends or ()))
    if all(v is None or float(v).is_integer() for v in ends):
        return 0
    for other in columns[index:]:
        if other.unit != column.unit:
            break
        if other.spreads:
            return decimals(other.spreads, percent=percent)
    return decimals([abs(v) / 10 for v in column.values if v], percent=percent)


def decimals(spreads: Sequence[float], *, percent: bool = False) -> int:
    """Count the decimals that show two digits of the middle one of `spreads`.

    >>> decimals([0.152]), decimals([0.00508], percent=True), decimals([40.0]), decimals([])
    (2, 2, 0, 2)
    """
    if not spreads:
        return 2
    size = median(spreads) * (100 if percent else 1)
    return max(0, 1 - floor(log10(size)))


def written(value: float | None, digits: int, *, percent: bool = False) -> str:
    """Write a number with `digits` decimals; one that would vanish keeps two digits of its own.

    >>> written(1234.5, 0), written(0.0836, 2, percent=True), written(0.00012, 2)
    ('1,234', '8.36 %', '0.00012')
    """
    if value is None or not isfinite(value):
        return DASH if value is None else "unbounded"
    shown_value = 100 * value if percent else value
    text = f"{shown_value:,.{digits}f}"
    if shown_value and not float(text.replace(",", "")):
        text = _small(shown_value)
    return f"{text} %" if percent else text


def loss(value: float | None, digits: int) -> str:
    """Write an expected loss, a share, in percent; how much less than nothing is no news.

    >>> loss(0.01234, 2), loss(2.3e-9, 9), loss(0.0, 2)
    ('1.23 %', 'under 0.001 %', '0.00 %')
    """
    if value is not None and 0 < 100 * value < 10**-_LOSS_DECIMALS:
        return f"under {10**-_LOSS_DECIMALS} %"
    return written(value, min(digits, _LOSS_DECIMALS), percent=True)


def _small(value: float) -> str:
    from pymc_vibes.stats.describe import plain as write

    return write(value, 2)


def span(low: float | None, high: float | None, digits: int, *, percent: bool = False) -> str:
    """Write an interval in one cell.

    >>> span(0.061, 0.081, 1, percent=True)
    '6.1 % to 8.1 %'
    """
    return f"{written(low, digits, percent=percent)} to {written(high, digits, percent=percent)}"


def words_of(name: str) -> str:
    """Write a name as words.

    >>> words_of("sd"), words_of("marginal_roas")
    ('SD', 'marginal ROAS')
    """
    parts = (_INITIALS.get(part, part) for part in name.split("_"))
    return _WORDS.get(name, " ".join(parts))
