"""Figures of rates over time: the rate with its band, when it changed, and by what factor.

They rest on the builders of `chart`; titles and alternative texts come from the caller.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.stats.chart import difference_curve
from pymc_vibes.stats.columns import Positions, level_words, numbers, positions, sentences

if TYPE_CHECKING:
    from pymc_vibes.stats.changepoint import ChangePoint
    from pymc_vibes.stats.piecewise import PiecewiseRates

_BOUNDARIES = 120  # drawn at most: the likeliest


def rate_over_time(
    name: str,
    title: str,
    alt: str,
    *,
    found: "PiecewiseRates",
    at: Positions,
    x_label: str,
    y_label: str,
    level: float,
    x_kind: Literal["number", "time"] = "time",
    note: str = "",
) -> Figure:
    """Declare the median rate with its equal-tailed band, and the raw rates as open points.

    `at` are the places of the periods, such as their middles. A period without exposure has no
    point, and its band is wide.
    """
    exposure = found.series.exposure
    raw = np.full(len(exposure), np.nan)
    np.divide(found.series.counts, exposure, out=raw, where=exposure > 0)
    tail = (1 - level) / 2
    columns = {
        "x": positions(at),
        "median": numbers(found.rates.quantile(0.5)),
        "low": numbers(found.rates.quantile(tail)),
        "high": numbers(found.rates.quantile(1 - tail)),
        "raw": numbers(raw),
    }
    marks = (
        Mark(kind="band", table="rates", x="x", low="low", high="high", series=0),
        Mark(kind="line", table="rates", x="x", y="median", series=0),
        Mark(kind="dot", table="rates", x="x", y="raw", dashed=True),
    )
    words = f"Line: median; band: {level_words(level)} equal-tailed intervals."
    spec = FigureSpec(
        x=Axis(label=x_label, kind=x_kind),
        y=Axis(label=y_label, zero=True),
        series=("rate",),
        tables={"rates": columns},
        marks=marks,
        note=sentences(words, "Open diamonds: events over exposure.", note),
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def time_of_change(
    name: str,
    title: str,
    alt: str,
    *,
    found: "ChangePoint",
    at: Positions,
    x_label: str,
    x_kind: Literal["number", "time"] = "time",
    note: str = "",
) -> Figure:
    """Declare the chance of each time of change, as a bar on the axis of time, given a change.

    `at` are the starts of the periods, all of them: a change is at the start of its first period.
    Of more than 120 times the likeliest are drawn; the note says so.
    """
    kept = np.sort(np.argsort(-found.mass, kind="stable")[:_BOUNDARIES])
    places = positions(at)
    chances = numbers(found.mass[kept])
    times = tuple(places[int(i) + 1] for i in kept)
    tables = {f"bar_{i}": {"x": (x, x), "chance": (0.0, chances[i])} for i, x in enumerate(times)}
    bars = tuple(
        Mark(kind="line", table=table, x="x", y="chance", series=0, weight="heavy")
        for table in tables
    )
    hidden = len(found.mass) - len(kept)
    cut = f"The {len(kept)} likeliest of {len(found.mass)} times are drawn." if hidden else ""
    spec = FigureSpec(
        x=Axis(label=x_label, kind=x_kind),
        y=Axis(label="chance of a change here, if there was one", format="chance", zero=True),
        series=("change",),
        tables={"times": {"x": times, "chance": chances}, **tables},
        marks=bars,
        shown=("times",),
        note=sentences(cut, note),
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def factor_of_change(
    name: str, title: str, alt: str, *, found: "ChangePoint", level: float
) -> Figure:
    """Declare the density of rate after over rate before, against no change, given a change."""
    factor = found.factor
    x, y = factor.density()
    low, high = factor.interval(level)
    return difference_curve(
        name,
        title,
        alt,
        x=x,
        y=y,
        low=low,
        high=high,
        mean=factor.mean,
        x_label="rate after over rate before",
        level=level,
        zero=1.0,
        sides=("lower after", "higher after"),
    )
