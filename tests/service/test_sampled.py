"""What must be sampled waits its turn, tells how far it is, can be stopped, and is found again."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from pymc_vibes.core.errors import IllegalTransition, InferenceFailed, RunCancelled, RunNotFound
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending, Run, RunState
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings
from tests.sampled.registered import TOSSES, Gate


def opened(folder: Path) -> Service:
    return Service.open(Settings(home=folder / "home"))


@pytest.fixture
def service(tmp_path: Path, gate: Gate) -> Iterator[Service]:
    assert not gate.file.exists()
    found = opened(tmp_path)
    found.create("coin", "coin")
    path = tmp_path / "tosses.csv"
    path.write_text(TOSSES)
    found.upload("coin", path, UploadOptions(format="csv"))
    yield found
    found.close()


@pytest.fixture
def hasty(service: Service) -> Service:
    return service.without_waiting()


def ask(service: Service, **settings: object) -> Run:
    """Ask for what must be sampled and give the run to follow."""
    with pytest.raises(Pending) as pending:
        service.analyze("coin", settings)
    return pending.value.run


def until(service: Service, run: Run, holds: Callable[[Run], bool]) -> Run:
    """Follow a run until something holds of it."""
    while not holds(found := service.run(run.id)):
        assert not found.is_over, found
        Event().wait(0.01)
    return found


def test_who_does_not_wait_gets_a_run_to_follow_and_then_the_answer(
    hasty: Service, gate: Gate
) -> None:
    run = ask(hasty)
    half_way = until(hasty, run, lambda r: r.progress is not None and r.progress.done > 0)
    gate.open()
    until(hasty, run, lambda r: r.is_over)

    assert half_way.state is RunState.RUNNING
    assert half_way.progress is not None
    assert (half_way.progress.stage, half_way.progress.total) == ("sampling", 40)
    assert "divergences" in half_way.progress.facts
    assert hasty.analyze("coin").run_id == run.id
    assert hasty.run(run.id).progress is None


def test_who_waits_gets_the_answer(service: Service, gate: Gate) -> None:
    gate.open()
    first, second = service.analyze("coin"), service.analyze("coin")

    assert (first.cached, second.cached) == (False, True)
    assert first.run_id == second.run_id
    assert service.ask("coin", "heads", {}).data["mean"] == pytest.approx(0.5)


def test_questions_wait_too(service: Service, gate: Gate) -> None:
    gate.open()

    assert service.ask("coin", "heads", {}).data["mean"] == pytest.approx(0.5)


def test_equal_questions_join_one_run(hasty: Service, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = set(pool.map(lambda _: ask(hasty).id, range(4)))
    other = opened(tmp_path)
    runs.add(ask(other.without_waiting()).id)
    other.close()

    assert len(runs) == 1
    assert len(hasty.runs("coin")) == 1


def test_different_questions_wait_for_their_turn(hasty: Service, gate: Gate) -> None:
    first, second = ask(hasty), ask(hasty, level=0.9)
    until(hasty, first, lambda r: r.state is RunState.RUNNING)
    depth = hasty.depth()
    gate.open()
    until(hasty, second, lambda r: r.is_over)

    assert depth == {RunState.QUEUED: 1, RunState.RUNNING: 1}
    assert [run.state for run in hasty.runs("coin")] == [RunState.SUCCEEDED] * 2


def test_a_run_is_cancelled_and_may_be_asked_for_anew(hasty: Service) -> None:
    running, waiting = ask(hasty), ask(hasty, level=0.9)
    until(hasty, running, lambda r: r.state is RunState.RUNNING)
    asked = [hasty.cancel(waiting.id), hasty.cancel(running.id)]
    ended = until(hasty, running, lambda r: r.is_over)

    assert asked[0].state is RunState.CANCELLED
    assert asked[1].cancelling or asked[1].is_over
    assert (ended.state, ended.cancelling) == (RunState.CANCELLED, False)
    with pytest.raises(RunCancelled):
        hasty.cancel(running.id)
    assert ask(hasty).id != running.id


def test_what_is_over_cannot_be_cancelled(service: Service, gate: Gate) -> None:
    gate.open()
    run_id = service.analyze("coin").run_id

    with pytest.raises(IllegalTransition, match="succeeded"):
        service.cancel(run_id)


def test_who_waits_for_a_cancelled_run_is_told(service: Service) -> None:
    run = ask(service.without_waiting())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(service.analyze, "coin")
        service.cancel(run.id)
        with pytest.raises(RunCancelled):
            waiting.result()


def test_a_failure_is_recorded_and_told_once(service: Service, gate: Gate) -> None:
    gate.open()
    for _ in range(2):
        with pytest.raises(InferenceFailed, match="fell off the table"):
            service.analyze("coin", {"ends": "broken"})
    (failed,) = service.runs("coin")

    assert failed.state is RunState.FAILED
    assert failed.error is not None
    assert failed.error["type"] == "/problems/inference-failed"


def test_closing_cancels_what_runs_and_what_waits(tmp_path: Path, hasty: Service) -> None:
    runs = [ask(hasty), ask(hasty, level=0.9)]
    until(hasty, runs[0], lambda r: r.state is RunState.RUNNING)
    hasty.close()
    again = opened(tmp_path)
    states = {again.run(run.id).state for run in runs}
    again.close()

    assert states == {RunState.CANCELLED}


def test_deleting_an_experiment_stops_its_runs(hasty: Service) -> None:
    run = ask(hasty)
    until(hasty, run, lambda r: r.state is RunState.RUNNING)
    hasty.delete("coin")

    assert until(hasty, run, lambda r: r.is_over).state is RunState.CANCELLED


def test_a_run_whose_process_is_gone_has_failed_and_is_asked_for_anew(
    tmp_path: Path, service: Service
) -> None:
    run = ask(service.without_waiting())
    with service.queue.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET owner = 'elsewhere-1-gone'")
    other = opened(tmp_path)
    gone = other.run(run.id)
    anew = ask(other.without_waiting())
    other.close()

    assert gone.state is RunState.FAILED
    assert gone.error is not None
    assert "ended before" in gone.error["detail"]
    assert anew.id != run.id


def test_nothing_can_be_had_of_a_run_before_it_is_over(hasty: Service) -> None:
    run = ask(hasty)

    for want in (hasty.answer, hasty.rebuilt):
        with pytest.raises(Pending):
            want(run.id)
    hasty.cancel(run.id)
    until(hasty, run, lambda r: r.is_over)
    with pytest.raises(RunNotFound, match="cancelled"):
        hasty.answer(run.id)


def test_listeners_hear_of_answers_from_the_background(service: Service, gate: Gate) -> None:
    heard: list[str] = []
    service.listen(lambda answer: heard.append(answer.run_id))
    gate.open()
    run_id = service.analyze("coin").run_id
    service.close()

    assert heard == [run_id]
