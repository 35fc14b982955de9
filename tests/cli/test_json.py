"""What was done, as one JSON document on stdout; what is said to people stays on stderr."""

import json
import subprocess
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from pymc_vibes.settings import Settings
from tests.cli.conftest import Vibes, run_here
from tests.cli.terminal import VIBES, environment, run


def facts(vibes: Vibes, *command: str, stdin: bytes = b"") -> Any:
    done = vibes(*command, "--json", stdin=stdin)
    assert done.code == 0, done.err
    return json.loads(done.text)


def test_generated_events_are_the_document(vibes: Vibes) -> None:
    assert len(facts(vibes, "generate", "bernoulli", "-n", "30")) == 30


def test_of_a_file_it_says_what_was_written(vibes: Vibes, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"

    told = facts(vibes, "generate", "bernoulli", "-n", "30", "-o", str(file))

    assert told == {
        "kind": "bernoulli",
        "seed": 42,
        "format": "csv",
        "output": str(file),
        "bytes": file.stat().st_size,
    }


def test_a_format_that_is_named_wins_over_the_ending(vibes: Vibes, tmp_path: Path) -> None:
    file = tmp_path / "events.xyz"

    told = facts(vibes, "generate", "bernoulli", "-n", "3", "-o", str(file), "--format", "ndjson")

    assert told["format"] == "ndjson"
    assert len([json.loads(line) for line in file.read_text().splitlines()]) == 3


@pytest.mark.parametrize("way", [("--json",), ("--format", "json")], ids=" ".join)
def test_an_export_as_json_holds_every_event(vibes: Vibes, shop: str, way: tuple[str, ...]) -> None:
    exported = json.loads(vibes("events", "export", shop, *way).text)
    lines = vibes("events", "export", shop, "--format", "ndjson").text.splitlines()

    assert exported == [json.loads(line) for line in lines]
    assert len(exported) == json.loads(vibes("experiments", "show", shop).text)["rows"] > 50


def test_delete_says_what_it_deletes(vibes: Vibes) -> None:
    table = b"outcome\n1\n0\n"
    vibes("experiments", "create", "brief", "--type", "bernoulli", stdin=table)

    would = facts(vibes, "experiments", "delete", "brief", "--dry-run")
    did = facts(vibes, "experiments", "delete", "brief", "--yes")

    assert would == {"name": "brief", "kind": "bernoulli", "rows": 2, "deleted": False}
    assert did == would | {"deleted": True}


def test_set_gives_the_experiment(vibes: Vibes) -> None:
    vibes("experiments", "create", "adjusted", "--type", "bernoulli")

    assert facts(vibes, "experiments", "set", "adjusted", "level=0.8")["config"] == {"level": 0.8}


def test_a_cleared_cache_says_how_much_it_held(vibes: Vibes) -> None:
    vibes("experiments", "create", "coin", "--type", "bernoulli", stdin=b"outcome\n1\n0\n")
    vibes("analyze", "coin")

    assert facts(vibes, "cache", "clear", "coin") == {"experiment": "coin", "cleared": 1}


def test_a_report_says_of_which_run_it_is(vibes: Vibes, shop: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    told = facts(vibes, "report", shop, "-o", str(page))

    assert told == {
        "run_id": json.loads(vibes("analyze", shop, "--json").text)["run_id"],
        "output": str(page),
        "bytes": page.stat().st_size,
    }


def test_without_waiting_it_gives_what_is_there(vibes: Vibes, shop: str) -> None:
    answer = facts(vibes, "analyze", shop)

    assert facts(vibes, "analyze", shop, "--no-wait")["summary"] == answer["summary"]


def test_a_token_comes_with_what_it_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBES_AUTH_SECRET", "a secret of the tests, forty characters!")

    told = json.loads(run_here("token", "create", "--scope", "read", "--days", "2", "--json").text)

    assert len(told.pop("token").split(".")) == 3
    assert told == {"subject": "vibes", "scopes": ["read"], "days": 2}


def test_a_worker_says_which_queue_it_serves(tmp_path: Path) -> None:
    done = run("worker", "--until-idle", "--json", home=tmp_path / "home")

    told = json.loads(done.stdout)
    assert (done.returncode, told["until_idle"]) == (0, True)
    assert told["queue"] == Settings(home=tmp_path / "home").queue_place


def test_a_server_gives_its_address_as_soon_as_it_listens(tmp_path: Path) -> None:
    command = [*VIBES, "serve", "--port", "0", "--json", "--no-worker"]
    with subprocess.Popen(
        command,
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        listed = run_here("--url", told["url"], "experiments", "list")
        server.send_signal(SIGTERM)
        rest = server.stdout.read()

    assert (listed.code, listed.text.strip(), rest) == (0, "[]", "")
    assert told["asks_for_a_token"] is False
