"""Which run answers a question, and choices that are made once.

An answer is found by its exact key, or by the version of the data and the settings it was asked
with, so that a repeated question touches no event. Runs stay when it is forgotten.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from pymc_vibes.store.database import Database


class Remembered:
    """Remembered answers and kept choices, shared by all processes."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    def remember(self, experiment_id: str, run_id: str, *names: str) -> None:
        """Make a run findable under each name (an answer's key, or a question's digest)."""
        with self._database.begin() as connection:
            self.put(connection, experiment_id, run_id, names)

    def put(
        self, connection: "Connection", experiment_id: str, run_id: str, names: Sequence[str]
    ) -> None:
        """Do so in a transaction that has begun."""
        for name in names:
            values = {"experiment_id": experiment_id, "name": name, "run_id": run_id}
            self._database.put(self._answers, values, overwrite=True, connection=connection)

    def recall(self, experiment_id: str, name: str) -> str | None:
        """Give the id of the run remembered under that name."""
        from sqlalchemy import select

        answers = self._answers
        where = (answers.c.experiment_id == experiment_id) & (answers.c.name == name)
        with self._database.read() as connection:
            found = connection.execute(select(answers.c.run_id).where(where)).scalar()
        return None if found is None else str(found)

    def forget(self, experiment_id: str) -> int:
        """Forget each remembered answer of exactly this experiment and say how many."""
        from sqlalchemy import distinct, func, select

        where = self._answers.c.experiment_id == experiment_id
        with self._database.begin() as connection:
            count = select(func.count(distinct(self._answers.c.run_id))).where(where)
            cleared = int(connection.execute(count).scalar_one())
            connection.execute(self._answers.delete().where(where))
        return cleared

    def keep_first(self, scope: str, unit: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keep `value` for the unit unless one is kept already; give the one that is kept."""
        from sqlalchemy import select

        kept = self._kept
        values = {
            "scope": scope,
            "unit": unit,
            "value": json.dumps(value),
            "created": datetime.now(UTC).replace(tzinfo=None),
        }
        with self._database.begin() as connection:
            self._database.put(kept, values, overwrite=False, connection=connection)
            where = (kept.c.scope == scope) & (kept.c.unit == unit)
            found: Mapping[str, Any] = json.loads(
                connection.execute(select(kept.c.value).where(where)).scalar_one()
            )
        return found

    def kept(self, scope: str, unit: str) -> Mapping[str, Any] | None:
        """Give what is kept for the unit, if anything is."""
        from sqlalchemy import select

        where = (self._kept.c.scope == scope) & (self._kept.c.unit == unit)
        with self._database.read() as connection:
            found = connection.execute(select(self._kept.c.value).where(where)).scalar()
        return None if found is None else dict(json.loads(found))

    @property
    def _answers(self) -> "Table":
        return self._database.tables.tables["answers"]

    @property
    def _kept(self) -> "Table":
        return self._database.tables.tables["kept"]
