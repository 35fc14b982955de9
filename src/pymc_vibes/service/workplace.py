"""Where runs are worked on: one is claimed, carried out, and written down as it ended.

All that a run needs is in its row and in the artifacts, so that any process may do it and another
one may begin it again: what is written twice is the same.
"""

import contextlib
import os
import socket
from collections.abc import Callable
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
from pymc_vibes.service.compute import Analysis, Work, as_problem, compute, is_sampled
from pymc_vibes.service.leases import Leases
from pymc_vibes.service.watches import Reports

if TYPE_CHECKING:
    from pymc_vibes.settings import Settings
    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.queue import Claim, Queue

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

    def claim(self, only: str | None = None) -> "Claim | None":
        """Take the next run that waits, or that one; None where there is nothing to do."""
        if self._ends.is_set():
            return None
        return self._queue.claim(self.name, lease=self._settings.lease_seconds, only=only)

    def carry_out(self, claim: "Claim") -> None:
        """Work on a run until it is over, is taken away, or is given back."""
        run, most = claim.run, self._settings.max_tries
        if run.cancelling:
            self._end(run, RunState.CANCELLED)
            return
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
            analysis = self._sample(run, work, watch)
        except RunCancelled:
            # a run that was taken away or is given back ends in other hands
            if watch.was_cancelled:
                self._end(run, RunState.CANCELLED)
        except Exception as error:  # noqa: BLE001  # the edge of the thread: the run tells it
            problem = as_problem(error, work.provenance.seed)
            self._keep(f"{claim.experiment_id}/{work.name}", problem)
            self._end(run, RunState.FAILED, error=problem.problem())
        else:
            # whoever sees that the run is over must find its answer
            self._keep(run.id, analysis)
            self._insist(lambda: self._remember(claim, work))
            self._end(run, RunState.SUCCEEDED, answer=analysis.answer)

    def _remember(self, claim: "Claim", work: Work) -> None:
        if work.is_remembered:
            self._queue.remembered.remember(
                claim.experiment_id, claim.run.id, work.provenance.key, work.name
            )

    def _sample(self, run: Run, work: Work, watch: Reports) -> Analysis:
        cells = self._artifacts.cells(work.provenance.cells_hash)
        analysis = compute(run, work, cells, watch)
        if watch.cancelled:
            raise RunCancelled(f"Run {run.id} was cancelled.")
        if is_sampled(analysis.answer):
            from pymc_vibes.stats.draws import to_tree

            self._artifacts.put_posterior(work.provenance.key, to_tree(analysis.posterior))
        return analysis

    def _end(self, run: Run, state: RunState, **more: Any) -> None:
        """Write how the run ended; where it is in other hands by now theirs stand."""
        over = ended(run, state, **more)
        with contextlib.suppress(IllegalTransition):
            self._insist(lambda: self._queue.finish(over, worker=self.name))

    def _insist(self, write: Callable[[], None]) -> None:
        """Write to the run table, and once more when it is back if it is away."""
        while True:
            try:
                write()
            except Unavailable:
                if self._ends.wait(AGAIN_SECONDS):
                    raise
            else:
                return


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
