"""Builders of the figures that kinds declare.

A builder turns arrays into one small declaration; it never draws. Titles and alternative texts
come from the caller, because only the caller knows the finding. Drawing-only columns live in
tables of their own, so that the tables behind "show the numbers" hold what a person wants to read.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.stats.columns import (
    INTERVALS,
    Columns,
    MaybeNumbers,
    Numbers,
    Position,
    Positions,
    center_of,
    curve_columns,
    highest_first,
    level_words,
    numbers,
    positions,
    sentences,
    split_at,
    with_gap,
    with_unit,
)

type Curve = tuple[str, Numbers, Numbers, float | None, float | None]
"""Label, x, density, low and high of its interval."""
type Line = tuple[str, Positions, Numbers, MaybeNumbers | None, MaybeNumbers | None]
"""Label, x, y, and low and high of its band, or None for a bare line."""
type Format = Literal["plain", "percent", "chance", "si"]

MAX_CURVES = 7  # as many as there are colors
FOREST_ENDS = 20  # rows drawn at the top and at the bottom of a forest that is too long
_ROW = 0.09  # height of one interval row under the curves, as a share of the highest peak


def density_overlay(
    name: str,
    title: str,
    alt: str,
    *,
    curves: Sequence[Curve],
    x_label: str,
    level: float,
    means: MaybeNumbers | None = None,
    unit: str = "",
    x_format: Format = "plain",
    interval: Literal["hdi", "eti"] = "hdi",
) -> Figure:
    """Declare posterior curves on one axis, each with its interval in a row of its own below zero.

    The dot is at `means`, or at the mean of the drawn curve where none is given; only given means
    are listed as numbers. Of more than seven curves the first seven are drawn; the note says so.
    """
    spec = FigureSpec(
        x=Axis(label=with_unit(x_label, unit), format=x_format),
        y=Axis(label="density", hide=True, zero=True),
        series=tuple(label for label, *_ in curves[:MAX_CURVES]),
        tables=_overlay_tables(curves[:MAX_CURVES], means),
        marks=_overlay_marks(min(len(curves), MAX_CURVES)),
        shown=("numbers",),
        note=sentences(
            f"Bars: {level_words(level)} {INTERVALS[interval]} intervals; dots: means.",
            _first_drawn(len(curves)),
        ),
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def _overlay_tables(curves: Sequence[Curve], means: MaybeNumbers | None) -> dict[str, Columns]:
    shapes = [curve_columns(x, y) for _, x, y, _, _ in curves]
    peak = max(max(shape["y"]) for shape in shapes)
    centers = [center_of(shape) for shape in shapes] if means is None else means[: len(curves)]
    bounds = {
        "low": numbers(low for *_, low, _ in curves),
        "high": numbers(high for *_, high in curves),
    }
    given = {} if means is None else {"mean": numbers(centers)}
    rows = {
        **bounds,
        "mean": numbers(centers),
        "y": numbers(-_ROW * peak * (i + 1) for i in range(len(curves))),
        "series": tuple(range(len(curves))),
    }
    return {
        **{f"curve_{i}": shape for i, shape in enumerate(shapes)},
        "rows": rows,
        "numbers": {"label": tuple(label for label, *_ in curves), **given, **bounds},
    }


def _overlay_marks(count: int) -> tuple[Mark, ...]:
    areas = [
        Mark(kind="area", table=f"curve_{i}", x="x", y="y", series=i, dashed=i % 2 == 1)
        for i in range(count)
    ]
    return (*areas, *_interval_and_dot("rows", by="series"))


def difference_curve(
    name: str,
    title: str,
    alt: str,
    *,
    x: Numbers,
    y: Numbers,
    low: float | None,
    high: float | None,
    x_label: str,
    level: float,
    zero: float = 0.0,
    rope: tuple[float, float] | None = None,
    mean: float | None = None,
    unit: str = "",
    x_format: Format = "plain",
    sides: tuple[str, str] = ("", ""),
    colors: tuple[int, int] = (0, 1),
) -> Figure:
    """Declare the posterior of one difference (or ratio, with `zero=1`) against no difference.

    The curve changes color at `zero`: `sides` says what lies left and right of it, such as
    `("A higher", "B higher")`, `colors` which series they are where both are drawn together.
    `rope` is too small to matter. A decision is read from the interval, so it is equal-tailed.
    """
    tables = _difference_tables(curve_columns(x, y), (low, mean, high), zero)
    zone = "Shaded zone: too small to matter." if rope is not None else ""
    if rope is not None:
        peak = max(max(columns["y"]) for side, columns in tables.items() if side in _SIDES)
        tables["zone"] = {"x": numbers(rope), "low": (0.0, 0.0), "high": numbers([peak, peak])}
    spec = FigureSpec(
        x=Axis(label=with_unit(x_label, unit), format=x_format),
        y=Axis(label="density", hide=True, zero=True),
        series=tuple(side for _, side in sorted(zip(colors, sides, strict=True))),
        tables=tables,
        marks=_difference_marks(tables, colors),
        shown=("numbers",),
        note=sentences(f"Bar: {level_words(level)} equal-tailed interval; dot: mean.", zone),
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


_SIDES = ("left", "right")


def _difference_tables(
    curve: Columns, summary: tuple[float | None, float | None, float | None], zero: float
) -> dict[str, Columns]:
    low, mean, high = summary
    bounds = {"low": numbers([low]), "high": numbers([high])}
    center = numbers([center_of(curve) if mean is None else mean])
    row = {**bounds, "mean": center, "y": numbers([-_ROW * max(curve["y"])])}
    return {
        **{_SIDES[i]: half for i, half in split_at(curve, zero).items()},
        "zero": {"x": numbers([zero])},
        "row": row,
        "numbers": bounds if mean is None else {"mean": center, **bounds},
    }


def _difference_marks(tables: dict[str, Columns], colors: tuple[int, int]) -> tuple[Mark, ...]:
    zone = [Mark(kind="band", table="zone", x="x", low="low", high="high")]
    halves = [
        Mark(kind="area", table=side, x="x", y="y", series=color)
        for color, side in zip(colors, _SIDES, strict=True)
        if side in tables
    ]
    return (
        *(zone if "zone" in tables else []),
        *halves,
        Mark(kind="rule_x", table="zero", x="x"),
        *_interval_and_dot("row"),
    )


def forest(
    name: str,
    title: str,
    alt: str,
    *,
    labels: Sequence[str],
    mean: MaybeNumbers,
    low: MaybeNumbers,
    high: MaybeNumbers,
    x_label: str,
    level: float,
    raw: MaybeNumbers | None = None,
    center: float | None = None,
    center_label: str = "group mean",
    unit: str = "",
    x_format: Format = "plain",
    interval: Literal["hdi", "eti"] = "hdi",
    limit: int = 60,
) -> Figure:
    """Declare one row per label, ordered by estimate, highest first.

    `raw` adds an open diamond and the pull from it to the estimate; `center` is a dashed rule.
    Above `limit` rows the 20 highest and lowest are drawn; a gap and the note say what is hidden.
    """
    given = {"mean": mean, "low": low, "high": high} | ({} if raw is None else {"raw": raw})
    tables = _forest_tables(labels, given, limit)
    if center is not None:
        tables["center"] = {"x": numbers([center])}
    note = sentences(
        f"Dots: means; bars: {level_words(level)} {INTERVALS[interval]} intervals.",
        "Open diamonds: raw values." if raw is not None else "",
        f"Dashed rule: {center_label}." if center is not None else "",
        _hidden_between(len(labels)) if "rows" in tables else "",
    )
    x = Axis(label=with_unit(x_label, unit), format=x_format)
    return _rows_figure((name, title, alt), x, tables, _forest_marks(tables), note)


def _forest_tables(
    labels: Sequence[str], given: dict[str, MaybeNumbers], limit: int
) -> dict[str, Columns]:
    columns = {name: numbers(values) for name, values in given.items()}
    order = highest_first(columns["mean"])
    hidden = len(order) - 2 * FOREST_ENDS if len(order) > max(limit, 2 * FOREST_ENDS) else 0
    kept = order[:FOREST_ENDS] + order[-FOREST_ENDS:] if hidden else order
    drawn = _picked(labels, columns, kept)
    if not hidden:
        return {"numbers": drawn}
    return {"numbers": drawn, "rows": with_gap(drawn, FOREST_ENDS, f"… {hidden} more …")}


def _forest_marks(tables: dict[str, Columns]) -> tuple[Mark, ...]:
    rows = "rows" if "rows" in tables else "numbers"
    center = Mark(kind="rule_x", table="center", x="x", dashed=True, weight="thin")
    pulls = [
        Mark(kind="arrow", table=rows, low="raw", high="mean", y="label", weight="thin"),
        Mark(kind="dot", table=rows, x="raw", y="label", dashed=True),
    ]
    return (
        *([center] if "center" in tables else []),
        Mark(kind="interval", table=rows, low="low", high="high", y="label", series=0),
        *(pulls if "raw" in tables[rows] else []),
        Mark(kind="dot", table=rows, x="mean", y="label", series=0),
    )


def _hidden_between(total: int) -> str:
    return (
        f"The {FOREST_ENDS} highest and {FOREST_ENDS} lowest of {total} are drawn; "
        f"{total - 2 * FOREST_ENDS} between them are hidden."
    )


def lines_with_bands(
    name: str,
    title: str,
    alt: str,
    *,
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    level: float | None = None,
    x_kind: Literal["number", "time"] = "number",
    y_format: Format = "plain",
    y_zero: bool = False,
    y_domain: tuple[float, float] | None = None,
    at: Sequence[tuple[str, Position]] = (),
    note: str = "",
) -> Figure:
    """Declare several series over time or an index, each with an optional band.

    Times are dates, aware datetimes or ISO strings. `at` marks moments, as (words, position), where
    words may cover several. Of more than seven lines the first seven are drawn; the note says so.
    """
    tables = {f"line_{i}": _line_columns(line) for i, line in enumerate(lines[:MAX_CURVES])}
    marks = _line_marks(tables)
    banded = any(mark.kind == "band" for mark in marks)
    words = f"Bands: {level_words(level)} intervals." if banded and level is not None else ""
    told = "; ".join(moment for moment, _ in at if moment)
    moments = {"moments": {"x": positions([where for _, where in at])}} if at else {}
    rule = Mark(kind="rule_x", table="moments", x="x", dashed=True, weight="thin")
    spec = FigureSpec(
        x=Axis(label=x_label, kind=x_kind),
        y=Axis(label=y_label, format=y_format, zero=y_zero, domain=y_domain),
        series=tuple(label for label, *_ in lines[:MAX_CURVES]),
        tables=tables | moments,
        marks=(*marks, rule) if at else marks,
        shown=tuple(tables),
        note=sentences(words, f"Dashed: {told}." if told else "", note, _first_drawn(len(lines))),
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def _line_columns(line: Line) -> dict[str, tuple[Any, ...]]:
    _, x, y, low, high = line
    columns = {"x": positions(x), "y": numbers(y)}
    if low is None or high is None:
        return columns
    return columns | {"low": numbers(low), "high": numbers(high)}


def _line_marks(tables: dict[str, dict[str, tuple[Any, ...]]]) -> tuple[Mark, ...]:
    bands = [
        Mark(kind="band", table=table, x="x", low="low", high="high", series=i)
        for i, (table, columns) in enumerate(tables.items())
        if "low" in columns
    ]
    lines = [
        Mark(kind="line", table=table, x="x", y="y", series=i, dashed=i % 2 == 1)
        for i, table in enumerate(tables)
    ]
    return (*bands, *lines)


def bars(
    name: str,
    title: str,
    alt: str,
    *,
    labels: Sequence[str],
    values: Numbers,
    x_label: str,
    unit: str = "",
    x_format: Format = "chance",
    x_domain: tuple[float, float] | None = None,
    marker: Numbers | None = None,
    marker_label: str = "",
    colors: Sequence[int] | None = None,
    limit: int = 40,
    note: str = "",
) -> Figure:
    """Declare one bar per label from zero, longest first.

    `colors` are the series that the labels have in a figure beside this one, to keep their colors.

    `marker` adds an open diamond per row, such as the share that was planned; `marker_label` says
    what it is. Above `limit` the longest are drawn and the note says so.
    """
    columns = {"value": numbers(values)} | ({} if marker is None else {"marker": numbers(marker)})
    kept = highest_first(columns["value"])[:limit]
    tables = {"numbers": _picked(labels, columns, kept)}
    diamond = Mark(kind="dot", table="numbers", x="marker", y="label", dashed=True)
    bar = Mark(kind="bar", table="numbers", x="value", y="label", series=0)
    if colors is not None:
        tables["rows"] = {**tables["numbers"], "series": tuple(colors[i] for i in kept)}
        bar = Mark(kind="bar", table="rows", x="value", y="label", by="series")
    cut = f"The {limit} longest of {len(labels)} are drawn." if len(labels) > limit else ""
    notes = sentences(f"Open diamonds: {marker_label}." if marker is not None else "", note, cut)
    x = Axis(label=with_unit(x_label, unit), format=x_format, zero=True, domain=x_domain)
    marks = (bar,) if marker is None else (bar, diamond)
    return _rows_figure((name, title, alt), x, tables, marks, notes)


def _rows_figure(
    words: tuple[str, str, str],
    x: Axis,
    tables: dict[str, Columns],
    marks: tuple[Mark, ...],
    note: str,
) -> Figure:
    y = Axis(label="", kind="category")
    spec = FigureSpec(
        x=x, y=y, series=("",), tables=tables, marks=marks, shown=("numbers",), note=note
    )
    name, title, alt = words
    return Figure(name=name, title=title, alt=alt, spec=spec)


def _picked(
    labels: Sequence[str], columns: dict[str, tuple[Any, ...]], kept: Sequence[int]
) -> Columns:
    chosen = {name: tuple(values[i] for i in kept) for name, values in columns.items()}
    return {"label": tuple(labels[i] for i in kept), **chosen}


def _interval_and_dot(table: str, by: str | None = None) -> tuple[Mark, Mark]:
    bounds = {"low": "low", "high": "high", "y": "y"}
    return (
        Mark(kind="interval", table=table, **bounds, by=by, weight="heavy"),
        Mark(kind="dot", table=table, x="mean", y="y", by=by),
    )


def _first_drawn(total: int) -> str:
    return f"The first {MAX_CURVES} of {total} are drawn." if total > MAX_CURVES else ""
