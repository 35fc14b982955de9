"""The lake's catalog from outside of the engine: whose turn it is to commit, and what is newest.

A SQLite file of this machine has a lock file beside it. PostgreSQL gives the same lock to a team;
should it be lost in the middle of a commit, nothing is: a snapshot's number is given only once, and
the commit that comes too late fails and is decided again.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import LakeBusy, StoreUnavailable, VibesError
from pymc_vibes.settings import Settings, is_address, masked
from pymc_vibes.store.clock import Clock
from pymc_vibes.store.reach import connected

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from psycopg import Connection

AGAIN_SECONDS = 2  # when to try again a database that is away
COMMIT_LOCK = 0x6C616B65  # "lake": any number will do, as long as it is the same for all


class FileCatalog:
    """A SQLite file, which is made when it is missing."""

    is_shared = False

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path.absolute()
        self._seconds = seconds

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else commit meanwhile, or raise `LakeBusy`."""
        from filelock import FileLock, Timeout

        path = self._path.with_name(f"{self._path.name}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        # a lock object of its own each time: one object would let two threads in
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=self._seconds)
        except Timeout as error:
            raise _busy() from error
        try:
            yield
        finally:
            lock.release()

    def clock(self, root: "DuckDBPyConnection") -> Clock:
        """Give what tells the newest snapshot."""
        return Clock(root, self._path)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    def close(self) -> None:
        """Do nothing: locks are let go of at once."""


class SharedCatalog:
    """A PostgreSQL database, which `vibes db init` makes."""

    is_shared = True

    def __init__(self, place: str, seconds: float) -> None:
        self._seconds = seconds
        self._mine = threading.Lock()
        self._turns = _Line(place)
        self._times = _Line(place)
        self._place = place

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else commit meanwhile, on any machine, or raise `LakeBusy`."""
        if not self._mine.acquire(timeout=self._seconds):
            raise _busy()
        try:
            self._take_turn()
            yield
        finally:
            # what holds the lock is the transaction; it ends with its connection too
            self._turns.end()
            self._mine.release()

    def _take_turn(self) -> None:
        import psycopg

        wait = max(1, int(self._seconds * 1000))
        limits = (
            f"SET LOCAL lock_timeout = {wait}; SET LOCAL statement_timeout = 0; "
            "SET LOCAL idle_in_transaction_session_timeout = 0"
        )
        try:
            self._turns.ask(f"BEGIN; {limits}; SELECT pg_advisory_xact_lock({COMMIT_LOCK})")
        except psycopg.errors.LockNotAvailable as error:
            raise _busy() from error

    def clock(self, _root: "DuckDBPyConnection") -> "SharedCatalog":
        """Give what tells the newest snapshot."""
        return self

    def version(self) -> int:
        """Give the number of the newest snapshot: always asked for, so what was written is read."""
        [newest] = self._times.ask("SELECT max(snapshot_id) FROM public.ducklake_snapshot")
        return int(newest or 0)

    def exists(self) -> bool:
        """Whether there is a lake in the database."""
        [found] = self._times.ask("SELECT to_regclass('public.ducklake_snapshot') IS NOT NULL")
        return bool(found)

    def close(self) -> None:
        """Close the connections."""
        self._turns.close()
        self._times.close()


class _Line:
    """A connection that is made when it is needed, and anew when it broke."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._connection: Connection | None = None

    def ask(self, statement: str) -> Any:
        """Run statements and give the row of the last one."""
        with self._lock:
            if self._connection is not None:
                # that a connection broke while nobody used it shows only now
                with suppress(StoreUnavailable):
                    return self._ask(statement)
            return self._ask(statement)

    def end(self) -> None:
        """End the open transaction."""
        import psycopg

        with self._lock:
            if self._connection is None:
                return
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.Error:
                self._drop()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _ask(self, statement: str) -> Any:
        if self._connection is None:
            self._connection = self._connect()
        import psycopg  # there, because we are connected

        try:
            cursor = self._connection.execute(statement.encode())
        except psycopg.errors.LockNotAvailable:
            raise
        except psycopg.OperationalError as error:
            self._drop()
            reason = masked(str(error).strip().partition("\n")[0])
            raise StoreUnavailable(
                f"{masked(self._place)} does not answer: {reason}.", retry_after=AGAIN_SECONDS
            ) from error
        while cursor.nextset():
            pass
        return cursor.fetchone()

    def _connect(self) -> "Connection":
        try:
            return self._stack.enter_context(connected(self._place))
        except StoreUnavailable as error:
            error.extras.setdefault("retry_after", AGAIN_SECONDS)
            raise

    def _drop(self) -> None:
        self._connection = None
        with suppress(VibesError):  # a connection that broke cannot be closed in good order
            self._stack.close()


type Catalog = FileCatalog | SharedCatalog


def open_catalog(settings: Settings, seconds: float) -> Catalog:
    """Give the catalog of the settings; nothing is made and nobody is asked."""
    place = settings.catalog_place
    if is_address(place):
        return SharedCatalog(place, seconds)
    return FileCatalog(Path(place), seconds)


def _busy() -> LakeBusy:
    return LakeBusy(
        "Another process is writing to the lake.", hint="Try again in a moment.", retry_after=1
    )
