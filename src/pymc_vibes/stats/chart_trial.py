"""Figures of an n-of-1 trial: its days and periods in the colors of their treatments.

Titles and alternative texts come from the caller.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.stats.chart_interruption import Band, Words
from pymc_vibes.stats.columns import (
    Columns,
    Numbers,
    level_words,
    numbers,
    positions,
    sentences,
    with_unit,
)


@dataclass(frozen=True)
class Stretch:
    """The expected outcome over the days of one period, in the color of its treatment."""

    series: int
    expected: Band


@dataclass(frozen=True)
class Dots:
    """Observed days of one treatment."""

    day: Sequence[date]
    value: Numbers


def trial_days(
    words: Words,
    *,
    treatments: Sequence[str],
    observed: Sequence[Dots],
    washed: Dots,
    stretches: Sequence[Stretch],
    label: str,
    unit: str,
    level: float,
) -> Figure:
    """Declare the observed days over the level that the model expects, period by period.

    `observed` are the days of each of `treatments`; `washed` do not count.
    """
    dots = {f"days_{i}": _dots(one) for i, one in enumerate(observed) if len(one.day)}
    tables: dict[str, Columns] = {
        **{f"period_{i}": one.expected.columns("expected") for i, one in enumerate(stretches)},
        **dots,
    }
    if len(washed.day):
        tables["washed_out"] = _dots(washed)
    note = sentences(
        f"Lines: expected level; bands: its {level_words(level)} interval. What lines differ by is "
        "known better than each.",
        "Open: washed out, not counted." if len(washed.day) else "",
    )
    spec = FigureSpec(
        x=Axis(label="day", kind="time"),
        y=Axis(label=with_unit(label, unit)),
        series=tuple(treatments),
        tables=tables,
        marks=tuple(_trial_marks(tables, stretches)),
        shown=tuple(name for name in tables if not name.startswith("period_")),
        note=note,
    )
    return Figure(name=words.name, title=words.title, alt=words.alt, spec=spec)


def _trial_marks(tables: Iterable[str], stretches: Sequence[Stretch]) -> Iterator[Mark]:
    """Draw the lines first, then the days over them: those of each treatment, those washed out."""
    for i, one in enumerate(stretches):
        yield from _stretch_marks(f"period_{i}", one.series)
    for table in tables:
        if table.startswith("days_"):
            yield _day_mark(table, int(table.removeprefix("days_")))
        elif table == "washed_out":
            yield _day_mark(table, None)


def _dots(dots: Dots) -> Columns:
    return {"day": positions(dots.day), "observed": numbers(dots.value)}


def _day_mark(table: str, series: int | None) -> Mark:
    is_washed = series is None
    return Mark(kind="dot", table=table, x="day", y="observed", series=series, dashed=is_washed)


def _stretch_marks(table: str, series: int) -> tuple[Mark, Mark]:
    return (
        Mark(kind="band", table=table, x="day", low="low", high="high", series=series),
        Mark(kind="line", table=table, x="day", y="expected", series=series, weight="heavy"),
    )
