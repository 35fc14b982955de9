"""Reading an experiment: one consistent state, on a connection of its own, through Ibis."""

# ruff: noqa: S608  # every name in the SQL is ours or quoted; values are bound or quoted

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.core.errors import InsufficientData, SnapshotNotFound, Unavailable
from pymc_vibes.core.experiment import Experiment, Preview
from pymc_vibes.core.kind import Extent
from pymc_vibes.store.duck import cursor_of, literal, quoted, reaching
from pymc_vibes.store.layout import STORAGE
from pymc_vibes.store.patience import bounded

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from pymc_vibes.core.schema import Schema

type ExportFormat = Literal["csv", "ndjson", "parquet"]

EXPORT_ROWS = 100_000  # rows handed over at once
_IBIS = {
    "VARCHAR": "string",
    "BIGINT": "int64",
    "DOUBLE": "float64",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp(6)",
}
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, kw_only=True)
class View:
    """Events and roster of one experiment at one snapshot, as Ibis tables."""

    events: "ir.Table"
    roster: "ir.Table | None"
    extent: Extent
    connection: Any
    """The Ibis backend; Ibis ships no types for it."""
    seconds: float
    """How long one question may take."""

    def to_arrow(self, expression: "ir.Table") -> "pa.Table":
        """Run an expression where the events live and bring its rows here.

        Raises `Unavailable` where the engine's memory or disk does not suffice, `QueryTooLong`
        where the time does not.
        """
        import duckdb

        try:
            with reaching(), bounded(self.connection.con, self.seconds):
                return self.connection.to_pyarrow(expression)
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise Unavailable(
                f"The lake could not work this out: {str(error).splitlines()[0][:300]}",
                hint="Give it more with VIBES_MEMORY_LIMIT, or check the disk: vibes doctor.",
            ) from error


@contextmanager
def reading(
    root: "DuckDBPyConnection",
    experiment: Experiment,
    snapshot: int | None,
    schema: "Schema | None",
    seconds: float,
) -> Iterator[View]:
    """Open a view; the state does not change under it."""
    import ibis

    with reaching(), cursor_of(root) as cursor:
        at = experiment.snapshot if snapshot is None else snapshot
        backend = ibis.duckdb.from_connection(cursor)
        yield View(
            events=_events(cursor, backend, experiment, at, schema),
            roster=_roster(cursor, backend, experiment, at),
            extent=_extent(cursor, experiment, snapshot),
            connection=backend,
            seconds=seconds,
        )


def _events(
    cursor: "DuckDBPyConnection",
    backend: Any,
    experiment: Experiment,
    at: int | None,
    schema: "Schema | None",
) -> "ir.Table":
    table = _table(experiment, at)
    if schema is not None and experiment.rows == 0:
        return _no_events(backend, schema)
    columns = _describe(cursor, experiment, table, at)
    listed = [quoted(name) for name in columns]
    declared = {} if schema is None else {c.name: STORAGE[c.type] for c in schema.columns}
    absent = {name: kind for name, kind in declared.items() if name not in columns}
    listed += [f"NULL::{kind} AS {quoted(name)}" for name, kind in absent.items()]
    return _ibis_table(backend, f"SELECT {', '.join(listed)} FROM {table}", columns | absent)


def _no_events(backend: Any, schema: "Schema") -> "ir.Table":
    """Give the declared columns without rows: some kinds answer before the first event."""
    columns = {column.name: STORAGE[column.type] for column in schema.columns}
    listed = [f"NULL::{kind} AS {quoted(name)}" for name, kind in columns.items()]
    return _ibis_table(backend, f"SELECT {', '.join(listed)} WHERE false", columns)


def _ibis_table(backend: Any, select: str, columns: dict[str, str]) -> "ir.Table":
    # the types are known, so Ibis need not ask for them
    return backend.sql(select, schema={name: _IBIS[kind] for name, kind in columns.items()})


def _table(experiment: Experiment, at: int | None, prefix: str = "e") -> str:
    return f"lake.{prefix}_{experiment.id}" + ("" if at is None else f" AT (VERSION => {int(at)})")


def _describe(
    cursor: "DuckDBPyConnection", experiment: Experiment, table: str, at: int | None
) -> dict[str, str]:
    import duckdb

    try:
        rows = cursor.execute(f"DESCRIBE FROM {table}").fetchall()
    except duckdb.CatalogException as error:
        raise InsufficientData(
            f"{experiment.name} has no events yet.",
            hint=f"Upload some: vibes events upload --name {experiment.name} --file FILE",
        ) from error
    except duckdb.Error as error:
        if "snapshot" not in str(error).lower():
            raise
        raise SnapshotNotFound(
            f"The lake has no snapshot {at}.", hint="`vibes db snapshots` lists them."
        ) from error
    return {row[0]: row[1] for row in rows if not row[0].startswith("_")}


