"""A worker as a process: how it is told to stop, and how a server keeps one beside itself."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from threading import Event, Thread
from typing import Self

from pymc_vibes.service.logs import log_like_us
from pymc_vibes.settings import Settings

_LOG = logging.getLogger("pymc_vibes.worker")
GRACE_SECONDS = 15.0  # for a worker to give back what it is at
AGAIN_SECONDS = 1.0  # before a worker that died is started again, longer each time
LONGEST_SECONDS = 30.0


def run(
    settings: Settings,
    *,
    until_idle: bool = False,
    with_parent: bool = False,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Work until SIGTERM or Ctrl-C, and give the exit code; `ready` is called before the first run.

    With a parent it also stops when the other end of its standard input is gone, however that
    process ended.
    """
    from pymc_vibes.worker.loop import Worker

    log_like_us(settings)
    worker = Worker(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_caught: worker.stop())
    if with_parent:
        Thread(target=_stop_with_parent, args=(worker.stop,), daemon=True).start()
    ready()
    worker.run(until_idle=until_idle)
    return 0


def _stop_with_parent(stop: Callable[[], None]) -> None:
    # not through sys.stdin: Python could not end while a thread holds its lock
    while os.read(0, 1):
        pass
    stop()


class Companion:
    """A worker process beside a server: started with it, started again when it dies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ends = Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._attend, name="companion", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._ends.set()
        if self._process is not None:
            _end(self._process)
        self._thread.join()

    def _attend(self) -> None:
        pause = AGAIN_SECONDS
        while not self._ends.is_set():
            process = self._process = self._start()
            if self._ends.is_set():
                _end(process)
                return
            code = process.wait()
            _hang_up(process)
            if self._ends.is_set():
                return
            _LOG.warning("worker_died", extra={"exit_code": code, "again_in_seconds": pause})
            self._ends.wait(pause)
            pause = min(LONGEST_SECONDS, 2 * pause)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "pymc_vibes.worker"],
            env=self._settings.environment(),
            stdin=subprocess.PIPE,  # the worker sees it close when this process is gone
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a worker to stop, and wait until it has."""
    with contextlib.suppress(OSError):
        process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _hang_up(process)


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
