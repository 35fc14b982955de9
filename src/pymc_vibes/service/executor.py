"""Runs in the background of this process, a bounded number at a time.

Runs wait in the run table and in the order in which they came; closing ends all of them. What a run
does is not known here: it is called with the run's id and the signal to stop.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from threading import Event, Lock

AT_ONCE = 1  # a sampler takes every core it gets


class Executor:
    """Carries runs out, one after the other."""

    def __init__(self, carry_out: Callable[[str, Event], None]) -> None:
        self._carry_out = carry_out
        self._lock = Lock()
        self._stop = Event()
        self._threads: ThreadPoolExecutor | None = None
        self._futures: dict[str, Future[None]] = {}

    def submit(self, run_id: str) -> None:
        """Carry the run out once it is its turn."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="run")
            future = self._futures[run_id] = self._threads.submit(
                self._carry_out, run_id, self._stop
            )
        future.add_done_callback(lambda _future: self._futures.pop(run_id, None))

    def wait(self, run_id: str, seconds: float) -> bool:
        """Wait at most so long for a run; False where it is not carried out here."""
        future = self._futures.get(run_id)
        if future is None:
            return False
        wait_for([future], seconds)
        return True

    def close(self) -> None:
        """Tell every run to stop and wait until they did; those that wait see it at their turn."""
        self._stop.set()
        with self._lock:
            if self._threads is not None:
                self._threads.shutdown(wait=True)
