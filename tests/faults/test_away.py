"""Stores that go away in the middle of a run and come back: nothing is lost, nothing restarted."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import pytest

from pymc_vibes.core.run import Run, RunState
from tests.sampled.registered import Gate
from tests.servers import ObjectStore, Postgres
from tests.worker.office import Office, is_half_way, is_over, open_office

PATIENCE = 120.0


@pytest.fixture
def office(
    tmp_path: Path, gate: Gate, postgres: Postgres, object_store: ObjectStore
) -> Iterator[Office]:
    """A team whose stores can be taken away."""
    bucket = object_store.fresh_bucket()
    address = postgres.url(postgres.fresh_database())
    places = {
        "catalog": address,
        "queue": address,
        "data": f"s3://{bucket.bucket}/lake",
        "artifacts": f"s3://{bucket.bucket}/runs",
    }
    with open_office(tmp_path, gate, **places, **bucket.settings()) as found:
        yield found


def test_a_run_outlives_the_database_that_is_killed_under_it(
    office: Office, gate: Gate, postgres: Postgres
) -> None:
    run = office.ask()
    office.hire()
    office.until(run, is_half_way)
    postgres.kill()
    gate.open()
    postgres.start()
    ended = office.until(run, is_over)

    assert ended.state is RunState.SUCCEEDED
    assert ended.tries <= 2
    assert len(office.service.runs("coin")) == 1


def test_a_run_waits_for_the_object_store_that_must_take_its_draws(
    office: Office, gate: Gate, object_store: ObjectStore
) -> None:
    run = office.ask()
    office.hire()
    office.until(run, is_half_way)
    object_store.kill()
    gate.open()
    office.until(run, has_sampled)
    object_store.start()
    ended = office.until(run, is_over)

    assert (ended.state, ended.tries) == (RunState.SUCCEEDED, 1)
    assert office.service.draws(run.id, "theta", None, 50, seed=1)["theta"].shape == (50, 1)


def has_sampled(run: Run) -> bool:
    return run.progress is not None and run.progress.stage == "writing the answer"


@contextmanager
def server(environment: Mapping[str, str]) -> Iterator[str]:
    """Start a server that leaves runs to workers, and give its address."""
    options = ("serve", "--no-worker", "--port", "0", "--json")
    command = [sys.executable, "-m", "pymc_vibes.cli", *options]
    with subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            while not answers(url):
                assert process.poll() is None
                Event().wait(0.1)
            yield url
        finally:
            process.terminate()


def answers(url: str) -> bool:
    """Whether a server is ready."""
    try:
        return httpx2.get(f"{url}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def asked(url: str, **settings: Any) -> Any:
    """Ask a server for the coin's answer."""
    body = json.dumps(settings)
    headers = {"Content-Type": "application/json"}
    where = f"{url}/api/v1/experiments/coin/runs"
    return httpx2.post(where, content=body, headers=headers, timeout=PATIENCE)


def test_two_servers_and_two_workers_on_one_store_share_every_run(
    office: Office, gate: Gate
) -> None:
    with server(office.environment) as one, server(office.environment) as two:
        pending = [asked(url, level=level) for level in (0.8, 0.9) for url in (one, two)]
        office.hire()
        office.hire()
        runs = {response.json()["id"] for response in pending}
        gate.open()
        for run_id in runs:
            office.until(office.service.run(run_id), is_over)
        answered = [asked(url, level=level).json() for level in (0.8, 0.9) for url in (one, two)]

    assert [response.status_code for response in pending] == [202] * 4
    assert len(runs) == 2
    assert {answer["run_id"] for answer in answered} == runs
    assert all(answer["cached"] for answer in answered)
    assert answered[0]["summary"] == answered[1]["summary"]
