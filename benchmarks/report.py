"""How a benchmark speaks: medians of repeats, ours beside the peer's, with the machine named."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Row:
    """One piece of work, measured."""

    work: str
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""


def median_seconds(work: Callable[[], object], *, repeats: int) -> float:
    """Run `work` some times and give the median wall time in seconds."""
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def alternate(
    ours: Callable[[], object], peer: Callable[[], object], *, repeats: int
) -> tuple[float, float]:
    """Time two things in turn, so that noise on the machine meets both; medians in seconds."""
    first, second = [], []
    for _ in range(repeats):
        first.append(median_seconds(ours, repeats=1))
        second.append(median_seconds(peer, repeats=1))
    return statistics.median(first), statistics.median(second)


def seconds(value: float) -> str:
    """Write a duration.

    >>> seconds(0.01234), seconds(2.5), seconds(3.2e-5)
    ('12.3 ms', '2.50 s', '32.0 us')
    """
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.1f} us"


def machine() -> str:
    """Name the machine and the versions that matter."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    packages = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "numpy", "scipy"))
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}; Python {python}, {packages}"


def markdown(title: str, rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table."""
    lines = [
        f"### {title}",
        "",
        "| work | ours | peer | ratio | target |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [f"| {r.work} | {r.ours} | {r.peer} | {r.ratio} | {r.target} |" for r in rows]
    return "\n".join(lines) + "\n"
