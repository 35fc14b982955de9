"""Lists of runs are short and found by an index, whatever the number of runs and their answers."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event

from pymc_vibes.core.answer import Answer, Diagnostics, Gist, Provenance, Summary
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.store.database import prepare_database
from pymc_vibes.store.queue import Queue

WHEN = datetime(2024, 3, 1, 12, tzinfo=UTC)
GIST = Gist(headline="Red wins.", method="exact", verdict="warning")
QUESTIONS: dict[str, Callable[[Queue], object]] = {
    "look for work": lambda queue: queue.has_work(lease=9),
    "claim": lambda queue: queue.claim("worker", lease=9),
    "one question, under way": lambda queue: queue.unfinished("e", "k"),
    "one experiment, waiting": lambda queue: queue.waiting("e"),
    "look for what to mirror": lambda queue: queue.count_unmirrored(1),
    "page": lambda queue: queue.history(limit=3),
    "page of an experiment": lambda queue: queue.history("e", limit=3),
    "page of a state": lambda queue: queue.history(state=RunState.FAILED, limit=3),
    "newest of each experiment": lambda queue: queue.latest(),
    "counts": lambda queue: queue.outcomes([RunState.SUCCEEDED]),
}


def a_run(run_id: str) -> Run:
    provenance = Provenance(
        kind="bernoulli",
        kind_version=1,
        config={},
        cells_hash="c",
        snapshot=1,
        seed=1,
        versions={},
        key="k",
    )
    answer = Answer(
        run_id=run_id,
        experiment="red",
        kind="bernoulli",
        created=WHEN,
        summary=Summary(headline=GIST.headline),
        figures=(),
        diagnostics=Diagnostics(method=GIST.method, verdict=GIST.verdict),
        provenance=provenance,
    )
    return Run(
        id=run_id,
        experiment="red",
        kind="bernoulli",
        state=RunState.SUCCEEDED,
        created=WHEN,
        finished=WHEN,
        config={"level": 0.95},
        key="k",
        answer=answer,
    )


@pytest.fixture(params=["embedded", "team"])
def queue(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Queue]:
    place = str(tmp_path / "runs.sqlite")
    if request.param == "team":
        place = request.getfixturevalue("postgres_url")
        prepare_database(place)
    opened = Queue(place)
    yield opened
    opened.close()


def test_a_history_has_the_gist_of_answers_and_a_run_all_of_its_own(queue: Queue) -> None:
    queue.record(a_run("1"), experiment_id="e")
    (listed,) = queue.history()

    assert (listed.answer, listed.gist) == (None, GIST)
    assert queue.run("1") == a_run("1")
    assert queue.runs() == (a_run("1"),)


def test_a_history_knows_runs_written_by_an_older_version(queue: Queue) -> None:
    queue.record(a_run("1"), experiment_id="e")
    with queue.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET headline = NULL")
    assert [run.gist for run in queue.history()] == [GIST]


def test_a_run_that_failed_has_no_gist(queue: Queue) -> None:
    failed = a_run("1").model_copy(update={"state": RunState.FAILED, "answer": None})
    queue.record(failed, experiment_id="e")
    assert queue.history() == (failed,)
    assert queue.history()[0].gist is None


def test_what_a_history_holds_is_no_part_of_the_record(queue: Queue) -> None:
    queue.record(a_run("1"), experiment_id="e")
    (listed,) = queue.history()
    assert (
        listed.model_dump().keys()
        == Run.model_json_schema(mode="serialization")["properties"].keys()
    )
    assert "listed" not in listed.model_dump()


def test_every_experiment_has_its_newest_run(queue: Queue) -> None:
    for number, owner in enumerate(("b", "a", "b", "c", "a")):
        queue.record(a_run(str(number)), experiment_id=owner)
    assert {owner: run.id for owner, run in queue.latest().items()} == {
        "a": "4",
        "b": "2",
        "c": "3",
    }


def test_no_runs_have_no_newest(queue: Queue) -> None:
    assert queue.latest() == {}


def test_what_is_not_mirrored_is_counted_no_further_than_asked(queue: Queue) -> None:
    for number in range(3):
        queue.record(a_run(str(number)), experiment_id="e")
    queue.mark_mirrored("0", "f00d")
    assert (queue.count_unmirrored(1), queue.count_unmirrored(9)) == (1, 2)


@pytest.mark.parametrize("asked", QUESTIONS)
def test_no_question_reads_all_runs(tmp_path: Path, asked: str) -> None:
    queue = Queue(tmp_path / "runs.sqlite")
    queue.record(a_run("1"), experiment_id="e")
    waiting = a_run("2").model_copy(update={"state": RunState.QUEUED, "answer": None})
    queue.enqueue(waiting, experiment_id="e", work={})
    said: list[tuple[str, object]] = []
    event.listen(
        queue.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, given, *_: said.append((statement, given)),
    )
    QUESTIONS[asked](queue)
    statements = tuple(said)
    with queue.engine.begin() as connection:
        plan = [
            step[-1]
            for statement, given in statements
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
        ]
    queue.close()

    assert any("INDEX" in step for step in plan)
    assert [step for step in plan if step.startswith("SCAN runs") and "INDEX" not in step] == []
