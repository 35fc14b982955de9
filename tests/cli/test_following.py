"""A run on a server is followed by its events, whatever becomes of the connection."""

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from pymc_vibes.cli.client import Client
from pymc_vibes.cli.following import heard
from pymc_vibes.cli.waiting import follow
from pymc_vibes.core.errors import ServerUnreachable
from pymc_vibes.core.run import RunState
from pymc_vibes.http.events import Streams
from pymc_vibes.settings import Settings
from tests.cli.conftest import run_here
from tests.cli.terminal import PATIENCE, VIBES, environment, on_terminal, watch
from tests.http.test_run_events import Up, serving, tossed
from tests.sampled.registered import Gate


@pytest.fixture
def coin(tmp_path: Path, gate: Gate) -> Iterator[Up]:
    """A server with a kind that must sample, and some tosses."""
    with serving(Settings(home=tmp_path / "home")) as up:
        yield tossed(up)
        gate.open()


class Cut(Client):
    """A client whose first connection is cut after one event."""

    known: list[str]

    def lines(self, path: str, last_event: str = "") -> Iterator[str]:
        self.known.append(last_event)
        for line in super().lines(path, last_event):
            yield line
            if not line and self.known == [""] and self.is_told:
                raise ServerUnreachable("The line was cut.")
            self.is_told = line.startswith("data:") or (bool(line) and self.is_told)

    is_told = False


def address(up: Up) -> str:
    return str(up.client.base_url).rstrip("/")


def to(up: Up, kind: type[Client] = Client) -> Client:
    client = kind(Settings(url=address(up)))
    if isinstance(client, Cut):
        client.known = []
    return client


def opened_once_half_way(up: Up, where: str, gate: Gate) -> Thread:
    """Open the gate, from another thread, once the run stands before it."""

    def wait() -> None:
        while (up.client.get(where).json()["progress"] or {}).get("done") != 20:
            Event().wait(0.01)
        gate.open()

    thread = Thread(target=wait)
    thread.start()
    return thread


def test_a_cut_connection_is_taken_up_where_it_was_left(coin: Up, gate: Gate) -> None:
    where = coin.begin()
    opening = opened_once_half_way(coin, where, gate)
    with to(coin, Cut) as client:
        told = [run for run, _ in heard(client, where)]
        assert isinstance(client, Cut)
        known = client.known
    opening.join()

    assert known == ["", str(told[0].revision)]
    assert [run.revision for run in told] == sorted({run.revision for run in told})
    assert told[-1].state is RunState.SUCCEEDED


def test_without_room_for_a_stream_the_run_is_asked_for(coin: Up, gate: Gate) -> None:
    coin.app.state.streams = Streams(0)
    where = coin.begin()
    opening = opened_once_half_way(coin, where, gate)
    with to(coin) as client:
        told = list(heard(client, where))
        run = follow(client, where)
    opening.join()

    assert told == []
    assert run.state is RunState.SUCCEEDED


def test_in_this_process_nobody_sends_events(tmp_path: Path) -> None:
    with Client(Settings(home=tmp_path / "home")) as client:
        assert list(heard(client, "/api/v1/runs/1")) == []


def test_the_terminal_shows_every_chain(coin: Up, tmp_path: Path, gate: Gate) -> None:
    run_id = coin.begin().rpartition("/")[2]
    watching = [*VIBES, "--url", address(coin), "runs", "watch", run_id]
    script = f'{shlex.join(watching)} & read answer; touch "$COIN_GATE"; wait'

    _, screen = watch(
        ["sh", "-c", script],
        environment(tmp_path / "other", COIN_GATE=str(gate.file)),
        typed=b"\n",
        after=b"5 of 10",  # half-way: before that the coin might fall without having stood there
    )

    assert "Chain 4" in screen
    assert "2 divergences" in screen
    assert "The coin falls on heads now and then." in screen


def test_without_a_worker_whoever_watches_is_told_and_an_interrupt_stops_only_that(
    tmp_path: Path, gate: Gate
) -> None:
    with serving(Settings(home=tmp_path / "home"), works=False) as up:
        where = tossed(up).begin()
        command = [*VIBES, "--url", address(up), "runs", "watch", where.rpartition("/")[2]]
        with subprocess.Popen(
            command, env=environment(tmp_path / "other"), stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "worker" in line)
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=PATIENCE)[1]
        state = up.client.get(where).json()["state"]
    gate.open()

    assert said == "Waiting: no worker is running; start one with `vibes worker`.\n"
    assert process.returncode == 130
    assert rest == "Interrupted.\n"
    assert state == "queued"


def test_runs_are_listed_by_state_with_verdict_and_time(
    coin: Up, tmp_path: Path, gate: Gate
) -> None:
    doubtful = coin.begin(ends="doubtful")
    opened_once_half_way(coin, doubtful, gate).join()
    with to(coin) as client:
        follow(client, doubtful)
    broken = coin.begin(ends="broken")
    coin.followed(broken)
    listed = run_here("--url", address(coin), "runs", "list", "--state", "failed", "--json")
    _, screen = on_terminal(
        "--url", address(coin), "runs", "list", home=tmp_path / "other", COLUMNS="160"
    )

    assert [f"/api/v1/runs/{run['id']}" for run in json.loads(listed.text)] == [broken]
    (row,) = (line for line in screen.splitlines() if doubtful.rpartition("/")[2] in line)
    assert "succeeded" in row
    assert "problem" in row
    assert re.search(r" \d+ m?s ", row)


def test_on_a_narrow_screen_a_list_of_runs_leaves_out_what_matters_least(
    coin: Up, tmp_path: Path
) -> None:
    broken = coin.begin(ends="broken")
    coin.followed(broken)
    home = tmp_path / "other"
    _, screen = on_terminal("--url", address(coin), "runs", "list", home=home, COLUMNS="80")
    _, none = on_terminal("--url", address(coin), "runs", "list", "--state", "cancelled", home=home)

    (head,) = (line for line in screen.splitlines() if "experiment" in line)
    assert "state" in head
    assert "kind" not in head
    assert re.search(r"\d more columns?; --json gives all", screen)
    assert none.strip() == "No run is cancelled."
