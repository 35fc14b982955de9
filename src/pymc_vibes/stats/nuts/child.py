"""The main loop of a sampler child: `python -m pymc_vibes.stats.nuts.child`.

A child serves one structure. It compiles at its first job, and ends by itself when nobody has asked
for anything for a while, or when its parent is gone. A thread reads the requests, so that the end
of the parent and a cancel are heard whatever the main thread does.
"""

import argparse
import contextlib
import os
import queue
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from pymc_vibes.stats.nuts import engine
from pymc_vibes.stats.nuts.messages import (
    Advance,
    Cancel,
    Cancelled,
    Compiled,
    Done,
    Failed,
    Job,
    Reply,
    Request,
)

type Inbox = "queue.SimpleQueue[Request | None]"

_NICE = 10  # a server on the same machine goes first: people wait for it
_TICK = 0.01  # seconds between two looks whether the chains are over
_GRACE = 1.0  # seconds for the main thread to end when the parent is gone
_REASON = 500  # characters of a library's message that an error repeats


def main() -> None:
    """Serve jobs until there are none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    given = parser.parse_args()
    _keep_files_in(given.cache)
    if sys.platform != "win32":  # which knows no such thing
        os.nice(_NICE)
    connection: Connection[Reply, Request] = Connection(given.socket)
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    serve(connection, inbox, given.idle_seconds)


def _keep_files_in(cache: Path) -> None:
    # set, not read: pytensor, numba and the linear algebra take these nowhere else, and read them
    # once, when they are imported
    os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={cache},generated_src_dir={cache / 'source'}"
    os.environ["NUMBA_CACHE_DIR"] = str(cache / "numba")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # the chains already use the cores


def _listen(connection: "Connection[Reply, Request]", inbox: Inbox) -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        inbox.put(None)
        time.sleep(_GRACE)
        os._exit(0)  # the main thread compiles or samples for nobody


def serve(connection: "Connection[Reply, Request]", inbox: Inbox, idle_seconds: float) -> None:
    """Answer jobs until the parent is gone, or silent for `idle_seconds`."""
    compiled: engine.Engine | None = None
    while True:
        try:
            request = inbox.get(timeout=idle_seconds)
        except queue.Empty:
            return
        if request is None:
            return
        if isinstance(request, Cancel):
            continue  # it crossed the answer on its way
        began = time.perf_counter()
        known, compiled = compiled, _ready(connection, compiled, request)
        if compiled is None:
            return
        seconds = None if compiled is known else time.perf_counter() - began
        connection.send(Compiled(seconds=seconds))
        connection.send(_sample(connection, inbox, compiled, request, seconds))


def _ready(
    connection: "Connection[Reply, Request]", compiled: engine.Engine | None, job: Job
) -> engine.Engine | None:
    """Give what is compiled if it fits the job, or compile; None where the builder fails."""
    sys.path[:] = job.path
    try:
        if compiled is not None and engine.fits(compiled, job):
            return compiled
        return engine.compile_structure(job)
    except Exception as error:  # noqa: BLE001  # the parent raises what a model's builder raised
        connection.send(_failed(error, "compile"))
        return None


def _sample(
    connection: "Connection[Reply, Request]",
    inbox: Inbox,
    compiled: engine.Engine,
    job: Job,
    compile_seconds: float | None,
) -> Done | Cancelled | Failed:
    try:
        chains = engine.start(compiled, job)
        if not _watch(connection, inbox, chains):
            return Cancelled()
        return engine.collect(compiled, chains, compile_seconds)
    except Exception as error:  # noqa: BLE001  # the parent raises what the sampler raised
        return _failed(error, "sample")


def _watch(connection: "Connection[Reply, Request]", inbox: Inbox, chains: engine.Chains) -> bool:
    """Report progress until the chains are over; False when they were told to stop."""
    told: Advance | None = None
    while not chains.over:
        with contextlib.suppress(queue.Empty):
            request = inbox.get(timeout=_TICK)
            chains.abort()
            if request is None:
                inbox.put(None)  # the loop ends by it
            return False
        if chains.latest is not None and chains.latest is not told:
            told = chains.latest
            connection.send(told)
    return True


def _failed(error: Exception, stage: Literal["compile", "sample"]) -> Failed:
    reason = f"{type(error).__name__}: {error}"[:_REASON]
    return Failed(stage=stage, reason=reason, trace=traceback.format_exc())


if __name__ == "__main__":
    main()
