"""Posterior reads over HTTP at a steady rate, against a real server process."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from benchmarks.ingest import write_events
from benchmarks.report import Row, seconds
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
        _fill(home, Path(folder) / "events.parquet", rows)
        port = _free_port()
        started = time.perf_counter()
        server = _serve(home, port)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_healthy(url)
            healthy = time.perf_counter() - started
            memory = _proportional_set_size(server.pid)
            took, peer = _read(url, lasting)
        finally:
            server.terminate()
            server.wait(20)
    p99 = statistics.quantiles(took, n=100)[98]
    return f"HTTP, {rows:,} events in the lake", [
        Row(work="server start to healthy", ours=seconds(healthy), target="<= 3 s"),
        Row(work="idle memory of the server", ours=f"{memory / 2**20:.0f} MB", target="<= 400 MB"),
        Row(
            work=f"GET /posterior/..., {len(took):,} reads at {READS_PER_SECOND}/s, p50",
            ours=seconds(statistics.median(took)),
            peer=f"GET /healthz: {seconds(statistics.median(peer))}",
            ratio=f"{statistics.median(took) / statistics.median(peer):.1f}x",
        ),
        Row(work="the same, p99", ours=seconds(p99), target="<= 50 ms"),
    ]


def _fill(home: Path, source: Path, rows: int) -> None:
    write_events(source, rows)
    service = Service.open(Settings(home=home))
    service.create("observations", "poisson-cohorts", config={"exposure": "window"})
    service.upload("observations", source, UploadOptions(format="parquet"))
    service.close()


def _serve(home: Path, port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pymc_vibes.cli", "--home", str(home), "serve"]
    return subprocess.Popen(  # noqa: S603  # our own server
        [*command, "--port", str(port)],
        env=os.environ | {"VIBES_LOG_LEVEL": "error"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_healthy(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx2.get(f"{url}/healthz").raise_for_status()
        except httpx2.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _read(url: str, lasting: float) -> tuple[list[float], list[float]]:
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


def _proportional_set_size(pid: int) -> int:
    """Give the memory of the process and its children in bytes, shared pages counted once."""
    pids = [pid, *(int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    total = 0
    for one in pids:
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total
