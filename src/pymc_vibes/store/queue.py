"""The queue: runs that wait for a worker, those that are worked on, and how they end.

A run's state moves only along `core.run.TRANSITIONS`. Of one key and one experiment there is never
more than one run that waits or runs, in whatever process.

A worker that claims a run holds it for the length of a lease and says now and then that it still
lives. When it is not heard of any more the lease lapses, the run waits again and another worker may
claim it; whatever the first one still says of it is not heard, because each statement names the
worker that makes it. Leases are counted by the clock of the database.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import IllegalTransition, RunNotFound
from pymc_vibes.core.run import Progress, Run, RunState, check_transition
from pymc_vibes.store import runrow
from pymc_vibes.store.database import prepare_database
from pymc_vibes.store.runtable import RunTable
from pymc_vibes.store.tables import WAITING

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from pymc_vibes.settings import Settings

CLOCK_LEASES = 4  # a lease that ends later than so many of them was begun under another clock
_GIVEN_BACK: Mapping[str, Any] = {
    "state": RunState.QUEUED.value,
    "worker": None,
    "lease_until": None,
    "progress": None,
    "started": None,
}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A run in the hands of one worker, with all that its work needs."""

    run: Run
    experiment_id: str
    worker: str
    tries: int
    """Workers that have had it, this one among them."""
    work: Mapping[str, Any]


