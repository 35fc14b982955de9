"""What must be sampled is waited for, told about, watched and cancelled from the terminal."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.cli.conftest import Done, Vibes, run_here, serving
from tests.cli.terminal import PATIENCE, VIBES, environment, on_terminal
from tests.sampled.registered import TOSSES, Gate


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def server(home: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that knows the coin."""
    for name, value in gate.environment().items():
        monkeypatch.setenv(name, value)
    with serving(home) as (_, address):
        yield address
        gate.open()


@pytest.fixture
def coin(server: str) -> Vibes:
    """Commands against that server, with some tosses there."""

    def run(*arguments: str, stdin: bytes = b"") -> Done:
        return run_here("--url", server, *arguments, stdin=stdin)

    made = run("experiments", "create", "coin", "--type", "coin", stdin=TOSSES.encode())
    assert made.code == 0, made.err
    return run


def started(coin: Vibes, *options: str) -> str:
    """Start a run and give its id."""
    done = coin("analyze", "coin", "--no-wait", *options)
    assert done.code == 0, done.err
    return done.text.strip()


def until(coin: Vibes, run_id: str, holds: Callable[[Any], bool]) -> Any:
    while not holds(run := json.loads(coin("runs", "show", run_id, "--json").text)):
        Event().wait(0.01)
    return run


def is_half_way(run: Any) -> bool:
    return bool(run["progress"]) and run["progress"]["done"] == 20  # where the gate is


def is_over(run: Any) -> bool:
    return run["state"] not in ("queued", "running")


def test_who_does_not_wait_gets_the_id_of_a_run_to_watch(coin: Vibes, gate: Gate) -> None:
    run_id = started(coin)
    until(coin, run_id, is_half_way)
    shown = coin("runs", "show", run_id)
    gate.open()
    watched = coin("runs", "watch", run_id)
    known = coin("analyze", "coin", "--no-wait")

    assert shown.text.startswith("Sampling (50 %, 20 of 40 steps, 2 divergences), ")
    assert watched.code == 0
    assert "The coin falls on heads now and then." in watched.text
    assert known.text.strip() == run_id


def test_an_answer_is_waited_for_and_its_stages_are_told(coin: Vibes, gate: Gate) -> None:
    gate.open()
    done = coin("analyze", "coin")
    asked = coin("ask", "coin", "heads")

    assert done.code == 0
    assert "The coin falls on heads now and then." in done.text
    assert "nuts: The test says so." in done.text
    assert "Attempts of the sampler" in done.text
    assert " (run " in done.err
    assert "Heads, mostly." in asked.text


def test_a_run_is_cancelled_and_says_so(coin: Vibes) -> None:
    run_id = started(coin)
    until(coin, run_id, is_half_way)
    cancelled = coin("runs", "cancel", run_id, "--json")
    until(coin, run_id, is_over)
    watched, shown = coin("runs", "watch", run_id), coin("runs", "show", run_id)
    again = coin("runs", "cancel", run_id)

    assert cancelled.err == f"Run {run_id} is stopping.\n"
    assert json.loads(cancelled.text)["id"] == run_id
    assert (watched.code, shown.code, again.code) == (5, 5, 5)
    assert f"Run {run_id} was cancelled." in watched.err


def test_a_failed_run_ends_with_its_problem(coin: Vibes, gate: Gate) -> None:
    gate.open()
    done = coin("analyze", "coin", "--ends", "broken")

    assert done.code == 6
    assert "Error: The coin fell off the table." in done.err


def test_a_doubtful_answer_is_shown_as_such(coin: Vibes, gate: Gate) -> None:
    gate.open()
    done = coin("analyze", "coin", "--ends", "doubtful")

    assert done.code == 6
    assert done.text.startswith("Do not rely on this answer: R-hat of theta is 1.40")
    assert "Doubtful: toss again" in done.text


@contextmanager
def analyzing(home: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = [*VIBES, *options, "analyze", "coin"]
    with subprocess.Popen(
        command, env=environment(home), stderr=subprocess.PIPE, text=True
    ) as process:
        yield process


def interrupted(process: "subprocess.Popen[str]") -> str:
    """Interrupt a command once it samples, and give what it says then."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Sampling"):
            break
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=PATIENCE)[1]


def test_an_interrupt_cancels_the_run_on_the_server(coin: Vibes, server: str, home: Path) -> None:
    with analyzing(home, "--url", server) as process:
        said = interrupted(process)
    (run,) = json.loads(coin("runs", "list", "--json").text)
    ended = until(coin, run["id"], is_over)

    assert process.returncode == 130
    assert said == f"Cancelled run {run['id']}.\nInterrupted.\n"
    assert ended["state"] == "cancelled"


@pytest.fixture
def alone(home: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Vibes:
    """Commands that work in this process, with some tosses there."""
    for name, value in gate.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, stdin: bytes = b"") -> Done:
        return run_here("--home", str(home), *arguments, stdin=stdin)

    made = run("experiments", "create", "coin", "--type", "coin", stdin=TOSSES.encode())
    assert made.code == 0, made.err
    return run


def test_without_a_server_it_is_waited_for_too(alone: Vibes, gate: Gate) -> None:
    gate.open()
    done = alone("analyze", "coin")

    assert done.code == 0
    assert "The coin falls on heads now and then." in done.text


def test_without_a_server_it_waits_for_a_worker(alone: Vibes, gate: Gate) -> None:
    gate.open()
    asked = alone("analyze", "coin", "--no-wait")
    worked = alone("worker", "--until-idle")
    run = json.loads(alone("runs", "show", asked.text.strip(), "--json").text)

    assert (asked.code, worked.code) == (0, 0)
    assert "home worker` or `vibes " in asked.err
    assert run["state"] == "succeeded"


def test_without_a_server_an_interrupt_cancels_too(alone: Vibes, home: Path) -> None:
    with analyzing(home) as process:
        said = interrupted(process)
    (run,) = json.loads(alone("runs", "list", "--json").text)

    assert process.returncode == 130
    assert said == f"Cancelled run {run['id']}.\nInterrupted.\n"
    assert run["state"] == "cancelled"


def test_on_a_terminal_the_progress_moves(alone: Vibes, home: Path, gate: Gate) -> None:
    assert alone("runs", "list").code == 0
    gate.open()
    code, screen = on_terminal("analyze", "coin", home=home, **gate.environment())

    assert code == 0
    assert "━" in screen
    assert "The coin falls on heads now and then." in screen


def test_a_sampled_answer_is_reproduced_by_a_run_that_is_waited_for(
    coin: Vibes, gate: Gate
) -> None:
    gate.open()
    run_id = json.loads(coin("analyze", "coin", "--json").text)["run_id"]

    done = coin("runs", "reproduce", run_id)

    assert done.code == 0, done.err
    assert done.text.startswith("Equal: the answer came out the same to the last digit.")
    assert "sampled anew by run" in done.text
    assert run_id not in done.text
