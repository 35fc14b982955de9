"""The list of experiments: what stands in a row, and how the list is searched and ordered.

A row says where an experiment stands before anybody opens it; it never computes an answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pymc_vibes.core.answer import Answer, Decision, Summary, Tone
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.run import Run

type Reading = Literal[
    "no data", "ready to read", "new data", "collecting", "settled", "answered", "attention"
]

READINGS: Mapping[str, str] = {
    "no data": "No events yet",
    "ready to read": "Events are there; nobody has read them",
    "new data": "Events arrived after the last reading",
    "collecting": "The data do not settle it yet",
    "settled": "The data settle it",
    "answered": "An answer without a decision to make",
    "attention": "Something is wrong; read this first",
}
ORDERS: Mapping[str, str] = {
    "updated": "newest data first",
    "name": "name",
    "kind": "kind",
    "rows": "most events first",
}
_GO_ON = ("keep ", "start ")
"""How a decision begins that wants more data before anything can be said."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One experiment of the list."""

    experiment: Experiment
    run: Run | None
    reading: Reading
    headline: str


def rows(experiments: Iterable[Experiment], latest: Mapping[str, Run]) -> tuple[Row, ...]:
    """Put each experiment beside its last run."""
    return tuple(_row(experiment, latest.get(experiment.id)) for experiment in experiments)


def _row(experiment: Experiment, run: Run | None) -> Row:
    answer = run.answer if run else None
    if answer is not None:
        headline = answer.summary.headline
    else:
        headline = str((run.error or {}).get("detail", "")) if run else ""
    return Row(experiment=experiment, run=run, reading=_reading(experiment, run), headline=headline)


def _reading(experiment: Experiment, run: Run | None) -> Reading:
    if experiment.rows == 0:
        return "no data"
    if run is None:
        return "ready to read"
    if run.answer is None or is_doubtful(run.answer):
        return "attention"
    if experiment.updated is not None and experiment.updated > run.created:
        return "new data"
    return _STANDINGS[_tone(run.answer.summary)]


_STANDINGS: Mapping[Tone, Reading] = {
    "higher": "settled",
    "lower": "settled",
    "same": "settled",
    "undecided": "collecting",
    "none": "answered",
}


def _tone(summary: Summary) -> Tone:
    if summary.decision is not None:
        return _decided(summary.decision)
    return summary.claims[0].tone if summary.claims else "none"


def _decided(decision: Decision) -> Tone:
    """Give the tone of a decision; one that only asks for more data decides nothing."""
    is_early = decision.tone == "none" and decision.action.startswith(_GO_ON)
    return "undecided" if is_early else decision.tone


def is_doubtful(answer: Answer) -> bool:
    """Whether the fit has a problem or the data have an error."""
    has_error = any(finding.severity == "error" for finding in answer.summary.findings)
    return has_error or not answer.diagnostics.converged


def select(
    found: Iterable[Row], *, search: str = "", kind: str = "", reading: str = "", order: str = ""
) -> tuple[Row, ...]:
    """Keep the rows that match, in the order asked for."""
    wanted = search.casefold().split()
    kept = [
        row
        for row in found
        if (not kind or row.experiment.kind == kind)
        and (not reading or row.reading == reading)
        and all(word in _text(row) for word in wanted)
    ]
    return tuple(sorted(kept, key=_KEYS.get(order, _KEYS["updated"])))


def _text(row: Row) -> str:
    experiment = row.experiment
    return f"{experiment.name} {experiment.display_name} {row.headline}".casefold()


def _age(row: Row) -> float:
    moment = row.experiment.updated or row.experiment.created
    return -(moment - _BEGINNING).total_seconds()


_KEYS = {
    "updated": lambda row: (_age(row), row.experiment.name),
    "name": lambda row: (0, row.experiment.display_name.casefold()),
    "kind": lambda row: (0, f"{row.experiment.kind} {row.experiment.name}"),
    "rows": lambda row: (-row.experiment.rows, row.experiment.name),
}