def _roster(
    cursor: "DuckDBPyConnection", backend: Any, experiment: Experiment, at: int | None
) -> "ir.Table | None":
    import duckdb

    table = _table(experiment, at, "r")
    try:
        rows = cursor.execute(f"DESCRIBE FROM {table}").fetchall()
    except duckdb.CatalogException:
        return None
    columns = {row[0]: row[1] for row in rows}
    return _ibis_table(backend, f"SELECT {', '.join(map(quoted, columns))} FROM {table}", columns)


def _extent(
    cursor: "DuckDBPyConnection",
    experiment: Experiment,
    snapshot: int | None,
) -> Extent:
    if snapshot is None:
        return Extent(rows=experiment.rows, first=experiment.first, last=experiment.last)
    row = cursor.execute(
        "SELECT coalesce(sum(rows), 0)::BIGINT, min(first), max(last) FROM lake.vibes_batches "
        f"AT (VERSION => {int(snapshot)}) WHERE experiment = ?",
        [experiment.id],
    ).fetchone()
    rows, first, last = row or (0, None, None)
    return Extent(rows=rows, first=_utc(first), last=_utc(last))


def preview(
    root: "DuckDBPyConnection", experiment: Experiment, limit: int, offset: int, seconds: float
) -> Preview:
    """Give a page of events in order of time, then of arrival."""
    cursor = cursor_of(root)
    try:
        table = _table(experiment, experiment.snapshot)
        columns = _describe(cursor, experiment, table, experiment.snapshot)
        listed = ", ".join(quoted(name) for name in columns)
        page = f"ORDER BY {_order(columns)} LIMIT {int(limit)} OFFSET {int(offset)}"
        with bounded(cursor, seconds):
            rows = cursor.execute(f"SELECT {listed} FROM {table} {page}").fetchall()
    finally:
        cursor.close()
    return Preview(
        columns=tuple(columns),
        rows=tuple(tuple(_plain(value) for value in row) for row in rows),
        total=experiment.rows,
    )


def export(
    root: "DuckDBPyConnection",
    writer: "DuckDBPyConnection",
    experiment: Experiment,
    file_format: ExportFormat,
    out: Path,
) -> None:
    """Write all events in order of time; `writer` is the engine that may write anywhere."""
    source, target = cursor_of(root), cursor_of(writer)
    try:
        table = _table(experiment, experiment.snapshot)
        columns = _describe(source, experiment, table, experiment.snapshot)
        listed = ", ".join(_exported(columns, file_format))
        found = source.execute(f"SELECT {listed} FROM {table} ORDER BY {_order(columns)}")
        target.register("leaving", found.to_arrow_reader(EXPORT_ROWS))
        target.execute(f"COPY (FROM leaving) TO {literal(str(out))} ({_copy_options(file_format)})")
    finally:
        source.close()
        target.close()


def _exported(columns: dict[str, str], file_format: ExportFormat) -> Sequence[str]:
    if file_format == "parquet":
        return [quoted(name) for name in columns]
    return [_as_text(quoted(name), kind, file_format) for name, kind in columns.items()]


def _as_text(name: str, kind: str, file_format: ExportFormat) -> str:
    if kind == "TIMESTAMP":
        return f"strftime({name}, {literal(TIME_FORMAT)}) AS {name}"
    if kind == "VARCHAR" and file_format == "csv":
        # a spreadsheet runs text that begins like a formula; a number it reads as a number
        formula = f"regexp_matches({name}, '^[=+\\-@\\t\\r]')"
        number = f"regexp_full_match({name}, '[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+)?')"
        risky = f"{formula} AND NOT {number}"
        return f"CASE WHEN {risky} THEN '''' || {name} ELSE {name} END AS {name}"
    return name


def _copy_options(file_format: ExportFormat) -> str:
    return {"csv": "FORMAT csv, HEADER", "ndjson": "FORMAT json", "parquet": "FORMAT parquet"}[
        file_format
    ]


def _order(columns: dict[str, str]) -> str:
    times = [quoted(name) for name, kind in columns.items() if kind == "TIMESTAMP"]
    return ", ".join([*times[:1], "rowid"])


def _plain(value: Any) -> Any:
    return value.strftime(TIME_FORMAT) if isinstance(value, datetime) else value


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)
