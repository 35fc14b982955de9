"""Killed at any moment, in the middle of anything: nothing told is lost, nothing is doubled."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service import Service
from pymc_vibes.service.setup import prepare_stores
from pymc_vibes.settings import Settings
from tests.faults.life import ROWS, upload
from tests.sampled.registered import TOSSES, Gate

FIRST = "first"  # the key of what is there from the beginning
MOST_LINES = 10  # that a life may write into the diary before it ends
MOST_SECONDS = 0.1  # after the last of them


@pytest.fixture(params=["embedded", "team"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """A home on this machine, and one whose stores are PostgreSQL and S3."""
    if request.param == "embedded":
        return Settings(home=tmp_path / "home", ledger="off", lease_seconds=1)
    bucket = request.getfixturevalue("s3")
    address = request.getfixturevalue("postgres_url")
    shared = Settings(
        home=tmp_path / "home",
        ledger="off",
        lease_seconds=1,
        catalog=address,
        queue=address,
        data=f"s3://{bucket.bucket}/lake",
        artifacts=f"s3://{bucket.bucket}/runs",
        **bucket.settings(),
    )
    assert list(prepare_stores(shared))
    return shared


@pytest.fixture
def home(settings: Settings, tmp_path: Path, gate: Gate) -> Settings:
    """An experiment to upload to and one to sample, before anybody is killed."""
    gate.open()
    service = Service.open(settings)
    service.create("rates", "bernoulli")
    service.create("coin", "coin")
    tosses = tmp_path / "tosses.csv"
    tosses.write_text(TOSSES)
    service.upload("coin", tosses, UploadOptions(format="csv"))
    upload(service, FIRST, tmp_path)
    service.close()
    return settings


@contextmanager
def lives(diary: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start the process that forks a life whenever it is told to."""
    command = [sys.executable, "-m", "tests.faults.life", str(diary)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=dict(environment)
    ) as process:
        yield process
        process.stdin.close()  # type: ignore[union-attr]  # it is a pipe


def lines(diary: Path) -> int:
    """Count what was noted."""
    return diary.read_bytes().count(b"\n")


def wait_for_lines(diary: Path, wanted: int) -> None:
    """Wait until so much was noted."""
    while lines(diary) < wanted:
        Event().wait(0.005)


def kill_again_and_again(times: int, diary: Path, environment: Mapping[str, str]) -> None:
    """Begin a life, kill it at a random moment, begin the next."""
    chance = random.Random(times)  # noqa: S311  # when to kill, no secret
    with lives(diary, environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for seed in range(times):
            process.stdin.write(f"{seed}\n")
            process.stdin.flush()
            victim = int(process.stdout.readline())
            wait_for_lines(diary, lines(diary) + chance.randint(0, MOST_LINES))
            Event().wait(chance.uniform(0, MOST_SECONDS))
            os.kill(victim, signal.SIGKILL)
            assert process.stdout.readline() == "over\n"


def finished(service: Service) -> list[Run]:
    """Wait for every run there is, as whoever asked for it would."""
    runs: list[Run] = []
    before = None
    while page := service.runs(limit=50, before=before):
        runs += page
        before = page[-1].id
    for number, run in enumerate(runs):
        while not runs[number].is_over:
            runs[number] = service.run(run.id)
            Event().wait(0.01)
    return runs


def check(settings: Settings, diary: Path, folder: Path) -> int:
    """Hold what is there against what was acknowledged; give how much was acknowledged."""
    noted = [line.split(" ", 1) for line in diary.read_text().splitlines()]
    said = {word: {rest for first, rest in noted if first == word} for word in ("try", "did")}
    acknowledged = {rest for first, rest in noted if first == "run"}
    service = Service.open(settings)
    before = rows_by_key(service)
    for key in said["try"]:
        upload(service, key, folder)  # whoever got no answer sends it again
    after = rows_by_key(service)
    runs = finished(service)
    asked = Counter(run.key for run in runs if run.kind == "coin")
    broken = [line for first, line in noted if first == "problem"]
    draws = [
        service.draws(run.id, "theta", None, 10, seed=1)["theta"]
        for run in runs
        if run.kind == "coin"
    ]
    service.close()

    assert broken == []
    assert said["did"] <= set(before)
    assert set(before.values()) <= {ROWS}
    assert after == dict.fromkeys({FIRST, *said["try"]}, ROWS)
    assert acknowledged <= {run.id for run in runs}
    assert {run.state for run in runs} <= {RunState.SUCCEEDED}
    assert set(asked.values()) <= {1}
    assert all(drawn.shape == (10, 1) for drawn in draws)
    return len(said["did"]) + len(acknowledged)


def rows_by_key(service: Service) -> dict[str, int]:
    """Count the rows of every upload that is there."""
    experiment = service.experiment("rates")
    if not experiment.rows:
        return {}
    with service.lake.reading(experiment) as view:
        counted = view.events.group_by("group").agg(n=view.events.count())
        return {row["group"]: row["n"] for row in view.to_arrow(counted).to_pylist()}


@pytest.mark.parametrize(
    "times", [pytest.param(6, id="a-few"), pytest.param(110, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_outlives_every_kill(
    home: Settings, gate: Gate, tmp_path: Path, times: int
) -> None:
    # a run may be under way in every life: that its workers die is no fault of its own here
    patient = home.model_copy(update={"max_tries": 20})
    diary = tmp_path / "diary"
    diary.touch()
    kill_again_and_again(times, diary, patient.environment() | gate.environment())

    assert check(patient, diary, tmp_path) > times
