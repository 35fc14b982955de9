"""Figures of a marketing mix: sales and expected ones, layers over time, steps, before and after.

Titles and alternative texts come from the caller.
"""

from collections.abc import Sequence
from datetime import date

from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.stats.columns import (
    Columns,
    Numbers,
    level_words,
    numbers,
    positions,
    sentences,
    with_unit,
)

type Three = tuple[Numbers, Numbers, Numbers]
"""Middle, low and high."""


def sales_and_expected(
    name: str,
    title: str,
    alt: str,
    *,
    days: Sequence[date],
    seen: Numbers,
    expected: Three,
    noisy: tuple[Numbers, Numbers],
    held_from: date | None,
    label: str,
    level: float,
    note: str = "",
) -> Figure:
    """Declare what was sold as dots over what was expected; `noisy` is of single periods."""
    tables = {
        "single_periods": {"day": positions(days), **_ends(noisy)},
        "expected": {"day": positions(days), **_three(expected)},
        "seen": {"day": positions(days), "seen": numbers(seen)},
    }
    if held_from is not None:
        tables["held_out"] = {"day": positions([held_from])}
    below = sentences(
        f"Inner band: {level_words(level)} interval of expected {label}.",
        "Outer band: of a single period, noise included.",
        "Right of the dashed line periods were held out of the fit." if held_from else "",
        note,
    )
    spec = FigureSpec(
        x=Axis(label="period", kind="time"),
        y=Axis(label=label),
        series=("expected", "observed"),
        tables=tables,
        marks=_SALES if held_from is None else (*_SALES, _HELD_OUT),
        shown=("seen", "expected", "single_periods"),
        note=below,
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


_SALES = (
    Mark(kind="band", table="single_periods", x="day", low="low", high="high"),
    Mark(kind="band", table="expected", x="day", low="low", high="high", series=0),
    Mark(kind="line", table="expected", x="day", y="expected", series=0),
    Mark(kind="dot", table="seen", x="day", y="seen", series=1),
)
_HELD_OUT = Mark(kind="rule_x", table="held_out", x="day", dashed=True, weight="thin")


def _three(values: Three) -> Columns:
    return {"expected": numbers(values[0]), **_ends(values[1:])}


def _ends(bounds: tuple[Numbers, Numbers]) -> Columns:
    return {"low": numbers(bounds[0]), "high": numbers(bounds[1])}


def layers(
    name: str,
    title: str,
    alt: str,
    *,
    days: Sequence[date],
    rest: Numbers,
    parts: Sequence[tuple[str, Numbers]],
    seen: Numbers,
    label: str,
) -> Figure:
    """Declare parts stacked on what there was without them, and what was seen as dots."""
    import numpy as np

    day, floor = positions(days), np.asarray(rest, dtype=float)
    tables = {"without_media": {"day": day, "level": numbers(floor)}}
    marks = [Mark(kind="line", table="without_media", x="day", y="level", weight="thin")]
    for i, (_, part) in enumerate(parts):
        top = floor + np.asarray(part, dtype=float)
        columns = {"low": numbers(floor), "high": numbers(top), "part": numbers(part)}
        tables[f"part_{i}"] = {"day": day, **columns}
        marks.append(
            Mark(kind="band", table=f"part_{i}", x="day", low="low", high="high", series=i)
        )
        floor = top
    tables["seen"] = {"day": day, "seen": numbers(seen)}
    marks.append(Mark(kind="dot", table="seen", x="day", y="seen"))
    spec = FigureSpec(
        x=Axis(label="period", kind="time"),
        y=Axis(label=label),
        series=tuple(channel for channel, _ in parts),
        tables=tables,
        marks=tuple(marks),
        note="Line: without media. Each band: the part of a channel, on top of those below. "
        "Dots: observed.",
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


_STEP_MARKS = (
    Mark(
        kind="interval", table="steps", low="from", high="to", y="label", series=0, weight="heavy"
    ),
    Mark(kind="interval", table="ends", low="low", high="high", y="label", weight="thin"),
)


def waterfall(
    name: str,
    title: str,
    alt: str,
    *,
    labels: Sequence[str],
    steps: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    label: str,
    level: float,
) -> Figure:
    """Declare steps that add up, each from where the one before ended; the last row is the sum.

    `low` and `high` are the interval of where each step ends.
    """
    import numpy as np

    ends = np.cumsum(steps)
    starts = np.r_[0.0, ends[:-1]]
    names = (*labels, "in all")
    table = {
        "label": names,
        "from": numbers([*starts, 0.0]),
        "to": numbers([*ends, ends[-1]]),
        "amount": numbers([*steps, ends[-1]]),
    }
    spread = {"label": tuple(labels), "low": numbers(low), "high": numbers(high)}
    spec = FigureSpec(
        x=Axis(label=label, zero=True, format="si"),
        y=Axis(label="", kind="category"),
        series=("",),
        tables={"steps": table, "ends": spread},
        marks=_STEP_MARKS,
        note=f"Each bar begins where the one above ends. Thin: {level_words(level)} interval of "
        "where it ends.",
    )  # fmt: skip
    return Figure(name=name, title=title, alt=alt, spec=spec)


def before_and_after(
    name: str,
    title: str,
    alt: str,
    *,
    labels: Sequence[str],
    before: Sequence[tuple[float, float, float]],
    after: Sequence[tuple[float, float, float]],
    x_label: str,
    unit: str,
    level: float,
    words: tuple[str, str] = ("before the data", "after them"),
) -> Figure:
    """Declare two intervals for every label: `words` say of what the first and the second are."""
    tables = {
        which: {
            "label": tuple(labels),
            "mean": numbers(middle for middle, _, _ in rows),
            "low": numbers(low for _, low, _ in rows),
            "high": numbers(high for _, _, high in rows),
        }
        for which, rows in (("before", before), ("after", after))
    }
    bars = {"low": "low", "high": "high", "y": "label"}
    spec = FigureSpec(
        x=Axis(label=with_unit(x_label, unit), zero=True),
        y=Axis(label="", kind="category"),
        series=(words[1],),
        tables=tables,
        marks=(
            Mark(kind="interval", table="before", **bars, weight="thin"),
            Mark(kind="dot", table="before", x="mean", y="label", dashed=True),
            Mark(kind="interval", table="after", **bars, series=0, weight="heavy"),
            Mark(kind="dot", table="after", x="mean", y="label", series=0),
        ),
        note=f"Thin bars and open dots: {words[0]}; heavy ones: {words[1]}. Bars: "
        f"{level_words(level)} intervals.",
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def response(
    name: str,
    title: str,
    alt: str,
    *,
    amount: Numbers,
    gain: Three,
    most: float,
    usual: tuple[float, float],
    x_label: str,
    y_label: str,
    level: float,
) -> Figure:
    """Declare what amounts bring; those above `most` were never seen and are shaded.

    `usual` is the point of the usual amount.
    """
    tables = _response_tables(amount, gain, most, usual)
    is_beyond = "beyond" in tables
    beyond = [Mark(kind="band", table="beyond", x="amount", low="low", high="high")]
    spec = FigureSpec(
        x=Axis(label=x_label, zero=True),
        y=Axis(label=y_label, zero=True),
        series=("response",),
        tables=tables,
        marks=(
            *(beyond if is_beyond else []),
            Mark(kind="band", table="response", x="amount", low="low", high="high", series=0),
            Mark(kind="line", table="response", x="amount", y="gain", series=0),
            Mark(kind="rule_x", table="most_seen", x="amount", dashed=True, weight="thin"),
            Mark(kind="dot", table="usual", x="amount", y="gain", series=0),
        ),
        shown=("response", "usual", "most_seen"),
        note=sentences(
            f"Band: {level_words(level)} interval. Dot: the usual amount. Dashed: the most seen.",
            "Shaded: beyond what was seen, by the model alone." if is_beyond else "",
        ),
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def _response_tables(
    amount: Numbers, gain: Three, most: float, usual: tuple[float, float]
) -> dict[str, Columns]:
    middle, low, high = map(numbers, gain)
    tables: dict[str, Columns] = {
        "response": {"amount": positions(amount), "gain": middle, "low": low, "high": high},
        "usual": {"amount": positions([usual[0]]), "gain": numbers([usual[1]])},
        "most_seen": {"amount": positions([most])},
    }
    last = float(amount[-1])
    if last <= most:
        return tables
    top = numbers([max(float(end) for end in gain[2])] * 2)
    beyond = {"amount": positions([most, last]), "low": (0.0, 0.0), "high": top}
    return {"beyond": beyond, **tables}


def measured_and_expected(
    name: str,
    title: str,
    alt: str,
    *,
    labels: Sequence[str],
    measured: Sequence[tuple[float, float]],
    before: Sequence[tuple[float, float, float]],
    after: Sequence[tuple[float, float, float]],
    x_label: str,
    level: float,
) -> Figure:
    """Declare what was measured, with its sd, under what a model expects before and after it."""
    table = _measured_rows(labels, measured, before, after, level)
    spec = FigureSpec(
        x=Axis(label=x_label, zero=True),
        y=Axis(label="", kind="category"),
        series=("expected without the experiments", "measured", "expected with them"),
        tables={"lifts": table},
        marks=(
            Mark(kind="interval", table="lifts", low="low", high="high", y="label", by="series"),
            Mark(kind="dot", table="lifts", x="mean", y="label", by="series"),
        ),
        note=f"Bars: {level_words(level)} intervals, those of measurements by their standard "
        "errors.",
    )
    return Figure(name=name, title=title, alt=alt, spec=spec)


def _measured_rows(
    labels: Sequence[str],
    measured: Sequence[tuple[float, float]],
    before: Sequence[tuple[float, float, float]],
    after: Sequence[tuple[float, float, float]],
    level: float,
) -> Columns:
    from scipy.special import ndtri

    half = float(ndtri((1 + level) / 2))
    rows = {
        f"{label}: {which}": three
        for label, seen, first, second in zip(labels, measured, before, after, strict=True)
        for which, three in (
            ("expected without", first),
            ("measured", (seen[0], seen[0] - half * seen[1], seen[0] + half * seen[1])),
            ("expected with", second),
        )
    }
    return {
        "label": tuple(rows),
        "mean": numbers(middle for middle, _, _ in rows.values()),
        "low": numbers(low for _, low, _ in rows.values()),
        "high": numbers(high for _, _, high in rows.values()),
        "series": tuple(i % 3 for i in range(len(rows))),
    }
