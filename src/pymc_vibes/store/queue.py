"""The run table: the record of every fit, the answers that can be had again, and kept choices.

Our own table is the record; nothing is ever looked up anywhere else. A run's state moves only
along `core.run.TRANSITIONS`. An answer is found by its exact key, or by the version of the data and
the settings it was asked with, so that a repeated question touches no event.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.errors import RunNotFound
from pymc_vibes.core.run import Run, RunState, check_transition

if TYPE_CHECKING:
    from sqlalchemy import Engine, MetaData, RowMapping, Table

BUSY_SECONDS = 10.0


class Queue:
    """Runs, cached answers and kept choices, in one SQLite file that processes share."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock
        from sqlalchemy import create_engine

        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
        self._tables = _tables()
        with FileLock(f"{path}.lock"):
            # turning WAL on is the one statement that does not wait for a busy file
            _share_file(path)
            self._tables.create_all(self._engine)

    def close(self) -> None:
        """Give the file back."""
        self._engine.dispose()

    @property
    def engine(self) -> "Engine":
        """The database, for whoever checks its health."""
        return self._engine

    def record(self, run: Run, *, experiment_id: str) -> None:
        """Write a new run."""
        with self._engine.begin() as connection:
            connection.execute(self._runs.insert().values(_row(run, experiment_id)))

    def finish(self, run: Run) -> None:
        """Write how a run ended, or raise `IllegalTransition`."""
        from sqlalchemy import select

        with self._engine.begin() as connection:
            where = self._runs.c.id == run.id
            old = connection.execute(select(self._runs.c.state).where(where)).scalar_one()
            check_transition(RunState(old), run.state)
            connection.execute(self._runs.update().where(where).values(_row(run, None)))

    def run(self, run_id: str) -> Run:
        """Give the run, or raise `RunNotFound`."""
        from sqlalchemy import select

        with self._engine.connect() as connection:
            query = select(self._runs).where(self._runs.c.id == run_id)
            row = connection.execute(query).mappings().first()
        if row is None:
            raise RunNotFound(
                f"There is no run {run_id[:80]!r}.", hint="`vibes runs list` shows them."
            )
        return _run(row)

    def experiment_id(self, run_id: str) -> str:
        """Give the id of the experiment that a run belongs to."""
        from sqlalchemy import select

        with self._engine.connect() as connection:
            query = select(self._runs.c.experiment_id).where(self._runs.c.id == run_id)
            return str(connection.execute(query).scalar_one())

    def runs(
        self, experiment_id: str | None = None, *, limit: int = 50, before: str | None = None
    ) -> tuple[Run, ...]:
        """List runs, newest first; `before` is the id of the last run of the page above."""
        from sqlalchemy import select

        query = select(self._runs).order_by(self._runs.c.id.desc()).limit(limit)
        if experiment_id is not None:
            query = query.where(self._runs.c.experiment_id == experiment_id)
        if before is not None:
            query = query.where(self._runs.c.id < before)
        with self._engine.connect() as connection:
            return tuple(_run(row) for row in connection.execute(query).mappings())

    def latest(self) -> Mapping[str, Run]:
        """Map experiment id to its newest finished run."""
        from sqlalchemy import func, select

        newest = (
            select(func.max(self._runs.c.id))
            .where(self._runs.c.state == RunState.SUCCEEDED)
            .group_by(self._runs.c.experiment_id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(select(self._runs).where(self._runs.c.id.in_(newest)))
            return {row["experiment_id"]: _run(row) for row in rows.mappings()}

    def remember(self, experiment_id: str, run_id: str, *names: str) -> None:
        """Make a run findable under each name (an answer's key, or a question's digest)."""
        with self._engine.begin() as connection:
            for name in names:
                connection.execute(
                    self._cache.insert()
                    .prefix_with("OR REPLACE")
                    .values(experiment_id=experiment_id, name=name, run_id=run_id)
                )

    def recall(self, experiment_id: str, name: str) -> str | None:
        """Give the id of the run remembered under that name."""
        from sqlalchemy import select

        where = (self._cache.c.experiment_id == experiment_id) & (self._cache.c.name == name)
        with self._engine.connect() as connection:
            found = connection.execute(select(self._cache.c.run_id).where(where)).scalar()
        return None if found is None else str(found)

    def forget(self, experiment_id: str) -> int:
        """Forget each remembered answer of exactly this experiment and say how many; runs stay."""
        from sqlalchemy import distinct, func, select

        where = self._cache.c.experiment_id == experiment_id
        with self._engine.begin() as connection:
            count = select(func.count(distinct(self._cache.c.run_id))).where(where)
            cleared = int(connection.execute(count).scalar_one())
            connection.execute(self._cache.delete().where(where))
        return cleared

    def keep_first(self, scope: str, unit: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keep `value` for the unit unless one is kept already; give the one that is kept."""
        from sqlalchemy import select

        kept = self._kept
        with self._engine.begin() as connection:
            connection.execute(
                kept.insert()
                .prefix_with("OR IGNORE")
                .values(scope=scope, unit=unit, value=json.dumps(value), created=datetime.now(UTC))
            )
            where = (kept.c.scope == scope) & (kept.c.unit == unit)
            found: Mapping[str, Any] = json.loads(
                connection.execute(select(kept.c.value).where(where)).scalar_one()
            )
        return found

    def kept(self, scope: str, unit: str) -> Mapping[str, Any] | None:
        """Give what is kept for the unit, if anything is."""
        from sqlalchemy import select

        where = (self._kept.c.scope == scope) & (self._kept.c.unit == unit)
        with self._engine.connect() as connection:
            found = connection.execute(select(self._kept.c.value).where(where)).scalar()
        return None if found is None else dict(json.loads(found))

    @property
    def _runs(self) -> "Table":
        return self._tables.tables["runs"]

    @property
    def _cache(self) -> "Table":
        return self._tables.tables["answers"]

    @property
    def _kept(self) -> "Table":
        return self._tables.tables["kept"]


def _share_file(path: Path) -> None:
    """Set the file to write-ahead logging for good: readers go on while one process writes."""
    import sqlite3

    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _tables() -> "MetaData":
    from sqlalchemy import Column, DateTime, Index, MetaData, String, Table, Text

    tables = MetaData()
    runs = Table(
        "runs",
        tables,
        Column("id", String(26), primary_key=True),
        Column("experiment_id", String(26), nullable=False),
        Column("experiment", String(64), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("state", String(16), nullable=False),
        Column("created", DateTime, nullable=False),
        Column("finished", DateTime),
        Column("config", Text, nullable=False),
        Column("key", String(64)),
        Column("answer", Text),
        Column("error", Text),
    )
    Index("runs_of_experiment", runs.c.experiment_id, runs.c.id)
    Table(
        "answers",
        tables,
        Column("experiment_id", String(26), primary_key=True),
        Column("name", String(64), primary_key=True),
        Column("run_id", String(26), nullable=False),
    )
    Table(
        "kept",
        tables,
        Column("scope", String(200), primary_key=True),
        Column("unit", Text, primary_key=True),
        Column("value", Text, nullable=False),
        Column("created", DateTime, nullable=False),
    )
    return tables


def _row(run: Run, experiment_id: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": run.id,
        "experiment": run.experiment,
        "kind": run.kind,
        "state": run.state.value,
        "created": run.created.astimezone(UTC).replace(tzinfo=None),
        "finished": run.finished and run.finished.astimezone(UTC).replace(tzinfo=None),
        "config": json.dumps(run.config, sort_keys=True),
        "key": run.key,
        "answer": run.answer and run.answer.model_dump_json(),
        "error": run.error and json.dumps(run.error),
    }
    return row if experiment_id is None else row | {"experiment_id": experiment_id}


def _run(row: "RowMapping") -> Run:
    return Run(
        id=row["id"],
        experiment=row["experiment"],
        kind=row["kind"],
        state=RunState(row["state"]),
        created=row["created"].replace(tzinfo=UTC),
        finished=row["finished"] and row["finished"].replace(tzinfo=UTC),
        config=json.loads(row["config"]),
        key=row["key"],
        answer=Answer.model_validate_json(row["answer"]) if row["answer"] else None,
        error=json.loads(row["error"]) if row["error"] else None,
    )
