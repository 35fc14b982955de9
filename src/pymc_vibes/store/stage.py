"""Check a whole file before any of it is stored, outside any lock.

Good rows become an Arrow table (small files) or a Parquet file that the lake later takes over as
it is (large ones); bad rows become reasons.
"""

# ruff: noqa: S608  # every name in the SQL is ours or quoted; values are bound or quoted

import heapq
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pymc_vibes.core.errors import (
    BadRows,
    InternalFault,
    SchemaMismatch,
    TooLarge,
    UnreadableFile,
    VibesError,
)
from pymc_vibes.core.experiment import BadRow
from pymc_vibes.store.casts import Checked, check
from pymc_vibes.store.duck import cursor_of, literal, quoted
from pymc_vibes.store.layout import Layout
from pymc_vibes.store.readers import Upload

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

SHOWN_BAD_ROWS = 20
FETCH_ROWS = 1_000
MOST_BAD_ROWS = 100_000  # then reading on tells nobody anything
MOST_SET_ASIDE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the parts of one batch are written."""

    events: Path
    roster: Path
    rejects: Path


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A batch that is ready to be committed."""

    layout: Layout
    rows: int
    first: datetime | None
    last: datetime | None
    filled: Mapping[str, int]
    """How many rows have a value, for the columns that decide a setting."""
    events: "pa.Table | Path | str"
    """A table, a file that was written here, or the place of one that was delivered."""
    roster: "pa.Table | Path | None"
    diagnosis: "Diagnosis"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a file's rows."""

    bad: int = 0
    total: int = 0
    first: tuple[BadRow, ...] = ()
    rejects: Path | None = None


@dataclass
class _Source:
    """A relation to read from, with what its Python reader may have run into."""

    sql: str
    counted: int = 0
    error: VibesError | None = field(default=None)


def stage(
    engine: "DuckDBPyConnection",
    upload: Upload,
    layout: Layout,
    places: Places,
    *,
    zone: str,
    skip_bad_rows: bool,
) -> Staged:
    """Check every row and keep the good ones, or raise `BadRows`."""
    import duckdb

    cursor = cursor_of(engine)
    try:
        _check_constants(cursor, layout, zone)
        if upload.scan is not None:
            checked = check(layout, upload.types, upload.scan, zone=zone, faults=upload.has_lines)
            try:
                return _keep(cursor, checked.all_rows(), upload, layout, places, Diagnosis())
            except duckdb.Error:
                places.events.unlink(missing_ok=True)  # read again below, slowly, to say why
        return _stage_slowly(cursor, upload, layout, places, zone=zone, skip_bad_rows=skip_bad_rows)
    finally:
        cursor.close()


def _check_constants(cursor: "DuckDBPyConnection", layout: Layout, zone: str) -> None:
    constant = tuple(target for target in layout.targets if target.constant is not None)
    if not constant:
        return
    schema = layout.schema.model_copy(update={"one_of": (), "at_most": ()})
    alone = replace(layout, targets=constant, schema=schema)
    checked = check(alone, (), "(SELECT 0 AS one)", zone=zone)
    row = cursor.execute(f"SELECT problem {checked.typed}").fetchone()
    if row is not None and row[0] is not None:
        raise SchemaMismatch(f"The constant cannot be used: {checked.problems[row[0]].reason}")


def _stage_slowly(
    cursor: "DuckDBPyConnection",
    upload: Upload,
    layout: Layout,
    places: Places,
    *,
    zone: str,
    skip_bad_rows: bool,
) -> Staged:
    with _slow_source(cursor, upload) as source:
        checked = check(layout, upload.types, source.sql, zone=zone, faults=True)
        rejects = places.rejects if skip_bad_rows else None
        diagnosis = _diagnose(cursor, checked, upload, source, rejects)
    if diagnosis.bad and (not skip_bad_rows or diagnosis.bad == diagnosis.total):
        places.rejects.unlink(missing_ok=True)
        raise _refusal(diagnosis)
    with _slow_source(cursor, upload) as source:
        checked = check(layout, upload.types, source.sql, zone=zone, faults=True)
        return _keep(cursor, checked.good_rows(), upload, layout, places, diagnosis)


