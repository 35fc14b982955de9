"""A server of ours as a process of its own, and what it uses of the machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

PATIENCE = 120.0  # seconds, for a machine that does much else


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server that answers."""

    url: str
    pid: int
    healthy: float
    """Seconds from its start to its first answer."""

    def memory(self) -> int:
        """Give the memory of it and all its children in bytes, shared pages counted in parts."""
        return sum(_proportional_set_size(pid) for pid in (self.pid, *_descendants(self.pid)))

    def cpu(self) -> float:
        """Give the processor time of the server itself, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(home: Path, settings: Mapping[str, str]) -> Iterator[Served]:
    """Serve a home, with a worker beside, until the block ends."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "pymc_vibes.cli", "--home", str(home), "serve"]
    started = time.perf_counter()
    server = subprocess.Popen(  # noqa: S603  # our own server
        [*command, "--port", str(port)],
        env={**os.environ, "VIBES_LOG_LEVEL": "error", **settings},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_healthy(url)
        yield Served(url=url, pid=server.pid, healthy=time.perf_counter() - started)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_healthy(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            httpx2.get(f"{url}/healthz").raise_for_status()
        except httpx2.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _descendants(pid: int) -> Iterator[int]:
    # a process is listed under the thread that started it
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _proportional_set_size(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
