"""What a figure declares: axes, tables of numbers, and marks that read them.

Four drawers read the same declaration (browser, terminal, PNG/SVG, notebook), so a figure is
checked here once: columns exist and agree in length, names are safe, numbers are finite, and the
whole is small enough to send. Summarize before you draw: there are no raw draws in a figure.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pymc_vibes.core.records import Record

MAX_VALUES = 20_000
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")

type Value = float | int | str | None


def _safe(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is not a column name: use [a-z][a-z0-9_]*")
    return name


type Name = Annotated[str, AfterValidator(_safe)]


class Axis(Record):
    """One axis: its label with unit, and how its values read."""

    label: str
    kind: Literal["number", "time", "category"] = "number"
    format: Literal["plain", "percent", "chance", "si"] = "plain"
    """`chance` is a percentage too, but a value never reads 0 % or 100 %."""
    zero: bool = False
    """Zero is part of the axis."""
    hide: bool = False
    domain: tuple[float, float] | None = None


class Mark(Record):
    """One layer of a figure.

    | kind | reads |
    | --- | --- |
    | area | x, y: a filled curve from zero |
    | band | x, low, high: a ribbon |
    | line | x, y |
    | dot | x, y; open when dashed |
    | interval | low, high, y: a horizontal bar |
    | arrow | low, high, y: a thin dashed pull from `low` to `high` |
    | rule_x, rule_y | x or y: a straight line across |
    | bar | x, y: a horizontal bar from zero to x at category y |
    """

    kind: Literal["area", "band", "line", "dot", "interval", "arrow", "rule_x", "rule_y", "bar"]
    table: Name
    x: Name | None = None
    y: Name | None = None
    low: Name | None = None
    high: Name | None = None
    series: int | None = Field(default=None, ge=0)
    """Index into `FigureSpec.series`; None is drawn in ink."""
    by: Name | None = None
    """A column that holds the series index of each row, in place of `series`."""
    dashed: bool = False
    weight: Literal["thin", "normal", "heavy"] = "normal"


READS: Mapping[str, tuple[str, ...]] = {
    "area": ("x", "y"),
    "band": ("x", "low", "high"),
    "line": ("x", "y"),
    "dot": ("x", "y"),
    "interval": ("low", "high", "y"),
    "arrow": ("low", "high", "y"),
    "rule_x": ("x",),
    "rule_y": ("y",),
    "bar": ("x", "y"),
}
"""The channels that a mark reads; a drawer ignores any other."""


class FigureSpec(Record):
    """Axes, ordered series labels, tables of columns, ordered marks."""

    version: Literal[1] = 1
    x: Axis
    y: Axis
    series: tuple[str, ...] = ()
    tables: Mapping[Name, Mapping[Name, tuple[Value, ...]]]
    marks: tuple[Mark, ...] = Field(min_length=1)
    shown: tuple[Name, ...] = ()
    """Tables behind "show the numbers"; all of them when empty."""
    note: str = ""
    """One line under the figure: what is hidden, what a mark means."""

    @model_validator(mode="after")
    def _check(self) -> "FigureSpec":
        total = 0
        for name, table in self.tables.items():
            lengths = {len(values) for values in table.values()}
            if len(lengths) != 1:
                raise ValueError(f"columns of table {name!r} differ in length: {sorted(lengths)}")
            total += sum(len(values) for values in table.values())
            for column, values in table.items():
                if any(isinstance(v, float) and not math.isfinite(v) for v in values):
                    raise ValueError(f"{name}.{column} holds a number that is not finite")
        if total > MAX_VALUES:
            raise ValueError(f"{total} values are too many for a figure: summarize first")
        for mark in self.marks:
            self._check_mark(mark)
        if missing := set(self.shown) - set(self.tables):
            raise ValueError(f"shown tables do not exist: {sorted(missing)}")
        return self

    def _check_mark(self, mark: Mark) -> None:
        if mark.table not in self.tables:
            raise ValueError(f"mark reads table {mark.table!r}, which does not exist")
        for channel in READS[mark.kind]:
            column = getattr(mark, channel)
            if column is None or column not in self.tables[mark.table]:
                raise ValueError(f"mark {mark.kind!r} needs column {channel}, has {column!r}")
        if mark.by is not None and mark.by not in self.tables[mark.table]:
            raise ValueError(
                f"mark {mark.kind!r} reads series from {mark.by!r}, which does not exist"
            )
        if mark.series is not None and mark.series >= len(self.series):
            raise ValueError(f"mark {mark.kind!r} names series {mark.series} of {len(self.series)}")


def rounded(values: Any, digits: int = 5) -> tuple[Any, ...]:
    """Round numbers to significant digits for a figure; text and None pass through.

    >>> rounded([1.23456789, 0.000123456789, "a", None])
    (1.2346, 0.00012346, 'a', None)
    """
    return tuple(
        float(f"{float(v):.{digits}g}") if not isinstance(v, str | type(None)) else v
        for v in values
    )
