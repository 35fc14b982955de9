"""Runs that wait, run and end in the background; whoever asks follows them in the run table.

A run carries all that its work needs, so that the process that asked need not be the one that
works. A run whose process is gone has failed, and says so as soon as anybody looks at it.
"""

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.errors import (
    Conflict,
    IllegalTransition,
    InferenceFailed,
    RunCancelled,
    VibesError,
)
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service.compute import Analysis, Work, as_problem, compute, is_sampled
from pymc_vibes.service.executor import Executor
from pymc_vibes.service.watches import Reports

if TYPE_CHECKING:
    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.owners import Owners
    from pymc_vibes.store.queue import Queue

type Listener = Callable[[Answer], None]
type Keep = Callable[[str, Analysis | VibesError], None]
"""Holds in memory what became of a run or of a question."""


class Background:
    """Works on runs that were asked for here, and knows how all others stand."""

    def __init__(
        self, queue: "Queue", artifacts: "Artifacts", owners: "Owners", keep: Keep
    ) -> None:
        self._queue = queue
        self._artifacts = artifacts
        self._owners = owners
        self._keep = keep
        self._executor = Executor(self._carry_out)
        self._listeners: list[Listener] = []

    def close(self) -> None:
        """Cancel what runs here, and wait until it has stopped."""
        self._executor.close()
        self._owners.close()

    def listen(self, listener: Listener) -> None:
        """Tell the listener of every answer that is finished here."""
        self._listeners.append(listener)

    def enqueue(self, run: Run, experiment_id: str, work: Work) -> Run:
        """Let the run wait for its turn here; give the one that is under way already if any is."""
        run = run.model_copy(update={"state": RunState.QUEUED})
        document, mine = work.model_dump(mode="json"), self._owners.me()
        while True:
            waiting = self._queue.enqueue(
                run, experiment_id=experiment_id, owner=mine, work=document
            )
            if waiting.id == run.id:
                self._executor.submit(run.id)
                return run
            if not self.settled(waiting).is_over:
                return waiting

    def under_way(self, experiment_id: str, key: str) -> Run | None:
        """Give the unfinished run of that key, here or in another process."""
        waiting = self._queue.unfinished(experiment_id, key)
        return None if waiting is None or self.settled(waiting).is_over else waiting

    def settled(self, run: Run) -> Run:
        """Give the run as it stands; one whose process is gone has failed."""
        if run.is_over or self._is_alive(run):
            return run
        run = self._queue.run(run.id)  # it may have ended before its process did
        if run.is_over:
            return run
        gone = InferenceFailed(
            "The process that worked on this run ended before the run did.",
            hint=f"Ask again: vibes analyze {run.experiment}",
        )
        return self._end(run, RunState.FAILED, error=gone.problem())

    def wait(self, run: Run, seconds: float) -> Run:
        """Wait at most so long for a run, and give it as it stands then."""
        if not self._executor.wait(run.id, seconds) and not self._now(run).is_over:
            time.sleep(seconds)  # another process works on it
        return self._now(run)

    def cancel(self, run_id: str) -> Run:
        """Ask a run to stop; raise `IllegalTransition` or `RunCancelled` where it is over."""
        run = self.settled(self._queue.run(run_id))
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

    def _now(self, run: Run) -> Run:
        return self.settled(self._queue.run(run.id))

    def _is_alive(self, run: Run) -> bool:
        owner = self._queue.owner(run.id)
        return owner is not None and self._owners.is_alive(owner)

    def _carry_out(self, run_id: str, stop: Event) -> None:
        """Work on a run that waited, in a thread of the background."""
        if stop.is_set():
            self._queue.cancel(run_id, datetime.now(UTC))
        if not self._queue.claim(run_id):
            return
        run, work = self._queue.run(run_id), Work.model_validate(self._queue.work(run_id))
        experiment_id = self._queue.experiment_id(run_id)
        try:
            analysis = self._sample(run, work, Reports(self._queue, run_id, stop))
        except RunCancelled:
            self._end(run, RunState.CANCELLED)
        except Exception as error:  # noqa: BLE001  # the edge of the thread: the run tells it
            problem = as_problem(error, work.provenance.seed)
            self._keep(f"{experiment_id}/{work.name}", problem)
            self._end(run, RunState.FAILED, error=problem.problem())
        else:
            # whoever sees that the run is over must find its answer
            self._keep(run_id, analysis)
            self._queue.remember(experiment_id, run_id, work.provenance.key, work.name)
            self._end(run, RunState.SUCCEEDED, answer=analysis.answer)
            for listener in self._listeners:
                listener(analysis.answer)

    def _sample(self, run: Run, work: Work, watch: Reports) -> Analysis:
        cells = self._artifacts.cells(work.provenance.cells_hash)
        analysis = compute(run, work, cells, watch)
        if watch.cancelled:
            raise RunCancelled(f"Run {run.id} was cancelled.")
        if is_sampled(analysis.answer):
            from pymc_vibes.stats.draws import to_tree

            self._artifacts.put_posterior(work.provenance.key, to_tree(analysis.posterior))
        return analysis

    def _end(self, run: Run, state: RunState, **more: Any) -> Run:
        """Write how the run ended; where another process was faster its word stands."""
        with contextlib.suppress(IllegalTransition):
            self._queue.finish(ended(run, state, **more))
        return self._queue.run(run.id)


def ended(run: Run, state: RunState, **more: Any) -> Run:
    """Give the run as it ended now."""
    return run.model_copy(update={"state": state, "finished": datetime.now(UTC), **more})
