"""The process that mirrors finished runs to MLflow: `python -m pymc_vibes.worker.mirror`.

MLflow takes seconds to import and much memory, so neither server nor worker ever does. A worker
starts this process when there is something to mirror; it goes on for a while when there is nothing
more, and ends. Where the ledger is away it waits, so that it is not started over and over. Whoever
starts a second one sees it end at once.
"""

import logging
import os
import signal
import sys
from threading import Event

from pymc_vibes.core.errors import StoreUnavailable, VibesError
from pymc_vibes.service.logs import log_like_us
from pymc_vibes.settings import Settings, load_settings

_LOG = logging.getLogger("pymc_vibes.mirror")
IDLE_SECONDS = 5.0
NICE = 10  # people wait for the server on the same machine, nobody for the mirror
LOOK_SECONDS = 0.5
AWAY_SECONDS = 30.0
AWAY_TRIES = 10


def main() -> int:
    """Mirror what is finished, wait a little for more, and give the exit code."""
    if sys.platform != "win32":  # which knows no such thing
        os.nice(NICE)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_caught: stop.set())
    try:
        settings = load_settings()
        log_like_us(settings)
        mirror(settings, stop)
    except VibesError as error:
        _LOG.error("mirror_failed", extra={"problem": error.detail, "hint": error.hint})
        return error.exit_code
    return 0


def mirror(settings: Settings, stop: Event, *, idle_seconds: float = IDLE_SECONDS) -> None:
    """Mirror until nothing came for a while or somebody says stop."""
    from pymc_vibes.store.ledger_lock import sole_writer

    tries = AWAY_TRIES if settings.has_ledger else 0
    while tries and not stop.is_set():
        tries -= 1
        try:
            with sole_writer(settings) as is_alone:
                if is_alone:
                    _drain(settings, stop, idle_seconds)
        except StoreUnavailable as away:
            _LOG.warning("ledger_away", extra={"problem": away.detail})
            stop.wait(AWAY_SECONDS)
        else:
            return


def _drain(settings: Settings, stop: Event, idle_seconds: float) -> None:
    from pymc_vibes.service.mirror import Mirror, Tries
    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.ledger import Ledger
    from pymc_vibes.store.queue import Queue

    queue = Queue.open(settings)
    try:
        writes = Mirror(
            queue,
            Artifacts.open(settings),
            Ledger(settings),
            Tries(settings.home / "ledger.tries.json"),
        )
        idle = 0.0
        while idle <= idle_seconds and not stop.is_set():
            idle = 0.0 if writes.drain(stop.is_set) else idle + LOOK_SECONDS
            stop.wait(LOOK_SECONDS)
    finally:
        queue.close()


if __name__ == "__main__":
    sys.exit(main())
