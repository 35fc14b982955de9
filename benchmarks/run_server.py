"""A server with its worker: start, idle memory, cached answers, reads beside a sampler, latencies.

One home and one server for all of it. Nothing is mirrored here: rows that a benchmark writes in
bulk are no runs that anybody would look for in MLflow.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.http_reads import READS_PER_SECOND, fill, read
from benchmarks.report import Row, seconds
from benchmarks.run_table import record, spread
from benchmarks.sampled import write_cohorts
from benchmarks.served import Served, served
from benchmarks.worlds import cohorts
from pymc_vibes.core.answer import Answer
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings
from pymc_vibes.store.queue import Queue

COHORTS = 100
SAMPLED = {"model": "hierarchical", "engine": "nuts", "draws": 400, "tune": 300}
LONG = SAMPLED | {"tune": 20_000, "draws": 50_000, "chains": 16}  # many seconds
LOOK_SECONDS = 0.002
PAGES = ("/", "/runs", "/experiments/cohorts", "/api/v1/runs", "/metrics")


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of each."""

    events: int
    idle: float
    """Seconds before the memory of an idle server is looked at."""
    runs: Sequence[int]
    asked: int
    """Cached answers for each number of runs."""
    begun: int
    """Runs that are begun and cancelled."""
    reading: float
    """Seconds of reads at a steady rate."""


class Office:
    """A server, and what stands in its run table."""

    def __init__(self, home: Path, server: Served) -> None:
        self.home = home
        self.server = server
        self.queue = Queue.open(Settings(home=home))
        self.client = httpx2.Client(base_url=server.url, timeout=120)
        self._seeds = count(1000)

    def close(self) -> None:
        """Let go of both."""
        self.client.close()
        self.queue.close()

    def post(self, settings: Mapping[str, Any]) -> httpx2.Response:
        """Ask the question of the cohorts."""
        asked = self.client.post("/api/v1/experiments/cohorts/runs", json=dict(settings))
        return asked.raise_for_status()

    def begin(self) -> str:
        """Let a run wait that will take long, and give its id."""
        return str(self.post(LONG | {"seed": next(self._seeds)}).json()["id"])

    def until(self, run_id: str, is_so: Callable[[Run], bool]) -> float:
        """Wait until a run is so, and give the seconds."""
        start = time.perf_counter()
        while not is_so(run := self.queue.run(run_id)):
            if run.is_over:
                raise RuntimeError(f"Run {run_id} {run.state}: {run.error}")
            time.sleep(LOOK_SECONDS)
        return time.perf_counter() - start

    def cancel(self, run_id: str) -> float:
        """Cancel a run, and give the seconds until it is cancelled."""
        start = time.perf_counter()
        self.client.post(f"/api/v1/runs/{run_id}/cancel").raise_for_status()
        self.until(run_id, lambda run: run.state is RunState.CANCELLED)
        return time.perf_counter() - start


def rows(folder: Path, sizes: Sizes) -> tuple[list[Row], Answer]:
    """Measure all of it, and give the sampled answer too."""
    with _office(folder, sizes.events) as office:
        found = _idle(office, sizes.idle)
        answer = _sampled(office)
        found += _latencies(office, sizes.begun)
        found += _reads(office, sizes)
        found += _cached(office, answer, sizes)
    return found, answer


@contextmanager
def _office(folder: Path, events: int) -> Iterator[Office]:
    home = folder / "home"
    fill(home, folder / "events.parquet", events)
    service, world = Service.open(Settings(home=home)), cohorts(COHORTS)
    service.create("cohorts", "poisson-cohorts", config={"exposure": "measured"})
    service.upload("cohorts", write_cohorts(folder, "cohorts", world.k, world))
    service.close()
    with served(home, {"VIBES_LEDGER": "off", "VIBES_MAX_RUNS_PER_MINUTE": "10000"}) as server:
        office = Office(home, server)
        try:
            yield office
        finally:
            office.close()


