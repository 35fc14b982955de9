"""The terminal's drawer: curves in braille, forests and bars as rows.

Arrows are left out: a row has no room for the pull beside its diamond. Curves need numbers on y,
so a figure with names on y shows only its dots, intervals, bars and rules. A density starts at 0;
the intervals that the declaration puts below it become rows of their own, named at the left.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size

from pymc_vibes.cli.braille import Color, Grid, paint
from pymc_vibes.cli.scale import Scale, axis_lines, number, scale_of
from pymc_vibes.core.figure import Figure, FigureSpec, Mark
from pymc_vibes.stats.label import printable
from pymc_vibes.stats.layers import Row, channels_on, placer, values_on

_HEIGHT = 11  # rows of cells of a plot with curves
_NARROWEST = 30
_Y_TICKS = 6
_NAMES = 26  # cells for the names of rows
_BLOCKS = "▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class _Layer:
    mark: Mark
    rows: list[Row]

    def whole(self, *channels: str) -> list[Row]:
        return [row for row in self.rows if all(row[c] is not None for c in channels)]


def render(figure: Figure, *, width: int, color: bool) -> str:
    """Draw the figure as text, at most `width` cells wide but at least 30."""
    spec, width = figure.spec, max(width, _NARROWEST)
    title = textwrap.wrap(printable(figure.title), width)
    note = textwrap.wrap(printable(spec.note), width) if spec.note else []
    draw = _draw_rows if spec.y.kind == "category" else _draw_curves
    lines = [*title, *_key(spec, width, color=color), *draw(spec, width, color=color), *note]
    return "\n".join(line.rstrip() for line in lines)


def _layers(spec: FigureSpec, names: list[Any]) -> list[_Layer]:
    place = placer(spec, names)
    return [_Layer(mark, place(mark)) for mark in spec.marks if mark.kind != "arrow"]


def _numbers(layers: Iterable[_Layer], side: str) -> list[float]:
    return [
        number(row[channel])
        for layer in layers
        for channel in channels_on(layer.mark, side)
        for row in layer.rows
        if row[channel] is not None
    ]


# -- the names of the series


def _tag(series: int, *, color: bool) -> str:
    # without color a letter on the curve says which one it is
    return "" if color else chr(ord("a") + series % 26)


def _key(spec: FigureSpec, width: int, *, color: bool) -> list[str]:
    dashed = {mark.series for mark in spec.marks if mark.dashed}
    lines: list[str] = []
    end = width
    for series, name in enumerate(spec.series):
        if not name:
            continue
        tag = _tag(series, color=color)
        swatch = f"{'╍╍' if series in dashed else '━━'} {tag}{' ' if tag else ''}"
        words = swatch + _cut(printable(name), width - len(swatch))
        if end + 3 + cell_len(words) > width:
            lines.append("")
            end = -3
        lines[-1] += ("" if end < 0 else "   ") + paint(words, series, color=color)
        end += 3 + cell_len(words)
    return lines


def _cut(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else f"{set_cell_size(text, cells - 1).rstrip()}…"


def _name(text: str, cells: int) -> str:
    return set_cell_size(_cut(text, cells - 2), cells)


# -- one row per name


def _draw_rows(spec: FigureSpec, width: int, *, color: bool) -> list[str]:
    names = list(dict.fromkeys(values_on(spec, "y")))
    shown = [printable(str(name)) for name in names]
    gutter = 2 + min(max(map(cell_len, shown), default=0), _NAMES, width // 3)
    layers = _layers(spec, names)
    scale = scale_of(spec.x, _numbers(layers, "x"))
    side = _side_texts(layers, scale)
    room = width - gutter - max((len(text) + 2 for text in side.values()), default=0)
    if room < _NARROWEST // 2:  # too narrow for numbers beside the bars
        side, room = {}, width - gutter
    grid = Grid(room, max(1, len(names)))
    for kind, draw in _ROW_MARKS.items():
        for layer in layers:
            if layer.mark.kind == kind:
                draw(grid, layer, scale)
    rows = zip(shown, grid.lines(color=color), strict=False)
    lines = [
        _name(name, gutter) + row + f"  {side.get(i, '')}" for i, (name, row) in enumerate(rows)
    ]
    return [*lines, *axis_lines(scale, gutter, room)]


def _side_texts(layers: list[_Layer], scale: Scale) -> dict[int, str]:
    values: dict[int, str] = {}
    bounds: dict[int, str] = {}
    for layer in layers:
        if layer.mark.kind in {"dot", "bar"} and not layer.mark.dashed:
            values |= {row["y"]: scale.text(number(row["x"])) for row in layer.whole("x", "y")}
        if layer.mark.kind == "interval":
            for row in layer.whole("low", "high", "y"):
                low, high = (scale.text(number(row[end])) for end in ("low", "high"))
                bounds[row["y"]] = f" ({low} to {high})"
    return {y: values.get(y, "") + bounds.get(y, "") for y in {**values, **bounds}}


def _bar_rows(grid: Grid, layer: _Layer, scale: Scale) -> None:
    for row in layer.whole("x", "y"):
        start, end = sorted((scale.share(0.0), scale.share(row["x"])))
        eighths = round((end - start) * grid.width * 8)
        first = grid.column(start)
        for column in range(first, first + eighths // 8):
            grid.text(column, row["y"], _BLOCKS[-1], row["series"])
        if eighths % 8:
            grid.text(first + eighths // 8, row["y"], _BLOCKS[eighths % 8 - 1], row["series"])


def _interval_rows(grid: Grid, layer: _Layer, scale: Scale) -> None:
    for row in layer.whole("low", "high", "y"):
        _interval_row(grid, layer.mark, row, row["y"], scale)


def _interval_row(grid: Grid, mark: Mark, row: Row, y: int, scale: Scale) -> None:
    low, high = (grid.column(scale.share(row[end])) for end in ("low", "high"))
    for column in range(low, high + 1):
        grid.text(column, y, "━" if mark.weight == "heavy" else "─", row["series"])


def _dot_rows(grid: Grid, layer: _Layer, scale: Scale) -> None:
    for row in layer.whole("x", "y"):
        _dot_row(grid, layer.mark, row, row["y"], scale)


def _dot_row(grid: Grid, mark: Mark, row: Row, y: int, scale: Scale) -> None:
    grid.text(grid.column(scale.share(row["x"])), y, "◇" if mark.dashed else "●", row["series"])


def _rules_across(grid: Grid, layer: _Layer, scale: Scale) -> None:
    for row in layer.whole("x"):
        grid.column_of("┊", scale.share(row["x"]), row["series"])


# in the order of drawing: what comes later lies on top, but rules fill only what is empty
_ROW_MARKS: Mapping[str, Callable[[Grid, _Layer, Scale], None]] = {
    "bar": _bar_rows,
    "interval": _interval_rows,
    "dot": _dot_rows,
    "rule_x": _rules_across,
}


# -- curves


def _draw_curves(spec: FigureSpec, width: int, *, color: bool) -> list[str]:
    layers = _layers(spec, [])
    sunk = [layer for layer in layers if _is_sunk(spec, layer)]
    above = [layer for layer in layers if not _is_sunk(spec, layer)]
    x = scale_of(spec.x, _numbers(layers, "x"))
    y = scale_of(spec.y, _numbers(above, "y"))
    gutter = _gutter(spec, sunk, y, width)
    grid = Grid(width - gutter, _HEIGHT)
    for kind, draw in _CURVE_MARKS.items():
        for layer in above:
            if layer.mark.kind == kind:
                draw(grid, layer, x, y)
    if not color:
        _write_tags(grid, spec, above, x, y)
    ticks = {} if spec.y.hide else {grid.row(y.share(t)): y.tick_text(t) for t in y.ticks(_Y_TICKS)}
    plot = [
        f"{ticks.get(i, ''):>{gutter - 1}} {line}" if gutter else line
        for i, line in enumerate(grid.lines(color=color))
    ]
    head = [] if spec.y.hide or not spec.y.label else [_cut(printable(spec.y.label), width)]
    rows = _sunk_rows(spec, sunk, x, (gutter, grid.width), color=color)
    return [*head, *plot, *rows, *axis_lines(x, gutter, grid.width)]


def _is_sunk(spec: FigureSpec, layer: _Layer) -> bool:
    if not spec.y.hide or layer.mark.kind not in {"interval", "dot"}:
        return False
    return any(row["y"] is not None and row["y"] < 0 for row in layer.rows)


def _gutter(spec: FigureSpec, sunk: list[_Layer], y: Scale, width: int) -> int:
    if not spec.y.hide:
        return 1 + max(len(y.tick_text(tick)) for tick in y.ticks(_Y_TICKS))
    names = [_series_name(spec, row["series"]) for layer in sunk for row in layer.rows]
    widest = max(map(cell_len, names), default=0)
    return 2 + min(widest, width // 4) if widest else 0


def _series_name(spec: FigureSpec, series: Color) -> str:
    name = "" if series is None else spec.series[series]
    return printable(name) if name else ""


def _sunk_rows(
    spec: FigureSpec, sunk: list[_Layer], x: Scale, size: tuple[int, int], *, color: bool
) -> list[str]:
    gutter, width = size
    heights = sorted({row["y"] for layer in sunk for row in layer.whole("y")}, reverse=True)
    grid = Grid(width, max(1, len(heights)))
    names: dict[int, Color] = {}
    for layer in sunk:
        ends = ("low", "high") if layer.mark.kind == "interval" else ("x",)
        draw = _interval_row if layer.mark.kind == "interval" else _dot_row
        for row in layer.whole(*ends, "y"):
            at = heights.index(row["y"])
            names[at] = row["series"]
            draw(grid, layer.mark, row, at, x)
    return [
        (_name(_series_name(spec, names.get(i)), gutter) if gutter else "") + line
        for i, line in enumerate(grid.lines(color=color)[: len(heights)])
    ]


def _curve_paths(
    grid: Grid, layer: _Layer, x: Scale, y: Scale, channel: str, *, dashed: bool
) -> None:
    for series in dict.fromkeys(row["series"] for row in layer.rows):
        points: list[tuple[float, float]] = []
        for row in [r for r in layer.rows if r["series"] == series]:
            if row["x"] is not None and row[channel] is not None:
                points.append((x.share(row["x"]), y.share(row[channel])))
                continue
            grid.path(points, series, dashed=dashed)  # a missing value is a gap
            points = []
        grid.path(points, series, dashed=dashed)


def _draw_line(grid: Grid, layer: _Layer, x: Scale, y: Scale) -> None:
    _curve_paths(grid, layer, x, y, "y", dashed=layer.mark.dashed)


def _draw_band(grid: Grid, layer: _Layer, x: Scale, y: Scale) -> None:
    if len(layer.rows) == 2:  # a zone: its sides matter, not its top
        for row in layer.whole("x", "low", "high"):
            at = x.share(row["x"])
            ends = [(at, y.share(row["low"])), (at, y.share(row["high"]))]
            grid.path(ends, row["series"], dashed=True)
        return
    for channel in ("low", "high"):
        _curve_paths(grid, layer, x, y, channel, dashed=True)


def _draw_interval(grid: Grid, layer: _Layer, x: Scale, y: Scale) -> None:
    for row in layer.whole("low", "high", "y"):
        at = y.share(row["y"])
        grid.path([(x.share(row["low"]), at), (x.share(row["high"]), at)], row["series"])


def _draw_bar(grid: Grid, layer: _Layer, x: Scale, y: Scale) -> None:
    for row in layer.whole("x", "y"):
        at = y.share(row["y"])
        grid.path([(x.share(0.0), at), (x.share(row["x"]), at)], row["series"])


def _draw_dot(grid: Grid, layer: _Layer, x: Scale, y: Scale) -> None:
    for row in layer.whole("x", "y"):
        _dot_row(grid, layer.mark, row, grid.row(y.share(row["y"])), x)


def _draw_rule_x(grid: Grid, layer: _Layer, x: Scale, _y: Scale) -> None:
    _rules_across(grid, layer, x)


def _draw_rule_y(grid: Grid, layer: _Layer, _x: Scale, y: Scale) -> None:
    for row in layer.whole("y"):
        grid.row_of("┄", y.share(row["y"]), row["series"])


_CURVE_MARKS: Mapping[str, Callable[[Grid, _Layer, Scale, Scale], None]] = {
    "band": _draw_band,
    "bar": _draw_bar,
    "interval": _draw_interval,
    "area": _draw_line,
    "line": _draw_line,
    "dot": _draw_dot,
    "rule_x": _draw_rule_x,
    "rule_y": _draw_rule_y,
}


def _write_tags(grid: Grid, spec: FigureSpec, layers: list[_Layer], x: Scale, y: Scale) -> None:
    for layer in layers:
        series = layer.mark.series
        if layer.mark.kind not in {"area", "line"} or series is None or not spec.series[series]:
            continue
        points = layer.whole("x", "y")
        if not points:
            continue
        peak = max(points, key=lambda row: row["y"]) if layer.mark.kind == "area" else points[-1]
        cell = (grid.column(x.share(peak["x"])), grid.row(y.share(peak["y"])))
        grid.text(*cell, _tag(series, color=False), series)
