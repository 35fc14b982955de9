"""What a fit is told to watch out for: in a request it may not sample, in the background it may.

The one in the background writes to the run table how far the fit is, a few times a second however
often it is told, and learns there whether somebody wants it to stop.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Lock
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import Unavailable
from pymc_vibes.core.run import Progress, SamplingNeeded

if TYPE_CHECKING:
    from pymc_vibes.store.queue import Queue

REPORT_SECONDS = 0.25  # between two reports of one stage
LOOK_SECONDS = 0.1  # between two looks at whether to stop


class Refuses:
    """The watch of a request: nobody waits for draws there."""

    cancelled = False

    def sampling(self) -> None:
        """Refuse."""
        raise SamplingNeeded

    def stage(self, name: str) -> None:
        """Say nothing."""

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Say nothing."""


class Reports:
    """The watch of a run in the background; safe between threads.

    A run table that is away stops no fit: what could not be written is written the next time.
    """

    def __init__(self, queue: "Queue", run_id: str, worker: str, stop: Event) -> None:
        self._queue = queue
        self._run_id = run_id
        self._worker = worker
        self._stop = stop
        self._lock = Lock()
        self._said = Progress(updated=datetime.now(UTC))
        self._next_report = 0.0
        self._next_look = 0.0
        self.was_cancelled = False
        """Whether somebody asked for the run to be cancelled."""

    @property
    def cancelled(self) -> bool:
        """Whether the fit should stop."""
        if self.was_cancelled or self._stop.is_set():
            return True
        with self._lock:
            now = time.monotonic()
            if now >= self._next_look:
                self._next_look = now + LOOK_SECONDS
                with suppress(Unavailable):
                    self.was_cancelled = self._queue.is_cancelled(self._run_id)
        return self.was_cancelled

    def sampling(self) -> None:
        """Let it sample."""

    def stage(self, name: str) -> None:
        """Write that a named part of the work begins."""
        with self._lock:
            now = datetime.now(UTC)
            self._write(Progress(stage=name, began=now, updated=now))
            self._next_report = 0.0  # the first that is told of a stage may be all

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Write how far the part is, unless something was written a moment ago."""
        with self._lock:
            if time.monotonic() < self._next_report and done < total:
                return
            news = {"done": done, "total": total, "facts": facts, "updated": datetime.now(UTC)}
            self._write(self._said.model_copy(update=news))

    def _write(self, progress: Progress) -> None:
        self._said = progress
        self._next_report = time.monotonic() + REPORT_SECONDS
        with suppress(Unavailable):
            self._queue.report(self._run_id, self._worker, progress)
