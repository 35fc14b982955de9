"""Figures of an interrupted series: three panels on one axis of time, and the checks beside them.

Titles and alternative texts come from the caller. `change` holds the first day after the change,
and the first one after its end where it ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from pymc_vibes.stats.describe import plain
from pymc_vibes.stats.special import Array

_CHANGE = Mark(kind="rule_x", table="change", x="day", dashed=True, weight="thin")
_ZERO = Mark(kind="rule_y", table="zero", y="value", weight="thin")
_NOTHING: Columns = {"value": (0.0,)}


@dataclass(frozen=True)
class Words:
    """What a picture is called and what it says."""

    name: str
    title: str
    alt: str


@dataclass(frozen=True)
class Band:
    """A line with its interval, one value per day."""

    day: Sequence[date]
    middle: Numbers
    low: Numbers
    high: Numbers

    def columns(self, name: str) -> Columns:
        """Give the columns of a table."""
        return {
            "day": positions(self.day),
            name: numbers(self.middle),
            "low": numbers(self.low),
            "high": numbers(self.high),
        }


def _dashed(change: Sequence[date]) -> str:
    return "the change" if len(change) == 1 else "the change and its end"


def _counted(change: Sequence[date]) -> str:
    return "Every calendar day " + ("after the change" if len(change) == 1 else "of the change")


def observed_and_expected(
    words: Words,
    *,
    observed: tuple[Sequence[date], Numbers],
    expected: Band,
    noisy: tuple[Numbers, Numbers],
    change: Sequence[date],
    label: str,
    unit: str,
    level: float,
) -> Figure:
    """Declare the observed days over the level that was to be expected without the change.

    `noisy` are low and high of a single typical day, on the days of `expected`.
    """
    days = {"day": positions(expected.day), "low": numbers(noisy[0]), "high": numbers(noisy[1])}
    tables = {
        "expected": expected.columns("expected"),
        "single_days": days,
        "observed": {"day": positions(observed[0]), "observed": numbers(observed[1])},
        "change": {"day": positions(change)},
    }
    marks = (
        Mark(kind="band", table="single_days", x="day", low="low", high="high"),
        Mark(kind="band", table="expected", x="day", low="low", high="high", series=0),
        Mark(kind="line", table="expected", x="day", y="expected", series=0),
        Mark(kind="dot", table="observed", x="day", y="observed", series=1),
        _CHANGE,
    )
    note = sentences(
        f"Inner band: {level_words(level)} interval of the level without the change.",
        f"Outer band: of a single day, noise included. Dashed: {_dashed(change)}.",
    )
    series = ("expected without the change", "observed")
    return _panel(words, tables, marks, series, with_unit(label, unit), note)


def effect_by_day(
    words: Words,
    *,
    differences: tuple[Sequence[date], Numbers],
    effect: Band,
    change: Sequence[date],
    unit: str,
    level: float,
) -> Figure:
    """Declare the effect of each day over observed minus expected."""
    tables = {
        "effect": effect.columns("effect"),
        "differences": {"day": positions(differences[0]), "difference": numbers(differences[1])},
        "change": {"day": positions(change)},
        "zero": _NOTHING,
    }
    marks = (
        _ZERO,
        Mark(kind="band", table="effect", x="day", low="low", high="high", series=0),
        Mark(kind="dot", table="differences", x="day", y="difference", series=1),
        Mark(kind="line", table="effect", x="day", y="effect", series=0, weight="heavy"),
        _CHANGE,
    )
    note = (
        f"Band: {level_words(level)} interval of the effect on that day. Dashed: {_dashed(change)}."
    )
    series = ("effect", "observed minus expected")
    return _panel(words, tables, marks, series, with_unit("difference", unit), note)


def cumulative_effect(
    words: Words, *, total: Band, change: Sequence[date], unit: str, level: float
) -> Figure:
    """Declare the effect added up over calendar days, 0 before the change."""
    tables = {
        "total": total.columns("total"),
        "change": {"day": positions(change)},
        "zero": _NOTHING,
    }
    marks = (
        _ZERO,
        Mark(kind="band", table="total", x="day", low="low", high="high", series=0),
        Mark(kind="line", table="total", x="day", y="total", series=0, weight="heavy"),
        _CHANGE,
    )
    note = sentences(
        f"Band: {level_words(level)} interval.",
        f"{_counted(change)} counts, observed or not. Dashed: {_dashed(change)}.",
    )
    return _panel(words, tables, marks, ("",), with_unit("sum of effects", unit), note)


def placebo_strip(words: Words, *, pretended: Band, real: Band, unit: str, level: float) -> Figure:
    """Declare the effects found at dates where nothing changed, and the real one behind them."""
    tables = {"pretended": pretended.columns("effect"), "real": real.columns("effect")}
    rows = {
        f"real_{i}": {"day": (day, day), "value": ends}
        for i, (day, *ends) in enumerate(
            zip(*(tables["real"][name] for name in ("day", "low", "high")), strict=True)
        )
    }
    bars = tuple(
        Mark(kind="line", table=table, x="day", y="value", series=1, weight="heavy")
        for table in rows
    )
    marks = (
        Mark(kind="rule_y", table="zero", y="value", weight="thin"),
        Mark(kind="band", table="pretended", x="day", low="low", high="high", series=0),
        Mark(kind="line", table="pretended", x="day", y="effect", series=0),
        *bars,
        Mark(kind="dot", table="real", x="day", y="effect", series=1),
    )
    note = sentences(
        "Each date of the baseline was taken for the date of the change, with the days before "
        "the real one only.",
        f"Band and bar: {level_words(level)} intervals.",
    )
    series = ("pretended dates", "the real date")
    tables |= {name: {k: tuple(v) for k, v in row.items()} for name, row in rows.items()}
    return _panel(
        words, tables | {"zero": _NOTHING}, marks, series, with_unit("effect", unit), note,
        shown=("pretended", "real"),
    )  # fmt: skip


def left_over_bars(innovations: Array, unit: str = "day") -> Figure:
    """Declare the autocorrelation of one-step errors, which are white where a model suffices."""
    from pymc_vibes.stats.placebo import autocorrelation, ljung_box

    found = autocorrelation(innovations)
    return autocorrelation_bars(
        Words(
            "left_over",
            f"Lag-1 autocorrelation of what is left over is {plain(float(found[0]), 2)}",
            f"Autocorrelation of the errors from one {unit} to the next at {len(found)} lags; the "
            f"Ljung-Box test gives p {ljung_box(innovations):.2g}.",
        ),
        found=found,
        bound=1.96 / len(innovations) ** 0.5,
        unit=unit,
    )


def autocorrelation_bars(
    words: Words, *, found: Numbers, bound: float, unit: str = "day"
) -> Figure:
    """Declare the autocorrelation of what is left over, one bar a lag, with its 95 % bounds."""
    values = numbers(found)
    bars = {
        f"lag_{i}": {"lag": (float(i), float(i)), "value": (0.0, value)}
        for i, value in enumerate(values, start=1)
    }
    tables: dict[str, Columns] = {
        "lags": {"lag": tuple(float(i) for i in range(1, len(values) + 1)), "value": values},
        "bounds": {"value": numbers([-bound, bound])},
        "zero": _NOTHING,
        **bars,
    }
    marks = (
        _ZERO,
        *(
            Mark(kind="line", table=name, x="lag", y="value", series=0, weight="heavy")
            for name in bars
        ),
        Mark(kind="rule_y", table="bounds", y="value", dashed=True, weight="thin"),
    )
    spec = FigureSpec(
        x=Axis(label=f"{unit}s between", zero=True),
        y=Axis(label="autocorrelation", domain=(-1.1, 1.1)),
        series=("",),
        tables=tables,
        marks=marks,
        shown=("lags",),
        note="Dashed: 95 % of values lie between where nothing is left over.",
    )
    return Figure(name=words.name, title=words.title, alt=words.alt, spec=spec)


def predictive_days(
    words: Words,
    *,
    observed: tuple[Sequence[date], Numbers],
    replicated: Band,
    change: Sequence[date],
    label: str,
    unit: str,
    level: float,
) -> Figure:
    """Declare the observed days over what the model says that such days show."""
    tables = {
        "replicated": replicated.columns("replicated"),
        "observed": {"day": positions(observed[0]), "observed": numbers(observed[1])},
        "change": {"day": positions(change)},
    }
    marks = (
        Mark(kind="band", table="replicated", x="day", low="low", high="high", series=0),
        Mark(kind="line", table="replicated", x="day", y="replicated", series=0),
        Mark(kind="dot", table="observed", x="day", y="observed", series=1),
        _CHANGE,
    )
    note = sentences(
        f"Band: {level_words(level)} predictive interval of each day, effect and noise included.",
        f"Dashed: {_dashed(change)}.",
    )
    return _panel(words, tables, marks, ("model", "observed"), with_unit(label, unit), note)


def grid_mass(words: Words, *, nodes: Numbers, mass: Numbers, label: str) -> Figure:
    """Declare the posterior mass at the nodes of a quadrature."""
    tables: dict[str, Columns] = {"nodes": {"node": numbers(nodes), "mass": numbers(mass)}}
    marks = (
        Mark(kind="line", table="nodes", x="node", y="mass", series=0),
        Mark(kind="dot", table="nodes", x="node", y="mass", series=0),
    )
    spec = FigureSpec(
        x=Axis(label=label),
        y=Axis(label="posterior mass", zero=True),
        series=("",),
        tables=tables,
        marks=marks,
        note="One dot per node of the quadrature.",
    )
    return Figure(name=words.name, title=words.title, alt=words.alt, spec=spec)


def _panel(
    words: Words,
    tables: Mapping[str, Columns],
    marks: tuple[Mark, ...],
    series: tuple[str, ...],
    label: str,
    note: str,
    shown: tuple[str, ...] = (),
) -> Figure:
    hidden = {"change", "zero"}
    spec = FigureSpec(
        x=Axis(label="day", kind="time"),
        y=Axis(label=label),
        series=series,
        tables=tables,
        marks=marks,
        shown=shown or tuple(name for name in tables if name not in hidden),
        note=note,
    )
    return Figure(name=words.name, title=words.title, alt=words.alt, spec=spec)
