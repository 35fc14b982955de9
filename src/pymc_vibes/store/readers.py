"""Open a file of events: its format, its columns, and two ways to its rows.

The fast way is DuckDB's own reader. It stops at the first line it cannot read, so a file it refuses
is read again in Python, line by line, which knows every line's number and what is wrong with it.
Both give the same columns: s0, s1, ... as text (Parquet keeps its types).
"""

# ruff: noqa: S608  # every name in the SQL is ours or quoted; values are bound or quoted

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from pymc_vibes.core.errors import TooLarge, UnreadableFile, UnsupportedFormat
from pymc_vibes.core.experiment import FileFormat
from pymc_vibes.store import bombs, jsonrows
from pymc_vibes.store.csvrows import CsvShape, csv_rows, sniff
from pymc_vibes.store.duck import cursor_of, literal, quoted
from pymc_vibes.store.layout import MAX_HEADERS
from pymc_vibes.store.rows import Row

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

SAMPLE_BYTES = 256 * 1024
SMALL_BYTES = 256 * 1024  # below this a file is looked through in Python: cheaper than two scans
BATCH_ROWS = 20_000
BATCH_WEIGHT = 4 * 2**20  # characters and fields that one batch may hold
SYSTEM = ("_line", "_fault", "_shown")  # columns of ours that come with the slow way
NO_FAULT = "NULL::VARCHAR AS _fault, NULL::VARCHAR AS _shown"

_SUFFIXES: Mapping[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file whose columns are known."""

    path: Path
    format: FileFormat
    zipped: bool
    headers: tuple[str, ...]
    types: tuple[str, ...]
    scan: str | None
    """SQL that reads it with columns s0, s1, ...; None where only Python can."""
    shape: CsvShape | None = None
    keys: tuple[str, ...] = ()

    @property
    def has_lines(self) -> bool:
        """Whether the scan itself numbers its rows."""
        return self.format == "parquet"

    @property
    def is_small(self) -> bool:
        """Whether its rows may be held in memory."""
        return not self.zipped and self.path.stat().st_size <= SMALL_BYTES

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Read it in Python: text columns s0, s1, ... with those of ours."""
        width = len(self.headers)
        held: list[Row] = []
        weight = 0
        for row in self._rows():
            held.append(row)
            weight += width + sum(len(value) for value in row.values if value)
            if len(held) == BATCH_ROWS or weight > BATCH_WEIGHT:
                yield _as_batch(held, width)
                held, weight = [], 0
        if held:
            yield _as_batch(held, width)

    def _rows(self) -> Iterator[Row]:
        with open_bytes(self.path, zipped=self.zipped) as file:
            if self.shape is not None:
                yield from csv_rows(file, self.shape, len(self.headers))
            else:
                yield from jsonrows.rows(file, self.keys, by_line=self.format == "ndjson")


def open_upload(
    path: Path, file_format: FileFormat | None, filename: str | None, engine: "DuckDBPyConnection"
) -> Upload:
    """Tell the format and the columns of a file, or say why it cannot be read."""
    if not path.is_file():
        raise UnreadableFile(f"There is no file {filename or path.name!r}.")
    head, zipped = _head(path)
    if not head.strip():
        raise UnreadableFile("The file is empty.", hint="It needs a header line and rows.")
    found = file_format or _tell(head, filename or path.name)
    if found == "csv":
        return _open_csv(path, head, zipped=zipped)
    # a cursor of its own: what threads ask of one connection, they take from each other
    with closing(cursor_of(engine)) as cursor:
        if found == "parquet":
            return _open_parquet(path, cursor)
        return _open_json(path, found, cursor, zipped=zipped)


def open_bytes(path: Path, *, zipped: bool) -> BinaryIO:
    """Open a file, unpacking gzip on the way."""
    return cast("BinaryIO", gzip.open(path, "rb")) if zipped else path.open("rb")


def _head(path: Path) -> tuple[bytes, bool]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    try:
        with open_bytes(path, zipped=zipped) as file:
            return file.read(SAMPLE_BYTES), zipped
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"The file cannot be unpacked: {error}.") from error


def _tell(head: bytes, filename: str) -> FileFormat:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"SQLite format 3")):
        raise UnsupportedFormat(
            "This kind of file cannot be read.",
            hint="Save it as CSV, NDJSON, JSON or Parquet (gzip is fine for text).",
        )
    suffix = Path(filename.lower().removesuffix(".gz")).suffix
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"[", b"{")):
        return _tell_json(text)
    return "csv" if _SUFFIXES.get(suffix) != "parquet" else "parquet"


def _tell_json(text: bytes) -> FileFormat:
    if text.startswith(b"["):
        return "json"
    first, _, rest = text.partition(b"\n")
    try:
        document = json.loads(first)
    except (ValueError, RecursionError):
        return "json" if rest else "ndjson"
    return "json" if isinstance(document.get("rows"), list) else "ndjson"


