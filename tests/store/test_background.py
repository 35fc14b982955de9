"""Runs in the background: one per question, claimed by one worker at a time, never lost."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from sqlalchemy import make_url

from pymc_vibes.core.errors import (
    IllegalTransition,
    NotInitialized,
    RunNotFound,
    StoreUnavailable,
)
from pymc_vibes.core.run import Progress, Run, RunState
from pymc_vibes.store.artifacts import Artifacts
from pymc_vibes.store.database import prepare_database
from pymc_vibes.store.files import Folder
from pymc_vibes.store.queue import Claim, Queue

WHEN = datetime(2024, 3, 1, 12, tzinfo=UTC)
SAID = Progress(stage="sampling", done=3, total=9, facts={"divergences": 1}, updated=WHEN)
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
    return queue.enqueue(run, experiment_id="e", work={"name": "n"})


@pytest.fixture(params=["embedded", "team"])
def queue(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Queue]:
    place = str(tmp_path / "runs.sqlite")
    if request.param == "team":
        place = request.getfixturevalue("postgres_url")
        assert prepare_database(place)
    opened = Queue(place)
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


def taken(queue: Queue, run_id: str | None = None, worker: str = "me", lease: float = 60) -> Claim:
    """Claim a run that must be there to be had."""
    claim = queue.claim(worker, lease=lease, only=run_id)
    assert claim is not None
    return claim


def test_a_run_is_claimed_once(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    claim = taken(queue)

    assert (claim.run.id, claim.experiment_id, claim.tries) == ("1", "e", 1)
    assert (claim.work, claim.run.worker) == ({"name": "n"}, "me")
    assert queue.run("1").state is RunState.RUNNING
    assert queue.claim("other", lease=60) is None


def test_the_most_urgent_is_first_and_then_the_one_that_waited_longest(queue: Queue) -> None:
    for number, priority in enumerate((0, 5, 0, 5)):
        run = a_run(str(number), key=str(number))
        queue.enqueue(run, experiment_id="e", work={}, priority=priority)

    assert [taken(queue).run.id for _ in range(4)] == ["1", "3", "0", "2"]


def test_one_run_can_be_asked_for(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    enqueue(queue, a_run("2", key="l"))

    assert taken(queue, "2").run.id == "2"
    assert queue.claim("me", lease=60, only="2") is None


def test_many_workers_share_runs_without_doubling_any(queue: Queue) -> None:
    for number in range(40):
        enqueue(queue, a_run(f"{number:02}", key=str(number)))

    def work(worker: int) -> list[str]:
        found = []
        while (claim := queue.claim(f"w{worker}", lease=60)) is not None:
            found.append(claim.run.id)
        return found

    with ThreadPoolExecutor(8) as pool:
        claimed = [run_id for found in pool.map(work, range(8)) for run_id in found]

    assert sorted(claimed) == [f"{number:02}" for number in range(40)]


def test_a_run_whose_worker_is_not_heard_of_goes_to_another(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    taken(queue, worker="dead", lease=-1)
    second = taken(queue, worker="alive")
    queue.report("1", "dead", SAID)

    assert (second.run.id, second.tries, second.run.worker) == ("1", 2, "alive")
    assert queue.run("1").progress is None
    with pytest.raises(IllegalTransition, match="other hands"):
        queue.finish(a_run("1", state=RunState.SUCCEEDED, finished=WHEN), worker="dead")
    queue.finish(a_run("1", state=RunState.SUCCEEDED, finished=WHEN), worker="alive")


def test_a_lease_from_before_the_clock_was_set_back_is_not_waited_for(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    taken(queue, worker="before", lease=3600)

    assert taken(queue, worker="after", lease=15).tries == 2


def test_a_lease_that_is_renewed_does_not_lapse(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    taken(queue, lease=-1)
    kept = queue.keep("me", ["1", "gone"], lease=60)

    assert kept == {"1"}
    assert queue.claim("other", lease=60) is None
    assert queue.workers(within=60).keys() == {"me"}


def test_who_leaves_gives_back_and_that_is_no_try(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    taken(queue)
    queue.keep("me", ["1"], lease=60)
    queue.leave("me")

    assert queue.run("1").state is RunState.QUEUED
    assert taken(queue, worker="other").tries == 1
    assert queue.keep("me", ["1"], lease=60) == set()


def test_what_was_asked_to_stop_does_not_wait_again(queue: Queue) -> None:
    for run_id in ("1", "2"):
        enqueue(queue, a_run(run_id, key=run_id))
    taken(queue, "1", worker="dead", lease=-1)
    taken(queue, "2", worker="leaving")
    for run_id in ("1", "2"):
        queue.cancel(run_id, WHEN)
    queue.leave("leaving")

    assert queue.claim("other", lease=60) is None
    assert [queue.run(run_id).state for run_id in ("1", "2")] == [RunState.CANCELLED] * 2


def test_each_change_raises_the_revision(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    seen = [queue.run("1").revision]
    taken(queue)
    seen.append(queue.run("1").revision)
    queue.report("1", "me", SAID)
    seen.append(queue.run("1").revision)
    queue.cancel("1", WHEN)
    seen.append(queue.run("1").revision)

    assert seen == [0, 1, 2, 3]


def test_progress_is_kept_while_it_runs(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    queue.report("1", "me", SAID)
    waiting = queue.run("1").progress
    taken(queue)
    queue.report("1", "me", SAID)
    running = queue.run("1").progress
    queue.finish(a_run("1", state=RunState.SUCCEEDED, finished=WHEN))

    assert [waiting, running, queue.run("1").progress] == [None, SAID, None]


def test_what_waits_is_cancelled_at_once_and_what_runs_is_asked_to_stop(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    enqueue(queue, a_run("2", key="l"))
    taken(queue, "2")
    waiting, running = queue.cancel("1", WHEN), queue.cancel("2", WHEN)

    assert (waiting.state, waiting.finished) == (RunState.CANCELLED, WHEN)
    assert (running.state, running.cancelling) == (RunState.RUNNING, True)
    assert queue.is_cancelled("2")


def test_what_is_over_waits_to_be_mirrored_and_then_no_more(queue: Queue) -> None:
    queue.record(a_run("0", state=RunState.FAILED, finished=WHEN), experiment_id="e")
    enqueue(queue, a_run("1"))
    first = [run.id for run in queue.unmirrored(5)]
    queue.mark_mirrored("0", "f00d")

    assert first == ["0"]
    assert queue.unmirrored(5) == ()


def test_the_depth_counts_what_waits_and_what_runs(queue: Queue) -> None:
    empty = queue.depth()
    for number in range(3):
        enqueue(queue, a_run(str(number), key=str(number)))
    taken(queue, "0")

    assert empty == {RunState.QUEUED: 0, RunState.RUNNING: 0}
    assert queue.depth() == {RunState.QUEUED: 2, RunState.RUNNING: 1}
    assert set(queue.waiting("e")) == {"0", "1", "2"}


def test_the_first_to_end_a_run_is_believed(queue: Queue) -> None:
    enqueue(queue, a_run("1"))
    taken(queue)
    queue.finish(a_run("1", state=RunState.FAILED, finished=WHEN))

    with pytest.raises(IllegalTransition):
        queue.finish(a_run("1", state=RunState.SUCCEEDED, finished=WHEN))


def test_draws_come_back_as_they_were_kept(tmp_path: Path) -> None:
    artifacts = Artifacts(Folder(tmp_path))
    draws = xr.Dataset({"theta": (("chain", "draw"), np.arange(6.0).reshape(2, 3))})
    artifacts.put_posterior("key", xr.DataTree.from_dict({"posterior": draws}))

    assert artifacts.has_posterior("key")
    xr.testing.assert_identical(artifacts.posterior("key")["posterior"].to_dataset(), draws)
    with pytest.raises(RunNotFound, match="draws"):
        artifacts.posterior("other")


def test_draws_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    unwritable = xr.Dataset({"theta": ("draw", np.array([object()], dtype=object))})

    with pytest.raises(ValueError, match="serialize"):
        Artifacts(Folder(tmp_path)).put_posterior(
            "key", xr.DataTree.from_dict({"posterior": unwritable})
        )
    assert list((tmp_path / "posteriors").iterdir()) == []


def test_a_shared_run_table_must_be_set_up_first(postgres_url: str) -> None:
    with pytest.raises(NotInitialized) as unready:
        Queue(postgres_url)
    first, second = prepare_database(postgres_url), prepare_database(postgres_url)
    Queue(postgres_url).close()

    assert unready.value.hint is not None
    assert "vibes db init" in unready.value.hint
    assert first[-1].startswith("run table: made table runs")
    assert [line.endswith("already there") for line in second] == [True, True]


def test_the_database_itself_is_made_where_it_is_missing(postgres_url: str) -> None:
    address = make_url(postgres_url).set(database="Not-There")
    place = address.render_as_string(hide_password=False)

    assert prepare_database(place)[0].startswith("run table: database Not-There at ")
    Queue(place).close()


def test_a_database_that_is_away_is_a_problem_that_says_when_to_try_again() -> None:
    with pytest.raises(StoreUnavailable) as away:
        Queue("postgresql://vibes:canary@127.0.0.1:9/runs")

    assert away.value.extras["retry_after"] > 0
    assert "canary" not in str(away.value)
