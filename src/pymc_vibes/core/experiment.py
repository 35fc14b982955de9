"""Experiments and uploads as records: what the lake keeps about them and what it gives back."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue

from pymc_vibes.core.errors import BadName
from pymc_vibes.core.records import Record

type FileFormat = Literal["csv", "ndjson", "json", "parquet"]

_SLUG = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


def check_name(name: str) -> str:
    """Give the experiment name back, lower-cased, or raise `BadName`."""
    folded = name.strip().lower()
    if not _SLUG.match(folded):
        raise BadName(
            f"{name[:80]!r} cannot name an experiment.",
            hint="Use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit; "
            "any text may be its display name.",
        )
    return folded


class Experiment(Record):
    """A named table of data plus its kind and config."""

    id: str
    """Ours, a ULID in lower case; names the physical tables."""
    name: str
    display_name: str
    kind: str
    config: Mapping[str, JsonValue]
    """What was set at creation or decided by the first batch; a part of the kind's config."""
    created: datetime
    rows: int = 0
    first: datetime | None = None
    """Earliest event, UTC."""
    last: datetime | None = None
    updated: datetime | None = None
    """When data last arrived."""
    version: int = 0
    """Raised by every change of the data or the stored config."""
    snapshot: int | None = None
    """The lake snapshot of the last change."""


class UploadOptions(Record):
    """How to read a file of events."""

    format: FileFormat | None = None
    """None: tell from name and content."""
    mapping: Mapping[str, tuple[str, ...]] = {}
    """Our column <- source columns; several are joined with ` | `."""
    constants: Mapping[str, str] = {}
    """Our column <- one value for every row."""
    timezone: str = "UTC"
    """IANA zone of times that carry no offset."""
    skip_bad_rows: bool = False
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class BadRow(Record):
    """Why one row cannot be used."""

    line: int
    """1-based line in a text file (the header is line 1), 1-based row in Parquet."""
    column: str | None
    value: str | None
    reason: str


class Receipt(Record):
    """What an upload did."""

    experiment: str
    batch: str
    ingested: int
    rejected: int = 0
    bad_rows: tuple[BadRow, ...] = ()
    """The first rejected rows."""
    rejects_file: str | None = None
    """Where the rejected rows were written, with their reasons."""
    replayed: bool = False
    """The same upload was received before; nothing was written now."""
    snapshot: int | None = None
    columns: Mapping[str, str] = {}
    """Source column -> the column it was stored as."""
    decided: Mapping[str, str] = {}
    """Config fields that this first batch settled."""


class Preview(Record):
    """A page of events."""

    columns: tuple[str, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    total: int


class Snapshot(Record):
    """An immutable version of the lake."""

    id: int
    time: datetime
    message: str | None = None
    changes: Mapping[str, Any] = {}


class LakeTable(Record):
    """One table of the lake, as `db list-tables` shows it."""

    experiment: str
    table: str
    kind: str
    rows: int
    columns: Mapping[str, str] = {}
