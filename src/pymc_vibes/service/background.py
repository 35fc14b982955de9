"""Runs that wait for a worker; whoever asks follows them in the run table.

A run carries all that its work needs, so that the process that asked need not be the one that
works. A process that has no worker beside it works itself on what was asked for there, and when it
ends it gives back what is not done.
"""

import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import Conflict, IllegalTransition, RunCancelled, TooManyRequests
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service.compute import Work
from pymc_vibes.service.executor import Executor
from pymc_vibes.service.workplace import Workplace

if TYPE_CHECKING:
    from pymc_vibes.store.queue import Queue


AGAIN_SECONDS = 30  # when to ask again where too many wait


class Background:
    """Lets runs wait for workers, and knows how all of them stand."""

    def __init__(self, queue: "Queue", workplace: Workplace, *, most: int, works: bool) -> None:
        self._queue = queue
        self._most = most
        self._workplace = workplace
        self._works = works
        self._executor = Executor(self._take)

    def close(self) -> None:
        """Stop what is worked on here, and give it back."""
        self._workplace.stop()
        self._executor.close()
        self._workplace.close()

    def enqueue(self, run: Run, experiment_id: str, work: Work) -> Run:
        """Let the run wait for its turn; give the one that is under way already if any is.

        Raises `TooManyRequests` where too many wait.
        """
        if self._queue.depth()[RunState.QUEUED] >= self._most:
            raise TooManyRequests(
                f"{self._most:,} runs wait for a worker already.",
                hint="Cancel some (`vibes runs list --state queued`), or start more workers; "
                "VIBES_MAX_WAITING_RUNS sets the limit.",
                retry_after=AGAIN_SECONDS,
            )
        waiting = self._queue.enqueue(
            run.model_copy(update={"state": RunState.QUEUED}),
            experiment_id=experiment_id,
            work=work.model_dump(mode="json"),
            priority=work.priority,
        )
        return self.follow(waiting)

    def under_way(self, experiment_id: str, key: str) -> Run | None:
        """Give the unfinished run of that key, here or in another process."""
        waiting = self._queue.unfinished(experiment_id, key)
        return None if waiting is None else self.follow(waiting)

    def follow(self, run: Run) -> Run:
        """Give the run as it is; where nobody else would, work on it once it can be had."""
        if self._works and not run.is_over:
            self._executor.submit(run.id)
        return run

    def wait(self, run: Run, seconds: float) -> Run:
        """Wait at most so long for a run, and give it as it stands then."""
        if not self._executor.wait(run.id, seconds) and not self._queue.run(run.id).is_over:
            time.sleep(seconds)  # another process works on it
        return self.follow(self._queue.run(run.id))

    def cancel(self, run_id: str) -> Run:
        """Ask a run to stop; raise `IllegalTransition` or `RunCancelled` where it is over."""
        run = self._queue.run(run_id)
        if run.state is RunState.CANCELLED:
            raise RunCancelled(f"Run {run_id} was cancelled already.")
        if run.is_over:
            raise IllegalTransition(f"Run {run_id} is over: it {run.state}.")
        return self._queue.cancel(run_id, datetime.now(UTC))

    def cancel_all(self, experiment_id: str) -> None:
        """Ask every run of an experiment to stop."""
        for run_id in self._queue.waiting(experiment_id):
            with contextlib.suppress(Conflict):  # it is over by now
                self.cancel(run_id)

    def _take(self, run_id: str) -> None:
        """Work on a run that waits, in a thread; one that somebody else has stays theirs."""
        claim = self._workplace.claim(only=run_id)
        if claim is not None:
            self._workplace.carry_out(claim)
