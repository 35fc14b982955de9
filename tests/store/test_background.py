"""Runs in the background: one per question, owned by a process that is known to live."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pymc_vibes.core.errors import IllegalTransition, RunNotFound
from pymc_vibes.core.run import Progress, Run, RunState
from pymc_vibes.store.artifacts import Artifacts
from pymc_vibes.store.owners import Owners
from pymc_vibes.store.queue import Queue

WHEN = datetime(2024, 3, 1, 12, tzinfo=UTC)
FIRST_VERSION = """
CREATE TABLE runs (
    id VARCHAR(26) NOT NULL PRIMARY KEY, experiment_id VARCHAR(26) NOT NULL,
    experiment VARCHAR(64) NOT NULL, kind VARCHAR(64) NOT NULL, state VARCHAR(16) NOT NULL,
    created DATETIME NOT NULL, finished DATETIME, config TEXT NOT NULL, "key" VARCHAR(64),
    answer TEXT, error TEXT
);
INSERT INTO runs VALUES (
    '0', 'e', 'red', 'bernoulli', 'failed', '2024-03-01 12:00:00.000000', NULL, '{}', 'k',
    NULL, '{"detail": "no"}'
);
"""


def a_run(run_id: str, **changes: object) -> Run:
    values = {
        "id": run_id,
        "experiment": "red",
        "kind": "bernoulli",
        "state": RunState.QUEUED,
        "created": WHEN,
        "config": {},
        "key": "k",
    }
    return Run.model_validate(values | changes)


def enqueue(queue: Queue, run: Run) -> Run:
    return queue.enqueue(run, experiment_id="e", owner="me", work={"name": "n"})


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    opened = Queue(tmp_path / "runs.sqlite")
    yield opened
    opened.close()


def test_a_file_of_the_first_version_gets_what_it_lacks_and_keeps_what_it_has(
    tmp_path: Path,
) -> None:
    with sqlite3.connect(tmp_path / "runs.sqlite") as old:
        old.executescript(FIRST_VERSION)
    old.close()
    for _ in range(2):
        queue = Queue(tmp_path / "runs.sqlite")
        kept, new = queue.run("0"), enqueue(queue, a_run("1"))
        joined = enqueue(queue, a_run("2"))
        queue.close()

    assert kept.error == {"detail": "no"}
    assert (kept.progress, kept.cancelling) == (None, False)
    assert (new.id, joined.id) == ("1", "1")


def test_one_question_has_one_run_until_that_is_over(queue: Queue) -> None:
    first, joined = enqueue(queue, a_run("1")), enqueue(queue, a_run("2"))
    other = enqueue(queue, a_run("3", key="l"))
    queue.cancel("1", WHEN)
    after = enqueue(queue, a_run("4"))

    assert [run.id for run in (first, joined, other, after)] == ["1", "1", "3", "4"]


def test_a_run_is_claimed_once(queue: Queue) -> None:
    enqueue(queue, a_run("1"))

    assert [queue.claim("1"), queue.claim("1")] == [True, False]
    assert queue.run("1").state is RunState.RUNNING
    assert (queue.owner("1"), queue.work("1")) == ("me", {"name": "n"})


def test_progress_is_kept_while_it_runs(queue: Queue) -> None:
    said = Progress(stage="sampling", done=3, total=9, facts={"divergences": 1}, updated=WHEN)
    enqueue(queue, a_run("1"))
    queue.report("1", said)
    waiting = queue.run("1").progress
    queue.claim("1")
    queue.report("1", said)
    running = queue.run("1").progress
    queue.finish(a_run("1", state=RunState.SUCCEEDED, finished=WHEN))

    assert [waiting, running, queue.run("1").progress] == [None, said, None]


def test_what_waits_is_cancelled_at_once_and_what_runs_is_asked_to_stop(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    enqueue(queue, a_run("2", key="l"))
    queue.claim("2")
    waiting, running = queue.cancel("1", WHEN), queue.cancel("2", WHEN)

    assert (waiting.state, waiting.finished) == (RunState.CANCELLED, WHEN)
    assert (running.state, running.cancelling) == (RunState.RUNNING, True)
    assert queue.is_cancelled("2")


def test_the_depth_counts_what_waits_and_what_runs(queue: Queue) -> None:
    empty = queue.depth()
    for number in range(3):
        enqueue(queue, a_run(str(number), key=str(number)))
    queue.claim("0")

    assert empty == {RunState.QUEUED: 0, RunState.RUNNING: 0}
    assert queue.depth() == {RunState.QUEUED: 2, RunState.RUNNING: 1}
    assert set(queue.waiting("e")) == {"0", "1", "2"}


def test_the_first_to_end_a_run_is_believed(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    queue.claim("1")
    queue.finish(a_run("1", state=RunState.FAILED, finished=WHEN))

    with pytest.raises(IllegalTransition):
        queue.finish(a_run("1", state=RunState.SUCCEEDED, finished=WHEN))


def test_an_owner_lives_until_it_lets_go(tmp_path: Path) -> None:
    mine, others = Owners(tmp_path), Owners(tmp_path)
    name = mine.me()
    before = [mine.is_alive(name), others.is_alive(name)]
    mine.close()

    assert before == [True, True]
    assert not others.is_alive(name)
    assert list(tmp_path.iterdir()) == []


def test_draws_come_back_as_they_were_kept(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    draws = xr.Dataset({"theta": (("chain", "draw"), np.arange(6.0).reshape(2, 3))})
    artifacts.put_posterior("key", xr.DataTree.from_dict({"posterior": draws}))

    assert artifacts.has_posterior("key")
    xr.testing.assert_identical(artifacts.posterior("key")["posterior"].to_dataset(), draws)
    with pytest.raises(RunNotFound, match="draws"):
        artifacts.posterior("other")


def test_draws_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    unwritable = xr.Dataset({"theta": ("draw", np.array([object()], dtype=object))})

    with pytest.raises(ValueError, match="serialize"):
        Artifacts(tmp_path).put_posterior("key", xr.DataTree.from_dict({"posterior": unwritable}))
    assert list((tmp_path / "posteriors").iterdir()) == []
