"""Files that are small and become huge, and lines that the fast reader loses.

A reader is told how large a file is by the file itself. What is checked here is looked at, in one
pass over the bytes and without keeping them.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from pymc_vibes.core.errors import TooLarge, UnreadableFile
from pymc_vibes.store.csvrows import MAX_LINE_BYTES

PIECE = 1 << 20
FREE_BYTES = 256 * 2**20  # what any file may unpack to; events at most shrink about fifty-fold
MOST_RATIO = 200
FREE_ROWS = 50_000_000
MOST_ROWS_PER_BYTE = 20  # of a Parquet file: even days of nothing but equal events take more


def check_unpacked(path: Path) -> None:
    """Unpack a file to nowhere, and refuse it where it becomes out of all proportion."""
    most = max(FREE_BYTES, MOST_RATIO * path.stat().st_size)
    unpacked = 0
    rest = 0  # bytes since the last end of a line
    for piece in _pieces(path):
        unpacked += len(piece)
        rest = _rest(piece, rest)
        if unpacked > most:
            raise TooLarge(
                f"The file unpacks to more than {MOST_RATIO} times its size.",
                hint="Unpack it and send it in parts, or as Parquet.",
                limit=most,
            )
    _check_rest(rest)


def check_last_line(path: Path) -> None:
    """Refuse a file whose last line has no end in sight: the fast reader would leave it out."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - MAX_LINE_BYTES - 2))
        _check_rest(_rest(file.read(), 0))


def check_rows(rows: int, path: Path) -> None:
    """Refuse a Parquet file that holds more rows than its bytes can mean."""
    if rows > max(FREE_ROWS, MOST_ROWS_PER_BYTE * path.stat().st_size):
        raise TooLarge(
            f"The file claims {rows:,} rows in {path.stat().st_size:,} bytes.",
            hint="Count equal events instead of repeating them.",
            limit=FREE_ROWS,
        )


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"The file cannot be unpacked to its end: {error}.") from error


def _rest(piece: bytes, before: int) -> int:
    body = piece.rstrip(b"\r\n")
    end = max(body.rfind(b"\n"), body.rfind(b"\r"))
    length = len(body) - end - 1
    return length if end >= 0 else before + length


def _check_rest(rest: int) -> None:
    if rest > MAX_LINE_BYTES:
        raise UnreadableFile(
            f"The last line is longer than {MAX_LINE_BYTES:,} bytes.",
            hint="Is this a text file with line ends?",
        )