def _idle(office: Office, idle: float) -> list[Row]:
    time.sleep(idle)
    memory = office.server.memory()
    return [
        Row(work="server start to healthy", ours=seconds(office.server.healthy), target="<= 3 s"),
        Row(
            work=f"memory of server and worker, idle for {idle:.0f} s (PSS)",
            ours=f"{memory / 2**20:.0f} MB",
            target="<= 400 MB",
        ),
    ]


def _sampled(office: Office) -> Answer:
    """Have the answer that is cached from here on; the sampler is warm then."""
    run_id = office.post(SAMPLED).json()["id"]
    office.until(run_id, lambda run: run.state is RunState.SUCCEEDED)
    answer = office.queue.run(run_id).answer
    assert answer is not None  # noqa: S101  # it succeeded
    return answer


def _latencies(office: Office, begun: int) -> list[Row]:
    picked_up, stopped = [], []
    for _ in range(begun):
        run_id = office.begin()
        picked_up.append(office.until(run_id, lambda run: run.progress is not None))
        office.until(run_id, _is_sampling)
        stopped.append(office.cancel(run_id))
    return [
        Row(work=f"202 to first progress, median and worst of {begun}", ours=_worst(picked_up)),
        Row(
            work=f"cancel to cancelled while sampling, median and worst of {begun}",
            ours=_worst(stopped),
            target="< 1 s",
        ),
    ]


def _is_sampling(run: Run) -> bool:
    return run.progress is not None and run.progress.done > 0


def _worst(took: Sequence[float]) -> str:
    return f"{seconds(statistics.median(took))}, {seconds(max(took))}"


def _reads(office: Office, sizes: Sizes) -> list[Row]:
    quiet, _ = read(office.server.url, sizes.reading)
    waiting = [office.begin() for _ in range(2 + int(sizes.reading))]
    office.until(waiting[0], lambda run: run.started is not None)
    busy, _ = read(office.server.url, sizes.reading)
    for run_id in reversed(waiting):
        if not office.queue.run(run_id).is_over:
            office.cancel(run_id)
    return [
        Row(
            work=f"GET /posterior/..., {sizes.events:,} events, {READS_PER_SECOND}/s beside a "
            "worker that samples, p50 and p99",
            ours=spread(busy),
            peer=f"worker idle: {spread(quiet)}",
            ratio=f"{statistics.median(busy) / statistics.median(quiet):.1f}x",
            target="p99 <= 50 ms",
        )
    ]


def _cached(office: Office, answer: Answer, sizes: Sizes) -> list[Row]:
    owner = office.queue.experiment_id(answer.run_id)
    found, have, pages = [], 0, []
    service = Service.open(Settings(home=office.home), works=False)
    for size in sizes.runs:
        record(office.queue, owner, answer, range(have, size))
        have = size
        http = _times(lambda: office.post(SAMPLED), sizes.asked)
        python = _times(lambda: service.analyze("cohorts", SAMPLED), sizes.asked)
        found += [_answered(size, "HTTP", http), _answered(size, "Python", python)]
        pages.append([statistics.median(_page(office, page, 5)) for page in PAGES])
    service.close()
    return found + [
        Row(
            work=f"GET {page}, {sizes.runs[-1]:,} runs",
            ours=seconds(many),
            peer=f"{sizes.runs[0]:,} runs: {seconds(few)}",
            ratio=f"{many / few:.1f}x",
        )
        for page, few, many in zip(PAGES, pages[0], pages[-1], strict=True)
    ]


def _answered(size: int, how: str, took: Sequence[float]) -> Row:
    return Row(
        work=f"cached sampled answer, {how}, {size:,} earlier runs, p50 and p99",
        ours=spread(took),
        target="<= 20 ms",
    )


def _page(office: Office, page: str, repeats: int) -> list[float]:
    return _times(lambda: office.client.get(page).raise_for_status(), repeats)


def _times(work: Callable[[], object], repeats: int) -> list[float]:
    work()
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return took
