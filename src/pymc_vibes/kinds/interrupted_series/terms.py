"""Tables of the terms beside the effect: days and their parts, holidays, controls, changes."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Table
from pymc_vibes.kinds.interrupted_series.reading import Reading

if TYPE_CHECKING:
    from pymc_vibes.stats.marginals import Marginals

_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def term_tables(reading: Reading) -> Iterator[Table]:
    """Give a table for each sort of term that the model has."""
    model = reading.fit.model
    if model.others:
        yield _others(reading)
    if model.controls or model.holidays:
        yield _controls(reading)
    if model.day_of_week:
        yield _deviations(reading, "weekday", "Weekdays against the mean of the week", _WEEK,
                          reading.fit.weekdays())  # fmt: skip
    if model.parts > 1:
        yield _deviations(
            reading, "part", "Parts of the day against their mean", reading.quarters,
            reading.fit.parts(),
        )  # fmt: skip


def _deviations(
    reading: Reading, what: str, title: str, names: Sequence[str], found: "Marginals"
) -> Table:
    unit = unit_of(reading)
    low, high = found.interval(reading.config.level)
    return Table(
        name=f"{what}s",
        title=title,
        columns=(what, "mean", "low", "high"),
        units=("", unit, unit, unit),
        rows=tuple(
            (name, float(mean), float(start), float(stop))
            for name, mean, start, stop in zip(names, found.mean(), low, high, strict=True)
        ),
    )


def _others(reading: Reading) -> Table:
    columns = [f"change_{i}" for i in range(1, len(reading.config.other_changes) + 1)]
    names = [other.name for other in reading.config.other_changes]
    return _coefficients(
        reading, "other_changes", "Other changes: their effects once they are there in full",
        names, columns,
    )  # fmt: skip


def _controls(reading: Reading) -> Table:
    model, config = reading.fit.model, reading.config
    names = [f"{name} (one sd of the days before)" for name in config.controls]
    columns = [f"control_{name}" for name in config.controls]
    if model.holidays:
        names, columns = ["a holiday", *names], ["holiday", *columns]
    return _coefficients(
        reading, "controls", "What else moves the outcome, and by how much", names, columns
    )


def _coefficients(
    reading: Reading, name: str, title: str, names: Sequence[str], columns: Sequence[str]
) -> Table:
    rows = []
    for told, column in zip(names, columns, strict=True):
        found = reading.fit.coefficient(column)
        low, high = found.interval(reading.config.level)
        above = float(found.above(0.0)[0])
        rows.append((told, float(found.mean()[0]), float(low[0]), float(high[0]), above))
    unit = unit_of(reading)
    return Table(
        name=name, title=title, columns=("what", "mean", "low", "high", "chance_above_0"),
        units=("", unit, unit, unit, ""), rows=tuple(rows),
    )  # fmt: skip


def unit_of(reading: Reading) -> str:
    """Give the unit of what a term does: that of the outcome, or a share of the rate."""
    return "of the rate" if reading.fit.effect_is_relative else reading.config.outcome_unit
