"""Arrow tables as downloads, in pieces: CSV, NDJSON, JSON, Parquet."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    import pyarrow as pa

type TableFormat = Literal["json", "ndjson", "csv", "parquet"]
MEDIA_TYPES: dict[str, str] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
BATCH = 20_000


def table_response(table: "pa.Table", form: TableFormat, name: str) -> Response:
    """Answer with a table as a download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    if form == "parquet":
        return Response(parquet_bytes(table), media_type=MEDIA_TYPES[form], headers=headers)
    pieces = {"json": _json, "ndjson": _ndjson, "csv": _csv}[form](table)
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=headers)


def parquet_bytes(table: "pa.Table") -> bytes:
    """Write a table as a Parquet file."""
    import pyarrow.parquet as pq

    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _csv(table: "pa.Table") -> Iterator[bytes]:
    import pyarrow.csv as pc

    with_header = True
    for batch in table.to_batches(max_chunksize=BATCH) or [table]:
        sink = BytesIO()
        pc.write_csv(batch, sink, pc.WriteOptions(include_header=with_header))
        with_header = False
        yield sink.getvalue()


def _ndjson(table: "pa.Table") -> Iterator[bytes]:
    for batch in table.to_batches(max_chunksize=BATCH):
        yield "".join(f"{_text(row)}\n" for row in batch.to_pylist()).encode()


def _json(table: "pa.Table") -> Iterator[bytes]:
    yield b"["
    between = ""
    for batch in table.to_batches(max_chunksize=BATCH):
        rows = ",\n".join(_text(row) for row in batch.to_pylist())
        if rows:
            yield f"{between}{rows}".encode()
            between = ",\n"
    yield b"]\n"


def _text(row: dict[str, Any]) -> str:
    present = {name: value for name, value in row.items() if value is not None}
    return json.dumps(present, default=_plain, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
