"""Posterior reads over HTTP at a steady rate, against a real server process."""

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from benchmarks.ingest import write_events
from benchmarks.report import Row, seconds
from benchmarks.served import served
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings

READS_PER_SECOND = 200
WORKERS = 32


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure start to healthy, idle memory, and read latency at a fixed rate of requests."""
    rows = 50_000 if quick else 10_000_000
    lasting = 2 if quick else 20
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home, Path(folder) / "events.parquet", rows)
        with served(home, {}) as server:
            memory = server.memory()
            took, peer = read(server.url, lasting)
    p99 = statistics.quantiles(took, n=100)[98]
    return f"HTTP, {rows:,} events in the lake", [
        Row(work="server start to healthy", ours=seconds(server.healthy), target="<= 3 s"),
        Row(
            work="memory of server and worker just then",
            ours=f"{memory / 2**20:.0f} MB",
            target="<= 400 MB",
        ),
        Row(
            work=f"GET /posterior/..., {len(took):,} reads at {READS_PER_SECOND}/s, p50",
            ours=seconds(statistics.median(took)),
            peer=f"GET /healthz: {seconds(statistics.median(peer))}",
            ratio=f"{statistics.median(took) / statistics.median(peer):.1f}x",
        ),
        Row(work="the same, p99", ours=seconds(p99), target="<= 50 ms"),
    ]


def fill(home: Path, source: Path, rows: int) -> None:
    """Make a home whose default experiment has that many events."""
    write_events(source, rows)
    service = Service.open(Settings(home=home))
    service.create("observations", "poisson-cohorts", config={"exposure": "window"})
    service.upload("observations", source, UploadOptions(format="parquet"))
    service.close()


def read(url: str, lasting: float) -> tuple[list[float], list[float]]:
    """Read posteriors at a steady rate; give the seconds of each, and those of a bare answer."""
    paths = [
        f"/posterior/cohort-{n % 500}/event-{n % 6}" for n in range(int(READS_PER_SECOND * lasting))
    ]
    with httpx2.Client(base_url=url, timeout=30) as client:
        client.get(paths[0]).raise_for_status()  # the first read reduces the events
        peer = [_timed(client, "/healthz", time.perf_counter()) for _ in range(200)]
        begin = time.perf_counter() + 0.1
        with ThreadPoolExecutor(WORKERS) as pool:
            due = [begin + number / READS_PER_SECOND for number in range(len(paths))]
            took = list(pool.map(lambda job: _timed(client, *job), zip(paths, due, strict=True)))
    return took, peer


def _timed(client: httpx2.Client, path: str, due: float) -> float:
    """Read at the due time; waiting for a free connection counts as latency."""
    time.sleep(max(0.0, due - time.perf_counter()))
    client.get(path).raise_for_status()
    return time.perf_counter() - due
