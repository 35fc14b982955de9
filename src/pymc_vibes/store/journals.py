"""Entries that are kept for good, in the order in which they were made.

There is no way here to change an entry or to take one away. The database refuses a second entry of
the same number, so whoever comes second finds the first one and thinks again; and a second entry of
the same name, so that a question which was answered is not answered twice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Table

    from pymc_vibes.store.database import Database


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One entry of a journal."""

    number: int
    """From 1, without gaps."""
    name: str
    """What was asked, and of what."""
    created: datetime
    value: Mapping[str, Any]


class Journals:
    """Journals by scope, shared by all processes."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    def entries(self, scope: str) -> tuple[Kept, ...]:
        """Give the entries of a journal, oldest first."""
        from sqlalchemy import select

        journals = self._journals
        wanted = select(journals).where(journals.c.scope == scope).order_by(journals.c.number)
        with self._database.read() as connection:
            rows = connection.execute(wanted).mappings().all()
        return tuple(
            Kept(
                number=row["number"],
                name=row["name"],
                created=row["created"].replace(tzinfo=UTC),
                value=json.loads(row["value"]),
            )
            for row in rows
        )

    def append(self, scope: str, entry: Kept) -> bool:
        """Add an entry; false where its number or its name is taken already."""
        values = {
            "scope": scope,
            "number": entry.number,
            "name": entry.name,
            "value": json.dumps(entry.value),
            "created": entry.created.astimezone(UTC).replace(tzinfo=None),
        }
        with self._database.begin() as connection:
            return self._database.add(self._journals, values, connection=connection)

    @property
    def _journals(self) -> "Table":
        return self._database.tables.tables["journals"]
