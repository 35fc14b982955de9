"""The runs that a worker has in its hands, and how it keeps them.

A thread says three times per lease that the worker lives, also while it has nothing to do, so that
others know somebody is there. A run that was taken away meanwhile is told to stop.
"""

import logging
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import Unavailable

if TYPE_CHECKING:
    from pymc_vibes.store.queue import Queue

_LOG = logging.getLogger("pymc_vibes.worker")
PER_LEASE = 3  # a worker may go unheard twice before it loses a run


class Leases:
    """Keeps leases alive from the first run until it is closed."""

    def __init__(self, queue: "Queue", worker: str, seconds: float) -> None:
        self._queue = queue
        self._worker = worker
        self._seconds = seconds
        self._lock = Lock()
        self._held: dict[str, Event] = {}
        self._ends = Event()
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Say from now on that the worker lives."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._beat, name="leases", daemon=True)
                self._thread.start()

    def hold(self, run_id: str) -> Event:
        """Keep a run; the event tells when it must be let go of."""
        with self._lock:
            stop = self._held[run_id] = Event()
            if self._ends.is_set():
                stop.set()
        self.begin()
        return stop

    def drop(self, run_id: str) -> None:
        """Keep a run no longer."""
        with self._lock:
            self._held.pop(run_id, None)

    def stop(self) -> None:
        """Tell every run to stop, now and later."""
        with self._lock:
            self._ends.set()
            for stop in self._held.values():
                stop.set()

    def close(self) -> None:
        """Give back what is still held, and say good-bye."""
        self.stop()
        if self._thread is not None:
            self._thread.join()
            self._queue.leave(self._worker)

    def _beat(self) -> None:
        while True:
            with self._lock:
                held = dict(self._held)
            try:
                kept = self._queue.keep(self._worker, list(held), lease=self._seconds)
            except Unavailable as away:
                # nobody else can take the runs either while the database is away
                _LOG.warning("leases_away", extra={"problem": away.detail})
            else:
                for run_id in held.keys() - kept:
                    held[run_id].set()
            if self._ends.wait(self._seconds / PER_LEASE):
                return
