"""A real server in a process of its own: it starts, answers, and stops when told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx2

PATIENCE = 120.0
SERVE = """
import sys
from pathlib import Path
from pymc_vibes.http.serve import run
from pymc_vibes.settings import Settings
run(Settings(home=Path(sys.argv[1]), log_format="json"), "127.0.0.1", 0)
"""
IMPORT = """
import pymc_vibes.http.app as module
assert "app" not in vars(module)
heavy = {"pandas", "duckdb", "ibis", "pyarrow", "scipy", "matplotlib", "xarray"}
import sys
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert module.app is module.app
"""


def test_the_server_answers_and_stops_cleanly_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVE, str(tmp_path / "home")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            told = (line.partition("running on ")[2] for line in server.stderr)
            address = next(place.split()[0] for place in told if place)
            with httpx2.Client(base_url=address, timeout=PATIENCE) as client:
                rows = [{"ts": "2024-01-01", "cohort": "a/b %2F", "event": "e"}]
                taken = client.post("/ingest", json=rows)
                found = client.get(f"/posterior/{quote('a/b %2F', safe='')}/e")
        finally:
            server.send_signal(signal.SIGTERM)
        rest = server.stderr.read()

    assert taken.json()["ingested"] == 1
    assert found.json()["cohort"] == "a/b %2F"
    assert server.returncode == 0
    assert "Traceback" not in rest


def test_importing_the_application_does_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"

    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        env={**os.environ, "VIBES_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert not home.exists()
