"""CSV in Python: its shape, and its rows with their line numbers, whatever is wrong with them."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pymc_vibes.core.errors import UnreadableFile
from pymc_vibes.store.rows import Fault, Row

DELIMITERS = ",;\t|"
MAX_LINE_BYTES = 4 * 2**20  # a longer "line" is no line: nothing may be held without a bound
MAX_FIELD_CHARS = 131_072  # the csv module's own limit


@dataclass(frozen=True, kw_only=True)
class CsvShape:
    """What a CSV file looks like."""

    delimiter: str
    header: tuple[str, ...]
    skip: int
    """Blank lines before the header."""


def sniff(head: bytes, *, whole: bool) -> CsvShape:
    """Tell delimiter and header from the first bytes; `whole` says that they are the file."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile("The file is UTF-16.", hint="Save it as UTF-8.")
    lines = head.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    skip = next((index for index, line in enumerate(lines) if line.strip()), 0)
    # the last line of a cut sample may itself be cut
    kept = lines[skip:] if whole or len(lines) == skip + 1 else lines[skip:-1]
    text = b"".join(kept).decode(errors="replace")
    delimiter = max(DELIMITERS, key=lambda mark: _regularity(text, mark))
    try:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        header = []
    names = tuple(name.strip() for name in header)
    if not names or "\x00" in "".join(names):
        raise UnreadableFile(
            "The file has no header line that can be read.",
            hint="CSV, NDJSON, JSON and Parquet are understood.",
        )
    return CsvShape(delimiter=delimiter, header=names, skip=skip)


def csv_rows(file: BinaryIO, shape: CsvShape, width: int) -> Iterator[Row]:
    """Give every row after the header: its first line's number, its fault if any, its values."""
    lines = _Lines(file)
    empty: list[str | None] = [None] * width
    is_header = True
    while True:
        lines.begin()
        reader = csv.reader(lines, delimiter=shape.delimiter, strict=True)
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield Row(lines.first, Fault(_sentence(error), lines.shown()), empty)
            lines.retry_after_first()
            continue
        if fields is None:
            return
        if not fields:
            continue
        if is_header:
            is_header = False
            continue
        yield _row(fields, width, lines)


class _Lines:
    """Lines of a file as text, numbered, which can be given back after a failed record."""

    def __init__(self, file: BinaryIO) -> None:
        self._source = _physical_lines(file)
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._taken: list[tuple[int, bytes]] = []
        self.is_broken = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        numbered = self._waiting.popleft() if self._waiting else next(self._source)
        self._taken.append(numbered)
        try:
            return numbered[1].decode()
        except UnicodeDecodeError:
            self.is_broken = True
            return numbered[1].decode(errors="replace")

    @property
    def first(self) -> int:
        return self._taken[0][0]

    def begin(self) -> None:
        self._taken.clear()
        self.is_broken = False

    def retry_after_first(self) -> None:
        """Read again from the line after the one that began the failed record."""
        self._waiting.extendleft(reversed(self._taken[1:]))

    def shown(self) -> str:
        return self._taken[0][1].decode(errors="replace").strip()[:80]


def _physical_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES:
            raise UnreadableFile(
                f"Line {number + 1:,} is longer than {MAX_LINE_BYTES:,} bytes.",
                hint="Is this a text file with line ends?",
            )
        for part in _split_returns(line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line):
            number += 1
            yield number, part


def _split_returns(line: bytes) -> list[bytes]:
    """Split at the lone carriage returns of old files, which the csv module refuses."""
    if b"\r" not in line.removesuffix(b"\r\n"):
        return [line]
    return line.splitlines(keepends=True)


def _row(fields: list[str], width: int, lines: _Lines) -> Row:
    fault = None
    if len(fields) == width + 1 and not fields[-1]:
        fields.pop()  # a delimiter at the end of the line, as DuckDB allows it
    if lines.is_broken:
        fault = "The line is not UTF-8."
    elif len(fields) != width:
        counted = "1 field" if len(fields) == 1 else f"{len(fields):,} fields"
        fault = f"The line has {counted}, the header {width:,}."
    if fault is not None:
        return Row(lines.first, Fault(fault, lines.shown()), [None] * width)
    return Row(lines.first, None, [field or None for field in fields])


def _sentence(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text or "field larger" in text:
        return f"A quote is not closed, or a field is longer than {MAX_FIELD_CHARS:,} characters."
    return "A quoted field is followed by something other than a delimiter."


def _regularity(text: str, mark: str) -> tuple[int, int]:
    """Score a delimiter: in how many of the first rows it cuts as in the header, and how often."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark):
            if row:
                rows.append(len(row))
            if len(rows) == 20:
                break
    except csv.Error:
        return (0, 0)
    if not rows or rows[0] == 1:
        return (0, 0)
    return (sum(count == rows[0] for count in rows), rows[0])
