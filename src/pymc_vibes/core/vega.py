"""The notebook's drawer: a figure as a Vega-Lite dict."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pymc_vibes.core.marks import READS, Axis, FigureSpec, Mark
from pymc_vibes.core.palette import DASH, STROKES, Theme, theme

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name: notebooks bring their own
_TYPES = {"number": "quantitative", "time": "temporal", "category": "nominal"}
_SIDEWAYS = frozenset({"interval", "arrow"})
_FORMATS = {"plain": None, "percent": "~%", "chance": "~%", "si": "~s"}


def to_vega_lite(spec: FigureSpec, *, title: str, alt: str, dark: bool = False) -> dict[str, Any]:
    """Give a figure as a Vega-Lite 6 specification that holds all its data."""
    colors = theme(dark=dark)
    return {
        "$schema": _SCHEMA,
        "title": {"text": title, "subtitle": spec.note, "anchor": "start"},
        "description": alt,
        "width": 560,
        "height": {"step": 22} if spec.y.kind == "category" else 260,
        "background": colors.page,
        "config": _config(colors),
        "datasets": {name: _records(table) for name, table in spec.tables.items()},
        "layer": [layer for mark in spec.marks for layer in _layers(spec, mark, colors)],
    }


def _config(colors: Theme) -> dict[str, Any]:
    axis = {"labelColor": colors.quiet, "titleColor": colors.quiet, "gridColor": colors.grid}
    legend = {"labelColor": colors.ink, "title": None, "symbolOpacity": 1}
    words = {"color": colors.ink, "subtitleColor": colors.quiet}
    return {"axis": axis, "title": words, "legend": legend}


def _records(table: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    columns = list(table)
    return [dict(zip(columns, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _layers(spec: FigureSpec, mark: Mark, colors: Theme) -> Iterator[dict[str, Any]]:
    encoding = {**_positions(spec, mark), "color": _color(spec, mark, colors)}
    for kind in _vega_marks(mark, colors):
        yield {"data": {"name": mark.table}, "mark": kind, "encoding": encoding}


def _positions(spec: FigureSpec, mark: Mark) -> dict[str, Any]:
    across = ("x", spec.x) if mark.kind in _SIDEWAYS else ("y", spec.y)
    places = {"x": ("x", spec.x), "y": ("y", spec.y), "low": across}
    reads = [channel for channel in READS[mark.kind] if channel != "high"]
    found = {places[c][0]: _channel(places[c][1], getattr(mark, c)) for c in reads}
    return found | ({f"{across[0]}2": {"field": mark.high}} if "low" in reads else {})


def _channel(axis: Axis, column: str) -> dict[str, Any]:
    scale: dict[str, Any] = {}
    if axis.kind == "number":
        scale["zero"] = axis.zero
    if axis.domain is not None:
        scale["domain"] = list(axis.domain)
    drawn = {"title": axis.label or None, "labelLimit": 180}
    if axis.kind == "number" and _FORMATS[axis.format]:
        drawn["format"] = _FORMATS[axis.format]
    return {
        "field": column,
        "type": _TYPES[axis.kind],
        "axis": None if axis.hide else drawn,
        **({"scale": scale} if scale else {}),
        **({"sort": None} if axis.kind == "category" else {}),
    }


def _color(spec: FigureSpec, mark: Mark, colors: Theme) -> dict[str, Any]:
    palette = [colors.of(i) for i in range(len(spec.series))]
    if mark.by is not None:
        # values without a scale: a scale of numbers beside that of the names takes its legend away
        column = f"datum[{json.dumps(mark.by)}]"
        cases = [{"test": f"{column} === {i}", "value": ink} for i, ink in enumerate(palette)]
        return {"condition": cases, "value": colors.quiet}
    if mark.series is None or not spec.series[mark.series]:
        return {"value": colors.of(mark.series)}
    # a constant datum puts the name into the legend
    named = [i for i, label in enumerate(spec.series) if label]
    scale = {"domain": [spec.series[i] for i in named], "range": [palette[i] for i in named]}
    return {"datum": spec.series[mark.series], "type": "nominal", "scale": scale}


def _vega_marks(mark: Mark, colors: Theme) -> list[dict[str, Any]]:
    width = STROKES[mark.weight]
    dash = {"strokeDash": list(DASH)} if mark.dashed else {}
    stroke = {"strokeWidth": width, **dash}
    match mark.kind:
        case "area":
            line = {"type": "line", **stroke}
            return [{"type": "area", "opacity": 0.14, "line": False}, line]
        case "band":
            return [{"type": "area", "opacity": 0.16}]
        case "line":
            return [{"type": "line", **stroke}]
        case "dot" if mark.dashed:
            fill = {"filled": False, "fill": colors.page}
            return [{"type": "point", "shape": "diamond", "size": 60, **fill}]
        case "dot":
            return [{"type": "point", "filled": True, "size": 60, "opacity": 1}]
        case "bar":
            return [{"type": "bar"}]
        case "arrow":
            return [{"type": "rule", "strokeWidth": 1, "strokeDash": [2, 3]}]
        case _:
            return [{"type": "rule", **stroke}]
