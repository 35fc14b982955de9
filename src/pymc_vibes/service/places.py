"""Which runs go before one that waits, and whether whoever works on it is still there."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service.standing import Place

if TYPE_CHECKING:
    from pymc_vibes.store.queue import Queue


def place_of(run: Run, queue: "Queue", *, lease: float, works: bool) -> Place:
    """Say where a run stands; whoever `works` needs no worker beside it."""
    if run.is_over:
        return Place()
    if run.state is RunState.QUEUED:
        # one that could not reach the run table for a moment is not gone
        is_served = works or bool(queue.workers(within=2 * lease))
        return Place(ahead=queue.ahead(run), is_served=is_served)
    # who told of the run within a lease lives; only of others it is asked
    told = run.progress.updated if run.progress else run.created
    heard = max(told, run.started or run.created)
    if (datetime.now(UTC) - heard).total_seconds() < lease:
        return Place()
    return Place(is_served=run.worker in queue.workers(within=lease))