@contextmanager
def _slow_source(cursor: "DuckDBPyConnection", upload: Upload) -> Iterator[_Source]:
    import duckdb
    import pyarrow as pa

    if upload.has_lines and upload.scan is not None:
        source = _Source(upload.scan)
    else:
        source = _Source("upload")
        names = ("_fault", "_shown", *(f"s{index}" for index in range(len(upload.headers))))
        shape = [("_line", pa.int64()), *((name, pa.string()) for name in names)]
        batches = _counted(upload, source)
        reader = pa.RecordBatchReader.from_batches(pa.schema(shape), batches)
        cursor.register("upload", reader)
    try:
        yield source
    except duckdb.Error as error:
        raise source.error or _broken(error, upload) from error


def _counted(upload: Upload, source: _Source) -> "Iterator[pa.RecordBatch]":
    try:
        for batch in upload.batches():
            source.counted += batch.num_rows
            yield batch
    except (OSError, EOFError, zlib.error) as error:
        source.error = UnreadableFile(f"The file cannot be read to its end: {error}.")
        raise source.error from error
    except VibesError as error:
        source.error = error
        raise


def _broken(error: Exception, upload: Upload) -> VibesError:
    import duckdb

    reason = (str(error).splitlines() or [""])[0][:300]
    if isinstance(error, duckdb.OutOfMemoryException):
        return TooLarge(
            "The file holds values or rows that are too large to be checked.",
            hint="Leave out the columns that the question does not need.",
        )
    if upload.has_lines and "space" not in reason:
        return UnreadableFile("The Parquet file cannot be read to its end.", hint=reason)
    return InternalFault(
        f"Reading the file failed: {reason}", hint="Is there space left on the disk?"
    )


def _diagnose(
    cursor: "DuckDBPyConnection",
    checked: Checked,
    upload: Upload,
    source: _Source,
    rejects: Path | None,
) -> Diagnosis:
    bad = 0
    lowest: list[tuple[Any, ...]] = []
    most = MOST_BAD_ROWS if rejects is None else MOST_SET_ASIDE
    found = cursor.execute(checked.bad_rows(most + 1, whole=rejects is not None))
    with _rejects_file(rejects) as file:
        while rows := found.fetchmany(FETCH_ROWS):
            bad += len(rows)
            lowest = heapq.nsmallest(SHOWN_BAD_ROWS, [*lowest, *rows], key=itemgetter(0))
            if file is not None:
                file.writelines(_reject(row, _bad_row(row, checked), upload) for row in rows)
    first = [_bad_row(row, checked) for row in lowest]
    if bad > most:
        raise _hopeless(first, most, rejects)
    total = source.counted if not upload.has_lines else _count(cursor, source.sql)
    kept = rejects if bad else None
    if rejects is not None and not bad:
        rejects.unlink(missing_ok=True)
    return Diagnosis(bad=bad, total=total, first=tuple(first), rejects=kept)


