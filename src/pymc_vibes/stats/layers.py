"""The nine marks of a figure in matplotlib, and the reading of its tables for them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.figure import READS, Axis, FigureSpec, Mark
from pymc_vibes.core.palette import DASH, STROKES, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

type Row = Mapping[str, Any]

_SIDEWAYS = frozenset({"interval", "arrow"})  # their low and high lie on the x axis


def values_on(spec: FigureSpec, side: str) -> list[Any]:
    """Give the values that lie on the axis `side`, over all marks, in order."""
    return [
        value
        for mark in spec.marks
        for channel in channels_on(mark, side)
        for value in spec.tables[mark.table][getattr(mark, channel)]
        if value is not None
    ]


def channels_on(mark: Mark, side: str) -> tuple[str, ...]:
    """Give the channels of a mark that lie on the axis `side`.

    >>> channels_on(Mark(kind="interval", table="t", low="low", high="high", y="y"), "x")
    ('low', 'high')
    """
    across = "x" if mark.kind in _SIDEWAYS else "y"
    return tuple(c for c in READS[mark.kind] if (c if c in "xy" else across) == side)


def placer(spec: FigureSpec, rows: list[Any]) -> Callable[[Mark], list[Row]]:
    """Give the reader of a mark's rows in the units of the axes; categories lie at their row."""
    readers = {"x": _reader(spec.x, []), "y": _reader(spec.y, rows)}

    def place(mark: Mark) -> list[Row]:
        table = spec.tables[mark.table]
        columns = {
            channel: [None if v is None else read(v) for v in table[getattr(mark, channel)]]
            for side, read in readers.items()
            for channel in channels_on(mark, side)
        }
        count = len(next(iter(columns.values())))
        columns["series"] = list(table[mark.by]) if mark.by else [mark.series] * count
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    return place


def _reader(axis: Axis, rows: list[Any]) -> Callable[[Any], Any]:
    if axis.kind == "category":
        return {value: i for i, value in enumerate(rows)}.__getitem__
    return instant if axis.kind == "time" else float


def instant(value: str) -> datetime:
    """Read a time; one without zone is UTC."""
    read = datetime.fromisoformat(value)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _grouped(rows: list[Row]) -> dict[int | None, list[Row]]:
    found: dict[int | None, list[Row]] = {}
    for row in rows:
        found.setdefault(row["series"], []).append(row)
    return found


def _columns(rows: list[Row], *names: str) -> list[list[Any]]:
    # a missing value becomes NaN, which matplotlib draws as a gap
    return [[float("nan") if row[n] is None else row[n] for row in rows] for n in names]


# -- marks


def _stroke(mark: Mark) -> dict[str, Any]:
    width = 0.7 * STROKES[mark.weight]  # points, where the browser counts pixels
    dash = tuple(length / width / 1.4 for length in DASH)
    return {"linewidth": width, "linestyle": (0, dash) if mark.dashed else "-"}


def _line(axes: "Axes", mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for series, points in _grouped(rows).items():
        x, y = _columns(points, "x", "y")
        axes.plot(x, y, color=colors.of(series), zorder=order, **_stroke(mark))


def _area(axes: "Axes", mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for series, points in _grouped(rows).items():
        x, y = _columns(points, "x", "y")
        axes.fill_between(x, y, color=colors.of(series), alpha=0.14, linewidth=0, zorder=order)
    _line(axes, mark, rows, colors, order)


def _band(axes: "Axes", _mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for series, points in _grouped(rows).items():
        x, low, high = _columns(points, "x", "low", "high")
        axes.fill_between(
            x, low, high, color=colors.of(series), alpha=0.16, linewidth=0, zorder=order
        )


def _dot(axes: "Axes", mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for series, points in _grouped(_whole(rows, "x", "y")).items():
        x, y = _columns(points, "x", "y")
        color = colors.of(series)
        face, shape = (colors.page, "D") if mark.dashed else (color, "o")
        style: dict[str, Any] = {"s": 26, "marker": shape, "zorder": order + 20}
        axes.scatter(x, y, facecolors=face, edgecolors=color, **style)


def _interval(axes: "Axes", mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for row in _whole(rows, "low", "high", "y"):
        ends, y = [row["low"], row["high"]], [row["y"], row["y"]]
        style = {"solid_capstyle": "round", "zorder": order, **_stroke(mark)}
        axes.plot(ends, y, color=colors.of(row["series"]), **style)


def _arrow(axes: "Axes", _mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for row in _whole(rows, "low", "high", "y"):
        ends, y = [row["low"], row["high"]], [row["y"], row["y"]]
        axes.plot(ends, y, color=colors.of(row["series"]), linewidth=0.7, linestyle=":",
                  zorder=order)  # fmt: skip


def _rule_x(axes: "Axes", mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for row in _whole(rows, "x"):
        axes.axvline(row["x"], color=colors.of(row["series"]), zorder=order, **_stroke(mark))


def _rule_y(axes: "Axes", mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for row in _whole(rows, "y"):
        axes.axhline(row["y"], color=colors.of(row["series"]), zorder=order, **_stroke(mark))


def _bar(axes: "Axes", _mark: Mark, rows: list[Row], colors: Theme, order: int) -> None:
    for row in _whole(rows, "x", "y"):
        axes.barh(row["y"], row["x"], height=0.72, color=colors.of(row["series"]), zorder=order)


def _whole(rows: list[Row], *names: str) -> list[Row]:
    return [row for row in rows if all(row[name] is not None for name in names)]


DRAW: Mapping[str, Callable[["Axes", Mark, list[Row], Theme, int], None]] = {
    "area": _area, "band": _band, "line": _line, "dot": _dot, "interval": _interval,
    "arrow": _arrow, "rule_x": _rule_x, "rule_y": _rule_y, "bar": _bar,
}  # fmt: skip
