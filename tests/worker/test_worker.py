"""Workers are processes: they share runs, die, and lose none."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pymc_vibes.core.errors import InferenceFailed
from pymc_vibes.core.run import RunState
from pymc_vibes.worker.process import Companion
from tests.sampled.registered import Gate
from tests.worker.office import Office, is_half_way, is_over, open_office

PATIENCE = 300  # seconds: a loaded machine is not a bug


def test_a_worker_answers_what_was_asked_elsewhere(office: Office, gate: Gate) -> None:
    gate.open()
    run, other = office.ask(), office.ask(level=0.9)
    worker = office.hire("--until-idle")
    answer = office.service.without_waiting()

    assert worker.wait(PATIENCE) == 0
    assert {office.service.run(r.id).state for r in (run, other)} == {RunState.SUCCEEDED}
    assert answer.analyze("coin").run_id == run.id
    assert answer.draws(run.id, "theta", None, 50, seed=1)["theta"].shape == (50, 1)


def test_a_run_of_a_killed_worker_is_finished_by_another(office: Office, gate: Gate) -> None:
    run = office.ask()
    first = office.hire()
    began = office.until(run, is_half_way)
    first.send_signal(signal.SIGKILL)
    first.wait()
    office.hire()
    again = office.until(run, lambda r: r.worker not in (None, began.worker))
    gate.open()
    ended = office.until(run, is_over)

    assert (began.tries, again.tries) == (1, 2)
    assert ended.state is RunState.SUCCEEDED
    assert len(office.service.runs("coin")) == 1


def test_a_worker_that_is_told_to_stop_gives_back_what_it_is_at(office: Office) -> None:
    run = office.ask()
    worker = office.hire()
    office.until(run, is_half_way)
    worker.send_signal(signal.SIGTERM)
    code = worker.wait(PATIENCE)
    given_back = office.service.run(run.id)

    assert code == 0
    assert (given_back.state, given_back.tries) == (RunState.QUEUED, 0)


def test_a_run_in_a_worker_is_cancelled(office: Office) -> None:
    run = office.ask()
    office.hire()
    office.until(run, is_half_way)
    office.service.cancel(run.id)

    assert office.until(run, is_over).state is RunState.CANCELLED


def test_a_question_that_failed_elsewhere_fails_at_once_until_it_is_forgotten(
    office: Office, gate: Gate
) -> None:
    gate.open()
    run = office.ask(ends="broken")
    office.hire()
    office.until(run, is_over)
    with pytest.raises(InferenceFailed, match="fell off the table"):
        office.service.analyze("coin", {"ends": "broken"})
    office.service.clear_cache("coin")

    assert office.ask(ends="broken").id != run.id


def test_two_workers_carry_out_each_run_once(tmp_path: Path, gate: Gate) -> None:
    gate.open()
    # a lease that does not lapse, however long a busy machine lets a worker stand
    with open_office(tmp_path, gate, lease_seconds=600) as office:
        runs = [office.ask(level=0.5 + number / 50) for number in range(12)]
        office.hire()
        office.hire()
        ended = [office.until(run, is_over) for run in runs]
        made = office.service.runs("coin")

    assert {(run.state, run.tries) for run in ended} == {(RunState.SUCCEEDED, 1)}
    assert len(made) == len(runs)


def test_a_run_that_kills_every_worker_is_given_up_and_the_next_one_is_done(
    office: Office, gate: Gate
) -> None:
    gate.open()
    poison, good = office.ask(ends="fatal"), office.ask()
    with Companion(office.service.settings):
        ended, done = office.until(poison, is_over), office.until(good, is_over)

    assert (ended.state, done.state) == (RunState.FAILED, RunState.SUCCEEDED)
    assert ended.error is not None
    assert "3 workers died" in ended.error["detail"]


PARENT = """
import sys, threading
from pymc_vibes.settings import load_settings
from pymc_vibes.worker.process import Companion
with Companion(load_settings()):
    threading.Event().wait()
"""


def test_a_worker_does_not_outlive_its_server(office: Office) -> None:
    run = office.ask()
    parent = subprocess.Popen([sys.executable, "-c", PARENT], env=dict(office.environment))
    office.workers.append(parent)
    office.until(run, is_half_way)
    parent.kill()
    parent.wait()

    # only a worker that ends by itself gives back its run without a try
    assert office.until(run, lambda r: r.state is RunState.QUEUED).tries == 0
