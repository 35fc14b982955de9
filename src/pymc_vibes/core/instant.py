"""Instants as people give them: aware UTC in a config, naive UTC in storage.

A bare date means UTC midnight, a time without a zone is UTC, a window is half-open: `[start, end)`.
Numbers are refused, because pydantic alone would take 0 as the year 1970.
"""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator

_SHAPE = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$")
_YEARS = range(1700, 2262)  # what nanosecond timestamps can hold, with room


def parse_instant(value: Any) -> Any:
    """Give an aware UTC datetime for a datetime, a date or ISO 8601 text; None passes.

    >>> parse_instant("2024-03-01").isoformat(), parse_instant("2024-03-01T12:00+02:00").hour
    ('2024-03-01T00:00:00+00:00', 10)
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _read(value.strip())
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError("must be a date or a time such as 2024-03-01 or 2024-03-01T12:00:00Z")  # noqa: TRY004  # pydantic turns only ValueError into a message
    if value.year not in _YEARS:
        raise ValueError(f"the year must be between {_YEARS.start} and {_YEARS.stop - 1}")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _read(text: str) -> datetime:
    if not _SHAPE.match(text):
        raise ValueError("must look like 2024-03-01 or 2024-03-01T12:00:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"is not a date or time of the calendar: {error}") from error


Instant = Annotated[datetime, BeforeValidator(parse_instant)]
"""The type of a config field that holds an instant."""


def check_window(start: datetime | None, end: datetime | None) -> None:
    """Raise ValueError unless `start` is before `end`; an open side is fine."""
    if start is not None and end is not None and start >= end:
        raise ValueError(f"start must be before end, and end is exclusive (given {start} to {end})")


def naive(instant: datetime) -> datetime:
    """Give the instant as storage holds it: UTC without a zone."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def show(instant: datetime) -> str:
    """Write an instant for people: a bare date at UTC midnight.

    >>> show(datetime(2024, 3, 1, tzinfo=UTC)), show(datetime(2024, 3, 1, 7, 30, tzinfo=UTC))
    ('2024-03-01', '2024-03-01 07:30 UTC')
    """
    bare = instant.astimezone(UTC)
    if bare.time() == time():
        return bare.strftime("%Y-%m-%d")
    return bare.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00") + " UTC"
