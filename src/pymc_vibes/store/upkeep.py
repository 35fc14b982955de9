"""Making the lake, tidying it, and its history."""

import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.experiment import Snapshot
from pymc_vibes.store.duck import cursor_of
from pymc_vibes.store.registry import DDL

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# files that a compaction replaced stay this long, for readers in the middle of a query; DuckLake
# compares these times as text with a SQLite catalog, so anything under two days may mean at once
GRACE = "INTERVAL 2 DAYS"
# a file of an upload that is being checked is not in the catalog yet; no check takes a day
ORPHAN_GRACE = "INTERVAL 1 DAY"
STAGED_SECONDS = 24 * 3600


def prepare(root: "DuckDBPyConnection") -> None:
    """Make the tables of ours where they are missing; call it under the commit lock."""
    if is_prepared(root):
        return
    with cursor_of(root) as cursor:
        cursor.execute("BEGIN TRANSACTION")
        for statement in DDL:
            cursor.execute(statement)
        cursor.execute("COMMIT")


def is_prepared(root: "DuckDBPyConnection") -> bool:
    """Whether the tables of ours are there."""
    with cursor_of(root) as cursor:
        found = cursor.execute(
            "SELECT count(*) FROM duckdb_tables() "
            "WHERE database_name = 'lake' AND table_name LIKE 'vibes\\_%' ESCAPE '\\'"
        ).fetchone()
    return found is not None and found[0] >= len(DDL)


def compact(cursor: "DuckDBPyConnection") -> None:
    """Write inlined rows to files, merge small files, remove what is no longer referred to."""
    cursor.execute("CALL ducklake_flush_inlined_data('lake')")
    cursor.execute("CALL ducklake_merge_adjacent_files('lake')")
    cursor.execute(f"CALL ducklake_cleanup_old_files('lake', older_than => now() - {GRACE})")
    cursor.execute(
        f"CALL ducklake_delete_orphaned_files('lake', older_than => now() - {ORPHAN_GRACE})"
    )


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left of uploads that they were checking."""
    oldest = time.time() - STAGED_SECONDS
    for path in folder.glob("*"):
        # another process may sweep too
        with suppress(FileNotFoundError):
            if path.stat().st_mtime > oldest:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def snapshots(cursor: "DuckDBPyConnection", limit: int) -> tuple[Snapshot, ...]:
    """List the newest snapshots, newest first."""
    rows = cursor.execute(
        "SELECT snapshot_id, make_timestamp(epoch_us(snapshot_time)) AT TIME ZONE 'UTC', "
        "commit_message, changes FROM lake.snapshots() ORDER BY snapshot_id DESC LIMIT ?",
        [limit],
    ).fetchall()
    return tuple(
        Snapshot(id=row[0], time=row[1], message=row[2], changes=dict(row[3] or {})) for row in rows
    )


def new_id() -> str:
    """Give a new id of ours: a ULID in lower case, sortable by time."""
    from ulid import ULID

    found = str(ULID()).lower()
    if not re.fullmatch(r"[0-9a-z]{26}", found):
        raise AssertionError(found)
    return found
