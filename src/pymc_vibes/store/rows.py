"""Rows as the Python readers give them: a line number, what is wrong with the line, its texts."""

from typing import NamedTuple


class Fault(NamedTuple):
    """Why a line is no row."""

    reason: str
    shown: str


class Row(NamedTuple):
    """One row of a text file."""

    line: int
    """1-based number of the line that it begins on."""
    fault: Fault | None
    values: list[str | None]
