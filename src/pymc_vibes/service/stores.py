"""Checks of the stores: the lake, what runs leave behind, the run table, the ledger, their clocks.

A store that is elsewhere is asked whether it answers before anything opens it, because opening
waits far longer for one that is away.
"""

import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.run import RunState
from pymc_vibes.service.health import HealthCheck, judged, try_to_write
from pymc_vibes.service.standing import counted
from pymc_vibes.settings import Settings, is_address, masked
from pymc_vibes.store.reach import (
    ANSWER_SECONDS,
    newest_ledger_revision,
    reach_endpoint,
    reach_objects,
    reach_postgres,
    reach_server,
    read_ledger,
)

CLOCK_SECONDS = 5.0  # beyond it, windows and tokens are off by more than anybody expects
WORKER_SECONDS = 60.0  # a worker says that it lives far more often
MOST_UNMIRRORED = 1000  # counted no further


def check_lake(settings: Settings) -> HealthCheck:
    """Open the lake and count what is in it."""
    from pymc_vibes.store.lake import Lake

    if is_address(settings.catalog_place):
        reach_postgres(settings.catalog_place)
    if is_address(settings.data_place):
        reach_endpoint(settings)
    lake = Lake.open(settings)
    try:
        count, snapshot = len(lake.experiments()), lake.version()
    finally:
        lake.close()
    found = f"{settings.catalog_place}: {counted(count, 'experiments')}, snapshot {snapshot}"
    return HealthCheck(name="lake", ok=True, found=found)


def check_data(settings: Settings) -> HealthCheck:
    """Write, read and delete an object where the lake's data are."""
    return _check_place("data", settings, settings.data_place)


def check_artifacts(settings: Settings) -> HealthCheck:
    """Write, read and delete an object where runs leave things behind."""
    return _check_place("artifacts", settings, settings.artifacts_place)


def _check_place(name: str, settings: Settings, place: str) -> HealthCheck:
    if not is_address(place):
        try_to_write(Path(place))
        return HealthCheck(name=name, ok=True, found=f"{place} can be written")
    what = reach_objects(settings, place)
    where = settings.s3_endpoint or "Amazon S3"
    found = f"{place} at {where} ({what}): wrote, read and deleted an object"
    return HealthCheck(name=name, ok=True, found=found)


def check_runs(settings: Settings) -> HealthCheck:
    """Open the run table, count what waits, and look for workers."""
    from pymc_vibes.store.queue import Queue

    if is_address(settings.queue_place):
        reach_postgres(settings.queue_place)
    queue = Queue.open(settings)
    try:
        depth = queue.depth()
        workers = queue.workers(within=WORKER_SECONDS)
        late = queue.count_unmirrored(MOST_UNMIRRORED) if settings.has_ledger else 0
    finally:
        queue.close()
    waiting = depth[RunState.QUEUED]
    heard = "no worker heard of lately"
    if workers:
        last = min(workers.values())
        heard = f"{counted(len(workers), 'workers')}, heard {last:.0f} s ago"
    runs = f"{waiting} waiting, {depth[RunState.RUNNING]} running, {late} not in the ledger yet"
    found = f"{settings.queue_place}: {runs}; {heard}"
    mend = "Start a worker: vibes worker (`vibes serve` has one too)."
    return judged("runs", found, ok=bool(workers) or not waiting, mend=mend)


def check_ledger(settings: Settings) -> HealthCheck:
    """Look at the MLflow store, without the seconds that importing MLflow takes."""
    place = settings.ledger_place
    if not settings.has_ledger:
        return HealthCheck(name="ledger", ok=True, found="off: runs are not mirrored to MLflow")
    if place.startswith(("http://", "https://")):
        said = reach_server(place, "/health", "VIBES_LEDGER")
        return HealthCheck(name="ledger", ok=True, found=f"{place}: {said}")
    if not is_address(place) and not Path(place).exists():
        found = f"{place}: made when the first run is mirrored"
        return HealthCheck(name="ledger", ok=True, found=found)
    return _check_ledger_schema(place)


def _check_ledger_schema(place: str) -> HealthCheck:
    state, wanted = read_ledger(place), newest_ledger_revision()
    found = f"{place}: {counted(state.runs, 'runs')}, schema {state.revision}"
    if wanted in {None, state.revision}:
        return HealthCheck(name="ledger", ok=True, found=found)
    mend = (
        "Install the release of MLflow that wrote it, or make a copy of it and then bring it up: "
        "mlflow db upgrade ADDRESS"
    )
    return judged("ledger", f"{found}, where MLflow here has {wanted}", ok=False, mend=mend)


def check_executor(settings: Settings) -> HealthCheck:
    """Knock at the cluster that fits run on."""
    if settings.executor == "local":
        return HealthCheck(name="executor", ok=True, found="fits run on this machine")
    where = urlsplit(settings.executor)
    try:
        socket.create_connection((where.hostname, where.port), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        found = f"{settings.executor} does not answer: {error}"
        mend = "Start the cluster (dask scheduler, dask worker), or set VIBES_EXECUTOR=local."
        return HealthCheck(name="executor", ok=False, found=found, mend=mend)
    return HealthCheck(name="executor", ok=True, found=f"{settings.executor} answers")


def check_clock(settings: Settings) -> HealthCheck:
    """Hold this machine's clock against those of its disk and of the stores."""
    settings.home.mkdir(parents=True, exist_ok=True)
    # a file written now must not come from the future: tokens and windows depend on the clock
    with tempfile.NamedTemporaryFile(dir=settings.home) as file:
        ahead = {"disk": Path(file.name).stat().st_mtime - time.time()}
    ahead |= dict(_clocks(settings))
    told = ", ".join(f"{name} {seconds:+z.1f} s" for name, seconds in ahead.items())
    ok = all(abs(seconds) < CLOCK_SECONDS for seconds in ahead.values())
    mend = "Synchronize the clocks of this machine and of its stores, as by NTP."
    return judged("clock", f"ahead of this machine's: {told}", ok=ok, mend=mend)


def _clocks(settings: Settings) -> Iterator[tuple[str, float]]:
    """Ask each store once; that one is away is said by its own check."""
    databases = {
        urlsplit(place).netloc.rpartition("@")[2]: place
        for place in (settings.queue_place, settings.catalog_place)
        if is_address(place)
    }
    for where, place in databases.items():
        try:
            yield f"PostgreSQL at {where}", reach_postgres(place).clock_ahead
        except VibesError:
            continue
    if is_address(settings.data_place):
        try:
            yield "object store", reach_endpoint(settings).clock_ahead
        except VibesError:
            return


def check_server(settings: Settings) -> HealthCheck:
    """Ask the server that commands talk to whether it is ready."""
    reach_server(settings.url, "/healthz", "VIBES_URL")
    return HealthCheck(name="server", ok=True, found=f"{masked(settings.url)} answers")
