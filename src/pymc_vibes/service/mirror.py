"""Finished runs go into the ledger, oldest first, each until it is there or given up.

A ledger that is away ends the work and marks nothing. A run that cannot be written is tried a few
times, also across processes, because one that kills its process must not be tried for ever; then
it is marked with the reason, and the others go on.
"""

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import StoreUnavailable
from pymc_vibes.service.entries import make_entry
from pymc_vibes.store.ledger import first_line
from pymc_vibes.store.runtable import NOT_MIRRORED

if TYPE_CHECKING:
    from pymc_vibes.core.run import Run
    from pymc_vibes.store.artifacts import Artifacts
    from pymc_vibes.store.ledger import Ledger
    from pymc_vibes.store.queue import Queue

BATCH = 20
MAX_TRIES = 3
LONGEST_MARK = 200

_LOG = logging.getLogger("pymc_vibes.mirror")


class Tries:
    """How often the writing of a run was begun and not ended, in a file of the home."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def begin(self, run_id: str) -> int:
        """Count one more, and give how many there were before."""
        before = self._begun.get(run_id, 0)
        self._keep({**self._begun, run_id: before + 1})
        return before

    def end(self, run_id: str) -> None:
        """Forget the run."""
        self._keep({other: count for other, count in self._begun.items() if other != run_id})

    def _keep(self, begun: dict[str, int]) -> None:
        self._begun = begun
        fresh = self._path.with_suffix(".tmp")
        fresh.write_text(json.dumps(begun))
        fresh.replace(self._path)


class Mirror:
    """Writes what is finished to the ledger."""

    def __init__(
        self, queue: "Queue", artifacts: "Artifacts", ledger: "Ledger", tries: Tries
    ) -> None:
        self._queue = queue
        self._artifacts = artifacts
        self._ledger = ledger
        self._tries = tries

    def drain(self, is_enough: Callable[[], bool] = lambda: False) -> int:
        """Mirror runs until none is left or it is enough; give how many were dealt with.

        Raises `StoreUnavailable` where a store is away.
        """
        done = 0
        while runs := self._queue.unmirrored(BATCH):
            for run in runs:
                if is_enough():
                    return done
                done += self._deal_with(run)
        return done

    def _deal_with(self, run: "Run") -> int:
        """Mirror one run; 0 where it is to be tried again."""
        before = self._tries.begin(run.id)
        if before >= MAX_TRIES:
            return self._give_up(run, "the process that wrote it died each time")
        try:
            ledger_id = self._write(run)
        except Exception as error:  # noqa: BLE001  # the edge: one bad run must not stop the others
            self._raise_if_away(run, error)
            return self._give_up(run, first_line(error)) if before + 1 >= MAX_TRIES else 0
        self._queue.mark_mirrored(run.id, ledger_id)
        self._tries.end(run.id)
        return 1

    def _write(self, run: "Run") -> str:
        with tempfile.TemporaryDirectory(prefix="vibes-ledger-") as folder:
            experiment_id = self._queue.experiment_id(run.id)
            entry = make_entry(run, experiment_id, self._artifacts, Path(folder))
            return self._ledger.mirror(entry)

    def _raise_if_away(self, run: "Run", error: Exception) -> None:
        """Raise `StoreUnavailable` where the fault is the store's and not the run's."""
        try:
            if isinstance(error, StoreUnavailable):
                raise error
            self._ledger.check()
        except StoreUnavailable:
            self._tries.end(run.id)
            raise

    def _give_up(self, run: "Run", reason: str) -> int:
        _LOG.error("run_not_mirrored", extra={"run_id": run.id, "reason": reason})
        self._queue.mark_mirrored(run.id, f"{NOT_MIRRORED}{reason}"[:LONGEST_MARK])
        self._tries.end(run.id)
        return 1
