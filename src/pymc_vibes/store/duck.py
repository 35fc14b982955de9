"""DuckDB, opened two ways: the lake's engine, and the engine that reads uploads.

The lake's engine attaches the DuckLake catalog and is then shut in: it may touch the lake's own
folders only, and nothing can be installed or downloaded. Uploads lie anywhere, so a second engine,
which has no lake attached, reads them and hands checked rows over as Parquet or Arrow.

Ibis sets the time zone of every connection it is given, so the configuration itself cannot be
locked (`lock_configuration`); turning external access on again is refused by DuckDB all the same.
"""

import os
import sqlite3
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import InternalFault, LakeBusy

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pymc_vibes.settings import Settings

EXTENSIONS = ("ducklake", "sqlite_scanner")
BUSY_MILLISECONDS = 10_000
INLINED_ROWS = 1_000  # appends up to this size live in the catalog until they are compacted
UPLOAD_MEMORY_BYTES = 400_000_000  # what checking a file of any size may hold before it spills


def quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def open_lake(settings: "Settings") -> "DuckDBPyConnection":
    """Attach the lake as `lake`, making it where it is missing; call it under the commit lock."""
    import duckdb

    catalog, data = settings.catalog_path.absolute(), settings.data_path.absolute()
    extensions = _install_extensions(settings.home.absolute() / "extensions")
    spill = settings.home.absolute() / "spill" / "lake"
    # DuckDB makes the last folder for spilling itself when a query first needs it, only the last
    for folder in (catalog.parent, data, spill.parent):
        folder.mkdir(parents=True, exist_ok=True)
    _use_write_ahead_log(catalog)
    connection = duckdb.connect(
        config={
            "extension_directory": str(extensions),
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
            **({"threads": settings.threads} if settings.threads else {}),
        }
    )
    _set_session(connection)
    try:
        connection.execute(
            f"ATTACH {literal(f'ducklake:sqlite:{catalog}')} AS lake "
            f"(DATA_PATH {literal(f'{data}/')}, OVERRIDE_DATA_PATH true, "
            f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}, "
            f"DATA_INLINING_ROW_LIMIT {INLINED_ROWS})"
        )
    except duckdb.Error as error:
        connection.close()
        if "locked" in str(error):
            raise LakeBusy("The lake is busy; try again.", retry_after=1) from error
        raise InternalFault(
            f"The lake at {catalog} cannot be opened: {error}",
            hint="`vibes doctor` checks the installation.",
        ) from error
    _shut_in(connection, settings)
    return connection


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
    _set_session(connection)
    return connection


def cursor_of(connection: "DuckDBPyConnection") -> "DuckDBPyConnection":
    """Give a connection of its own to a thread or request, with the session settings."""
    cursor = connection.cursor()
    _set_session(cursor)
    return cursor


def _set_session(connection: "DuckDBPyConnection") -> None:
    connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")


def _shut_in(connection: "DuckDBPyConnection", settings: "Settings") -> None:
    folders = (settings.home, settings.data_path, settings.catalog_path.parent)
    allowed = ", ".join(sorted({literal(f"{folder.absolute()}/") for folder in folders}))
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET custom_extension_repository = 'nowhere'")
    connection.execute("SET enable_external_access = false")


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


def _install_extensions(folder: Path) -> Path:
    """Link the installed wheels' extensions to where DuckDB looks for them."""
    import duckdb

    with duckdb.connect() as probe:
        row = probe.execute("PRAGMA platform").fetchone()
    target = folder / f"v{duckdb.__version__}" / (row[0] if row else "unknown")
    target.mkdir(parents=True, exist_ok=True)
    for name in EXTENSIONS:
        source = _wheel_file(name)
        link = target / source.name
        if not link.exists() or link.resolve() != source.resolve():
            _link(source, link)
    return folder


def _wheel_file(name: str) -> Path:
    spec = find_spec(f"duckdb_extension_{name}")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in Path(folder).rglob(f"{name}.duckdb_extension"):
            return path
    package = f"duckdb-extension-{name.replace('_', '-')}"
    raise InternalFault(
        f"The package {package} is not installed.", hint=f"Install it: pip install {package}"
    )


def _link(source: Path, link: Path) -> None:
    """Put the link in place whole: a process that has the old file loaded keeps it."""
    with tempfile.TemporaryDirectory(dir=link.parent) as folder:
        fresh = Path(folder) / link.name
        fresh.symlink_to(source)
        os.replace(fresh, link)  # noqa: PTH105  # Path.replace would follow no link either; atomic
