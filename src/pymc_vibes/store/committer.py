"""The one writer of a process: small jobs that wait together are committed together.

Every process writes under the catalog's lock, so that commits never meet. A job reads what it
needs, decides, and gathers its changes in a `Writing`; only when all jobs of a group have done so
is anything written. A job that is refused leaves the others alone; a group that fails as a whole is
tried one job at a time. When a store goes away in the middle of a commit, nobody can tell whether
it is in: nothing is tried again then, and nothing was acknowledged.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import InternalFault, LakeBusy, StoreUnavailable, VibesError
from pymc_vibes.store import registry
from pymc_vibes.store.duck import AGAIN_SECONDS, away, cursor_of, is_away, reaching
from pymc_vibes.store.writing import Known, Writing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pymc_vibes.store.catalog import Catalog

LARGEST_GROUP = 256
TRIES = 6
COMPACT_EVERY = 512  # snapshots; whoever crosses a multiple of it tidies up

type Work[Result] = Callable[[Writing], Result]


@dataclass
class _Job:
    work: Work[Any]
    future: Future[Any]


class Committer:
    """Runs jobs in transactions, in one thread."""

    def __init__(
        self,
        root: "DuckDBPyConnection",
        catalog: "Catalog",
        tidy: Callable[["DuckDBPyConnection"], None],
        shelf: registry.Shelf,
    ) -> None:
        self._root = root
        self._catalog = catalog
        self._tidy = tidy
        self._shelf = shelf
        self._known: Known | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._loop, name="lake-committer", daemon=True)
        self._thread.start()

    def run[Result](self, work: Work[Result]) -> Result:
        """Run the work in a transaction and wait until it is committed."""
        job = _Job(work, Future())
        with self._closing:
            if self._is_closed:
                raise LakeBusy("The lake is closing.", retry_after=1)
            self._jobs.put(job)
        result: Result = job.future.result()
        return result

    def tidy(self) -> None:
        """Compact now, under the lock."""
        with reaching(), self._catalog.locked(), self._cursor() as cursor:
            self._tidy(cursor)

    def close(self) -> None:
        """Commit what waits and stop."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            self._jobs.put(None)
        self._thread.join()

    def _cursor(self) -> "DuckDBPyConnection":
        return cursor_of(self._root)

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job, *self._waiting()]
            jobs = [each for each in group if each is not None]
            before = self._known.snapshot if self._known else None
            self._commit(jobs)
            after = self._known.snapshot if self._known else None
            if before and after and before // COMPACT_EVERY != after // COMPACT_EVERY:
                self._tidy_quietly()
            if len(jobs) < len(group):
                return

    def _waiting(self) -> list[_Job | None]:
        found: list[_Job | None] = []
        while len(found) < LARGEST_GROUP:
            try:
                found.append(self._jobs.get_nowait())
            except queue.Empty:
                break
            if found[-1] is None:
                break
        return found

    def _tidy_quietly(self) -> None:
        import duckdb

        try:
            self.tidy()
        except (VibesError, duckdb.Error) as error:
            # it is only housekeeping: the next multiple tries again
            logging.getLogger(__name__).warning("The lake was not compacted: %s", error)

    def _commit(self, jobs: Sequence[_Job]) -> None:
        try:
            with self._catalog.locked():
                self._commit_locked(jobs)
        except Exception as error:  # noqa: BLE001  # the edge of the thread: a waiter must hear it
            _fail(jobs, error)

    def _commit_locked(self, jobs: Sequence[_Job]) -> None:
        import duckdb

        for attempt in range(TRIES):
            try:
                self._attempt(jobs)
            except duckdb.Error as error:
                self._known = None
                if is_away(error):
                    raise away(error) from error
                if not _is_passing(error):
                    self._apart(jobs, error)
                    return
                time.sleep(0.02 * 2**attempt)
            else:
                return
        _fail(jobs, _busy())

    def _apart(self, jobs: Sequence[_Job], error: Exception) -> None:
        if len(jobs) > 1:
            for job in jobs:
                self._commit_locked([job])
            return
        fault = InternalFault(f"The lake refused a change: {str(error).splitlines()[0][:300]}")
        fault.__cause__ = error
        _fail(jobs, fault)

    def _attempt(self, jobs: Sequence[_Job]) -> None:
        import duckdb

        with self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION")
            try:
                writing = Writing(cursor, self._current(cursor))
                done = [(job, _outcome(job, writing)) for job in jobs]
                if writing.is_empty:
                    cursor.execute("ROLLBACK")
                else:
                    writing.write()
                    _seal(cursor)
            except duckdb.Error:
                _roll_back(cursor)
                raise
        if not writing.is_empty:
            self._remember(writing.known)
        for job, (result, refusal) in done:
            if refusal is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(refusal)

    def _current(self, cursor: "DuckDBPyConnection") -> Known:
        """Know the lake as this transaction sees it."""
        snapshot = registry.newest(cursor)
        if self._known is None or self._known.snapshot != snapshot:
            experiments = dict(self._shelf.at(snapshot, self._cursor))
            self._known = Known(snapshot=snapshot, experiments=experiments)
        return self._known

    def _remember(self, known: Known) -> None:
        """Keep what was committed; a commit never gets another number than it was meant to have."""
        self._known = known
        self._shelf.put(known.snapshot, known.experiments)


def _outcome(job: _Job, writing: Writing) -> tuple[Any, VibesError | None]:
    try:
        return job.work(writing), None
    except VibesError as refusal:
        return None, refusal


def _seal(cursor: "DuckDBPyConnection") -> None:
    import duckdb

    try:
        cursor.execute("COMMIT")
    except duckdb.Error as error:
        if not is_away(error):
            raise
        raise StoreUnavailable(
            "The catalog went away in the middle of a commit; whether the change is in cannot be "
            "told yet.",
            hint="Look when it is back, or repeat it with the same idempotency key, which counts "
            "once.",
            retry_after=AGAIN_SECONDS,
        ) from error


def _roll_back(cursor: "DuckDBPyConnection") -> None:
    import duckdb

    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        return  # a failed COMMIT has rolled back already


def _is_passing(error: Exception) -> bool:
    text = str(error).lower()
    return any(word in text for word in ("database is locked", "conflict", "busy", "retry count"))


def _busy() -> LakeBusy:
    return LakeBusy(
        "Another process is writing to the lake.", hint="Try again in a moment.", retry_after=1
    )


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(error)
