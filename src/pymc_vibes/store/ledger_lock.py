"""One writer of the ledger at a time: MLflow itself would take the same run twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import StoreUnavailable
from pymc_vibes.settings import Settings, is_address

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEDGER_LOCK = 0x76696265  # "vibe": any number will do, as long as it is the same for all
CONNECT_SECONDS = 5


@contextmanager
def sole_writer(settings: Settings) -> Iterator[bool]:
    """Say whether nobody else writes to the ledger, and keep it so.

    On one machine by a lock on a file of the home, between machines by a lock of PostgreSQL. The
    kernel and the database let go of it however the process ends.
    """
    from filelock import FileLock, Timeout

    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "ledger.lock", thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        with _among_machines(settings.ledger_place) as is_alone:
            yield is_alone
    finally:
        lock.release()


@contextmanager
def _among_machines(place: str) -> Iterator[bool]:
    if not (is_address(place) and place.startswith("postgresql")):
        yield True
        return
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import OperationalError
    from sqlalchemy.pool import NullPool

    engine = create_engine(
        make_url(place).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,  # the lock is the connection's: it must really end
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise StoreUnavailable(
            "The database of the ledger does not answer.",
            hint="Check VIBES_LEDGER; `vibes doctor` checks every part.",
        ) from error
    with connection:
        yield _takes(connection)


def _takes(connection: "Connection") -> bool:
    from sqlalchemy import func, select

    return bool(connection.execute(select(func.pg_try_advisory_lock(LEDGER_LOCK))).scalar_one())
