"""What events look like: columns with type, unit, bounds and role.

The lake builds tables, checks and aliases from a `Schema`; forms, docs and the command line
print it. Times are UTC instants; storage is naive UTC.
"""

import re
from typing import Literal

from pydantic import Field

from pymc_vibes.core.records import Record

type ColumnType = Literal["string", "integer", "number", "boolean", "instant"]
type Role = Literal[
    "time", "entity", "group", "unit", "outcome", "exposure", "count", "covariate", "meta"
]


class Decides(Record):
    """A column whose presence in the first batch settles an open config field.

    While `field` of the experiment's config is None, the first batch sets it: to `present` if any
    row has a value in the column, else to `absent`. Where the field is `present`, every row must
    have one.
    """

    field: str
    present: str
    absent: str


class Column(Record):
    """One column of events."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: ColumnType
    about: str
    role: Role = "meta"
    unit: str | None = None
    required: bool = False
    """The column must be there, and every row must have a value in it."""
    expected: bool = False
    """The column must be there, but rows may lack a value."""
    aliases: tuple[str, ...] = ()
    low: float | None = None
    """Smallest value accepted, inclusive unless `low_open`."""
    high: float | None = None
    low_open: bool = False
    decides: Decides | None = None
    joinable: bool = False
    """Several source columns may be given for this one; their texts are joined with ` | `."""
    numbers: str | None = None
    """The column that takes the values that are numbers, of a source that holds them here."""


class Pattern(Record):
    """A family of columns by prefix, such as `act_*`; stored under their own names."""

    prefix: str = Field(pattern=r"^[a-z][a-z0-9]*_$")
    type: ColumnType
    about: str
    role: Role = "covariate"
    low: float | None = None
    high: float | None = None


class Schema(Record):
    """The columns of a kind's events.

    `one_of` lists alternatives for a row: each row must be complete in at least one group, for
    example `(("outcome",), ("trials", "successes"))`. Columns of unknown name are kept as text.
    `at_most` lists pairs (a, b) with `a <= b` in every row, for example successes and trials.
    """

    columns: tuple[Column, ...]
    patterns: tuple[Pattern, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    at_most: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> Column:
        """Give the declared column of that name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def entities(self) -> tuple[str, ...]:
        """Name the columns whose distinct values form the roster."""
        return tuple(column.name for column in self.columns if column.role == "entity")

    @property
    def time(self) -> str | None:
        """Name the time column, if there is one."""
        return next((column.name for column in self.columns if column.role == "time"), None)

    def resolve(self, header: str) -> str | None:
        """Give the declared name for a header (name, alias, camelCase, other case), or None.

        >>> column = Column(name="event", type="string", about="What.", aliases=("event_type",))
        >>> [Schema(columns=(column,)).resolve(header) for header in ("Event", "eventType", "x")]
        ['event', 'event', None]
        """
        wanted = snake_case(header)
        for column in self.columns:
            if wanted == column.name or wanted in column.aliases:
                return column.name
        if any(wanted.startswith(p.prefix) and len(wanted) > len(p.prefix) for p in self.patterns):
            return wanted
        return None


def snake_case(header: str) -> str:
    """Turn a header into a column name of ours: lower case, digits and underscores.

    >>> snake_case(" sessionPerformanceScore "), snake_case("Cost: Total $"), snake_case("2nd")
    ('session_performance_score', 'cost_total', 'c_2nd')
    """
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip())
    name = re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")[:60] or "column"
    return name if name[0].isalpha() else f"c_{name}"
