"""The mirror to MLflow: what a run costs there, and that who asks pays nothing for it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from pathlib import Path

import httpx2

from benchmarks.report import Row, alternate, median_seconds, seconds
from benchmarks.sampled import write_cohorts
from benchmarks.served import Served, served
from benchmarks.worlds import cohorts
from pymc_vibes.core.run import Run
from pymc_vibes.service import Service
from pymc_vibes.service.entries import make_entry
from pymc_vibes.service.mirror import Mirror, Tries
from pymc_vibes.settings import Settings
from pymc_vibes.store.artifacts import Artifacts
from pymc_vibes.store.ledger import Entry, Ledger, address

COHORTS = 20
BLOCKS = 5


def rows(folder: Path, *, runs: int, asked: int) -> list[Row]:
    """Measure both."""
    return [*_mirror(folder, runs), _request(folder, asked)]


def _home(folder: Path, name: str) -> Service:
    world = cohorts(COHORTS)
    service = Service.open(Settings(home=folder / name))
    service.create("rates", "poisson-cohorts", config={"exposure": "measured"})
    service.upload("rates", write_cohorts(folder, name, world.k, world))
    return service


def _mirror(folder: Path, runs: int) -> list[Row]:
    service = _home(folder, "mirrored")
    settings, artifacts = service.settings, Artifacts.open(service.settings)
    for seed in range(runs + 1):
        service.analyze("rates", {"seed": seed})
    mirror = Mirror(service.queue, artifacts, Ledger(settings), Tries(settings.home / "tries.json"))
    recorded = service.runs("rates")

    def ours() -> None:
        enough = iter((False, True))  # after one
        mirror.drain(lambda: next(enough))

    ours()  # the first makes the experiment
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch)
        making = median_seconds(lambda: _entry(recorded[0], service, artifacts, files), repeats=3)
        entries = [_entry(run, service, artifacts, files) for run in recorded[:runs]]
        peer = _plain(address(settings.ledger_place), folder / "plain", entries)
        took, plain = alternate(ours, lambda: next(peer), repeats=runs)
    service.close()
    return [
        Row(
            work=f"one exact run mirrored to MLflow (making its files: {seconds(making)})",
            ours=seconds(took),
            peer=f"mlflow-skinny alone, the same params, metrics, tags and files: {seconds(plain)}",
            ratio=f"{took / plain:.2f}x",
        )
    ]


def _entry(run: Run, service: Service, artifacts: Artifacts, folder: Path) -> Entry:
    own = Path(tempfile.mkdtemp(dir=folder))
    return make_entry(run, service.queue.experiment_id(run.id), artifacts, own)


def _plain(place: str, artifacts: Path, entries: list[Entry]) -> Iterator[None]:
    """Log each entry as a script would."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri=place)
    experiment = client.create_experiment("plain", str(artifacts))
    for entry in entries:
        run = client.create_run(experiment, _millis(entry.began)).info.run_id
        when = _millis(entry.finished)
        numbered = enumerate(entry.metrics.values())  # names of ours may hold what MLflow refuses
        metrics = [Metric(f"metric {number}", value, when, 0) for number, value in numbered]
        params = [Param(name, text) for name, text in entry.params.items()]
        tags = [RunTag(name, text) for name, text in entry.tags.items()]
        client.log_batch(run, metrics=metrics, params=params, tags=tags)
        client.log_artifacts(run, str(entry.folder))
        client.set_terminated(run, entry.ending, when)
        yield


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _request(folder: Path, asked: int) -> Row:
    """Ask two servers in turn, one with a ledger and one without; none of it is remembered."""
    for name in ("with", "without"):
        _home(folder, name).close()
    seeds = count(1)
    with ExitStack() as stack:
        ours = stack.enter_context(served(folder / "with", {}))
        peer = stack.enter_context(served(folder / "without", {"VIBES_LEDGER": "off"}))
        for server in (ours, peer):
            _ask(server, asked, seeds)
        spent = [0.0, 0.0]
        for _ in range(BLOCKS):
            spent[0] += _ask(ours, asked, seeds)
            spent[1] += _ask(peer, asked, seeds)
    each = [one / (BLOCKS * asked) for one in spent]
    return Row(
        work="processor time of the server per exact answer, with a ledger",
        ours=seconds(each[0]),
        peer=f"VIBES_LEDGER=off: {seconds(each[1])}",
        ratio=f"{each[0] / each[1]:.2f}x",
    )


def _ask(server: Served, asked: int, seeds: "Iterator[int]") -> float:
    """Ask as often, each time anew, and give the processor time that it took the server."""
    before = server.cpu()
    with httpx2.Client(base_url=server.url, timeout=120) as client:
        for _ in range(asked):
            body = {"seed": next(seeds)}
            client.post("/api/v1/experiments/rates/runs", json=body).raise_for_status()
    return server.cpu() - before
