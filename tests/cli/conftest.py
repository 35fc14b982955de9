"""The command line as people meet it: in this process where that tells the same, else for real."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pymc_vibes.cli.app import execute
from tests.cli.terminal import VIBES, environment


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


type Vibes = Callable[..., Done]


class Stdin(io.TextIOWrapper):
    """A pipe that holds these bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))


def run_here(*arguments: str, stdin: bytes = b"") -> Done:
    """Run a command in this process, with pipes for a terminal."""
    kept = sys.stdin, sys.stdout, sys.stderr
    out, err = io.BytesIO(), io.StringIO()
    sys.stdin, sys.stdout, sys.stderr = Stdin(stdin), io.TextIOWrapper(out, "utf-8"), err
    try:
        code = execute(arguments)
        sys.stdout.flush()
        return Done(code, out.getvalue(), err.getvalue())
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept


@contextmanager
def serving(home: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start `vibes serve` on a free port; give it with its address, and stop it."""
    command = [*VIBES, "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=environment(home), stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        address = next(
            line.partition("running on ")[2].split()[0]
            for line in server.stderr
            if "running on" in line
        )
        drain = Thread(target=server.stderr.read)  # what it logs must not fill the pipe
        drain.start()
        try:
            yield server, address
        finally:
            server.send_signal(signal.SIGTERM)
            drain.join()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server, so that a command costs no start-up."""
    with serving(tmp_path_factory.mktemp("served")) as (_, found):
        yield found


@pytest.fixture(scope="session")
def vibes(address: str) -> Vibes:
    """Run a command in this process against that server."""

    def run(*arguments: str, stdin: bytes = b"") -> Done:
        return run_here("--url", address, *arguments, stdin=stdin)

    return run


@pytest.fixture(scope="session")
def shop(vibes: Vibes) -> str:
    """An A/B test with simulated events."""
    events = vibes("generate", "ab-test", "-n", "500", "--format", "csv").out
    assert vibes("experiments", "create", "shop", "--type", "ab-test", stdin=events).code == 0
    return "shop"


@pytest.fixture(scope="session")
def rates(vibes: Vibes) -> str:
    """Rates of two cohorts that clearly differ, and of two that do not."""
    counts = {"calm": 10, "busy": 90, "even": 12}
    rows = [
        f"2024-01-{day:02d},{cohort},call,{count}"
        for cohort, count in counts.items()
        for day in (1, 31)
    ]
    table = "\n".join(["timestamp,cohort,event,count", *rows]).encode()
    assert vibes("ingest", stdin=table).code == 0
    return "observations"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mapping[str, Any]:
    """A home of this test's own, for commands that work in this process."""
    monkeypatch.setenv("VIBES_HOME", str(tmp_path / "home"))
    return os.environ
