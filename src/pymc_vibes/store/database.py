"""The database that runs are kept in: a SQLite file of this machine, or PostgreSQL for a team.

Both are spoken to through the same statements. A database that does not answer is the designed
problem `StoreUnavailable`; the next statement tries anew, so that nothing must be started again
when it is back.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import NotInitialized, StoreUnavailable
from pymc_vibes.settings import is_address
from pymc_vibes.store.provision import provide_database
from pymc_vibes.store.reach import require
from pymc_vibes.store.tables import complete, missing, tables

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Table

BUSY_SECONDS = 10.0
CONNECT_SECONDS = 5
AGAIN_SECONDS = 2  # when to try again a database that is away


class Database:
    """One database with all tables of the run table."""

    def __init__(self, place: str) -> None:
        self.is_shared = is_address(place)
        self.engine = _shared(place) if self.is_shared else _embedded(Path(place))
        self.tables = tables()
        if self.is_shared:
            self._check()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> "Iterator[Connection]":
        """Open a transaction that is committed at its end."""
        with _reaching(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> "Iterator[Connection]":
        """Open a connection for looking only."""
        with _reaching(), self.engine.connect() as connection:
            yield connection

    def now(self) -> "ColumnElement[float]":
        """Give the time in seconds by the one clock that all who share the database have."""
        from sqlalchemy import Float, cast, func, literal

        if self.is_shared:
            return cast(func.extract("epoch", func.clock_timestamp()), Float)
        return literal(time.time(), Float)

    def put(
        self, table: "Table", values: Mapping[str, Any], *, overwrite: bool, connection: Any = None
    ) -> None:
        """Write a row; one of the same key is written over, or stays."""
        if connection is None:
            with self.begin() as own:
                self.put(table, values, overwrite=overwrite, connection=own)
            return
        keys = [column.name for column in table.primary_key]
        insert = self._insert(table).values(values)
        if overwrite:
            rest = {name: value for name, value in values.items() if name not in keys}
            statement = insert.on_conflict_do_update(index_elements=keys, set_=rest)
        else:
            statement = insert.on_conflict_do_nothing(index_elements=keys)
        connection.execute(statement)

    def add(self, table: "Table", values: Mapping[str, Any], *, connection: Any) -> bool:
        """Write a new row; false where one is there that it may not stand beside."""
        # no index is named: a conflict with any of them counts
        statement = self._insert(table).values(values).on_conflict_do_nothing()
        # what was written is read back: not every driver counts rows
        written = connection.execute(statement.returning(*table.primary_key.columns))
        return written.first() is not None

    def _insert(self, table: "Table") -> Any:
        from sqlalchemy.dialects import postgresql, sqlite

        return (postgresql if self.is_shared else sqlite).insert(table)

    def _check(self) -> None:
        """Raise `NotInitialized` where a part of a shared database is not there."""
        with _reaching():
            lacking = missing(self.engine, self.tables)
        if lacking:
            self.close()
            raise NotInitialized(
                f"The run table in PostgreSQL lacks {', '.join(lacking[:3])}.",
                hint="Set it up first: vibes db init",
            )


def prepare_database(place: str) -> tuple[str, ...]:
    """Make everything that is missing, and say in words what was done."""
    if not is_address(place):
        existed = Path(place).exists()
        Database(place).close()
        return (f"run table: {place}: {'already there' if existed else 'made'}",)
    database = provide_database(place)
    engine = _shared(place)
    try:
        with _reaching():
            lacking = missing(engine, tables())
            complete(engine, tables())
    finally:
        engine.dispose()
    changed = f"made {', '.join(lacking)}" if lacking else "its tables are already there"
    return (f"run table: {database}", f"run table: {changed}")


def _embedded(path: Path) -> "Engine":
    from filelock import FileLock
    from sqlalchemy import create_engine

    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
    with FileLock(f"{path}.lock"):
        # turning WAL on is the one statement that does not wait for a busy file
        _share_file(path)
        complete(engine, tables())
    return engine


def _share_file(path: Path) -> None:
    """Set the file to write-ahead logging for good: readers go on while one process writes."""
    import sqlite3

    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _shared(place: str) -> "Engine":
    from sqlalchemy import create_engine, make_url

    require("psycopg", "PostgreSQL needs")
    return create_engine(
        make_url(place).set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # a connection that broke while nobody used it is made anew
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )


@contextmanager
def _reaching() -> Iterator[None]:
    """Turn what a database says when it is away or busy into the designed problem."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    try:
        yield
    except (OperationalError, InterfaceError) as error:
        # the driver's words may name the address, never the password
        said = str(error.orig or "").strip().removeprefix("connection failed: ")
        reason = said.partition("\n")[0][:200].rstrip(".") or "no answer"
        if re.search(r'database ".*" does not exist', reason):
            raise NotInitialized(
                "The database of the run table does not exist.",
                hint="Set it up first: vibes db init",
            ) from error
        if reason.startswith("no such"):
            raise  # it does answer, and the statement is wrong: a fault of ours
        raise StoreUnavailable(
            f"The run table does not answer: {reason}.",
            hint="`vibes doctor` checks every part.",
            retry_after=AGAIN_SECONDS,
        ) from error
