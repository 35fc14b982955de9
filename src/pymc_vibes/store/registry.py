"""What the lake knows about itself: two tables beside the events, read as records.

`vibes_experiments` has a row per experiment, `vibes_batches` a row per upload. An upload only adds
rows, in the transaction of its events; sizes and times of an experiment are sums over its batches.
"""

# ruff: noqa: S608  # every name in the SQL is ours or quoted; values are bound or quoted

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.experiment import Experiment, Receipt

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DDL = (
    "CREATE TABLE IF NOT EXISTS lake.vibes_experiments (id VARCHAR, name VARCHAR, "
    "display_name VARCHAR, kind VARCHAR, config VARCHAR, created TIMESTAMP, changes BIGINT, "
    "snapshot BIGINT)",
    "CREATE TABLE IF NOT EXISTS lake.vibes_batches (experiment VARCHAR, key VARCHAR, "
    "digest VARCHAR, receipt VARCHAR, rows BIGINT, first TIMESTAMP, last TIMESTAMP, "
    "received TIMESTAMP, snapshot BIGINT)",
)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One upload, as it is kept."""

    experiment_id: str
    key: str | None
    digest: str | None
    receipt: Receipt
    rows: int
    first: datetime | None
    last: datetime | None
    received: datetime

    def values(self, snapshot: int) -> tuple[Any, ...]:
        """Give the row of `vibes_batches`."""
        return (
            self.experiment_id,
            self.key,
            self.digest,
            self.receipt.model_copy(update={"snapshot": snapshot}).model_dump_json(),
            self.rows,
            self.first,
            self.last,
            self.received,
            snapshot,
        )


class Shelf:
    """The experiments as of the newest snapshot that this process has seen, by id."""

    def __init__(self) -> None:
        self._held: tuple[int, Mapping[str, Experiment]] = (-1, {})
        self._lock = threading.Lock()

    def at(
        self, snapshot: int, cursor_of_lake: "Callable[[], DuckDBPyConnection]"
    ) -> Mapping[str, Experiment]:
        """Give the experiments at a snapshot or a later one, read only when not at hand."""
        held_at, held = self._held
        if held_at >= snapshot:
            return held
        with self._lock:  # the others wait for what the first one reads
            held_at, held = self._held
            if held_at >= snapshot:
                return held
            with cursor_of_lake() as cursor:
                found = load(cursor, snapshot)
            self.put(snapshot, found)
        return found

    def put(self, snapshot: int, experiments: Mapping[str, Experiment]) -> None:
        """Keep what a commit of this process has made of them; what is later stays."""
        if snapshot >= self._held[0]:
            self._held = (snapshot, experiments)


def load(cursor: "DuckDBPyConnection", snapshot: int) -> Mapping[str, Experiment]:
    """Read every experiment by id, as of a snapshot."""
    at = f"AT (VERSION => {snapshot})"
    rows = cursor.execute(
        f"""
        SELECT e.id, e.name, e.display_name, e.kind, e.config, e.created, e.changes, e.snapshot,
               coalesce(sum(b.rows), 0)::BIGINT, min(b.first), max(b.last), max(b.received),
               count(b.experiment), max(b.snapshot)
        FROM (FROM lake.vibes_experiments {at}) e
        LEFT JOIN (FROM lake.vibes_batches {at}) b ON b.experiment = e.id
        GROUP BY ALL ORDER BY e.name
        """
    ).fetchall()
    return {row[0]: _experiment(row) for row in rows}


def newest(cursor: "DuckDBPyConnection") -> int:
    """Give the number of the snapshot that an open transaction sees."""
    row = cursor.execute("SELECT id FROM ducklake_current_snapshot('lake')").fetchone()
    return int(row[0]) if row else 0


def find_batch(
    cursor: "DuckDBPyConnection", experiment_id: str, key: str
) -> tuple[str, Receipt] | None:
    """Give digest and receipt of the upload with that idempotency key, if there was one."""
    row = cursor.execute(
        "SELECT digest, receipt FROM lake.vibes_batches WHERE experiment = ? AND key = ?",
        [experiment_id, key],
    ).fetchone()
    return None if row is None else (row[0], Receipt.model_validate_json(row[1]))


def grown(experiment: Experiment, batch: Batch, snapshot: int) -> Experiment:
    """Give the experiment as it is after the batch."""
    firsts = [t for t in (experiment.first, _utc(batch.first)) if t is not None]
    lasts = [t for t in (experiment.last, _utc(batch.last)) if t is not None]
    return experiment.model_copy(
        update={
            "rows": experiment.rows + batch.rows,
            "first": min(firsts, default=None),
            "last": max(lasts, default=None),
            "updated": _utc(batch.received),
            "version": experiment.version + 1,
            "snapshot": snapshot,
        }
    )


def _experiment(row: tuple[Any, ...]) -> Experiment:
    import json

    (id_, name, display, kind, config, created, changes, changed_at) = row[:8]
    (rows, first, last, updated, batches, grown_at) = row[8:]
    return Experiment(
        id=id_,
        name=name,
        display_name=display,
        kind=kind,
        config=json.loads(config),
        created=created.replace(tzinfo=UTC),
        rows=rows,
        first=_utc(first),
        last=_utc(last),
        updated=_utc(updated),
        version=changes + batches,
        snapshot=max(changed_at, grown_at or 0),
    )


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)
