"""MLflow costs seconds and memory: only the process that mirrors imports it."""

import os
import subprocess
import sys
from pathlib import Path

REPORT = 'print([name for name in sys.modules if name.partition(".")[0] == "mlflow"])'
SERVER = """
from pathlib import Path
from starlette.testclient import TestClient
from pymc_vibes.http.app import create_app
from pymc_vibes.settings import load_settings
with TestClient(create_app(load_settings(), quiet=True)) as client:
    body = {"name": "shop", "kind": "bernoulli"}
    client.post("/api/v1/experiments", json=body).raise_for_status()
    rows = "group,outcome\\n" + "all,1\\nall,0\\n" * 20
    path = "/api/v1/experiments/shop"
    headers = {"Content-Type": "text/csv"}
    client.post(f"{path}/events", content=rows, headers=headers).raise_for_status()
    run_id = client.post(f"{path}/runs", json={}).raise_for_status().json()["run_id"]
    client.post(f"{path}/runs", json={}).raise_for_status()
    client.get("/experiments/shop").raise_for_status()
    client.get("/runs").raise_for_status()
    client.post(f"/api/v1/runs/{run_id}/reproduce").raise_for_status()
    client.delete(f"{path}/cache").raise_for_status()
"""
WORKER = """
from pymc_vibes.settings import load_settings
from pymc_vibes.worker.loop import Worker
Worker(load_settings(ledger="off")).run(until_idle=True)
"""


def mlflow_after(code: str, folder: Path) -> str:
    """What a fresh interpreter holds of MLflow after `code`."""
    environment = {**os.environ, "VIBES_HOME": str(folder / "home")}
    program = f"import sys\n{code}\n{REPORT}"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.splitlines()[-1]


def test_the_package_does_not_import_mlflow(tmp_path: Path) -> None:
    assert mlflow_after("import pymc_vibes; from pymc_vibes import *", tmp_path) == "[]"


def test_a_server_that_answers_and_reproduces_does_not_import_mlflow(tmp_path: Path) -> None:
    assert mlflow_after(SERVER, tmp_path) == "[]"


def test_a_worker_does_not_import_mlflow(tmp_path: Path) -> None:
    assert mlflow_after(WORKER, tmp_path) == "[]"


def test_the_mirror_does_not_import_it_before_there_is_a_ledger(tmp_path: Path) -> None:
    assert (
        mlflow_after("import pymc_vibes.worker.mirror, pymc_vibes.service.mirror", tmp_path) == "[]"
    )
