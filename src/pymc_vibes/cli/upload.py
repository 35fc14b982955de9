"""Files and pipes on their way to the lake."""

import difflib
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pymc_vibes.cli.client import Client, part
from pymc_vibes.cli.misuse import Misuse
from pymc_vibes.core.errors import UnreadableFile

_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}


Columns = Annotated[
    list[str] | None,
    typer.Option("--map", help="Our column=source column; join several with +. Repeat."),
]
Constants = Annotated[
    list[str] | None,
    typer.Option("--set", "--constant", help="Our column=one value for every row. Repeat."),
]
Timezone = Annotated[str, typer.Option(help="IANA zone of times without an offset.")]
SkipBadRows = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Keep the good rows, write the bad ones aside.")
]
FileOption = Annotated[
    Path | None, typer.Option("--file", "-f", help="CSV, NDJSON, JSON or Parquet; - for stdin.")
]


def reading(
    columns: list[str] | None, constants: list[str] | None, timezone: str, *, skip: bool
) -> dict[str, Any]:
    """Say how a file is to be read, as parameters of the request."""
    return {
        "map": columns or [],
        "set": constants or [],
        "timezone": timezone,
        "skip_bad_rows": skip,
    }


def send(
    client: Client,
    name: str,
    file: Path | None,
    *,
    query: Mapping[str, Any],
    key: str | None = None,
    empty_is_fine: bool = False,
    path: str | None = None,
) -> Any:
    """Upload a file (None or `-`: stdin) and give the receipt; None where an empty pipe is fine."""
    headers = {"Content-Type": "application/octet-stream"}
    if key is not None:
        headers["Idempotency-Key"] = key
    with tempfile.TemporaryDirectory() as folder:
        source = _from_stdin(Path(folder)) if file is None or str(file) == "-" else file
        if not source.is_file():
            raise _missing(source)
        if source.stat().st_size == 0:
            if empty_is_fine:
                return None
            raise _empty(file)
        wanted = {"format": _FORMATS.get(source.suffix.lower()), **query}
        target = path or f"/api/v1/experiments/{part(name)}/events"
        return client.upload(target, source, headers=headers, query=wanted)


def _missing(file: Path) -> UnreadableFile:
    """Say what is wrong with a path, and which file beside it may be meant."""
    if file.is_dir():
        inside = sorted(one.name for one in file.iterdir() if one.suffix in _FORMATS)
        hint = f"Name a file in it: {file / inside[0]}" if inside else "Name a file."
        return UnreadableFile(f"{file} is a folder, not a file.", hint=hint)
    beside = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
    near = difflib.get_close_matches(file.name, beside, n=1)
    hint = (
        f"Did you mean {file.parent / near[0]}?"
        if near
        else f"Paths begin in {Path.cwd()}; there it is none of the files."
    )
    return UnreadableFile(f"{file} is not there.", hint=hint)


def _empty(file: Path | None) -> UnreadableFile:
    what = "What came through stdin" if file is None or str(file) == "-" else str(file)
    return UnreadableFile(
        f"{what} is empty.",
        hint="CSV needs a line with the names of the columns and a line for each row; "
        "`vibes generate KIND --output F` makes a file up.",
    )


def rows(count: int) -> str:
    """Count rows in words.

    >>> rows(1), rows(1234)
    ('1 row', '1,234 rows')
    """
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def save(content: bytes, output: Path) -> None:
    """Write a file, or raise `Misuse` where it cannot be written."""
    try:
        output.write_bytes(content)
    except OSError as error:
        raise Misuse(
            f"{output} cannot be written: {error.strerror or error}.",
            hint="Check that the folder is there and yours.",
        ) from error


def _from_stdin(folder: Path) -> Path:
    if sys.stdin.isatty():
        raise UnreadableFile(
            "There is nothing on stdin.",
            hint="Name a file with --file F, or pipe one in: "
            "vibes generate KIND | vibes events upload NAME",
        )
    target = folder / "stdin"
    with target.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    return target
