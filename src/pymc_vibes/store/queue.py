"""The run table: the record of every fit, the answers that can be had again, and kept choices.

Our own table is the record; nothing is ever looked up anywhere else. A run's state moves only
along `core.run.TRANSITIONS`. An answer is found by its exact key, or by the version of the data and
the settings it was asked with, so that a repeated question touches no event.

A run that waits or runs has an owner, the executor that works on it, and holds all that its work
needs. Of one key and one experiment there is never more than one such run, in whatever process.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.errors import IllegalTransition, RunNotFound
from pymc_vibes.core.run import TRANSITIONS, Progress, Run, RunState, check_transition
from pymc_vibes.store.tables import complete, tables

if TYPE_CHECKING:
    from sqlalchemy import Engine, RowMapping, Table

BUSY_SECONDS = 10.0
UNFINISHED = tuple(state for state, following in TRANSITIONS.items() if following)


class Queue:
    """Runs, cached answers and kept choices, in one SQLite file that processes share."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock
        from sqlalchemy import create_engine

        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
        self._tables = tables()
        with FileLock(f"{path}.lock"):
            # turning WAL on is the one statement that does not wait for a busy file
            _share_file(path)
            complete(self._engine, self._tables)

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

    def enqueue(self, run: Run, *, experiment_id: str, owner: str, work: Mapping[str, Any]) -> Run:
        """Write a run that waits for its owner; give the unfinished one of that key if there is."""
        from sqlalchemy.exc import IntegrityError

        assert run.key is not None  # noqa: S101  # what makes two questions the same
        row = _row(run, experiment_id) | {"owner": owner, "work": json.dumps(work)}
        while True:
            try:
                with self._engine.begin() as connection:
                    connection.execute(self._runs.insert().values(row))
            except IntegrityError:
                # it may be over by now: then there is room for this one
                if (waiting := self.unfinished(experiment_id, run.key)) is not None:
                    return waiting
            else:
                return run

    def unfinished(self, experiment_id: str, key: str) -> Run | None:
        """Give the run of that key that somebody works on or will."""
        from sqlalchemy import select

        runs = self._runs
        where = (runs.c.experiment_id == experiment_id) & (runs.c.key == key)
        with self._engine.connect() as connection:
            query = select(runs).where(
                where, runs.c.state.in_(UNFINISHED), runs.c.owner.is_not(None)
            )
            row = connection.execute(query).mappings().first()
        return None if row is None else _run(row)

    def claim(self, run_id: str) -> bool:
        """Begin a run that waits; False where somebody cancelled it."""
        return self._move(run_id, RunState.QUEUED, state=RunState.RUNNING.value)

    def report(self, run_id: str, progress: Progress) -> None:
        """Write how far a run is."""
        self._move(run_id, RunState.RUNNING, progress=progress.model_dump_json())

    def cancel(self, run_id: str, when: datetime) -> Run:
        """End a run that waits, ask one that runs to stop, and give it as it is now."""
        ended = {"state": RunState.CANCELLED.value, "finished": _naive(when)}
        if not self._move(run_id, RunState.QUEUED, **ended):
            self._move(run_id, RunState.RUNNING, cancel_requested=True)
        return self.run(run_id)

    def finish(self, run: Run) -> None:
        """Write how a run ended, or raise `IllegalTransition`."""
        from sqlalchemy import select

        with self._engine.begin() as connection:
            where = self._runs.c.id == run.id
            old = connection.execute(select(self._runs.c.state).where(where)).scalar_one()
            check_transition(RunState(old), run.state)
            same = where & (self._runs.c.state == old)
            changed = self._runs.update().where(same).values(_row(run, None))
            if connection.execute(changed).rowcount == 0:
                raise IllegalTransition(f"Run {run.id} was ended by another process meanwhile.")

    def owner(self, run_id: str) -> str | None:
        """Name the executor that works on a run, or did."""
        found = self._value(run_id, "owner")
        return None if found is None else str(found)

    def work(self, run_id: str) -> Mapping[str, Any]:
        """Give what a run that was queued needs beside its config."""
        return dict(json.loads(self._value(run_id, "work")))

    def is_cancelled(self, run_id: str) -> bool:
        """Whether the run was asked to stop."""
        return bool(self._value(run_id, "cancel_requested"))

    def depth(self) -> Mapping[RunState, int]:
        """Count the runs that wait and those that run."""
        from sqlalchemy import func, select

        runs = self._runs
        counts = dict.fromkeys(UNFINISHED, 0)
        query = select(runs.c.state, func.count()).where(runs.c.state.in_(UNFINISHED))
        with self._engine.connect() as connection:
            for state, count in connection.execute(query.group_by(runs.c.state)):
                counts[RunState(state)] = count
        return counts

    def waiting(self, experiment_id: str) -> tuple[str, ...]:
        """List the ids of an experiment's unfinished runs."""
        from sqlalchemy import select

        runs = self._runs
        where = (runs.c.experiment_id == experiment_id) & runs.c.state.in_(UNFINISHED)
        with self._engine.connect() as connection:
            return tuple(connection.execute(select(runs.c.id).where(where)).scalars())

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
        return str(self._value(run_id, "experiment_id"))

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

    def _move(self, run_id: str, old: RunState, **values: Any) -> bool:
        """Change a run that is in that state; say whether it was."""
        where = (self._runs.c.id == run_id) & (self._runs.c.state == old.value)
        with self._engine.begin() as connection:
            changed = connection.execute(self._runs.update().where(where).values(values))
        return changed.rowcount == 1

    def _value(self, run_id: str, column: str) -> Any:
        from sqlalchemy import select

        query = select(self._runs.c[column]).where(self._runs.c.id == run_id)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

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


def _row(run: Run, experiment_id: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": run.id,
        "experiment": run.experiment,
        "kind": run.kind,
        "state": run.state.value,
        "created": _naive(run.created),
        "finished": run.finished and _naive(run.finished),
        "config": json.dumps(run.config, sort_keys=True),
        "key": run.key,
        "answer": run.answer and run.answer.model_dump_json(),
        "error": run.error and json.dumps(run.error),
        "progress": run.progress and run.progress.model_dump_json(),
    }
    return row if experiment_id is None else row | {"experiment_id": experiment_id}


def _naive(moment: datetime) -> datetime:
    """Give the instant as the table keeps it: in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _run(row: "RowMapping") -> Run:
    state = RunState(row["state"])
    return Run(
        id=row["id"],
        experiment=row["experiment"],
        kind=row["kind"],
        state=state,
        created=row["created"].replace(tzinfo=UTC),
        finished=row["finished"] and row["finished"].replace(tzinfo=UTC),
        config=json.loads(row["config"]),
        key=row["key"],
        answer=Answer.model_validate_json(row["answer"]) if row["answer"] else None,
        error=json.loads(row["error"]) if row["error"] else None,
        progress=Progress.model_validate_json(row["progress"]) if row["progress"] else None,
        cancelling=bool(row["cancel_requested"]) and state in UNFINISHED,
    )
