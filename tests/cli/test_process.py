"""The program as a process: terminals, pipes, signals, exit codes."""

import json
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Vibes, serving
from tests.cli.terminal import PATIENCE, VIBES, environment, on_terminal, run

HOSTILE = "<b>\x1b]0;owned\x07\x1b[31mred\u202egnp.exe"


def test_both_names_start_the_same_program(tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent

    said = [
        subprocess.run([scripts / name, "--version"], capture_output=True, check=True).stdout
        for name in ("vibes", "pv")
    ]

    assert said[0] == said[1] == run("--version", home=tmp_path).stdout
    assert said[0].startswith(b"vibes ")


def test_a_terminal_for_stdin_makes_an_empty_experiment(tmp_path: Path) -> None:
    code, screen = on_terminal("experiments", "create", "new", "--type", "ab-test", home=tmp_path)

    assert code == 0
    assert "Created new (ab-test) with 0 rows." in screen


def test_a_kind_is_explained_and_its_next_step_works(tmp_path: Path) -> None:
    code, screen = on_terminal("kinds", "bernoulli", home=tmp_path, COLUMNS="70")
    step = screen.rpartition("Next: ")[2].strip()
    first, second = (shlex.split(part)[1:] for part in step.split(" | "))
    events = run(*first, home=tmp_path)
    made = run(*second, "--json", home=tmp_path, stdin=events.stdout)

    assert code == made.returncode == 0
    assert "successes | theta ~ Binomial(trials, theta)" in screen
    assert all(part in screen for part in ("timestamp  instant", "--level number", "predict  "))
    assert json.loads(made.stdout)["rows"] > 0
    assert max(map(len, screen.splitlines())) <= 100  # formulas stay as they are


def test_an_upload_from_a_terminal_explains_itself(tmp_path: Path) -> None:
    code, screen = on_terminal("events", "upload", "new", home=tmp_path)

    assert code == 5
    assert "nothing on stdin" in screen
    assert "--file F" in screen


def test_delete_asks_on_a_terminal(tmp_path: Path) -> None:
    run("experiments", "create", "old", "--type", "ab-test", home=tmp_path)
    ask = ("experiments", "delete", "old")

    refused, _ = on_terminal(*ask, home=tmp_path, typed=b"n\n", after=b"[y/N]")
    agreed, screen = on_terminal(*ask, home=tmp_path, typed=b"y\n", after=b"[y/N]")

    assert (refused, agreed) == (1, 0)
    assert "Deleted old (ab-test)" in screen


def test_on_a_terminal_lists_are_tables_and_answers_are_cards(
    address: str, shop: str, tmp_path: Path
) -> None:
    _, listed = on_terminal("--url", address, "experiments", "list", home=tmp_path)
    code, card = on_terminal("--url", address, "analyze", shop, home=tmp_path)

    assert not listed.lstrip().startswith("[{")
    assert shop in listed
    assert code == 0
    assert "Variants, the control first" in card


def test_no_color_means_no_color(address: str, shop: str, tmp_path: Path) -> None:
    _, plain = on_terminal("--url", address, "analyze", shop, home=tmp_path, NO_COLOR="1")

    assert "Variants, the control first" in plain
    assert re.findall(r"\x1b\[(?:[\d;]*;)?[39]\d[\d;]*m", plain) == []


def test_hostile_names_do_not_steer_the_terminal(
    address: str, vibes: Vibes, tmp_path: Path
) -> None:
    rows = [{"group": HOSTILE, "outcome": True}, {"group": "plain", "outcome": False}]
    vibes(
        "experiments", "create", "hostile", "--type", "bernoulli", "--display-name", HOSTILE,
        stdin=json.dumps(rows).encode(),
    )  # fmt: skip

    shown = [
        on_terminal("--url", address, *command, home=tmp_path, NO_COLOR="1")[1]
        for command in (
            ("analyze", "hostile"),
            ("experiments", "list"),
            ("experiments", "show", "hostile"),
            ("events", "preview", "hostile"),
        )
    ]

    assert not any(
        f in screen for screen in shown for f in ("\x1b]0;", "\x1b[31m", "\x07", "\u202e")
    )


def test_a_pipe_that_closes_ends_it_quietly(tmp_path: Path) -> None:
    command = f"{shlex.join([*VIBES, 'generate', 'ab-test', '-n', '50000'])} | head -1"

    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env=environment(tmp_path),
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )

    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


def test_an_interrupt_ends_it_at_once_with_130(tmp_path: Path) -> None:
    command = [*VIBES, "events", "upload", "x", "--file", "-"]
    with subprocess.Popen(
        command, env=environment(tmp_path), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"x" * 200_000)  # more than a pipe holds: it is reading by now
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert err == b"Interrupted.\n"


def test_a_server_told_to_stop_ends_with_0(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, address):
        busy = run("serve", "--port", address.rpartition(":")[2], home=tmp_path)

    assert server.returncode == 0
    assert busy.returncode == 7
    assert b"address already in use" in busy.stderr
    assert b"--port 0" in busy.stderr
    assert b"Traceback" not in busy.stderr


def test_the_address_to_open_is_told_once_it_answers(tmp_path: Path) -> None:
    command = [*VIBES, "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment(tmp_path), stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        told = next(line for line in server.stderr if line.startswith(b"Open http"))
        host, _, port = told.split()[1].decode().removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as reader:
            reader.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answered = reader.recv(12)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE)

    assert answered == b"HTTP/1.1 200"


def test_a_reader_that_hangs_up_does_not_end_the_server(address: str, vibes: Vibes) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    wanted = f"GET /api/v1/kinds/ab-test/generate?num_events=20000 HTTP/1.1\r\nHost: {host}\r\n\r\n"

    for _ in range(5):
        with socket.create_connection((host, int(port))) as reader:
            reader.sendall(wanted.encode())
            reader.recv(1)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert vibes("kinds").code == 0


@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_fault_of_ours_shows_where_only_when_asked(tmp_path: Path, level: str) -> None:
    (tmp_path / "file").touch()

    done = run("experiments", "list", home=tmp_path / "file" / "home", VIBES_LOG_LEVEL=level)

    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: ")
    assert (b"Traceback" in done.stderr) == (level == "debug")


def test_the_demo_is_built_from_nothing(tmp_path: Path) -> None:
    built = run("--home", str(tmp_path), "demo", "--build-only", "--json", home=tmp_path)

    assert built.returncode == 0
    assert "flights-cancelled" in json.loads(built.stdout)["experiments"]
    assert b"flights-cancelled: " in built.stderr
