"""What a check of the data says: a code, how bad, where, and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.records import Record

if TYPE_CHECKING:
    import numpy as np

type Severity = Literal["note", "warning", "error"]

SHOWN = 10
"""Places that a message names; `count` says how many there are."""
_EPOCH = date(1970, 1, 1)


class RowPlace(Record):
    """A row of the data, by what names it."""

    entity: str | None = None
    period: date | None = None
    column: str | None = None
    value: float | None = None


class Message(Record):
    """One thing that was found."""

    code: str
    severity: Severity
    text: str
    hint: str = ""
    columns: tuple[str, ...] = ()
    count: int = 0
    """How many rows it is about; 0 where it is about a column or the whole."""
    places: tuple[RowPlace, ...] = ()
    """The first of them."""


class ValidationSummary(Record):
    """What there is to know before a fit: the shape of the data, and every message."""

    rows: int = 0
    entities: int = 0
    periods: int = 0
    """With sales known, of the series or of all entities."""
    grain: Literal["day", "week", "month"] | None = None
    first: date | None = None
    last: date | None = None
    carry_in: int = 0
    """Periods of media before the first sales."""
    channels: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    aggregation: Mapping[str, str] = {}
    """Control -> how entities and days are brought to a total."""
    parameters: int = 0
    missing: Mapping[str, float] = {}
    """Column -> share of rows without a value."""
    errors: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
    is_valid: bool = Field(default=True)
    """Whether nothing stands against a fit."""

    def with_messages(self, messages: Iterable[Message]) -> "ValidationSummary":
        """Sort messages by how bad they are."""
        found = tuple(messages)
        errors = tuple(m for m in found if m.severity == "error")
        return self.model_copy(
            update={
                "errors": errors,
                "warnings": tuple(m for m in found if m.severity == "warning"),
                "notes": tuple(m for m in found if m.severity == "note"),
                "is_valid": not errors,
            }
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Give the messages as every kind gives them, worst first."""
        return tuple(
            Finding(code=m.code, severity=m.severity, text=f"{m.text} {m.hint}".strip())
            for m in (*self.errors, *self.warnings, *self.notes)
        )


def day_of(number: int) -> date:
    """Give the date of a number of days since 1970."""
    return date.fromordinal(_EPOCH.toordinal() + int(number))


def places(
    at: "np.ndarray",
    entities: Sequence[str],
    who: "np.ndarray",
    day: "np.ndarray",
    *,
    column: str | None = None,
    values: "np.ndarray | None" = None,
) -> tuple[RowPlace, ...]:
    """Name the first rows among those at some places."""
    return tuple(
        RowPlace(
            entity=entities[who[i]],
            period=day_of(day[i]),
            column=column,
            value=None if values is None else float(values[i]),
        )
        for i in at[:SHOWN].tolist()
    )


def listed(names: Sequence[object], most: int = 5) -> str:
    """Join the first names for a sentence."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def many(count: int, noun: str) -> str:
    """Count a noun.

    >>> many(1, "row"), many(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