@contextmanager
def _rejects_file(path: Path | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        yield file


def _bad_row(row: tuple[Any, ...], checked: Checked) -> BadRow:
    line, index, value, fault = row[:4]
    problem = checked.problems[index]
    target = None if problem.target is None else checked.layout.targets[problem.target]
    return BadRow(
        line=line,
        column=target.label if target else None,
        value=value,
        reason=fault or problem.reason,
    )


def _reject(row: tuple[Any, ...], why: BadRow, upload: Upload) -> str:
    came = dict(zip(upload.headers, row[4:], strict=True))
    document = why.model_dump() | {"row": came}
    return json.dumps(document, ensure_ascii=False) + "\n"


def _hopeless(first: list[BadRow], most: int, rejects: Path | None) -> BadRows:
    if rejects is not None:
        rejects.unlink(missing_ok=True)
    return BadRows(
        f"More than {most:,} rows cannot be used; nothing was stored. "
        f"One is on line {first[0].line:,}: {first[0].reason}",
        hint="Is a column given for the wrong one, or is the file of another format?",
        rows=[row.model_dump() for row in first],
        bad=most + 1,
    )


def _refusal(diagnosis: Diagnosis) -> BadRows:
    bad, total = diagnosis.bad, diagnosis.total
    first = diagnosis.first[0]
    counted = "1 row" if bad == 1 else f"{bad:,} rows"
    return BadRows(
        f"{counted} of {total:,} cannot be used; nothing was stored. "
        f"The first is on line {first.line:,}: {first.reason}",
        hint="Mend them, or keep the others with --skip-bad-rows (skip_bad_rows=true).",
        rows=[row.model_dump() for row in diagnosis.first],
        bad=bad,
        total=total,
    )


def _count(cursor: "DuckDBPyConnection", relation: str) -> int:
    row = cursor.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


def _keep(
    cursor: "DuckDBPyConnection",
    select: str,
    upload: Upload,
    layout: Layout,
    places: Places,
    diagnosis: Diagnosis,
) -> Staged:
    if upload.is_small:
        return _keep_table(cursor.execute(select).to_arrow_table(), layout, diagnosis)
    places.events.parent.mkdir(parents=True, exist_ok=True)
    cursor.execute(f"COPY ({select}) TO {literal(str(places.events))} (FORMAT parquet)")
    relation = f"read_parquet({literal(str(places.events))})"
    rows, first, last, filled = _measure(cursor, relation, layout)
    if rows == 0:
        raise _no_rows()
    return Staged(
        layout=layout,
        rows=rows,
        first=first,
        last=last,
        filled=filled,
        events=places.events,
        roster=_roster(cursor, relation, layout, places),
        diagnosis=diagnosis,
    )


def _keep_table(events: "pa.Table", layout: Layout, diagnosis: Diagnosis) -> Staged:
    import pyarrow.compute as pc

    if events.num_rows == 0:
        raise _no_rows()
    time = _time_of(layout)
    ends = pc.min_max(events[time]).as_py() if time else {"min": None, "max": None}
    names = [name for name in layout.entities if name in layout.names]
    return Staged(
        layout=layout,
        rows=events.num_rows,
        first=ends["min"],
        last=ends["max"],
        filled={name: events.num_rows - events[name].null_count for name in _deciding(layout)},
        events=events,
        roster=events.select(names).group_by(names).aggregate([]) if names else None,
        diagnosis=diagnosis,
    )


def _no_rows() -> UnreadableFile:
    return UnreadableFile(
        "The file has a header but no rows.", hint="Nothing was stored. Send at least one row."
    )


def _time_of(layout: Layout) -> str | None:
    return layout.schema.time if layout.schema.time in layout.names else None


def _deciding(layout: Layout) -> list[str]:
    return [c.name for c in layout.schema.columns if c.decides and c.name in layout.names]


def _measure(
    cursor: "DuckDBPyConnection", relation: str, layout: Layout
) -> tuple[int, datetime | None, datetime | None, dict[str, int]]:
    time = _time_of(layout)
    extent = f"min({quoted(time)}), max({quoted(time)})" if time else "NULL, NULL"
    deciding = _deciding(layout)
    counts = "".join(f", count({quoted(name)})" for name in deciding)
    row = cursor.execute(f"SELECT count(*), {extent}{counts} FROM {relation}").fetchone()
    rows, first, last, *filled = row or (0, None, None)
    return rows, first, last, dict(zip(deciding, filled, strict=True))


def _roster(
    cursor: "DuckDBPyConnection", relation: str, layout: Layout, places: Places
) -> Path | None:
    names = [name for name in layout.entities if name in layout.names]
    if not names:
        return None
    listed = ", ".join(quoted(name) for name in names)
    select = f"SELECT DISTINCT {listed} FROM {relation}"
    places.roster.parent.mkdir(parents=True, exist_ok=True)
    cursor.execute(f"COPY ({select}) TO {literal(str(places.roster))} (FORMAT parquet)")
    return places.roster
