"""What must be sampled waits its turn, tells how far it is, can be stopped, and is found again."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from pymc_vibes.core.errors import (
    IllegalTransition,
    InferenceFailed,
    NoAnswer,
    RunCancelled,
    RunNotFound,
    TooManyRequests,
)
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending, Run, RunState
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings
from tests.sampled.registered import TOSSES, Gate

# of the mean of 2 000 draws of Beta(21, 21), whose sd is 0.0762
MCSE = 0.0762 / 2000**0.5


def opened(folder: Path, *, works: bool = True, **settings: Any) -> Service:
    return Service.open(Settings(home=folder / "home", **settings), works=works)


def with_a_coin(folder: Path, *, works: bool, **settings: Any) -> Service:
    """Open a new home in which a coin was tossed."""
    found = opened(folder, works=works, **settings)
    found.create("coin", "coin")
    path = folder / "tosses.csv"
    path.write_text(TOSSES)
    found.upload("coin", path, UploadOptions(format="csv"))
    return found


@pytest.fixture
def service(tmp_path: Path, gate: Gate) -> Iterator[Service]:
    assert not gate.file.exists()
    found = with_a_coin(tmp_path, works=True)
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


def test_the_more_urgent_question_is_begun_first(tmp_path: Path, gate: Gate) -> None:
    gate.open()
    asking = with_a_coin(tmp_path, works=False)
    hasty = asking.without_waiting()
    runs = [ask(hasty, level=level) for level in (0.8, 0.9)]
    with pytest.raises(Pending) as urgent:
        hasty.analyze("coin", {"level": 0.7}, priority=5)
    claimed = [asking.queue.claim("me", lease=60) for _ in range(3)]
    asking.close()

    assert [claim.run.id for claim in claimed if claim] == [
        urgent.value.run.id,
        *(run.id for run in runs),
    ]


@pytest.mark.usefixtures("gate")
def test_only_so_many_may_wait(tmp_path: Path) -> None:
    service = with_a_coin(tmp_path, works=False, max_waiting_runs=2)
    hasty = service.without_waiting()
    runs = [ask(hasty, level=level) for level in (0.8, 0.9)]
    with pytest.raises(TooManyRequests, match="2 runs wait"):
        hasty.analyze("coin", {"level": 0.7})
    joined = ask(hasty, level=0.9)
    service.close()

    assert joined.id == runs[1].id


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


def test_closing_gives_back_what_runs_and_leaves_what_waits(
    tmp_path: Path, hasty: Service, gate: Gate
) -> None:
    runs = [ask(hasty), ask(hasty, level=0.9)]
    until(hasty, runs[0], lambda r: r.state is RunState.RUNNING)
    hasty.close()
    again = opened(tmp_path)
    states = [again.queue.run(run.id).state for run in runs]
    gate.open()
    ended = [until(again, run, lambda r: r.is_over) for run in runs]
    again.close()

    assert states == [RunState.QUEUED, RunState.QUEUED]
    assert [(run.state, run.tries) for run in ended] == [(RunState.SUCCEEDED, 1)] * 2


def test_deleting_an_experiment_stops_its_runs(hasty: Service) -> None:
    run = ask(hasty)
    until(hasty, run, lambda r: r.state is RunState.RUNNING)
    hasty.delete("coin")

    assert until(hasty, run, lambda r: r.is_over).state is RunState.CANCELLED


def taken_by_the_dead(service: Service) -> None:
    """Let a worker that is not heard of any more hold the run that waits."""
    assert service.queue.claim("dead", lease=-1) is not None


def test_a_run_whose_worker_is_gone_is_begun_again(tmp_path: Path, gate: Gate) -> None:
    asking, working = with_a_coin(tmp_path, works=False), opened(tmp_path)
    run = ask(asking.without_waiting())
    taken_by_the_dead(asking)
    gate.open()
    ended = until(working, run, lambda r: r.is_over)
    answer = asking.answer(run.id)
    for service in (asking, working):
        service.close()

    assert (ended.state, ended.tries) == (RunState.SUCCEEDED, 2)
    assert answer.run_id == run.id


@pytest.mark.usefixtures("gate")
def test_a_run_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    asking = with_a_coin(tmp_path, works=False)
    run = ask(asking.without_waiting())
    for _ in range(asking.settings.max_tries):
        taken_by_the_dead(asking)
    working = opened(tmp_path)
    ended = until(working, run, lambda r: r.is_over)
    for service in (asking, working):
        service.close()

    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert "3 workers died" in ended.error["detail"]


def test_nothing_can_be_had_of_a_run_before_it_is_over(hasty: Service) -> None:
    run = ask(hasty)

    for want in (hasty.answer, hasty.rebuilt):
        with pytest.raises(Pending):
            want(run.id)
    hasty.cancel(run.id)
    until(hasty, run, lambda r: r.is_over)
    for want in (hasty.answer, hasty.rebuilt):
        with pytest.raises(NoAnswer, match="cancelled") as refused:
            want(run.id)
        assert refused.value.extras == {"run": run.id, "state": "cancelled"}
        assert "vibes analyze coin" in str(refused.value.hint)


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
