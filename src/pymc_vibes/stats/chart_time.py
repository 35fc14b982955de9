"""Figures of rates over time: the rate with its band, when it changed, and by what factor.

They rest on the builders of `chart`; titles and alternative texts come from the caller.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.stats.chart import difference_curve
from pymc_vibes.stats.columns import (
    Numbers,
    Position,
    Positions,
    level_words,
    numbers,
    positions,
    sentences,
)

if TYPE_CHECKING:
    from pymc_vibes.stats.changepoint import ChangePoint

_BOUNDARIES = 120  # drawn at most: the likeliest,
_FEWEST = 12  # and at least
_REST = 0.001  # chance of all times together that are not worth a bar
_POINTS = 40  # raw rates that are drawn as points; more are a thin line


def rate_over_time(
    name: str,
    title: str,
    alt: str,
    *,
    bands: tuple[Numbers, Numbers, Numbers],
    raw: Numbers,
    at: Positions,
    x_label: str,
    y_label: str,
    level: float,
    moment: tuple[str, Position] | None = None,
    x_kind: Literal["number", "time"] = "time",
    note: str = "",
) -> Figure:
    """Declare a rate with its band, and behind it the raw rates as points or one thin line.

    `bands` are its middle, low and high; `raw` is NaN where a period has no exposure. `at` are the
    places of the periods; `moment` is a marked one, with words.
    """
    middle, low, high = bands
    given = {"rate": middle, "low": low, "high": high, "raw": raw}
    columns = {"x": positions(at), **{column: numbers(y) for column, y in given.items()}}
    is_short = len(columns["x"]) <= _POINTS
    moments = {} if moment is None else {"moment": {"x": positions([moment[1]])}}
    spec = FigureSpec(
        x=Axis(label=x_label, kind=x_kind),
        y=Axis(label=y_label, zero=True),
        series=("",),
        tables={"rates": columns, **moments},
        marks=_rate_marks(is_short=is_short, has_moment=moment is not None),
        shown=("rates",),
        note=sentences(
            f"Band: {level_words(level)} intervals.",
            f"{'Open diamonds' if is_short else 'Thin line'}: count over exposure.",
            "" if moment is None else f"Dashed: {moment[0]}.",
            note,
        ),
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def _rate_marks(*, is_short: bool, has_moment: bool) -> tuple[Mark, ...]:
    points = Mark(kind="dot", table="rates", x="x", y="raw", dashed=True)
    thin = Mark(kind="line", table="rates", x="x", y="raw", series=0, weight="thin")
    rule = Mark(kind="rule_x", table="moment", x="x", dashed=True, weight="thin")
    return (
        Mark(kind="band", table="rates", x="x", low="low", high="high", series=0),
        points if is_short else thin,
        Mark(kind="line", table="rates", x="x", y="rate", series=0, weight="heavy"),
        *((rule,) if has_moment else ()),
    )


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
    The likeliest times are drawn, at most 120, that hold all but a thousandth of the chance; the
    note says so.
    """
    order = np.argsort(-found.mass, kind="stable")
    enough = int(np.searchsorted(np.cumsum(found.mass[order]), 1 - _REST)) + 1
    kept = np.sort(order[: min(max(enough, _FEWEST), _BOUNDARIES)])
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
        series=("",),
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
