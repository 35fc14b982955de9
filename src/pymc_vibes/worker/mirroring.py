"""The process that mirrors runs to MLflow, as its worker sees it: started when it is wanted."""

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    from pymc_vibes.store.queue import Queue

AGAIN_SECONDS = 5.0  # between two starts: importing MLflow takes about as long
GRACE_SECONDS = 10.0


class Mirroring:
    """Starts the mirror where a run that is over is not mirrored yet."""

    def __init__(self, queue: "Queue", settings: Settings) -> None:
        self._queue = queue
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def look(self) -> bool:
        """Start the mirror where it is wanted; say whether there was something to mirror."""
        if not self._settings.has_ledger or not self._queue.count_unmirrored(1):
            return False
        is_running = self._process is not None and self._process.poll() is None
        if not is_running and time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + AGAIN_SECONDS
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pymc_vibes.worker.mirror"],
                env=self._settings.environment(),
                stdin=subprocess.DEVNULL,
            )
        return True

    def close(self) -> None:
        """End the mirror after the run it is at; what is left is mirrored the next time."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
