"""A real terminal for a real process, from the standard library."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

VIBES = (sys.executable, "-m", "pymc_vibes.cli")
PATIENCE = 300.0  # seconds: a loaded machine is not a bug


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a stranger: a home of its own, no setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIBES_")}
    return {**kept, "VIBES_HOME": str(home), "TERM": "xterm", "COLUMNS": "100", **more}


def run(
    *arguments: str, home: Path, stdin: bytes = b"", **more: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run `vibes` as a process, with pipes."""
    return subprocess.run(
        [*VIBES, *arguments],
        input=stdin,
        capture_output=True,
        env=environment(home, **more),
        timeout=PATIENCE,
        check=False,
    )


def on_terminal(
    *arguments: str, home: Path, typed: bytes = b"", after: bytes = b"", **more: str
) -> tuple[int, str]:
    """Run `vibes` on a terminal, type once `after` is on the screen, give exit code and screen."""
    return watch([*VIBES, *arguments], environment(home, **more), typed=typed, after=after)


def watch(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    typed: bytes = b"",
    after: bytes = b"",
) -> tuple[int, str]:
    """Run a command on a terminal and give exit code and screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    screen = b""
    deadline = time.monotonic() + PATIENCE
    while piece := _read(ours, deadline):
        screen += piece
        if typed and after in screen:
            os.write(ours, typed)
            typed = b""
    os.close(ours)
    return process.wait(timeout=PATIENCE), screen.decode().replace("\r\n", "\n")


def _read(terminal: int, deadline: float) -> bytes:
    """Read what is there; nothing once the other side is gone."""
    ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
    if not ready:
        raise AssertionError("nothing was written to the terminal for too long")
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
