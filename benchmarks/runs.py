"""Runs: cached answers, the queue, the mirror to MLflow, and a server with its worker."""

import tempfile
from pathlib import Path

from benchmarks import run_ledger, run_server, run_table
from benchmarks.report import Row

QUICK = run_server.Sizes(events=10_000, idle=1, runs=(10, 100), asked=20, begun=1, reading=1)
FULL = run_server.Sizes(
    events=1_000_000, idle=60, runs=(10, 1_000, 20_000), asked=200, begun=10, reading=20
)


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure all that is said of runs."""
    sizes = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        rows, answer = run_server.rows(Path(folder), sizes)
        rows += run_table.rows(Path(folder), answer, sizes.runs, claims=30 if quick else 1_000)
        rows += run_ledger.rows(Path(folder), runs=2 if quick else 20, asked=3 if quick else 50)
    return "Runs", rows
