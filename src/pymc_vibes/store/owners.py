"""Who works on a run, and whether that process still lives.

An executor holds a lock on a file of its own for as long as its process lives; the kernel lets go
of it however the process ends, and no process id is ever taken for another. That works between the
processes of one machine, which is where they can share a run table in a file.
"""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


class Owners:
    """The executors that share a run table, this one among them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine: str | None = None
        self._held: BaseFileLock | None = None

    def me(self) -> str:
        """Give the name of the executor of this process, which is known to live from now on."""
        from ulid import ULID

        if self._mine is None:
            mine = f"{socket.gethostname()[:100]}-{os.getpid()}-{str(ULID()).lower()}"
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held = self._lock(mine)
            self._held.acquire()
            self._mine = mine
        return self._mine

    def is_alive(self, owner: str) -> bool:
        """Whether the process of that executor still lives."""
        from filelock import Timeout

        if owner == self._mine:
            return True
        if not self._path(owner).exists():
            return False
        lock = self._lock(owner)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        lock.release()
        self._path(owner).unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Let go of the lock: what this executor owns belongs to nobody now."""
        if self._held is not None and self._mine is not None:
            self._held.release()
            self._path(self._mine).unlink(missing_ok=True)
            self._held, self._mine = None, None

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _lock(self, owner: str) -> "BaseFileLock":
        from filelock import FileLock

        # it may be let go of by another thread than the one that took it
        return FileLock(self._path(owner), thread_local=False)
