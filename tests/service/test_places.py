"""Which runs go first, and whether somebody is there to work: read from a real run table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pymc_vibes.core.run import Progress, Run, RunState
from pymc_vibes.service.places import place_of
from pymc_vibes.service.standing import Place
from pymc_vibes.store.queue import Queue

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
LEASE = 60.0


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    opened = Queue(tmp_path / "queue.db")
    yield opened
    opened.close()


def waits(queue: Queue, name: str, priority: int = 0) -> Run:
    run = Run(
        id=name,
        experiment="e",
        kind="k",
        state=RunState.QUEUED,
        created=LONG_AGO,
        config={},
        key=name,
    )
    queue.enqueue(run, experiment_id="e", work={}, priority=priority)
    return queue.run(name)


def where(run: Run, queue: Queue, *, works: bool = False) -> Place:
    return place_of(run, queue, lease=LEASE, works=works)


def test_older_and_more_urgent_runs_go_first(queue: Queue) -> None:
    first, second, urgent = (
        waits(queue, "1"),
        waits(queue, "2"),
        waits(queue, "3", priority=1),
    )

    assert [where(run, queue).ahead for run in (urgent, first, second)] == [0, 1, 2]
    queue.cancel("1", datetime.now(UTC))
    assert where(second, queue).ahead == 1


def test_a_run_that_waits_is_served_while_a_worker_lives(queue: Queue) -> None:
    run = waits(queue, "1")
    alone, here = where(run, queue), where(run, queue, works=True)
    queue.keep("somebody", [], lease=LEASE)
    served = where(run, queue)
    queue.leave("somebody")

    assert [alone.is_served, here.is_served, served.is_served] == [False, True, True]
    assert not where(run, queue).is_served


def test_a_run_whose_worker_falls_silent_is_not_served(queue: Queue) -> None:
    waits(queue, "1")
    claim = queue.claim("somebody", lease=LEASE)
    assert claim is not None
    begun = claim.run
    silent = begun.model_copy(update={"started": LONG_AGO})
    telling = silent.model_copy(update={"progress": Progress(updated=datetime.now(UTC))})
    before = [where(run, queue).is_served for run in (begun, silent, telling)]
    queue.keep("somebody", ["1"], lease=LEASE)

    assert before == [True, False, True]
    assert where(silent, queue).is_served


def test_a_run_that_is_over_has_no_place(queue: Queue) -> None:
    waits(queue, "1")

    assert where(queue.cancel("1", datetime.now(UTC)), queue) == Place()
