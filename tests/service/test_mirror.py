"""Finished runs come to MLflow with all that was recorded of them, and a bad one stops no other."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from pyarrow import parquet

from pymc_vibes.core.errors import StoreUnavailable
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Run
from pymc_vibes.service import Service
from pymc_vibes.service.mirror import MAX_TRIES, Mirror, Tries
from pymc_vibes.settings import Settings
from pymc_vibes.store.artifacts import Artifacts
from pymc_vibes.store.ledger import Entry, Ledger, address
from pymc_vibes.store.ledger_lock import sole_writer
from tests.sampled.registered import TOSSES, Gate

EVENTS = """ts,cohort,event
2024-03-01T10:00:00Z,A,fault
2024-03-01T11:00:00Z,A,fault
2024-03-02T10:00:00Z,B,fault
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    opened = Service.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def faults(service: Service, tmp_path: Path) -> Service:
    service.create("faults", "poisson-cohorts")
    upload(service, "faults", EVENTS, tmp_path)
    return service


@pytest.fixture
def coin(gate: Gate, service: Service, tmp_path: Path) -> Service:
    gate.open()
    service.create("coin", "coin")
    upload(service, "coin", TOSSES, tmp_path)
    return service


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty ledger: MLflow takes seconds to make its tables."""
    settings = Settings(home=tmp_path_factory.mktemp("empty"))
    Ledger(settings)
    return Path(settings.ledger_place)


@pytest.fixture
def ledger(settings: Settings, empty: Path) -> Ledger:
    settings.home.mkdir(exist_ok=True)
    shutil.copy(empty, settings.ledger_place)
    return Ledger(settings)


def upload(service: Service, name: str, text: str, folder: Path) -> None:
    path = folder / "events.csv"
    path.write_text(text)
    service.upload(name, path, UploadOptions(format="csv"))


def mirror_of(service: Service, ledger: Any, tries: Tries | None = None) -> Mirror:
    settings = service.settings
    kept = tries or Tries(settings.home / "ledger.tries.json")
    return Mirror(service.queue, Artifacts.open(settings), ledger, kept)


def in_mlflow(settings: Settings) -> dict[str, Any]:
    """Every run that MLflow has, by our id of it."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=address(settings.ledger_place))
    ids = [one.experiment_id for one in client.search_experiments()]
    return {run.data.tags["vibes.run_id"]: run for run in client.search_runs(ids)}


def files_of(run: Any) -> Path:
    return Path(run.info.artifact_uri)


class Bad:
    """The ledger, which refuses some runs or all of them."""

    def __init__(self, ledger: Ledger, *refused: str, is_away: bool = False) -> None:
        self.ledger = ledger
        self.refused = refused
        self.is_away = is_away

    def check(self) -> None:
        if self.is_away:
            raise StoreUnavailable("gone")
        self.ledger.check()

    def mirror(self, entry: Entry) -> str:
        if self.is_away or entry.run_id in self.refused:
            raise ValueError("a number that no database takes")
        return self.ledger.mirror(entry)


def test_an_exact_answer_comes_with_numbers_figures_and_cells(
    faults: Service, ledger: Ledger, settings: Settings
) -> None:
    answer = faults.analyze("faults")

    assert mirror_of(faults, ledger).drain() == 1

    run = in_mlflow(settings)[answer.run_id]
    first = answer.summary.estimates[0]
    assert run.info.status == "FINISHED"
    assert first.mean in run.data.metrics.values()
    assert "seconds" in run.data.metrics
    assert run.data.params["unit"] == "day"
    told = {name: run.data.tags[f"vibes.{name}"] for name in ("method", "verdict", "key", "seed")}
    assert told == {
        "method": "exact",
        "verdict": "good",
        "key": answer.provenance.key,
        "seed": str(answer.provenance.seed),
    }
    assert run.data.tags["vibes.cells_hash"] == answer.provenance.cells_hash
    assert run.data.tags["vibes.snapshot"] == str(answer.provenance.snapshot)
    assert run.data.tags["vibes.experiment_id"] == faults.experiment("faults").id


