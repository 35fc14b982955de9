"""What every engine of ours has in common, and the one that reads uploads.

The lake's own engine (`engine`) is shut in. Uploads lie anywhere, so a second engine, which has no
lake attached and no key to anything, reads them and hands checked rows over as Parquet or Arrow.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import NotInitialized, StoreUnavailable
from pymc_vibes.core.installing import install_extra
from pymc_vibes.settings import masked

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pymc_vibes.settings import Settings

UPLOAD_MEMORY_BYTES = 400_000_000  # what checking a file of any size may hold before it spills
AGAIN_SECONDS = 2  # when to try again a store that is away
_TEAM = ("postgres_scanner", "httpfs")  # extensions that only shared places need
# how the engine says that PostgreSQL or the object store is away; there are no codes to go by
_AWAY = (
    "unable to connect to postgres",
    "connection to server",
    "no connection to the server",
    "server closed the connection",
    "terminating connection",
    "connection has been closed",
    "could not receive data from server",
    "could not send data to server",
    "statement timeout",
    "the database system is",  # starting up, shutting down
    "too many clients",
    'failed to execute query "rollback"',  # the connection broke, and no other reason is given
    "error for http",
    "http error",
)
_NOT_AWAY = ("retry count", "404")


def quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def open_reader(settings: "Settings") -> "DuckDBPyConnection":
    """Open the engine that reads uploads; no lake is attached to it."""
    import duckdb

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "memory_limit": f"{UPLOAD_MEMORY_BYTES // 1_000_000}MB",
            "temp_directory": str(settings.home.absolute() / "spill" / "uploads"),
            **({"threads": settings.threads} if settings.threads else {}),
        }
    )
    # an upload may have the name of an earlier one
    connection.execute("SET enable_external_file_cache = false")
    set_session(connection)
    return connection


def cursor_of(connection: "DuckDBPyConnection") -> "DuckDBPyConnection":
    """Give a connection of its own to a thread or request, with the session settings."""
    cursor = connection.cursor()
    set_session(cursor)
    return cursor


def set_session(connection: "DuckDBPyConnection") -> None:
    """Set what each connection has for itself."""
    # not SET enable_progress_bar: in a notebook that asks for widgets, to turn the bar off too
    connection.execute("PRAGMA disable_progress_bar; SET TimeZone = 'UTC'")


@contextmanager
def reaching() -> Iterator[None]:
    """Turn what an engine says of a database or object store that is away into `StoreUnavailable`.

    The engine connects anew by itself, so nothing must be opened again once it is back.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if not is_away(error):
            raise
        raise away(error) from error


def is_away(error: Exception) -> bool:
    """Tell whether an engine's error means that a store does not answer."""
    text = str(error).lower()
    return any(part in text for part in _AWAY) and not any(part in text for part in _NOT_AWAY)


def away(error: Exception) -> StoreUnavailable:
    """Give the designed problem of a store that does not answer."""
    reason = masked(str(error).strip().splitlines()[0][:200])
    return StoreUnavailable(
        f"A store of the lake does not answer: {reason}",
        hint="Try again in a moment; `vibes doctor` checks every part.",
        retry_after=AGAIN_SECONDS,
    )


def install_extensions(
    connection: "DuckDBPyConnection", settings: "Settings", names: Sequence[str]
) -> None:
    """Link the installed wheels' extensions into our own folder, where the engine then looks."""
    import duckdb

    folder = settings.home.absolute() / "extensions"
    row = connection.execute("PRAGMA platform").fetchone()
    target = folder / f"v{duckdb.__version__}" / (row[0] if row else "unknown")
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        source = _wheel_file(name)
        link = target / source.name
        if not link.exists() or link.resolve() != source.resolve():
            _link(source, link)
    connection.execute(f"SET extension_directory = {literal(str(folder))}")


def _wheel_file(name: str) -> Path:
    spec = find_spec(f"duckdb_extension_{name}")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in Path(folder).rglob(f"{name}.duckdb_extension"):
            return path
    package = f"duckdb-extension-{name.replace('_', '-')}"
    command = install_extra("team") if name in _TEAM else f"pip install {package}"
    raise NotInitialized(f"The package {package} is not installed.", hint=f"Install it: {command}")


def _link(source: Path, link: Path) -> None:
    """Put the link in place whole: a process that has the old file loaded keeps it."""
    with tempfile.TemporaryDirectory(dir=link.parent) as folder:
        fresh = Path(folder) / link.name
        fresh.symlink_to(source)
        os.replace(fresh, link)  # noqa: PTH105  # Path.replace would follow no link either; atomic
