"""Where runs are worked on: one is claimed, carried out, and written down as it ended.

All that a run needs is in its row and in the artifacts, so that any process may do it and another
one may begin it again: what is written twice is the same.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import (
    IllegalTransition,
    InferenceFailed,
    RunCancelled,
    Unavailable,
    VibesError,
)
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service.compute import Analysis, Work, as_problem
from pymc_vibes.service.engine import Computed, Engine, Local
from pymc_vibes.service.leases import Leases
from pymc_vibes.service.watches import Reports

if TYPE_CHECKING:
    from pymc_vibes.settings import Settings
    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.queue import Claim, Queue

_LOG = logging.getLogger("pymc_vibes.worker")
AGAIN_SECONDS = 2.0  # when to tell a database again that was away

type Keep = Callable[[str, Analysis | VibesError], None]
"""Holds in memory what became of a run or of a question."""


def _forgets(_name: str, _found: Analysis | VibesError) -> None:
    """Hold nothing."""


class Workplace:
    """Claims runs, works on them and writes how they ended."""

    def __init__(
        self,
        queue: "Queue",
        artifacts: "Artifacts",
        settings: "Settings",
        keep: Keep = _forgets,
    ) -> None:
        from ulid import ULID

        self.name = f"{socket.gethostname()[:100]}-{os.getpid()}-{str(ULID()).lower()}"
        self._queue = queue
        self._artifacts = artifacts
        self._settings = settings
        self._keep = keep
        self._engine = _engine_of(settings)
        self._leases = Leases(queue, self.name, settings.lease_seconds)
        self._ends = Event()

    def open(self) -> None:
        """Let others know that somebody works here."""
        self._leases.begin()

    def stop(self) -> None:
        """Tell every run to stop, those that are claimed later as well."""
        self._ends.set()
        self._leases.stop()

    def close(self) -> None:
        """Give back what is not finished: it waits for another worker."""
        self.stop()
        self._leases.close()
        self._engine.close()

    def claim(self, only: str | None = None) -> "Claim | None":
        """Take the next run that waits, or that one; None where there is nothing to do."""
        lease = self._settings.lease_seconds
        if self._ends.is_set() or not self._queue.has_work(only, lease=lease):
            return None
        self._engine.check()
        return self._queue.claim(self.name, lease=lease, only=only)

    def carry_out(self, claim: "Claim") -> None:
        """Work on a run until it is over, is taken away, or is given back."""
        run, most = claim.run, self._settings.max_tries
        if claim.tries > most:
            self._end(run, RunState.FAILED, error=_given_up(run, most).problem())
            return
        stop = self._leases.hold(run.id)
        try:
            self._work(claim, Reports(self._queue, run.id, self.name, stop))
        finally:
            self._leases.drop(run.id)

    def _work(self, claim: "Claim", watch: Reports) -> None:
        run, work = claim.run, Work.model_validate(claim.work)
        try:
            computed = self._compute(run, work, watch)
        except Unavailable as away:
            self._give_back(run, away)
        except RunCancelled:
            # a run that was taken away or is given back ends in other hands
            if watch.was_cancelled:
                self._end(run, RunState.CANCELLED)
        except Exception as error:  # noqa: BLE001  # the edge of the thread: the run tells it
            problem = as_problem(error, work.provenance.seed)
            self._keep(f"{claim.experiment_id}/{work.name}", problem)
            # the same question fails again: whoever asks it is told, until the cache is cleared
            self._end(run, RunState.FAILED, work.names(failed=True), error=problem.problem())
        else:
            if computed.analysis is not None:
                self._keep(run.id, computed.analysis)
            self._end(run, RunState.SUCCEEDED, work.names(), answer=computed.answer)

    def _compute(self, run: Run, work: Work, watch: Reports) -> Computed:
        cells = self._artifacts.cells(work.provenance.cells_hash)
        computed = self._engine.compute(run, work, cells, watch)
        if watch.cancelled:
            raise RunCancelled(f"Run {run.id} was cancelled.")
        # a run that only checks another one leaves that one's draws as they are
        key = work.provenance.key
        is_new = work.is_remembered or not self._artifacts.has_posterior(key)
        draws = computed.draws
        if draws is not None and is_new:
            # what took minutes to draw is not thrown away because the store is away for a while
            self._insist(lambda: self._artifacts.put_posterior(key, draws), watch)
        return computed

    def _end(self, run: Run, state: RunState, names: Sequence[str] = (), **more: Any) -> None:
        """Write how the run ended; where it is in other hands by now theirs stand."""
        over = ended(run, state, **more)
        with contextlib.suppress(IllegalTransition):
            self._insist(lambda: self._queue.finish(over, worker=self.name, names=names))

    def _give_back(self, run: Run, away: Unavailable) -> None:
        """Let the run wait until what it needs is back; that was no fault of the run."""
        _LOG.warning("run_given_back", extra={"run_id": run.id, "problem": away.detail})
        self._ends.wait(AGAIN_SECONDS)
        self._insist(lambda: self._queue.give_back(run.id, self.name))

    def _insist(self, write: Callable[[], None], watch: Reports | None = None) -> None:
        """Write to a store, and once more when it is back if it is away."""
        while True:
            try:
                write()
            except Unavailable as away:
                _LOG.warning("store_away", extra={"problem": away.detail})
                if watch is not None and watch.cancelled:
                    raise RunCancelled("The run was cancelled while its draws waited.") from away
                if self._ends.wait(AGAIN_SECONDS):
                    raise
            else:
                return


def _engine_of(settings: "Settings") -> Engine:
    """Give the engine that the settings name."""
    if settings.executor == "local":
        return Local()
    from pymc_vibes.service.dask_engine import Dask

    return Dask(settings)


def ended(run: Run, state: RunState, **more: Any) -> Run:
    """Give the run as it ended now."""
    over = {"state": state, "finished": datetime.now(UTC), "progress": None}
    return run.model_copy(update=over | more)


def _given_up(run: Run, most: int) -> InferenceFailed:
    return InferenceFailed(
        f"{most} workers died while they worked on this run, so it is not tried again.",
        hint="The workers' logs tell more; memory is a common reason. "
        f"Ask anew with fewer draws or less data: vibes analyze {run.experiment}",
        tries=most,
    )
