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

# of the mean of 2 000 draws of Beta(21, 21), whose sd is 0.0762
MCSE = 0.0762 / 2000**0.5


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
    assert abs(service.ask("coin", "heads", {}).data["mean"] - 0.5) < 6 * MCSE


def test_questions_wait_too(service: Service, gate: Gate) -> None:
    gate.open()

    assert abs(service.ask("coin", "heads", {}).data["mean"] - 0.5) < 6 * MCSE


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


def cancel_what_runs(service: Service) -> None:
    """Cancel the first run that is seen running."""
    while not (found := [r for r in service.runs("coin") if r.state is RunState.RUNNING]):
        Event().wait(0.01)
    service.cancel(found[0].id)


def test_who_waits_for_a_run_that_is_cancelled_is_told(service: Service) -> None:
    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(cancel_what_runs, service)
        with pytest.raises(RunCancelled):
            service.analyze("coin")
        cancelling.result()


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


def test_draws_are_kept_and_come_back_after_a_restart(
    tmp_path: Path, service: Service, gate: Gate
) -> None:
    gate.open()
    answer = service.analyze("coin")
    drawn = service.draws(answer.run_id, "theta", None, 50, seed=1)["theta"]
    service.close()
    again = opened(tmp_path)
    restored = again.draws(answer.run_id, "theta", None, 50, seed=1)["theta"]
    known = again.without_waiting().analyze("coin")
    asked = again.ask_run(answer.run_id, "heads", {})
    again.close()

    assert (restored == drawn).all()
    assert (known.cached, known.run_id) == (True, answer.run_id)
    assert asked.summary.estimates[0] == answer.summary.estimates[0]


def test_without_its_draws_an_answer_stays_and_is_sampled_anew_when_asked(
    tmp_path: Path, service: Service, gate: Gate
) -> None:
    gate.open()
    answer = service.analyze("coin")
    service.close()
    for file in (tmp_path / "home" / "artifacts" / "posteriors").iterdir():
        file.unlink()
    again = opened(tmp_path)
    kept = again.answer(answer.run_id)
    with pytest.raises(RunNotFound, match="draws") as gone:
        again.rebuilt(answer.run_id)
    anew = again.analyze("coin")
    again.close()

    assert kept.summary == anew.summary == answer.summary
    assert gone.value.hint is not None
    assert anew.run_id != answer.run_id
