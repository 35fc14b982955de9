"""A sampled answer through the product: cold, warm and remembered, beside plain nutpie.

Each is one question to a service in this process, on a lake of its own: reduce, compile where it
must, sample, diagnose, store, record.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from benchmarks import peers
from benchmarks.report import Row, seconds
from benchmarks.worlds import CHAINS, DRAWS, TUNE, Cohorts, cohorts

SETTINGS = {
    "model": "hierarchical",
    "engine": "nuts",
    "draws": DRAWS * CHAINS,
    "tune": TUNE,
    "chains": CHAINS,
    "target_accept": 0.9,
}

NEXT = ("two", "three", "four", "five")  # experiments of the same structure, with other data


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure the first fit of a structure, a second on new data, and the remembered answer."""
    size = 20 if quick else 100
    peer = peers.fit("nutpie", peers.RATES, size)
    with tempfile.TemporaryDirectory() as folder:
        took = _through_the_product(Path(folder), size)
    target = 1.2 * peer.again + 0.1
    return (
        "Sampled answers",
        [
            Row(
                work=f"first fit of {size} cohorts by NUTS, new child",
                ours=seconds(took.first),
                peer=f"nutpie, new process: {seconds(peer.start + peer.first)}",
                ratio=f"{took.first / (peer.start + peer.first):.2f}x",
                target="<= 1.0x of pm.sample in a new process",
            ),
            Row(
                work=f"next fit, new data, same structure (sampling {seconds(took.sampling)})",
                ours=seconds(took.second),
                peer=f"nutpie, same compiled model: {seconds(peer.again)}",
                ratio=f"{took.second / peer.again:.1f}x",
                target=f"<= {seconds(target)}: 1.2x of the sampling and 0.1 s",
            ),
            Row(
                work="its effective draws per second of sampling, the least of all parameters",
                ours=f"{took.speed:,.0f} ESS/s",
                peer=f"nutpie, same compiled model: {peer.ess / peer.again:,.0f} ESS/s",
                ratio=f"{took.speed * peer.again / peer.ess:.2f}x",
                target=">= 0.95x",
            ),
            Row(work="the same question again", ours=seconds(took.again), target="<= 20 ms"),
            Row(
                work="the same question in a new process",
                ours=seconds(took.restored),
                peer="chains read from NetCDF",
            ),
        ],
    )


class _Took:
    """Seconds of each question, and what the sampler says of its own: medians of some."""

    first: float
    second: float
    again: float
    restored: float
    sampling: float
    speed: float
    """Effective draws per second of sampling."""


def _through_the_product(folder: Path, size: int) -> _Took:
    from pymc_vibes import connect

    took = _Took()
    with connect(folder / "home") as lake:
        for index, name in enumerate(("one", *NEXT)):
            lake.create(name, "poisson-cohorts", config={"exposure": "measured"})
            lake.upload(name, write_cohorts(folder, name, cohorts(size + index).k, cohorts(size)))
        took.first, _ = _timed(lambda: lake.analyze("one", SETTINGS))
        nexts = [_timed(lambda name=name: lake.analyze(name, SETTINGS)) for name in NEXT]
        took.second = statistics.median(found for found, _ in nexts)
        tries = [answer.diagnostics.attempts[0] for _, answer in nexts]
        took.sampling = statistics.median(one.seconds for one in tries)
        took.speed = statistics.median(one.ess_bulk_min / one.seconds for one in tries)
        took.again, _ = _timed(lambda: lake.analyze("two", SETTINGS))
    with connect(folder / "home") as lake:
        lake.experiments()
        took.restored, _ = _timed(lambda: lake.analyze("two", SETTINGS))
    return took


def _timed(work: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def write_cohorts(folder: Path, name: str, k: np.ndarray, world: Cohorts) -> Path:
    """Write counts of the cohorts of a world to a CSV file."""
    size = len(world.k)
    path = folder / f"{name}.csv"
    table = pa.table(
        {
            "timestamp": ["2024-01-01"] * size,
            "cohort": [f"cohort {index}" for index in range(size)],
            "event": ["claim"] * size,
            "count": k[:size],
            "exposure": world.exposure,
        }
    )
    pc.write_csv(table, path)
    return path
