"""The run table: the record of every run, and how it is read.

Our own table is the record; nothing is ever looked up anywhere else.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pymc_vibes.core.errors import RunNotFound
from pymc_vibes.core.run import TRANSITIONS, Run, RunState
from pymc_vibes.store import runrow
from pymc_vibes.store.database import Database
from pymc_vibes.store.journals import Journals
from pymc_vibes.store.remembered import Remembered
from pymc_vibes.store.tables import OPEN, TO_MIRROR, WAITING

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

    from pymc_vibes.settings import Settings

NOT_MIRRORED = "failed:"  # begins the mark of a run that the ledger could not take
UNFINISHED = tuple(state for state, following in TRANSITIONS.items() if following)


class RunTable:
    """Runs, and the answers that can be had again."""

    def __init__(self, place: str | Path) -> None:
        self._database = Database(str(place))
        self.remembered = Remembered(self._database)
        self.journals = Journals(self._database)

    @classmethod
    def open(cls, settings: "Settings") -> Self:
        """Open the run table of the settings; in PostgreSQL it must have been set up."""
        return cls(settings.queue_place)

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    @property
    def engine(self) -> "Engine":
        """The database, for whoever checks its health."""
        return self._database.engine

    def record(self, run: Run, *, experiment_id: str, names: Sequence[str] = ()) -> None:
        """Write a run that is over, and make its answer findable under those names, at once."""
        with self._database.begin() as connection:
            connection.execute(self._runs.insert().values(runrow.values(run, experiment_id)))
            self.remembered.put(connection, experiment_id, run.id, names)

    def run(self, run_id: str) -> Run:
        """Give the run, or raise `RunNotFound`."""
        asked = "" if "\0" in run_id else run_id  # which PostgreSQL refuses in any text
        with self._database.read() as connection:
            query = self._runs.select().where(self._runs.c.id == asked)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise RunNotFound(
                f"There is no run {run_id[:80]!r}.", hint="`vibes runs list` shows them."
            )
        return runrow.run(row)

    def unfinished(self, experiment_id: str, key: str) -> Run | None:
        """Give the run of that key that a worker has or will have."""
        from sqlalchemy import text

        runs = self._runs
        where = (runs.c.experiment_id == experiment_id) & (runs.c.key == key) & text(OPEN)
        with self._database.read() as connection:
            row = connection.execute(runs.select().where(where)).mappings().first()
        return None if row is None else runrow.run(row)

    def waiting(self, experiment_id: str) -> tuple[str, ...]:
        """List the ids of an experiment's unfinished runs."""
        from sqlalchemy import select

        runs = self._runs
        where = (runs.c.experiment_id == experiment_id) & runs.c.state.in_(UNFINISHED)
        with self._database.read() as connection:
            return tuple(connection.execute(select(runs.c.id).where(where)).scalars())

    def experiment_id(self, run_id: str) -> str:
        """Give the id of the experiment that a run belongs to."""
        return str(self._value(run_id, "experiment_id"))

    def ahead(self, run: Run) -> int:
        """Count the runs that are begun before one that waits."""
        from sqlalchemy import func, select, text

        runs = self._runs
        first = runs.c.priority > run.priority
        earlier = (runs.c.priority == run.priority) & (runs.c.id < run.id)
        where = text(WAITING) & (first | earlier)
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).where(where)).scalar_one())

    def runs(
        self,
        experiment_id: str | None = None,
        *,
        state: RunState | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[Run, ...]:
        """List runs, newest first; `before` is the id of the last run of the page above."""
        query = self._runs.select().limit(limit)
        return self._listed(query, experiment_id, state, before)

    def history(
        self,
        experiment_id: str | None = None,
        *,
        state: RunState | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[Run, ...]:
        """List runs as `runs` does, each with the gist of its answer in place of the answer."""
        from sqlalchemy import case, select

        runs = self._runs
        small = [column for column in runs.c if column.name not in {"answer", "work"}]
        # a row of an older version has its headline in the answer only
        answer = case((runs.c.headline.is_(None), runs.c.answer)).label("answer")
        return self._listed(select(*small, answer).limit(limit), experiment_id, state, before)

    def _listed(
        self, query: Any, experiment_id: str | None, state: RunState | None, before: str | None
    ) -> tuple[Run, ...]:
        query = query.order_by(self._runs.c.id.desc())
        if experiment_id is not None:
            query = query.where(self._runs.c.experiment_id == experiment_id)
        if state is not None:
            query = query.where(self._runs.c.state == state.value)
        if before is not None:
            query = query.where(self._runs.c.id < before)
        with self._database.read() as connection:
            return tuple(runrow.run(row) for row in connection.execute(query).mappings())

    def answered(
        self,
        experiment_id: str,
        setting: str,
        value: str,
        *,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[Run, ...]:
        """List an experiment's runs with an answer whose setting has that value, newest first."""
        from sqlalchemy import func

        config = self._runs.c.config
        # as it stands in the JSON, where a quote within a text is escaped; LIKE would ignore case
        written = f"{json.dumps(setting)}: {json.dumps(value)}"
        query = self._runs.select().where(func.replace(config, written, "") != config).limit(limit)
        return self._listed(query, experiment_id, RunState.SUCCEEDED, before)

    def latest(self) -> Mapping[str, Run]:
        """Map experiment id to its newest finished run."""
        from sqlalchemy import func, select

        runs = self._runs
        # from one experiment to the next by the index, whatever the number of their runs
        owners = select(func.min(runs.c.experiment_id).label("id")).cte("owners", recursive=True)
        following = select(func.min(runs.c.experiment_id))
        following = following.where(runs.c.experiment_id > owners.c.id)
        found = owners.c.id.is_not(None)
        owners = owners.union_all(select(following.scalar_subquery()).where(found))
        newest = select(func.max(runs.c.id)).where(runs.c.experiment_id == owners.c.id)
        newest = newest.where(runs.c.state == RunState.SUCCEEDED).correlate(owners)
        newest = select(newest.scalar_subquery()).select_from(owners)
        with self._database.read() as connection:
            # asked for by name, PostgreSQL does not weigh reading the whole table instead
            ids = [found for found in connection.execute(newest).scalars() if found]
            rows = connection.execute(runs.select().where(runs.c.id.in_(ids)))
            return {row["experiment_id"]: runrow.run(row) for row in rows.mappings()}

    def depth(self) -> Mapping[RunState, int]:
        """Count the runs that wait and those that run."""
        counts = dict.fromkeys(UNFINISHED, 0)
        for (state, *_), count in self.outcomes(UNFINISHED).items():
            counts[RunState(state)] += count
        return counts

    def outcomes(self, states: Collection[RunState]) -> Mapping[tuple[str, str, str, str], int]:
        """Count runs by state, kind, method and verdict; what a run has not is empty."""
        from sqlalchemy import func, select

        runs = self._runs
        by = (runs.c.state, runs.c.kind, runs.c.method, runs.c.verdict)
        query = select(*by, func.count()).where(runs.c.state.in_(states)).group_by(*by)
        with self._database.read() as connection:
            return {
                (state, kind, method or "", verdict or ""): count
                for state, kind, method, verdict, count in connection.execute(query)
            }

    def count_unmirrored(self, most: int) -> int:
        """Count runs that are over and not in the ledger yet, no further than that."""
        from sqlalchemy import func, select, text

        some = select(self._runs.c.id).where(text(TO_MIRROR)).limit(most).subquery()
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(some)).scalar_one())

    def unmirrored(self, limit: int) -> tuple[Run, ...]:
        """List runs that are over and not in the ledger yet, oldest first."""
        from sqlalchemy import text

        query = self._runs.select().where(text(TO_MIRROR)).order_by(self._runs.c.id).limit(limit)
        with self._database.read() as connection:
            return tuple(runrow.run(row) for row in connection.execute(query).mappings())

    def ledger_id(self, run_id: str) -> str | None:
        """Give the id under which the ledger holds a run; None while it does not."""
        mark = self._value(run_id, "mirrored")
        return None if mark is None or mark.startswith(NOT_MIRRORED) else str(mark)

    def mark_mirrored(self, run_id: str, ledger_id: str) -> None:
        """Note under which id the ledger holds a run."""
        with self._database.begin() as connection:
            where = self._runs.c.id == run_id
            connection.execute(self._runs.update().where(where).values(mirrored=ledger_id))

    def _value(self, run_id: str, column: str) -> Any:
        from sqlalchemy import select

        query = select(self._runs.c[column]).where(self._runs.c.id == run_id)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    @property
    def _runs(self) -> "Table":
        return self._database.tables.tables["runs"]