def test_the_files_can_be_read_by_other_programs(
    faults: Service, ledger: Ledger, settings: Settings
) -> None:
    answer = faults.analyze("faults")
    mirror_of(faults, ledger).drain()

    folder = files_of(in_mlflow(settings)[answer.run_id])
    figure = answer.figures[0].name
    assert json.loads((folder / "summary.json").read_text())["headline"] == answer.summary.headline
    assert (folder / "figures" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    assert "mark" in (folder / "figures" / f"{figure}.vega.json").read_text()
    assert parquet.read_table(folder / "cells.parquet").num_rows > 0
    assert "python" in json.loads((folder / "environment.json").read_text())["ledger"]
    with xr.open_datatree(folder / "posterior.nc") as tree:
        mean = float(tree["exact"]["rate"].sel(statistic="mean")[0])
    assert mean == faults.rebuilt(answer.run_id).posterior["rate"].distribution.mean()[0]
    assert not list(folder.rglob("*.pkl"))


def test_the_chains_of_a_sampled_answer_come_along(
    coin: Service, ledger: Ledger, settings: Settings
) -> None:
    answer = coin.analyze("coin")
    mirror_of(coin, ledger).drain()

    run = in_mlflow(settings)[answer.run_id]
    with xr.open_datatree(files_of(run) / "posterior.nc") as tree:
        assert tree["posterior"]["theta"].sizes["chain"] == 4
    assert run.data.metrics["diagnostics/r_hat_max"] == answer.diagnostics.r_hat_max
    assert run.data.metrics["P/Heads are likelier than tails"] == 0.6
    assert run.data.tags["vibes.method"] == "nuts"


def test_failed_and_cancelled_runs_are_there_with_their_reason(
    coin: Service, ledger: Ledger, settings: Settings, gate: Gate
) -> None:
    with pytest.raises(Exception, match="fell off the table"):
        coin.analyze("coin", {"ends": "broken"})
    (failed,) = coin.runs("coin")
    stopped = cancelled(coin, gate)

    mirror_of(coin, ledger).drain()

    found = in_mlflow(settings)
    assert found[failed.id].info.status == "FAILED"
    assert found[failed.id].data.tags["vibes.problem"] == "The coin fell off the table."
    problem = json.loads((files_of(found[failed.id]) / "problem.json").read_text())
    assert problem["type"] == "/problems/inference-failed"
    assert found[stopped.id].info.status == "KILLED"


def cancelled(coin: Service, gate: Gate) -> Run:
    """A run that was cancelled while it waited at the gate."""
    from pymc_vibes.core.run import Pending

    gate.file.unlink()
    with pytest.raises(Pending) as pending:
        coin.without_waiting().analyze("coin", {"seed": 9})
    run = pending.value.run
    coin.cancel(run.id)
    while not (run := coin.run(run.id)).is_over:
        pass
    gate.open()
    return run


def test_each_run_is_mirrored_once(faults: Service, ledger: Ledger, settings: Settings) -> None:
    faults.analyze("faults")
    assert mirror_of(faults, ledger).drain() == 1
    assert mirror_of(faults, ledger).drain() == 0
    assert len(in_mlflow(settings)) == 1


def test_a_crash_between_writing_and_marking_doubles_nothing(
    faults: Service, ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.analyze("faults")
    with monkeypatch.context() as patch:
        patch.setattr(faults.queue, "mark_mirrored", dies)
        with pytest.raises(SystemExit):
            mirror_of(faults, ledger).drain()
    assert mirror_of(faults, ledger).drain() == 1
    assert len(in_mlflow(settings)) == 1


def dies(_run_id: str, _ledger_id: str) -> None:
    raise SystemExit(9)


def test_a_run_that_cannot_be_written_stops_no_other(
    faults: Service, ledger: Ledger, settings: Settings
) -> None:
    bad = faults.analyze("faults").run_id
    good = faults.analyze("faults", {"level": 0.9}).run_id

    assert mirror_of(faults, Bad(ledger, bad)).drain() == 2

    assert set(in_mlflow(settings)) == {good}
    assert faults.queue.unmirrored(9) == ()


def test_a_ledger_that_is_away_marks_nothing(faults: Service, ledger: Ledger) -> None:
    faults.analyze("faults")
    away = Bad(ledger, is_away=True)
    for _ in range(2 * MAX_TRIES):
        with pytest.raises(StoreUnavailable):
            mirror_of(faults, away).drain()
    assert len(faults.queue.unmirrored(9)) == 1
    assert mirror_of(faults, ledger).drain() == 1


def test_a_run_that_kills_its_process_is_given_up(
    faults: Service, ledger: Ledger, settings: Settings
) -> None:
    run_id = faults.analyze("faults").run_id
    tries = settings.home / "ledger.tries.json"
    for _ in range(MAX_TRIES):
        Tries(tries).begin(run_id)  # and the process dies

    assert mirror_of(faults, ledger).drain() == 1

    assert faults.queue.unmirrored(9) == ()
    assert in_mlflow(settings) == {}
    assert json.loads(tries.read_text()) == {}


def start(settings: Settings) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pymc_vibes.worker.mirror"]
    return subprocess.run(
        command,
        check=False,
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_process_mirrors_what_is_finished_and_ends(faults: Service, settings: Settings) -> None:
    answer = faults.analyze("faults")
    done = start(settings)
    assert done.returncode == 0, done.stderr
    assert faults.queue.unmirrored(9) == ()
    assert set(in_mlflow(settings)) == {answer.run_id}


def test_a_second_process_leaves_the_work_to_the_first(faults: Service, settings: Settings) -> None:
    faults.analyze("faults")
    with sole_writer(settings):
        done = start(settings)
    assert done.returncode == 0, done.stderr
    assert len(faults.queue.unmirrored(9)) == 1


def test_without_a_ledger_nothing_is_written(service: Service) -> None:
    off = Settings(home=service.settings.home, ledger="off")
    assert start(off).returncode == 0
    assert not (service.settings.home / "ledger.sqlite").exists()