def _open_parquet(path: Path, engine: "DuckDBPyConnection") -> Upload:
    import duckdb

    scan = f"read_parquet({literal(str(path))})"
    try:
        described = engine.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        counted = engine.execute(f"SELECT count(*) FROM {scan}").fetchall()
    except duckdb.Error as error:
        raise UnreadableFile(
            "The Parquet file cannot be read.", hint=str(error).splitlines()[0][:200]
        ) from error
    if len(described) > MAX_HEADERS:
        raise TooLarge(f"The file has {len(described):,} columns; at most {MAX_HEADERS:,} fit.")
    bombs.check_rows(int(counted[0][0]), path)
    columns = ", ".join(f"{quoted(row[0])} AS s{i}" for i, row in enumerate(described))
    numbered = literal(str(path)) + ", file_row_number = true"
    return Upload(
        path=path,
        format="parquet",
        zipped=False,
        headers=tuple(row[0] for row in described),
        types=tuple(row[1] for row in described),
        scan=f"(SELECT {columns}, file_row_number + 1 AS _line, {NO_FAULT} "
        f"FROM read_parquet({numbered}))",
    )


def _open_csv(path: Path, head: bytes, *, zipped: bool) -> Upload:
    if zipped:
        bombs.check_unpacked(path)
    elif path.stat().st_size > SAMPLE_BYTES:
        bombs.check_last_line(path)
    shape = sniff(head, whole=len(head) < SAMPLE_BYTES)
    columns = ", ".join(f"'s{index}': 'VARCHAR'" for index in range(len(shape.header)))
    packed = ", compression = 'gzip'" if zipped else ""
    scan = (
        f"read_csv({literal(str(path))}, auto_detect = false, header = true, "
        f"skip = {shape.skip}, columns = {{{columns}}}, delim = {literal(shape.delimiter)}, "
        f"quote = '\"', escape = '\"', strict_mode = true, null_padding = false{packed})"
    )
    return Upload(
        path=path,
        format="csv",
        zipped=zipped,
        headers=shape.header,
        types=("VARCHAR",) * len(shape.header),
        scan=scan,
        shape=shape,
    )


def _open_json(
    path: Path, file_format: FileFormat, engine: "DuckDBPyConnection", *, zipped: bool
) -> Upload:
    if zipped:
        bombs.check_unpacked(path)
    large = file_format == "ndjson" and path.stat().st_size > SMALL_BYTES
    keys = _scan_keys(path, engine) if large else None
    known = keys is not None
    if keys is None:
        with open_bytes(path, zipped=zipped) as file:
            keys = jsonrows.keys(file, by_line=file_format == "ndjson")
    if len(keys) > MAX_HEADERS:
        raise TooLarge(f"The rows have {len(keys):,} fields; at most {MAX_HEADERS:,} fit.")
    if not keys:
        raise UnreadableFile("The file has no rows.", hint="Each row is a JSON object.")
    return Upload(
        path=path,
        format=file_format,
        zipped=zipped,
        headers=keys,
        types=("VARCHAR",) * len(keys),
        scan=_json_scan(path, keys) if known else None,
        keys=keys,
    )


def _scan_keys(path: Path, engine: "DuckDBPyConnection") -> tuple[str, ...] | None:
    import duckdb

    objects = f"read_ndjson_objects({literal(str(path))})"
    try:
        rows = engine.execute(
            f"SELECT DISTINCT unnest(json_keys(json)) FROM {objects} LIMIT {MAX_HEADERS + 1}"
        ).fetchall()
        odd = engine.execute(
            f"SELECT 1 FROM {objects} WHERE json_type(json) <> 'OBJECT' LIMIT 1"
        ).fetchone()
    except duckdb.Error:
        return None
    keys = tuple(sorted(row[0] for row in rows))
    folded = {key.casefold() for key in keys}
    return None if odd or len(folded) < len(keys) else keys


def _json_scan(path: Path, keys: tuple[str, ...]) -> str:
    columns = ", ".join(f"{literal(key)}: 'VARCHAR'" for key in keys)
    named = ", ".join(f"{quoted(key)} AS s{index}" for index, key in enumerate(keys))
    return (
        f"(SELECT {named} FROM read_json({literal(str(path))}, format = 'newline_delimited', "
        f"records = 'true', columns = {{{columns}}}))"
    )


def _as_batch(rows: list[Row], width: int) -> "pa.RecordBatch":
    import pyarrow as pa

    columns: list[Any] = [
        pa.array([row.line for row in rows], pa.int64()),
        pa.array([row.fault and row.fault.reason for row in rows], pa.string()),
        pa.array([row.fault and row.fault.shown for row in rows], pa.string()),
    ]
    columns += [pa.array([row.values[i] for row in rows], pa.string()) for i in range(width)]
    names = [*SYSTEM, *(f"s{index}" for index in range(width))]
    return pa.RecordBatch.from_arrays(columns, names=names)
