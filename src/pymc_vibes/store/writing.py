"""One transaction of the lake: what it will change is gathered first and then written at once."""

# ruff: noqa: S608  # every name in the SQL is ours or quoted; values are bound or quoted

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import ExperimentExists, ExperimentNotFound
from pymc_vibes.core.experiment import Experiment, Receipt
from pymc_vibes.store import registry
from pymc_vibes.store.duck import literal, quoted
from pymc_vibes.store.registry import Batch

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

CACHED_ROSTER = 20_000  # combinations; a larger roster is compared where it lives

# a table, or where a Parquet file is
type Rows = "pa.Table | Path | str"


@dataclass
class Known:
    """What the committer remembers of the lake, true of exactly one snapshot."""

    snapshot: int
    experiments: dict[str, Experiment]
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    rosters: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)

    def copied(self) -> "Known":
        """Copy it, so that a transaction that fails leaves it as it was."""
        return Known(
            snapshot=self.snapshot,
            experiments=dict(self.experiments),
            columns={name: dict(columns) for name, columns in self.columns.items()},
            rosters=dict(self.rosters),
        )


class Writing:
    """What one transaction will change. Nothing is written before `write`."""

    def __init__(self, cursor: "DuckDBPyConnection", known: Known) -> None:
        self._cursor = cursor
        self.known = known.copied()
        self.snapshot = known.snapshot + 1
        self.known.snapshot = self.snapshot
        self._ddl: list[str] = []
        self._events: dict[str, list[Rows]] = {}
        self._rosters: dict[str, list[Rows]] = {}
        self._batches: list[Batch] = []
        self._statements: list[tuple[str, list[Any]]] = []
        self._drops: list[str] = []
        self._messages: list[str] = []

    # what there is

    def experiment(self, experiment_id: str, name: str) -> Experiment:
        """Give the experiment as this transaction leaves it."""
        found = self.known.experiments.get(experiment_id)
        if found is None:
            raise ExperimentNotFound(f"The experiment {name} was deleted meanwhile.")
        return found

    def batch(self, experiment_id: str, key: str) -> tuple[str, Receipt] | None:
        """Give digest and receipt of the upload with that key, of before or of this transaction."""
        for batch in self._batches:
            if batch.experiment_id == experiment_id and batch.key == key:
                receipt = batch.receipt.model_copy(update={"snapshot": self.snapshot})
                return batch.digest or "", receipt
        return registry.find_batch(self._cursor, experiment_id, key)

    # what shall be

    def create(self, experiment: Experiment) -> Experiment:
        """Add an experiment, or raise `ExperimentExists`."""
        if any(known.name == experiment.name for known in self.known.experiments.values()):
            raise ExperimentExists(
                f"There is an experiment {experiment.name} already.",
                hint="Choose another name, or upload to the one that is there.",
            )
        made = experiment.model_copy(update={"snapshot": self.snapshot})
        self.known.experiments[made.id] = made
        created = made.created.replace(tzinfo=None)
        self._statements.append(
            (
                "INSERT INTO lake.vibes_experiments VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                [
                    made.id,
                    made.name,
                    made.display_name,
                    made.kind,
                    _json(made.config),
                    created,
                    self.snapshot,
                ],
            )
        )
        self._messages.append(f"create {made.name}")
        return made

    def configure(self, experiment: Experiment, config: Mapping[str, Any]) -> Experiment:
        """Store another config."""
        changed = experiment.model_copy(
            update={
                "config": dict(config),
                "version": experiment.version + 1,
                "snapshot": self.snapshot,
            }
        )
        self.known.experiments[experiment.id] = changed
        self._statements.append(
            (
                "UPDATE lake.vibes_experiments SET config = ?, changes = changes + 1, "
                "snapshot = ? WHERE id = ?",
                [_json(config), self.snapshot, experiment.id],
            )
        )
        self._messages.append(f"configure {experiment.name}")
        return changed

    def delete(self, experiment: Experiment) -> None:
        """Remove the experiment with its tables."""
        self.known.experiments.pop(experiment.id, None)
        for table in (f"e_{experiment.id}", f"r_{experiment.id}"):
            self.known.rosters.pop(table, None)
            self.known.columns.pop(table, None)
            self._drops.append(f"DROP TABLE IF EXISTS lake.{table}")
        if has_view(experiment.name):
            self._drops.insert(0, f"DROP VIEW IF EXISTS lake.{quoted(experiment.name)}")
        for table, column in (("experiments", "id"), ("batches", "experiment")):
            self._statements.append(
                (f"DELETE FROM lake.vibes_{table} WHERE {column} = ?", [experiment.id])
            )
        self._messages.append(f"delete {experiment.name}")

    def append(
        self,
        experiment: Experiment,
        batch: Batch,
        *,
        columns: Mapping[str, str],
        entities: Sequence[str],
        events: Rows,
        roster: Rows | None,
    ) -> Receipt:
        """Add a batch of checked rows."""
        self._make_tables(experiment, columns, entities)
        self._events.setdefault(f"e_{experiment.id}", []).append(events)
        if roster is not None:
            self._rosters.setdefault(f"r_{experiment.id}", []).append(roster)
        self._batches.append(batch)
        self.known.experiments[experiment.id] = registry.grown(experiment, batch, self.snapshot)
        self._messages.append(f"{experiment.name}: {batch.rows:,} rows")
        return batch.receipt.model_copy(update={"snapshot": self.snapshot})

    # to the lake

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self._messages

    def write(self) -> None:
        """Write everything inside the open transaction."""
        for statement in self._ddl:
            self._cursor.execute(statement)
        for table, rows in self._events.items():
            self._insert(table, rows)
        for table, rows in self._rosters.items():
            self._extend_roster(table, rows)
        if self._batches:
            self._insert_batches()
        for sql, values in self._statements:
            self._cursor.execute(sql, values)
        for statement in self._drops:
            self._cursor.execute(statement)
        message = "; ".join(self._messages[:10])[:500]
        self._cursor.execute("CALL lake.set_commit_message('pymc-vibes', ?)", [message])

    def _make_tables(
        self, experiment: Experiment, columns: Mapping[str, str], entities: Sequence[str]
    ) -> None:
        table, roster = f"e_{experiment.id}", f"r_{experiment.id}"
        known = self.known.columns.get(table)
        if known is None:
            known = self.known.columns[table] = read_columns(self._cursor, table)
        if not known:
            listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
            self._ddl.append(f"CREATE TABLE lake.{table} ({listed})")
            if entities:
                kept = ", ".join(f"{quoted(name)} {columns[name]}" for name in entities)
                self._ddl.append(f"CREATE TABLE lake.{roster} ({kept})")
        for name in (name for name in columns if known and name not in known):
            self._ddl.append(f"ALTER TABLE lake.{table} ADD COLUMN {quoted(name)} {columns[name]}")
        has_new = not known or not known.keys() >= columns.keys()
        known.update(columns)
        if has_new and has_view(experiment.name):
            view = quoted(experiment.name)
            self._ddl.append(f"CREATE OR REPLACE VIEW lake.{view} AS FROM lake.{table}")

    def _insert(self, table: str, rows: Sequence[Rows]) -> None:
        for path in (part for part in rows if isinstance(part, (Path, str))):
            self._cursor.execute(
                f"CALL ducklake_add_data_files('lake', {literal(table)}, {literal(str(path))}, "
                "allow_missing => true)"
            )
        held = [part for part in rows if not isinstance(part, (Path, str))]
        if held:
            self._insert_arrow(table, _together(held))

    def _insert_arrow(self, table: str, rows: "pa.Table") -> None:
        listed = ", ".join(quoted(name) for name in rows.column_names)
        self._cursor.register("arrived", rows)
        try:
            self._cursor.execute(
                f"INSERT INTO lake.{table} ({listed}) SELECT {listed} FROM arrived"
            )
        finally:
            self._cursor.unregister("arrived")

    def _extend_roster(self, table: str, rows: Sequence[Rows]) -> None:
        held = [part for part in rows if not isinstance(part, Path)]
        cached = self._cached_roster(table) if len(held) == len(rows) else None
        if cached is not None:
            self._extend_cached(table, cached, _together(held))
            return
        self.known.rosters.pop(table, None)
        for part in rows:
            if isinstance(part, Path):
                self._anti_join(table, f"read_parquet({literal(str(part))})")
            else:
                self._cursor.register("arrived", part)
                self._anti_join(table, "arrived")
                self._cursor.unregister("arrived")

    def _extend_cached(self, table: str, cached: set[tuple[Any, ...]], arrived: "pa.Table") -> None:
        names = list(self.known.columns[table])
        blank = dict.fromkeys(names)
        combos = dict.fromkeys(
            tuple((blank | row)[name] for name in names) for row in arrived.to_pylist()
        )
        fresh = [combo for combo in combos if any(combo) and combo not in cached]
        if fresh:
            marks = ", ".join("?" for _ in names)
            self._cursor.executemany(f"INSERT INTO lake.{table} VALUES ({marks})", fresh)
        self.known.rosters[table] = cached.union(fresh) if fresh else cached

    def _cached_roster(self, table: str) -> set[tuple[Any, ...]] | None:
        cached = self.known.rosters.get(table)
        if cached is None:
            self.known.columns[table] = read_columns(self._cursor, table)
            found = self._cursor.execute(f"FROM lake.{table} LIMIT {CACHED_ROSTER + 1}").fetchall()
            cached = set(found)
        return cached if len(cached) <= CACHED_ROSTER else None

    def _anti_join(self, table: str, relation: str) -> None:
        names = [row[0] for row in self._cursor.execute(f"DESCRIBE FROM {relation}").fetchall()]
        absent = read_columns(self._cursor, table).keys() - set(names)
        listed = ", ".join(quoted(name) for name in names)
        same = " AND ".join(
            [f"n.{quoted(name)} IS NOT DISTINCT FROM o.{quoted(name)}" for name in names]
            + [f"o.{quoted(name)} IS NULL" for name in absent]
        )
        some = " OR ".join(f"n.{quoted(name)} IS NOT NULL" for name in names)
        self._cursor.execute(
            f"INSERT INTO lake.{table} ({listed}) SELECT {listed} FROM {relation} n "
            f"WHERE ({some}) AND NOT EXISTS (SELECT 1 FROM lake.{table} o WHERE {same})"
        )

    def _insert_batches(self) -> None:
        rows = [batch.values(self.snapshot) for batch in self._batches]
        marks = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
        values = [value for row in rows for value in row]
        self._cursor.execute(f"INSERT INTO lake.vibes_batches VALUES {marks}", values)


def read_columns(cursor: "DuckDBPyConnection", table: str) -> dict[str, str]:
    """Give the columns of a table by name; none where there is no such table."""
    rows = cursor.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = 'lake' AND table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    return dict(rows)


def has_view(name: str) -> bool:
    """Tell whether the experiment's name can be a view's: plain, and none of ours."""
    return name.isidentifier() and not name.startswith(("vibes_", "e_", "r_", "_"))


def _together(parts: "Sequence[pa.Table]") -> "pa.Table":
    import pyarrow as pa

    return parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="default")


def _json(config: Mapping[str, Any]) -> str:
    return json.dumps(dict(config), ensure_ascii=False, allow_nan=False)
