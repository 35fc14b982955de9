"""What stands beside an answer: what its numbers refer to, and the events they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.experiment import Preview
from pymc_vibes.core.instant import show
from pymc_vibes.http.text import compact, is_numeric, plain

_EXACT = 2**53  # below it a whole float has all its digits
_AGAIN = "choose the file again, and upload it."


def page_hint(problem: VibesError) -> str:
    """Say what to do about a refused upload in the words of the form, not of the command line.

    >>> page_hint(VibesError("No column.", hint="Say which it is: --map timestamp=COLUMN"))
    'Say below which column it is, choose the file again, and upload it.'
    """
    hint = problem.hint or ""
    if "--map" in hint:
        return f"Say below which column it is, {_AGAIN}"
    if "--skip-bad-rows" in hint:
        return f"Mend them, or have them left out: tick the box below, {_AGAIN}"
    return hint


@dataclass(frozen=True, kw_only=True)
class EventColumn:
    """A column of the events that has something in it."""

    index: int
    name: str
    is_number: bool


def filled(preview: Preview) -> tuple[EventColumn, ...]:
    """Give the columns in which any of the rows has a value."""
    found = []
    for index, name in enumerate(preview.columns):
        values = [row[index] for row in preview.rows if row[index] is not None]
        if values or not preview.rows:
            is_number = bool(values) and all(map(is_numeric, values))
            found.append(EventColumn(index=index, name=name, is_number=is_number))
    return tuple(found)


def empty_names(preview: Preview) -> tuple[str, ...]:
    """Name the columns that are empty in all of the rows."""
    named = {column.name for column in filled(preview)}
    return tuple(name for name in preview.columns if name not in named)


def event_cell(value: Any) -> str:
    """Write a value of an event as it came; a whole number has no decimals.

    >>> event_cell(1.0), event_cell(0.25), event_cell(None), event_cell("2024-01-01T00:00:00.000Z")
    ('1', '0.25', '', '2024-01-01T00:00:00Z')
    """
    if value is None:
        return ""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return compact(int(value) if is_whole else value)


def facts(context: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Name what the numbers refer to: what is not set is left out, words stand for their codes.

    The method is left out too: it stands beside every answer.

    >>> facts({"units": 5000, "level": 0.95, "window_start": None, "window_end": None})
    (('Units', '5,000'), ('Level', '95 %'), ('Window', 'all events'))
    """
    known = dict(context)
    if {"window_start", "window_end"} <= known.keys() and "window" not in known:
        start, end = known.pop("window_start"), known.pop("window_end")
        open_ended = f"from {start or 'the first event'} to {end or 'the last event'}"
        known["window"] = open_ended if start or end else "all events"
    said = {name.removesuffix("_in_words") for name in known if name.endswith("_in_words")}
    said |= {"method"} | ({"start", "end"} if "window" in known else set())
    return tuple(
        (_fact_name(name), _fact(name, value))
        for name, value in known.items()
        if value is not None and name not in said
    )


def _fact_name(name: str) -> str:
    words = name.removesuffix("_in_words").replace("_", " ")
    return words[:1].upper() + words[1:]


def _fact(name: str, value: Any) -> str:
    if name == "level":
        return f"{100 * value:g} %"
    if name in {"start", "end"} and isinstance(value, str) and "T" in value:
        return show(datetime.fromisoformat(value))
    if isinstance(value, dict):
        return ", ".join(f"{inner} {plain(v)}" for inner, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(inner) for inner in value) or "none"
    return plain(value)
