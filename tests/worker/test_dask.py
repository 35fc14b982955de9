"""Fits on a Dask cluster: a real scheduler and workers, one of which is killed in the middle."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from distributed import Client

from pymc_vibes.core.run import RunState
from tests.sampled.registered import Gate
from tests.worker.office import Office, is_half_way, is_over, open_office


@dataclass
class Cluster:
    """A scheduler and its workers, each a process."""

    folder: Path
    environment: dict[str, str]
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def open(self, port: str = "0") -> None:
        """Start the scheduler and learn its address."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        where = ("--host", "127.0.0.1", "--port", port, "--scheduler-file", str(file))
        self._start("scheduler", *where, "--no-dashboard")
        with Client(scheduler_file=str(file), timeout=300, set_as_default=False) as client:
            self.address = client.scheduler.address

    def hire(self) -> subprocess.Popen[bytes]:
        """Start a worker of one thread."""
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        return self._start("worker", self.address, *options)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        full = [sys.executable, "-m", "dask", *command]
        self.processes.append(subprocess.Popen(full, env=self.environment, cwd=self.folder))
        return self.processes[-1]

    def close(self) -> None:
        """End everything."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path, gate: Gate) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Cluster(folder, {**os.environ, **gate.environment()})
    found.open()
    yield found
    found.close()


@pytest.fixture
def office(tmp_path: Path, gate: Gate, cluster: Cluster) -> Iterator[Office]:
    executor = cluster.address.replace("tcp://", "dask://")
    with open_office(tmp_path, gate, executor=executor) as found:
        yield found


def test_a_fit_on_the_cluster_outlives_a_worker_of_it(
    office: Office, cluster: Cluster, gate: Gate
) -> None:
    run = office.ask()
    office.hire()
    first = cluster.hire()
    half_way = office.until(run, is_half_way)
    cluster.hire()
    first.kill()
    gate.open()
    ended = office.until(run, is_over)
    answer = office.service.without_waiting().analyze("coin")

    assert half_way.progress is not None
    assert half_way.progress.stage == "sampling"
    assert (ended.state, ended.tries) == (RunState.SUCCEEDED, 1)
    assert answer.run_id == run.id
    assert office.service.draws(run.id, "theta", None, 50, seed=1)["theta"].shape == (50, 1)


def test_a_fit_on_the_cluster_is_cancelled(office: Office, cluster: Cluster) -> None:
    run = office.ask()
    office.hire()
    cluster.hire()
    office.until(run, is_half_way)
    office.service.cancel(run.id)

    assert office.until(run, is_over).state is RunState.CANCELLED


def test_what_breaks_there_fails_here_with_its_reason(
    office: Office, cluster: Cluster, gate: Gate
) -> None:
    gate.open()
    run = office.ask(ends="broken")
    office.hire()
    cluster.hire()
    ended = office.until(run, is_over)

    assert ended.error is not None
    assert ended.error["detail"] == "The coin fell off the table."


def test_a_scheduler_that_is_away_costs_no_try(
    office: Office, cluster: Cluster, gate: Gate
) -> None:
    gate.open()
    run = office.ask()
    cluster.close()
    office.hire()
    while not office.service.queue.workers(within=60):
        assert not office.service.run(run.id).is_over
    cluster.open(cluster.address.rpartition(":")[2])
    cluster.hire()
    ended = office.until(run, is_over)

    assert (ended.state, ended.tries) == (RunState.SUCCEEDED, 1)
