"""The number of the lake's current snapshot, cheap enough to ask on every request.

The catalog is only ever opened through DuckDB. Python's own SQLite must stay away from it: two
copies of SQLite in one process undo each other's file locks (sqlite.org/howtocorrupt.html, 2.2.1).
What has not changed on disk since the last look is known by the files' times and sizes alone.
"""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.store.duck import cursor_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# a commit is written before it is synced, and seen only after that: what is read of younger files
# may be what was before, and must not be remembered for them (their times also move in steps)
SETTLED_NANOSECONDS = 2_000_000_000

type _Trace = tuple[tuple[int, int, int], ...]


class Clock:
    """Tells the current snapshot."""

    def __init__(self, root: "DuckDBPyConnection", catalog: Path) -> None:
        self._files = (catalog, catalog.with_name(f"{catalog.name}-wal"))
        self._cursor = cursor_of(root)
        self._lock = threading.Lock()
        self._seen: tuple[_Trace, int] | None = None

    def version(self) -> int:
        """Give the number of the current snapshot."""
        trace = self._trace()
        seen = self._seen
        if seen is not None and seen[0] == trace:
            return seen[1]
        is_settled = _is_settled(trace)
        with self._lock:
            row = self._cursor.execute(
                "SELECT max(snapshot_id) FROM __ducklake_metadata_lake.ducklake_snapshot"
            ).fetchone()
        version = int(row[0]) if row else 0
        if is_settled:
            self._seen = (trace, version)
        return version

    def close(self) -> None:
        """Let go of the catalog."""
        with self._lock:
            self._cursor.close()

    def _trace(self) -> _Trace:
        return tuple(_footprint(path) for path in self._files)


def _footprint(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    if found.st_size == 0:
        # an empty write-ahead log says nothing, and merely asking makes it anew
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _is_settled(trace: _Trace) -> bool:
    return time.time_ns() - max(part[2] for part in trace) > SETTLED_NANOSECONDS
