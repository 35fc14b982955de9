"""How commands speak: data to stdout, talk to stderr, tables for people, JSON for programs."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pymc_vibes.http.commands import at_server, in_folder
from pymc_vibes.service import standing

if TYPE_CHECKING:
    from rich.console import Console

MAX_CELL = 40  # characters of a name that a table shows
WRAPPED = 24  # characters that a wordy last column needs at least
MIN_COLUMNS = 2
PIPED_WIDTH = 240
PADDING = 3  # around a column
# by options only: what stands in the environment reaches the next command by itself
_went_to: ContextVar[tuple[str, str]] = ContextVar("went_to", default=("", ""))

# control and format characters could rewrite the screen or reverse a line
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: Any) -> str:
    r"""Give text that cannot steer the terminal.

    >>> clean("a\x1b[31mb")
    'a[31mb'
    """
    return _UNSAFE.sub("", str(text))


def to_stdout() -> "Console":
    """Give a console on stdout that prints text as it is: no markup, no emoji codes."""
    from rich.console import Console

    # a file or a pipe has no width: rows are not to be cut there
    width = None if is_terminal() else PIPED_WIDTH
    return Console(
        highlight=False, markup=False, emoji=False, soft_wrap=not is_terminal(), width=width
    )


def is_terminal() -> bool:
    """Say whether a person reads stdout."""
    return sys.stdout.isatty()


def data(text: str) -> None:
    """Write a line of data."""
    sys.stdout.write(f"{text}\n")


def as_json(value: Any) -> None:
    """Write a value as JSON."""
    indent = 2 if is_terminal() else None
    # on a terminal even JSON must not steer it; a program reads every character as it is
    data(json.dumps(value, indent=indent, ensure_ascii=is_terminal()))


def talk(text: str) -> None:
    """Tell a person something that is not data."""
    sys.stderr.write(f"{clean(text)}\n")


def advise(text: str) -> None:
    """Tell what to do next: a command in it goes where this one went, so that it can be pasted."""
    url, home = _went_to.get()
    talk(in_folder(text, home) if not url else at_server(text, url))


def went_to(*, url: str | None, home: str | None) -> None:
    """Remember the server and the folder that this command was given by options."""
    _went_to.set((url or "", home or ""))


def fits(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bool:
    """Say whether the terminal is wide enough for all of the columns."""
    return columns_that_fit(columns, rows, to_stdout().width) == len(columns)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str = "",
    numbers: Sequence[bool] = (),
) -> int:
    """Print a table for people; give how many columns there was no room for.

    Leading columns are kept whole rather than all of them squeezed. Text may wrap in the last
    column that is shown, and a long name is cut. `numbers` says which columns of text are numbers.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    room = to_stdout().width
    shown = columns_that_fit(columns, rows, room)
    drawn = Table(box=box.SIMPLE_HEAD, title=clean(title) or None, title_justify="left")
    for index, column in enumerate(columns[:shown]):
        numeric = (numbers and numbers[index]) or all(
            isinstance(row[index], int | float | None) for row in rows
        )
        last = index == len(columns) - 1
        drawn.add_column(
            clean(column).replace("_", " "),
            justify="right" if numeric and rows else "left",
            no_wrap=not last,
            max_width=None if last else MAX_CELL,
        )
    for row in rows:
        drawn.add_row(*(Text(cell(value)) for value in row[:shown]))
    to_stdout().print(drawn)
    return len(columns) - shown


def columns_that_fit(columns: Sequence[str], rows: Sequence[Sequence[Any]], room: int) -> int:
    """Count the leading columns that fit side by side; at least two, and a wordy last one may wrap.

    >>> columns_that_fit(["name", "mean"], [["a", 1.0]], 80)
    2
    """
    taken = 0
    for index, column in enumerate(columns):
        longest = max([len(column), *(len(cell(row[index])) for row in rows)], default=0)
        wraps = index == len(columns) - 1
        taken += PADDING + min(longest, WRAPPED if wraps else MAX_CELL)
        if taken > room and index >= MIN_COLUMNS:
            return index
    return len(columns)


def listing(
    items: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_data: bool, empty: str
) -> None:
    """Print a list: a table on a terminal, JSON elsewhere or when asked for.

    A column in which nothing stands is left out; of an empty list `empty` is said.
    """
    if as_data or not is_terminal():
        as_json(list(items))
        return
    if not items:
        advise(empty)
        return
    filled = [name for name in columns if any(item.get(name) not in (None, "") for item in items)]
    hidden = table(
        [name.replace("_", " ") for name in filled],
        [[item.get(name) for name in filled] for item in items],
    )
    if hidden:
        talk(f"{standing.counted(hidden, 'more columns')}; --json gives all.")


def cell(value: Any) -> str:
    """Give a value as it reads in a table.

    >>> cell(None), cell(1234567), cell(0.000123456), cell(True), cell(12.0)
    ('', '1,234,567', '0.0001235', 'yes', '12')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(part) for part in value)
    return clean(value)
