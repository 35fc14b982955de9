"""Which parts of an answer each step of the workbench shows: figures, tables, measures of the fit.

What no step names stands under Fit, so that nothing of an answer is lost.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymc_vibes.core.answer import Answer, Summary, Table
from pymc_vibes.core.figure import Figure
from pymc_vibes.http.grids import Grid, table_grid
from pymc_vibes.http.text import chance, is_numeric, plain
from pymc_vibes.stats.describe import percent

_CHAINS = re.compile(r"_(trace|ranks)$")
_FIGURES: Mapping[str, tuple[str, ...]] = {
    "contributions": ("contributions", "waterfall"),
    "response": ("response_curves",),
    "roi": ("roas",),
    "calibration": ("experiments", "calibration"),
}
_CALIBRATION = frozenset({"experiments", "calibration", "what_moved"})
_ELSEWHERE = frozenset({"channels", "parameters", "knowledge", "columns"})


@dataclass(frozen=True)
class _Part:
    """Some columns of a table of the answer, as a table of its own."""

    table: str
    name: str
    title: str
    columns: tuple[str, ...]


_PARTS: Mapping[str, tuple[_Part, ...]] = {
    "fit": (_Part("knowledge", "knowledge", "", ()), _Part("columns", "columns", "", ())),
    "contributions": (
        _Part(
            "channels",
            "lost_without",
            "Lost without it: what would be missing, all else as it was",
            (
                "channel",
                "lost_without",
                "lost_low",
                "lost_high",
                "share_lost",
                "share_low",
                "share_high",
            ),
        ),
        _Part(
            "channels",
            "part",
            "Its part of what happened: adds up exactly",
            ("channel", "part", "part_low", "part_high", "share_part"),
        ),
    ),
    "roi": (
        _Part(
            "channels",
            "returns",
            "Returns on spend: of all of it, and of the next money",
            (
                "channel",
                "spend",
                "roas",
                "roas_low",
                "roas_high",
                "marginal_roas",
                "marginal_low",
                "marginal_high",
            ),
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number that says how well sales are fitted, and what it should be."""

    title: str
    value: str
    about: str


def figures_of(answer: Answer, step: str) -> tuple[Figure, ...]:
    """Give the figures of a step; under Fit those that no other step names."""
    if step != "fit":
        return _named(answer.figures, _FIGURES.get(step, ()))
    taken = {name for names in _FIGURES.values() for name in names}
    return tuple(
        one for one in answer.figures if one.name not in taken and not _CHAINS.search(one.name)
    )


def _named(figures: Sequence[Figure], names: Iterable[str]) -> tuple[Figure, ...]:
    by_name = {figure.name: figure for figure in figures}
    return tuple(by_name[name] for name in names if name in by_name)


def chain_figures_of(answer: Answer) -> tuple[Figure, ...]:
    """Give the pictures of the chains, parameter by parameter."""
    return tuple(one for one in answer.figures if _CHAINS.search(one.name))


def tables_of(summary: Summary, step: str) -> tuple[Table, ...]:
    """Give the tables of a step; under Fit also those that no step names."""
    by_name = {table.name: table for table in summary.tables}
    parts = tuple(
        _cut(by_name[part.table], part) for part in _PARTS.get(step, ()) if part.table in by_name
    )
    if step == "calibration":
        return tuple(one for one in summary.tables if one.name in _CALIBRATION)
    if step != "fit":
        return parts
    known = _ELSEWHERE | _CALIBRATION
    return (*parts, *(one for one in summary.tables if one.name not in known))


def parameters_of(summary: Summary) -> tuple[Table, ...]:
    """Give the table of what was sampled."""
    return tuple(one for one in summary.tables if one.name == "parameters")


def _cut(table: Table, part: _Part) -> Table:
    wanted = part.columns or table.columns
    kept = [i for name in wanted for i, column in enumerate(table.columns) if column == name]
    units = table.units or ("",) * len(table.columns)
    return table.model_copy(
        update={
            "name": part.name,
            "title": part.title or table.title,
            "columns": tuple(table.columns[i] for i in kept),
            "units": tuple(_unit(table.columns[i], units[i]) for i in kept),
            "rows": tuple(tuple(row[i] for i in kept) for row in table.rows),
        }
    )


def _unit(column: str, unit: str) -> str:
    return "share" if column.startswith("share") else unit


def grids_of(tables: Iterable[Table], summary: Summary) -> tuple[Grid, ...]:
    """Make tables ready to print."""
    return tuple(table_grid(table, summary.estimates) for table in tables)


def measures_of(context: Mapping[str, Any]) -> tuple[Measure, ...]:
    """Say how well sales are fitted and predicted, with what each number should be."""
    found = []
    for prob, name in ((0.9, "coverage_90"), (0.5, "coverage_50")):
        if is_numeric(context.get(name)):
            text = f"Should be near {100 * prob:.0f} %; of the periods that were fitted."
            title = f"Periods inside their {100 * prob:.0f} % interval"
            found.append(Measure(title=title, value=percent(context[name]), about=text))
    return (*found, *_predicted(context), *_left_over(context))


def _predicted(context: Mapping[str, Any]) -> tuple[Measure, ...]:
    own, naive = context.get("crps_held_out"), context.get("crps_of_last_year")
    if own is None:
        return (
            Measure(
                title="Error in held-out periods",
                value="not checked",
                about="Set holdout periods under Configure, such as 13, to see how it predicts.",
            ),
        )
    beside = f" Naming last year's sales: {plain(naive)}." if naive is not None else ""
    return (
        Measure(
            title=f"Error in {plain(context.get('held_out'))} held-out periods (CRPS)",
            value=plain(own),
            about=f"In units of sales; smaller is better.{beside}",
        ),
    )


def _written(value: Any, write: Callable[[float], str]) -> str:
    return write(value) if is_numeric(value) else str(value)


def _left_over(context: Mapping[str, Any]) -> tuple[Measure, ...]:
    named = (
        (
            "residual_autocorrelation",
            "Correlation of what is left over with the period before",
            "Should be near 0; beyond 0.3 something slow is missing.",
            plain,
        ),
        (
            "share_of_variance_explained",
            "Variance of sales that is explained",
            "High is no proof: a wrong model can fit well.",
            percent,
        ),
        (
            "chance_of_a_negative_baseline",
            "Chance that sales without media are below zero",
            "Should be small: else media get credit for more than there is.",
            chance,
        ),
    )
    return tuple(
        Measure(title=title, value=_written(context[name], write), about=about)
        for name, title, about, write in named
        if context.get(name) is not None
    )
