"""The drawer of files: a figure as PNG or SVG, with matplotlib and without a display.

`Figure` is used directly, never pyplot, and one figure is drawn at a time: matplotlib's settings
and fonts are shared by all threads. The notebook's drawer, a pure dict, is `core.vega`.
"""

import io
import textwrap
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.figure import Axis, Figure, FigureSpec
from pymc_vibes.core.palette import Theme, theme
from pymc_vibes.stats.label import printable, shortened, tick_text
from pymc_vibes.stats.layers import DRAW, placer, values_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_WIDTH = 7.2  # inches
_NAME_LETTERS = 34  # of a name; the whole of it is in the table
_SETTINGS = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "vibes",  # the same figure gives the same bytes
    "text.parse_math": False,  # a "$" in a name is a dollar
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib ships it: the same picture everywhere
    "font.size": 10,
}
_one_at_a_time = Lock()


def to_png(figure: Figure, *, dark: bool = False, dpi: int = 150) -> bytes:
    """Draw the figure as a PNG image."""
    return _saved(figure, dark=dark, format="png", dpi=dpi)


def to_svg(figure: Figure, *, dark: bool = False) -> bytes:
    """Draw the figure as an SVG image; the same figure gives the same bytes."""
    return _saved(figure, dark=dark, format="svg", metadata={"Date": None})


def _saved(figure: Figure, *, dark: bool, **options: Any) -> bytes:
    import matplotlib as mpl

    out = io.BytesIO()
    with _one_at_a_time, mpl.rc_context(_SETTINGS):  # type: ignore[arg-type]  # typed for known keys
        _drawn(figure, theme(dark=dark)).savefig(out, **options)
    return out.getvalue()


def _drawn(figure: Figure, colors: Theme) -> "Canvas":
    from matplotlib.figure import Figure as Canvas
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    spec = figure.spec
    rows = list(dict.fromkeys(values_on(spec, "y"))) if spec.y.kind == "category" else []
    height = 1.7 + 0.27 * len(rows) if rows else 4.2
    frame = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    canvas = Canvas(figsize=(_WIDTH, height), facecolor=colors.page, layout=frame)
    axes = canvas.add_subplot(facecolor=colors.page)
    place = placer(spec, rows)
    for order, mark in enumerate(spec.marks):
        DRAW[mark.kind](axes, mark, place(mark), colors, order + 2)
    _dress(axes, spec, rows, colors)
    _name_series(axes, spec, colors)
    title = {"x": 0.017, "ha": "left", "color": colors.ink, "weight": "bold", "fontsize": 11}
    canvas.suptitle(_lines(figure.title, 80), **title)
    if spec.note:
        canvas.supxlabel(
            _lines(spec.note, 108), x=0.017, ha="left", fontsize=8.5, color=colors.quiet
        )
    return canvas


def _name_series(axes: "Axes", spec: FigureSpec, colors: Theme) -> None:
    from matplotlib.lines import Line2D

    dashed = {mark.series for mark in spec.marks if mark.dashed and mark.kind != "dot"}
    dotted = {mark.series for mark in spec.marks if mark.kind == "dot" and not mark.dashed}
    # what stands before a name looks like what it names
    dotted -= {mark.series for mark in spec.marks if mark.kind != "dot"}
    handles = [
        Line2D([], [], color=colors.of(i), linewidth=2, marker="o" if i in dotted else "",
               linestyle="" if i in dotted else "--" if i in dashed else "-",
               label=_glyphs(shortened(printable(name), _NAME_LETTERS)))
        for i, name in enumerate(spec.series)
        if name
    ]  # fmt: skip
    if not handles:
        return
    widest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), 88 // (widest + 6)))
    style: dict[str, Any] = {"frameon": False, "labelcolor": "linecolor", "fontsize": 9}
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1.01), "borderaxespad": 0}
    axes.legend(handles=handles, ncols=columns, **above, **style)


def _dress(axes: "Axes", spec: FigureSpec, rows: list[Any], colors: Theme) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(colors.grid)
    axes.grid(visible=True, axis="x" if rows else "y", color=colors.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=colors.quiet, length=3)
    _dress_axis(axes, "x", spec.x, colors)
    _dress_axis(axes, "y", spec.y, colors)
    if rows:
        names = [_glyphs(shortened(printable(str(row)), _NAME_LETTERS)) for row in rows]
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.4, -0.6)  # the first row is on top
        axes.tick_params(axis="y", length=0, labelcolor=colors.ink)
    if spec.y.hide and spec.y.zero:
        axes.axhline(0, color=colors.grid, linewidth=0.8, zorder=1)


def _dress_axis(axes: "Axes", side: str, axis: Axis, colors: Theme) -> None:
    drawn = axes.xaxis if side == "x" else axes.yaxis
    if axis.domain is not None:
        low, high = axis.domain
        room = 0.012 * (high - low)  # a dot on the edge is drawn whole
        (axes.set_xlim if side == "x" else axes.set_ylim)(low - room, high + room)
    elif axis.zero and axis.kind == "number":
        axes.update_datalim([(0, 0)], updatex=side == "x", updatey=side == "y")
        axes.autoscale_view()
    if axis.hide:
        drawn.set_visible(False)
        return
    label = _lines(axis.label, 80) if axis.label else ""
    drawn.set_label_text(label, color=colors.quiet)
    _tick_texts(drawn, axis)


def _tick_texts(drawn: Any, axis: Axis) -> None:
    from datetime import UTC

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import FuncFormatter

    if axis.kind == "number":
        drawn.set_major_formatter(FuncFormatter(lambda v, _: tick_text(v, axis.format)))
    if axis.kind == "time":
        locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # has no types
        drawn.set_major_locator(locator)
        reads = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]  # nor has this
        drawn.set_major_formatter(reads)


def _lines(text: str, letters: int) -> str:
    return _glyphs("\n".join(textwrap.wrap(printable(text), letters)))


def _glyphs(text: str) -> str:
    # a letter that the font lacks becomes a box here, without a warning for each
    known = _letters()
    return "".join(c if c == "\n" or ord(c) in known else "\u25a1" for c in text)


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())
