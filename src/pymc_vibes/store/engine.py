"""The lake's engine: DuckDB with the DuckLake catalog attached, and then shut in.

It may touch the lake's own places only, and nothing can be installed or downloaded. Passwords and
keys are handed over as secrets of the engine, which shows them to nobody; they are never part of an
address, so that no message and no list of databases can repeat them.

Ibis sets the time zone of every connection it is given, so the configuration itself cannot be
locked (`lock_configuration`); turning external access on again is refused by DuckDB all the same.
With a catalog on PostgreSQL, one door stays ajar that DuckDB cannot close: SQL could ask PostgreSQL
servers through `postgres_scan` and its like. In a bucket, DuckDB compares addresses as they are
written: `prefix/../key` passes, and it is left to the store to refuse a path that is not a key, as
those we know do. No SQL but ours reaches the engine.
"""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pymc_vibes.core.errors import BadConfig, InternalFault, LakeBusy, NotInitialized, VibesError
from pymc_vibes.settings import Settings, is_address, masked
from pymc_vibes.store.duck import (
    away,
    install_extensions,
    is_away,
    literal,
    set_session,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BUSY_MILLISECONDS = 10_000
INLINED_ROWS = 1_000  # appends up to this size live in the catalog until they are compacted
# one request to the object store; the engine asks up to a dozen times before it gives up a write
REQUEST_SECONDS = 10
REQUEST_RETRIES = 1
STATEMENT_MILLISECONDS = 60_000  # one statement to a catalog on PostgreSQL
CONNECT_SECONDS = 5
_IN_SECRET = {
    "host": "HOST",
    "port": "PORT",
    "dbname": "DATABASE",
    "user": "USER",
    "password": "PASSWORD",
}


def open_lake(settings: Settings, *, making: bool) -> "DuckDBPyConnection":
    """Attach the lake as `lake`; `making` it where it is missing needs the commit lock."""
    import duckdb

    spill = settings.home.absolute() / "spill" / "lake"
    # DuckDB makes the last folder for spilling itself when a query first needs it, only the last
    spill.parent.mkdir(parents=True, exist_ok=True)
    _make_folders(settings)
    needed = _extensions(settings)
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
            **({"threads": settings.threads} if settings.threads else {}),
        }
    )
    try:
        set_session(connection)
        install_extensions(connection, settings, needed)
        connection.execute("; ".join(f"LOAD {name}" for name in needed))
        _attach(connection, settings, making=making)
        _shut_in(connection, settings)
    except duckdb.Error as error:
        connection.close()
        raise _unopened(settings, error) from error
    except VibesError:
        connection.close()
        raise
    return connection


def _extensions(settings: Settings) -> tuple[str, ...]:
    catalog = "postgres_scanner" if is_address(settings.catalog_place) else "sqlite_scanner"
    return ("ducklake", catalog, *(("httpfs",) if is_address(settings.data_place) else ()))


def _make_folders(settings: Settings) -> None:
    if not is_address(settings.data_place):
        Path(settings.data_place).mkdir(parents=True, exist_ok=True)
    if not is_address(settings.catalog_place):
        catalog = Path(settings.catalog_place).absolute()
        catalog.parent.mkdir(parents=True, exist_ok=True)
        _use_write_ahead_log(catalog)


def _use_write_ahead_log(catalog: Path) -> None:
    """Make the file with its journal mode set: readers then never block the writer, nor it them.

    Only a file that is not there yet: Python's SQLite must not touch one that DuckDB has open.
    """
    if catalog.exists():
        return
    fresh = catalog.with_name(f"{catalog.name}.new")
    fresh.unlink(missing_ok=True)
    connection = sqlite3.connect(fresh)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    fresh.replace(catalog)


def _attach(connection: "DuckDBPyConnection", settings: Settings, *, making: bool) -> None:
    # a commit that meets another fails at once: the committer must decide again on the newer state
    connection.execute("SET GLOBAL ducklake_max_retry_count = 0")
    options = [
        f"DATA_PATH {literal(_data(settings))}",
        f"DATA_INLINING_ROW_LIMIT {INLINED_ROWS}",
        f"CREATE_IF_NOT_EXISTS {str(making).lower()}",
    ]
    if is_address(settings.data_place):
        _bring_key(connection, settings)
    if is_address(settings.catalog_place):
        where = f"postgres:{_bring_password(connection, settings.catalog_place)}"
    else:
        where = f"sqlite:{Path(settings.catalog_place).absolute()}"
        # a home can be moved; a shared lake stands where it was made, for everybody
        options += ["OVERRIDE_DATA_PATH true", f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}"]
    connection.execute(f"ATTACH {literal(f'ducklake:{where}')} AS lake ({', '.join(options)})")


