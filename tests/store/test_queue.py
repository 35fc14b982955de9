"""The run table keeps what it is given, for every process that opens it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pymc_vibes.core.errors import IllegalTransition, RunNotFound
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.store.queue import Queue

WHEN = datetime(2024, 3, 1, 12, tzinfo=UTC)


def a_run(run_id: str, **changes: object) -> Run:
    values = {
        "id": run_id,
        "experiment": "red",
        "kind": "bernoulli",
        "state": RunState.RUNNING,
        "created": WHEN,
        "config": {"level": 0.95},
        "key": "k",
    }
    return Run.model_validate(values | changes)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    opened = Queue(tmp_path / "runs.sqlite")
    yield opened
    opened.close()


def test_a_run_comes_back_as_it_was_written(queue: Queue) -> None:
    queue.record(a_run("1"), experiment_id="e")
    assert queue.run("1") == a_run("1")
    assert queue.experiment_id("1") == "e"


def test_a_run_that_is_over_stays_as_it_ended(queue: Queue) -> None:
    queue.record(a_run("1"), experiment_id="e")
    failed = a_run("1", state=RunState.FAILED, finished=WHEN, error={"title": "no"})
    queue.finish(failed)
    with pytest.raises(IllegalTransition):
        queue.finish(a_run("1", state=RunState.SUCCEEDED))
    assert queue.run("1") == failed.model_copy(update={"revision": 1})


def test_an_unknown_run_is_not_found(queue: Queue) -> None:
    with pytest.raises(RunNotFound):
        queue.run("nothing")


def test_runs_are_paged_newest_first(queue: Queue) -> None:
    for number in range(5):
        queue.record(a_run(str(number)), experiment_id="e" if number else "other")
    first = queue.runs("e", limit=3)
    second = queue.runs("e", limit=3, before=first[-1].id)
    assert [run.id for run in (*first, *second)] == ["4", "3", "2", "1"]


def test_only_the_named_experiment_is_forgotten(queue: Queue) -> None:
    queue.remembered.remember("red", "1", "key", "question")
    queue.remembered.remember("red-blue", "2", "key")
    assert queue.remembered.forget("red") == 1
    assert queue.remembered.recall("red", "key") is None
    assert queue.remembered.recall("red-blue", "key") == "2"


def test_the_first_choice_is_kept_by_whoever_comes_second(tmp_path: Path) -> None:
    def choose(number: int) -> int:
        mine = Queue(tmp_path / "runs.sqlite")
        kept = mine.remembered.keep_first("bandit/assign", "unit-1", {"arm": number})
        mine.close()
        return int(kept["arm"])

    with ThreadPoolExecutor(8) as pool:
        chosen = set(pool.map(choose, range(8)))
    assert len(chosen) == 1


def test_the_newest_success_of_each_experiment(queue: Queue) -> None:
    queue.record(a_run("1"), experiment_id="e")
    queue.record(a_run("2"), experiment_id="e")
    queue.finish(a_run("1", state=RunState.SUCCEEDED, finished=WHEN))
    assert {owner: run.id for owner, run in queue.latest().items()} == {"e": "1"}


def test_a_run_that_was_written_before_is_given_as_it_is(queue: Queue) -> None:
    waiting = queue.enqueue(a_run("1", state=RunState.QUEUED), experiment_id="e", work={})
    again = queue.enqueue(a_run("1", state=RunState.QUEUED), experiment_id="e", work={})
    queue.cancel("1", WHEN)
    over = queue.enqueue(a_run("1", state=RunState.QUEUED), experiment_id="e", work={})

    assert [run.state for run in (waiting, again)] == [RunState.QUEUED] * 2
    assert (over.id, over.state) == ("1", RunState.CANCELLED)
    assert len(queue.runs("e")) == 1
