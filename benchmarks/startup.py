"""How long a command takes to answer before it does anything."""

import subprocess
import sys
from functools import partial

from benchmarks.report import Row, alternate, seconds


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure `vibes --version` and `vibes --help` beside an empty Python."""
    repeats = 3 if quick else 15
    rows = []
    for option, target in (("--version", "<= 0.15 s"), ("--help", "<= 0.4 s")):
        ours, peer = alternate(
            partial(_start, "-m", "pymc_vibes.cli", option),
            partial(_start, "-c", "pass"),
            repeats=repeats,
        )
        rows.append(
            Row(
                work=f"vibes {option}",
                ours=seconds(ours),
                peer=f"python -c pass: {seconds(peer)}",
                ratio=f"{ours / peer:.1f}x",
                target=target,
            )
        )
    return "Start-up", rows


def _start(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)  # noqa: S603  # our own interpreter
