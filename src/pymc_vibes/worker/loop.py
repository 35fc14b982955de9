"""The claim loop: a process takes runs that wait, works on them, and takes the next.

It holds the run table and the artifacts, not the lake: all that a run needs is in its row and in
its cells. What is finished is mirrored to MLflow by a process of its own, started when there is
something to mirror.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import Unavailable
from pymc_vibes.service.compute import prepare
from pymc_vibes.service.workplace import Workplace
from pymc_vibes.settings import Settings
from pymc_vibes.worker.mirroring import Mirroring

if TYPE_CHECKING:
    from pymc_vibes.store.queue import Claim

_LOG = logging.getLogger("pymc_vibes.worker")
LOOK_SECONDS = 0.25  # between two looks at a queue that was empty
AWAY_SECONDS = 2.0  # between two looks at a run table that does not answer


class Worker:
    """Works on runs until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        from pymc_vibes.store.artifacts import Artifacts
        from pymc_vibes.store.queue import Queue

        prepare(settings)
        self._queue = Queue.open(settings)
        self._workplace = Workplace(self._queue, Artifacts.open(settings), settings)
        self._mirroring = Mirroring(self._queue, settings)
        self._at_once = settings.worker_runs
        self._free = BoundedSemaphore(self._at_once)
        self._stop = Event()
        self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="run")

    def stop(self) -> None:
        """Take no more runs, and stop those that are under way; callable in a signal handler."""
        self._stop.set()
        self._workplace.stop()

    def run(self, *, until_idle: bool = False) -> None:
        """Work until told to stop, or until nothing waits any more."""
        self._workplace.open()
        _LOG.info("worker_started", extra={"worker": self._workplace.name})
        try:
            while not self._stop.is_set():
                if not self._turn() and until_idle and self._is_idle():
                    break
        finally:
            self._close()

    def _turn(self) -> bool:
        """Begin one run; False where there is none to begin, after a little while."""
        if not self._free.acquire(timeout=LOOK_SECONDS):
            return True
        claim, pause = None, LOOK_SECONDS
        try:
            claim = self._workplace.claim()
            if claim is None:
                self._mirroring.look()
        except Unavailable as away:
            _LOG.warning("run_table_away", extra={"problem": away.detail})
            pause = AWAY_SECONDS
        if claim is None:
            self._free.release()
            self._stop.wait(pause)
            return False
        self._threads.submit(self._carry_out, claim)
        return True

    def _carry_out(self, claim: "Claim") -> None:
        facts = {"run_id": claim.run.id, "experiment": claim.run.experiment, "tries": claim.tries}
        _LOG.info("run_started", extra=facts)
        try:
            self._workplace.carry_out(claim)
        except Exception:  # noqa: BLE001  # its lease lapses, and another worker takes it
            _LOG.exception("run_left", extra=facts)
        else:
            _LOG.info("run_ended", extra=facts)
        finally:
            self._free.release()

    def _is_idle(self) -> bool:
        """Whether no run is under way here and none waits to be mirrored."""
        taken = 0
        while taken < self._at_once and self._free.acquire(blocking=False):
            taken += 1
        for _ in range(taken):
            self._free.release()
        return taken == self._at_once and not self._mirroring.look()

    def _close(self) -> None:
        from pymc_vibes.stats import nuts

        self.stop()
        self._threads.shutdown(wait=True)
        self._workplace.close()
        self._mirroring.close()
        self._queue.close()
        nuts.shutdown()
        _LOG.info("worker_stopped", extra={"worker": self._workplace.name})