class Queue(RunTable):
    """The runs that wait for a worker, and the workers that claim them."""

    def enqueue(
        self, run: Run, *, experiment_id: str, work: Mapping[str, Any], priority: int = 0
    ) -> Run:
        """Write a run that waits for a worker; give the unfinished one of that key if there is.

        A run that was written before is given as it is.
        """
        from sqlalchemy.exc import IntegrityError

        assert run.key is not None  # noqa: S101  # what makes two questions the same
        row = runrow.values(run, experiment_id) | {
            "work": json.dumps(work),
            "priority": priority,
            "tries": 0,
        }
        while True:
            try:
                with self._database.begin() as connection:
                    connection.execute(self._runs.insert().values(row))
            except IntegrityError:
                # it may be over by now: then there is room for this one
                if (waiting := self.unfinished(experiment_id, run.key)) is not None:
                    return waiting
                with suppress(RunNotFound):
                    return self.run(run.id)
            else:
                return run

    def claim(self, worker: str, *, lease: float, only: str | None = None) -> Claim | None:
        """Take the run that has waited longest among the most urgent, or that one only."""
        if not self.has_work(only, lease=lease):
            return None
        runs = self._runs
        waiting = self._waiting(only)
        first = self._first(waiting)
        taken = {
            "state": RunState.RUNNING.value,
            "worker": worker,
            "lease_until": self._database.now() + lease,
            "tries": runs.c.tries + 1,
            "started": runrow.naive(datetime.now(UTC)),
        }
        # two workers never take the same one: PostgreSQL passes over rows that another one holds,
        # SQLite lets only one statement write
        wanted = first.with_for_update(skip_locked=True).scalar_subquery()
        with self._database.begin() as connection:
            statement = self._changed(waiting & (runs.c.id == wanted), taken).returning(runs)
            row = connection.execute(statement).mappings().first()
        if row is None:
            return None
        return Claim(
            run=runrow.run(row),
            experiment_id=row["experiment_id"],
            worker=worker,
            tries=row["tries"],
            work=json.loads(row["work"]),
        )

    def has_work(self, only: str | None = None, *, lease: float) -> bool:
        """Whether there is a run to claim; looking is cheap and disturbs nobody who writes."""
        first, lapsed = self._first(self._waiting(only)), self._lapsed(lease)
        with self._database.read() as connection:
            is_left = connection.execute(self._first(lapsed)).scalar() is not None
            if not is_left:
                return connection.execute(first).scalar() is not None
        with self._database.begin() as connection:
            self._let_wait(connection, lapsed)
            return connection.execute(first).scalar() is not None

    def keep(self, worker: str, run_ids: Collection[str], *, lease: float) -> frozenset[str]:
        """Say that a worker lives, and give those of its runs that are still its own."""
        now = self._database.now()
        mine = (self._runs.c.worker == worker) & (self._runs.c.state == RunState.RUNNING.value)
        mine &= self._runs.c.id.in_(run_ids)
        renew = self._runs.update().where(mine).values(lease_until=now + lease)
        with self._database.begin() as connection:
            heard = {"name": worker, "heard": connection.execute(_only(now)).scalar_one()}
            self._database.put(self._workers, heard, overwrite=True, connection=connection)
            if not run_ids:
                return frozenset()
            return frozenset(connection.execute(renew.returning(self._runs.c.id)).scalars())

    def leave(self, worker: str) -> None:
        """Say that a worker goes; what it still holds waits for another one."""
        mine = (self._runs.c.worker == worker) & (self._runs.c.state == RunState.RUNNING.value)
        with self._database.begin() as connection:
            self._let_wait(connection, mine, tries=self._runs.c.tries - 1)
            connection.execute(self._workers.delete().where(self._workers.c.name == worker))

    def give_back(self, run_id: str, worker: str) -> None:
        """Let one run of a worker wait again, which is no try."""
        with self._database.begin() as connection:
            mine = self._held(run_id, worker)
            self._let_wait(connection, mine, tries=self._runs.c.tries - 1)

    def workers(self, *, within: float) -> Mapping[str, float]:
        """Map each worker that was heard of within those seconds to how long ago that was."""
        from sqlalchemy import select

        now, workers = self._database.now(), self._workers
        query = select(workers.c.name, now - workers.c.heard).where(workers.c.heard > now - within)
        with self._database.read() as connection:
            return {name: max(0.0, ago) for name, ago in connection.execute(query)}

    def report(self, run_id: str, worker: str, progress: Progress) -> None:
        """Write how far a run is, where it is still that worker's."""
        self._change(self._held(run_id, worker), progress=progress.model_dump_json())

    def cancel(self, run_id: str, when: datetime) -> Run:
        """End a run that waits, ask one that runs to stop, and give it as it is now."""
        waits = self._in_state(run_id, RunState.QUEUED)
        ended = {"state": RunState.CANCELLED.value, "finished": runrow.naive(when)}
        if not self._change(waits, **ended):
            self._change(self._in_state(run_id, RunState.RUNNING), cancel_requested=True)
        return self.run(run_id)

    def finish(self, run: Run, *, worker: str | None = None, names: Sequence[str] = ()) -> None:
        """Write how a run ended, and make its answer findable under those names, at once.

        Raises `IllegalTransition` where the run is not that worker's to end.
        """
        with self._database.begin() as connection:
            where = self._runs.c.id == run.id
            found = connection.execute(self._runs.select().where(where)).mappings().one()
            check_transition(RunState(found["state"]), run.state)
            same = where & (self._runs.c.state == found["state"])
            if worker is not None:
                same &= self._runs.c.worker == worker
            changed = self._changed(same, runrow.values(run, None))
            if connection.execute(changed).rowcount == 0:
                raise IllegalTransition(f"Run {run.id} is in other hands meanwhile.")
            self.remembered.put(connection, found["experiment_id"], run.id, names)

    def is_cancelled(self, run_id: str) -> bool:
        """Whether the run was asked to stop."""
        return bool(self._value(run_id, "cancel_requested"))

    def _waiting(self, only: str | None) -> "ColumnElement[bool]":
        from sqlalchemy import and_, text, true

        one = true() if only is None else self._runs.c.id == only
        return and_(text(WAITING), one)

    def _first(self, waiting: "ColumnElement[bool]") -> Any:
        from sqlalchemy import select

        runs = self._runs
        return select(runs.c.id).where(waiting).order_by(runs.c.priority.desc(), runs.c.id).limit(1)

    def _lapsed(self, lease: float) -> "ColumnElement[bool]":
        """Say which runs have workers that are not heard of any more."""
        from sqlalchemy import or_

        runs, now = self._runs, self._database.now()
        lapsed = (runs.c.state == RunState.RUNNING.value) & runs.c.work.is_not(None)
        return lapsed & or_(
            runs.c.lease_until.is_(None),
            runs.c.lease_until < now,
            # so far ahead only where the clock was set back: too long to wait for its worker
            runs.c.lease_until > now + CLOCK_LEASES * abs(lease),
        )

    def _let_wait(
        self, connection: "Connection", where: "ColumnElement[bool]", **more: Any
    ) -> None:
        """Let runs wait for another worker; those that were asked to stop are over."""
        ended = {"state": RunState.CANCELLED.value, "finished": runrow.naive(datetime.now(UTC))}
        unwanted = where & self._runs.c.cancel_requested.is_(True)
        connection.execute(self._changed(unwanted, ended))
        connection.execute(self._changed(where, {**_GIVEN_BACK, **more}))

    def _held(self, run_id: str, worker: str) -> "ColumnElement[bool]":
        return self._in_state(run_id, RunState.RUNNING) & (self._runs.c.worker == worker)

    def _in_state(self, run_id: str, state: RunState) -> "ColumnElement[bool]":
        return (self._runs.c.id == run_id) & (self._runs.c.state == state.value)

    def _changed(self, where: "ColumnElement[bool]", values: Mapping[str, Any]) -> Any:
        """Make the statement that changes runs, and raises their revision."""
        from sqlalchemy import func

        revision = func.coalesce(self._runs.c.revision, 0) + 1
        return self._runs.update().where(where).values({**values, "revision": revision})

    def _change(self, where: "ColumnElement[bool]", **values: Any) -> bool:
        """Change the runs that are so; say whether there was any."""
        with self._database.begin() as connection:
            return bool(connection.execute(self._changed(where, values)).rowcount)

    @property
    def _workers(self) -> "Table":
        return self._database.tables.tables["workers"]


def prepare_queue(settings: "Settings") -> tuple[str, ...]:
    """Make the run table where it is missing, and say in words what was done."""
    return prepare_database(settings.queue_place)


def _only(value: "ColumnElement[float]") -> Any:
    from sqlalchemy import select

    return select(value)