def _data(settings: Settings) -> str:
    """Give the place of the data as the engine takes it, with a slash at its end."""
    place = settings.data_place
    return f"{place if is_address(place) else Path(place).absolute()}".rstrip("/") + "/"


def _bring_key(connection: "DuckDBPyConnection", settings: Settings) -> None:
    connection.execute(
        f"SET GLOBAL http_timeout = {REQUEST_SECONDS}; SET GLOBAL http_retries = {REQUEST_RETRIES}"
    )
    secret = settings.s3_secret.get_secret_value() if settings.s3_secret else ""
    options = {
        "KEY_ID": literal(settings.s3_key_id),
        "SECRET": literal(secret),
        "REGION": literal(settings.s3_region),
        "SCOPE": literal(_data(settings)),
    }
    if settings.s3_endpoint:
        where = urlsplit(settings.s3_endpoint)
        options |= {
            "ENDPOINT": literal(where.netloc),
            "URL_STYLE": "'path'",
            "USE_SSL": str(where.scheme == "https").lower(),
        }
    _make_secret(connection, "SECRET lake_data (TYPE s3", options)


def _bring_password(connection: "DuckDBPyConnection", place: str) -> str:
    """Hand over who connects and where to; give how, as the words of a connection string."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    given = conninfo_to_dict(place)
    connection.execute(f"SET GLOBAL pg_statement_timeout_millis = {STATEMENT_MILLISECONDS}")
    who = {
        _IN_SECRET[name]: literal(str(value)) for name, value in given.items() if name in _IN_SECRET
    }
    _make_secret(connection, "SECRET (TYPE postgres", who)
    how: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        # a machine that is gone must not be waited for until the system gives up
        "tcp_user_timeout": CONNECT_SECONDS * 1000,
        "keepalives_idle": CONNECT_SECONDS,
        "keepalives_interval": CONNECT_SECONDS,
        "keepalives_count": 2,
        **{name: value for name, value in given.items() if name not in _IN_SECRET},
    }
    return make_conninfo(**how)


def _make_secret(connection: "DuckDBPyConnection", head: str, options: dict[str, str]) -> None:
    import duckdb

    listed = "".join(f", {name} {value}" for name, value in options.items())
    try:
        connection.execute(f"CREATE {head}{listed})")
    except duckdb.Error:
        # the engine's words repeat the statement, so neither they nor their cause are passed on
        raise BadConfig(
            "The engine of the lake does not take the key or the password.",
            hint="Check VIBES_CATALOG, VIBES_S3_KEY_ID and VIBES_S3_SECRET.",
        ) from None


def _shut_in(connection: "DuckDBPyConnection", settings: Settings) -> None:
    places = {f"{settings.home.absolute()}/", _data(settings)}
    if not is_address(settings.catalog_place):
        places.add(f"{Path(settings.catalog_place).absolute().parent}/")
    allowed = ", ".join(literal(place) for place in sorted(places))
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET custom_extension_repository = 'nowhere'")
    connection.execute("SET enable_external_access = false")


def _unopened(settings: Settings, error: Exception) -> VibesError:
    text, catalog = str(error), masked(settings.catalog_place)
    if is_away(error):
        return away(error)
    if "locked" in text:
        return LakeBusy("The lake is busy; try again.", retry_after=1)
    if "explicitly disabled" in text:
        return NotInitialized(f"There is no lake in {catalog}.", hint="Set it up: vibes db init")
    if "DATA_PATH" in text:
        return BadConfig(
            f"The lake of {catalog} does not have its data in {settings.data_place}.",
            hint=f"Set VIBES_DATA as it was at first. The engine says: {text[:300]}",
        )
    return InternalFault(
        f"The lake at {catalog} cannot be opened: {masked(text)}",
        hint="`vibes doctor` checks the installation.",
    )
