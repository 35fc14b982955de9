"""The lake among several processes, and under processes that die."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from pymc_vibes.core.errors import LakeBusy
from pymc_vibes.settings import Settings
from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import NAME, RATES, World, column, make, put

ROOT = Path(__file__).parents[2]


@contextmanager
def writer(
    world: World, scratch: Path, who: str, *, count: int, rows: int
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.writer"]
    command += [str(scratch), who, str(count), str(rows)]
    with subprocess.Popen(
        command,
        env=world.settings.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        yield process


def run_to_end(world: World, scratch: Path, who: str) -> list[str]:
    with writer(world, scratch, who, count=50, rows=2) as process:
        said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    return said.split()


def read_until(lake: Lake, done: threading.Event) -> list[int]:
    seen = [0]
    while not done.is_set():
        experiment = lake.experiment(NAME)
        if experiment.rows:
            with lake.reading(experiment) as view:
                counted = view.to_arrow(view.events.agg(n=view.events.count()))
                assert counted["n"][0].as_py() == experiment.rows
        seen.append(experiment.rows)
    return seen


def test_processes_that_write_at_once_lose_nothing_and_double_nothing(
    world: World, tmp_path: Path
) -> None:
    done = threading.Event()
    with Lake.open(world.settings) as lake, ThreadPoolExecutor(6) as pool:
        make(lake)
        reader = pool.submit(read_until, lake, done)
        jobs = [pool.submit(run_to_end, world, tmp_path / f"w{i}", f"w{i}") for i in range(4)]
        try:
            acknowledged = [batch for job in jobs for batch in job.result()]
        finally:
            done.set()
        seen = reader.result()
        stored = Counter(column(lake, "event"))
    assert len(acknowledged) == 200
    assert stored == dict.fromkeys(acknowledged, 2)
    assert seen == sorted(seen)


def test_threads_of_one_process_share_commits_and_lose_nothing(
    everywhere: Lake, tmp_path: Path
) -> None:
    lake = everywhere
    before = lake.version()

    def append(who: int) -> None:
        folder = tmp_path / str(who)
        folder.mkdir()
        for number in range(10):
            put(lake, folder, f"ts,cohort,event\n2026-01-01,c{who},{who}-{number}\n")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(8)))
    stored = Counter(column(lake, "event"))
    assert stored == {f"{who}-{number}": 1 for who in range(8) for number in range(10)}
    assert lake.version() - before < 80
    assert lake.experiment(NAME).version == 81  # eighty batches, and what the first one decided


def test_a_killed_writer_loses_no_acknowledged_batch_and_leaves_no_half(
    world: World, tmp_path: Path
) -> None:
    chance = random.Random(20260101)  # noqa: S311  # where to kill, not a secret
    with Lake.open(world.settings) as lake:
        make(lake)
    acknowledged: list[str] = []
    for kill in range(8):
        rows = 3 if kill % 2 else 20_000  # the larger ones become files that the lake takes over
        with writer(world, tmp_path / f"k{kill}", f"k{kill}", count=500, rows=rows) as process:
            said = [process.stdout.readline().strip() for _ in range(chance.randint(1, 6))]
            # wait a part of a commit, by doing work of random length
            sum(range(chance.randint(0, 2_000_000)))
            process.kill()
            rest = process.stdout.read().split("\n")
        acknowledged += said + [line for line in rest[:-1] if line]
    with Lake.open(world.settings) as lake:
        lake.compact()
        with lake.reading(lake.experiment(NAME)) as view:
            table = view.events.group_by("event").agg(n=view.events.count())
            stored = {row["event"]: row["n"] for row in view.to_arrow(table).to_pylist()}
        wanted = {f"k{kill}": 3 if kill % 2 else 20_000 for kill in range(8)}
        assert all(rows == wanted[event.split("-")[0]] for event, rows in stored.items())
        assert set(acknowledged) <= set(stored)
        assert lake.experiment(NAME).rows == sum(stored.values())
        put(lake, tmp_path, "ts,cohort,event\n2026-01-01,after,after\n")


def test_a_lake_that_another_process_holds_is_busy_not_broken(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with Lake.open(settings, lock_seconds=0.05) as lake:
        make(lake)
        held = FileLock(f"{settings.catalog_place}.lock")
        with held, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(put, lake, tmp_path, "ts,cohort,event\n2026-01-01,a,b\n")
            with pytest.raises(LakeBusy) as refusal:
                waiting.result()
        assert refusal.value.extras["retry_after"] == 1
        assert lake.experiment(NAME).rows == 0
        put(lake, tmp_path, "ts,cohort,event\n2026-01-01,a,b\n", schema=RATES)
        assert lake.experiment(NAME).rows == 1


def test_what_a_killed_process_left_of_an_upload_is_swept_after_a_day(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    for name in ("old", "young"):
        (staging / name).mkdir(parents=True)
        (staging / f"{name}.parquet").touch()
    yesterday = time.time() - 25 * 3600
    for name in ("old", "old.parquet"):
        os.utime(staging / name, (yesterday, yesterday))
    with Lake.open(Settings(home=tmp_path)):
        left = sorted(path.name for path in staging.iterdir())

    assert left == ["young", "young.parquet"]
