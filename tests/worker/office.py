"""Who asks and who works, in tests of workers: a service here, workers as processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending, Run
from pymc_vibes.service import Service
from pymc_vibes.service.setup import prepare_stores
from pymc_vibes.settings import Settings
from tests.sampled.registered import TOSSES, Gate

LEASE_SECONDS = 2.0


@dataclass
class Office:
    """A service that works on nothing itself, and the workers that do."""

    service: Service
    environment: Mapping[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def hire(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        command = [sys.executable, "-m", "pymc_vibes.cli", "worker", *options]
        self.workers.append(subprocess.Popen(command, env=dict(self.environment)))
        return self.workers[-1]

    def ask(self, **settings: Any) -> Run:
        """Ask for what must be sampled."""
        with pytest.raises(Pending) as pending:
            self.service.without_waiting().analyze("coin", settings)
        return pending.value.run

    def until(self, run: Run, holds: Callable[[Run], bool]) -> Run:
        """Follow a run until something holds of it."""
        while not holds(found := self.service.run(run.id)):
            assert not found.is_over, found
            Event().wait(0.02)
        return found


@contextmanager
def open_office(folder: Path, gate: Gate, **settings: Any) -> Iterator[Office]:
    """Open a service in which a coin was tossed, and send its workers home at the end."""
    given = {"home": folder / "home", "ledger": "off", "lease_seconds": LEASE_SECONDS}
    home = Settings(**{**given, **settings})
    assert list(prepare_stores(home))
    service = Service.open(home, works=False)
    service.create("coin", "coin")
    tosses = folder / "tosses.csv"
    tosses.write_text(TOSSES)
    service.upload("coin", tosses, UploadOptions(format="csv"))
    found = Office(service, home.environment() | gate.environment())
    try:
        yield found
    finally:
        for worker in found.workers:
            worker.kill()
            worker.wait()
        service.close()


def is_half_way(run: Run) -> bool:
    return run.progress is not None and run.progress.done > 0


def is_over(run: Run) -> bool:
    return run.is_over
