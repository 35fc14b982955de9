"""From the body of a request to a file on disk, in pieces, under a limit.

A body is the file itself (its format told by Content-Type or by its content) or a multipart form
with one file in it. The staged file is removed when the request is over, whatever happened.
"""

import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from pymc_vibes.core.errors import BadRequest, UnreadableFile, UnsupportedFormat
from pymc_vibes.core.experiment import FileFormat, UploadOptions
from pymc_vibes.settings import Settings

PIECE = 2**20
FOLDER = "incoming"

_FORMATS: dict[str, FileFormat] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/x-jsonlines": "ndjson",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
}
# what tools send when nobody told them: the content decides
_UNTOLD = frozenset(
    {"", "application/octet-stream", "text/plain", "application/x-www-form-urlencoded"}
)
MEDIA_TYPES = (*_FORMATS, "application/octet-stream", "multipart/form-data")


@dataclass(frozen=True, kw_only=True)
class Staged:
    """An upload on disk."""

    path: Path
    filename: str | None
    format: FileFormat | None
    """None: tell from name and content."""


async def stage(request: Request) -> AsyncIterator[Staged]:
    """Write the body to a file of ours and remove it afterwards."""
    settings: Settings = request.app.state.settings
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedFormat(
            "Compressed bodies are not read.", hint="Send the file as it is, or as Parquet."
        )
    folder = settings.home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as private:
        path = Path(private) / "upload"
        with path.open("wb") as file:
            filename, told = await _receive(request, file)
        if path.stat().st_size == 0:
            raise UnreadableFile(
                "The upload is empty.",
                hint="Send the file as the body: `curl --data-binary @FILE`.",
            )
        yield Staged(path=path, filename=filename, format=told)


StagedDep = Annotated[Staged, Depends(stage)]


async def _receive(request: Request, file: IO[bytes]) -> tuple[str | None, FileFormat | None]:
    kind = _media_type(request.headers.get("content-type", ""))
    if kind == "multipart/form-data":
        return await _receive_form(request, file)
    told = told_format(kind)
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= PIECE:
            await run_in_threadpool(file.write, bytes(held))
            held.clear()
    file.write(held)
    return None, told


async def _receive_form(request: Request, file: IO[bytes]) -> tuple[str, FileFormat | None]:
    async with request.form() as form:
        files = [field for _, field in form.multi_items() if isinstance(field, UploadFile)]
        if len(files) != 1:
            raise BadRequest(
                f"The form must hold one file, has {len(files)}.", hint="`curl -F file=@data.csv`"
            )
        while piece := await files[0].read(PIECE):
            await run_in_threadpool(file.write, piece)
    kind = _media_type(files[0].content_type or "")
    return files[0].filename or "upload", _FORMATS.get(kind)


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def told_format(kind: str) -> FileFormat | None:
    """Give the format that a media type names; None where the content must tell."""
    if kind in _UNTOLD:
        return None
    if kind not in _FORMATS:
        raise UnsupportedFormat(
            f"{kind[:80]!r} is not a format of events.",
            hint="Send text/csv, application/json, application/x-ndjson or Parquet.",
        )
    return _FORMATS[kind]


def read_options(
    *,
    told: FileFormat | None,
    mapping: list[str],
    constants: list[str],
    timezone: str,
    skip_bad_rows: bool,
    idempotency_key: str | None,
) -> UploadOptions:
    """Build the options of an upload from texts such as `cohort=model+year`."""
    pairs = [_pair("map", text) for text in mapping]
    return UploadOptions(
        format=told,
        mapping={column: _sources(given) for column, given in pairs},
        constants=dict(_pair("set", text) for text in constants),
        timezone=timezone,
        skip_bad_rows=skip_bad_rows,
        idempotency_key=idempotency_key,
    )


def _sources(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace(",", "+").split("+") if part.strip())


def _pair(parameter: str, text: str) -> tuple[str, str]:
    column, sign, given = text.partition("=")
    if not sign or not column.strip() or not given.strip():
        raise BadRequest(
            f"{parameter}={text[:80]!r} cannot be read.",
            hint="Write map=OUR_COLUMN=THEIR_COLUMN, set=OUR_COLUMN=VALUE.",
        )
    return column.strip(), given.strip()
