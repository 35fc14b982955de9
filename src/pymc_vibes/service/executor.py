"""Threads of this process that work on runs, a bounded number at a time.

Runs are begun in the order in which they came. What a run does is not known here.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from threading import Lock

AT_ONCE = 1  # a sampler takes every core it gets


class Executor:
    """Calls a function once for every run that is submitted and not under way yet."""

    def __init__(self, carry_out: Callable[[str], None], at_once: int = AT_ONCE) -> None:
        self._carry_out = carry_out
        self._at_once = at_once
        self._lock = Lock()
        self._is_open = True
        self._threads: ThreadPoolExecutor | None = None
        self._futures: dict[str, Future[None]] = {}

    def submit(self, run_id: str) -> None:
        """Carry the run out once it is its turn."""
        with self._lock:
            if run_id in self._futures or not self._is_open:
                return
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="run")
            future = self._futures[run_id] = self._threads.submit(self._carry_out, run_id)
        future.add_done_callback(lambda _future: self._futures.pop(run_id, None))

    def wait(self, run_id: str, seconds: float) -> bool:
        """Wait at most so long for a run; False where it is not carried out here."""
        future = self._futures.get(run_id)
        if future is None:
            return False
        wait_for([future], seconds)
        return True

    def close(self) -> None:
        """Take no more, begin no more, and wait for those that were begun."""
        with self._lock:
            self._is_open = False
            if self._threads is not None:
                self._threads.shutdown(wait=True, cancel_futures=True)
