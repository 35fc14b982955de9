"""Fits on a Dask cluster: the worker that has the run submits it, and follows it to its end.

Cells go there as Parquet and draws come back as NetCDF. A worker of the cluster that dies is no
concern of ours: the scheduler begins the fit again on another one. Where the scheduler itself is
away nothing is claimed, and what was under way is given back.
"""

import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.errors import RunCancelled, StoreUnavailable
from pymc_vibes.core.run import Run, Watch
from pymc_vibes.service.compute import Work, compute, configure_sampler
from pymc_vibes.service.engine import Computed, draws_of
from pymc_vibes.settings import Settings
from pymc_vibes.store.reach import require

if TYPE_CHECKING:
    import pyarrow as pa
    import xarray as xr
    from distributed import Client, Future

CONNECT_SECONDS = 5
LOOK_SECONDS = 0.1
REPORT_SECONDS = 0.25
STOP_SECONDS = 5.0  # for a fit to end by itself once it was told to


class Dask:
    """Computes on the cluster of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._address = "tcp://" + settings.executor.removeprefix("dask://")
        self._lock = threading.Lock()
        self._client: Client | None = None
        require("distributed", "Fits on a Dask cluster need")

    def check(self) -> None:
        """Raise `StoreUnavailable` where the scheduler or all of its workers are away."""
        if not self._connected().scheduler_info(n_workers=1)["workers"]:
            raise StoreUnavailable(
                f"The Dask cluster at {self._address} has no workers.",
                hint="Start some: dask worker ADDRESS",
                retry_after=CONNECT_SECONDS,
            )

    def compute(self, run: Run, work: Work, cells: "pa.Table", watch: Watch) -> Computed:
        """Submit the fit and follow it."""
        client = self._connected()
        topic = _topic(run.id)
        client.subscribe_topic(topic, lambda event: _pass_on(event, watch))
        try:
            future = client.submit(
                fit_there,
                run.model_dump_json(),
                work.model_dump_json(),
                _to_parquet(cells),
                self._settings.sampler_children,
                key=f"{topic}-{run.tries}",
                pure=False,
            )
            self._follow(client, future, run, watch)
            document, draws = self._result(future)
        finally:
            client.unsubscribe_topic(topic)
        answer = Answer.model_validate_json(document)
        return Computed(answer=answer, draws=draws and _from_netcdf(draws), analysis=None)

    def close(self) -> None:
        """Leave the cluster."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> "Client":
        from distributed import Client

        with self._lock:
            if self._client is not None and self._client.status == "running":
                return self._client
            try:
                self._client = Client(
                    self._address, timeout=CONNECT_SECONDS, set_as_default=False, name="vibes"
                )
            except (OSError, TimeoutError) as error:
                raise self._away() from error
            return self._client

    def _follow(self, client: "Client", future: "Future", run: Run, watch: Watch) -> None:
        """Wait until the fit is over; stop it where the watch says so."""
        from distributed import Event

        while not future.done():
            if client.status != "running":
                raise self._away()
            if watch.cancelled:
                Event(_topic(run.id), client=client).set()
                _wait(future, STOP_SECONDS)
                future.cancel(force=True)
                raise RunCancelled(f"Run {run.id} was cancelled.")
            _wait(future, LOOK_SECONDS)

    def _result(self, future: "Future") -> Any:
        from concurrent.futures import CancelledError

        from distributed.client import FutureCancelledError

        try:
            return future.result()
        except (CancelledError, FutureCancelledError) as error:
            raise self._away() from error  # a scheduler that ends cancels what it has

    def _away(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"The Dask scheduler at {self._address} does not answer.",
            hint="Start it, or set VIBES_EXECUTOR=local.",
            retry_after=CONNECT_SECONDS,
        )


def fit_there(
    run_document: str, work_document: str, cells: bytes, children: int
) -> tuple[str, bytes | None]:
    """Compute a fit on a worker of the cluster; give the answer as JSON and draws as NetCDF."""
    import io

    import pyarrow.parquet as pq

    configure_sampler(Settings(sampler_children=children))
    run = Run.model_validate_json(run_document)
    work = Work.model_validate_json(work_document)
    analysis = compute(run, work, pq.read_table(io.BytesIO(cells)), _Far(run.id))
    draws = draws_of(analysis)
    return analysis.answer.model_dump_json(), None if draws is None else _to_netcdf(draws)


class _Far:
    """The watch of a fit on the cluster: what it is told travels through the scheduler."""

    def __init__(self, run_id: str) -> None:
        from distributed import Event, get_client, get_worker

        self._topic = _topic(run_id)
        self._worker = get_worker()
        self._stop = Event(self._topic, client=get_client())
        self._next_report = 0.0
        self._next_look = 0.0
        self._is_stopped = False

    @property
    def cancelled(self) -> bool:
        """Whether the fit should stop."""
        now = time.monotonic()
        if not self._is_stopped and now >= self._next_look:
            self._next_look = now + REPORT_SECONDS
            self._is_stopped = self._stop.is_set()
        return self._is_stopped

    def sampling(self) -> None:
        """Let it sample."""

    def stage(self, name: str) -> None:
        """Tell that a named part of the work begins."""
        self._worker.log_event(self._topic, {"stage": name})

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Tell how far the part is, unless something was told a moment ago."""
        if time.monotonic() < self._next_report and done < total:
            return
        self._next_report = time.monotonic() + REPORT_SECONDS
        told = {"done": done, "total": total, "facts": facts}
        self._worker.log_event(self._topic, told)


def _pass_on(event: tuple[float, Any], watch: Watch) -> None:
    told = event[1]
    if "stage" in told:
        watch.stage(told["stage"])
    else:
        watch.progress(told["done"], told["total"], **told["facts"])


def _topic(run_id: str) -> str:
    return f"vibes-{run_id}"


def _wait(future: "Future", seconds: float) -> None:
    """Wait until the fit is over, but not longer than that."""
    until = time.monotonic() + seconds
    while not future.done() and time.monotonic() < until:
        time.sleep(min(LOOK_SECONDS, seconds))


def _to_parquet(cells: "pa.Table") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(cells, sink)
    return bytes(sink.getvalue())


def _to_netcdf(tree: "xr.DataTree") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draws.nc"
        tree.to_netcdf(path)
        return path.read_bytes()


def _from_netcdf(document: bytes) -> "xr.DataTree":
    import xarray as xr

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draws.nc"
        path.write_bytes(document)
        with xr.open_datatree(path) as opened:
            return opened.load()
