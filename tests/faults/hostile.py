"""Hostile files, and a process that takes them in and says what became of it.

`python -m tests.faults.hostile FOLDER` writes one line of JSON per file: the outcome, and by how
many MB the peak of its memory rose. A process of its own, because a file that is not survived must
be seen.
"""

import gzip
import io
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

HEAD = b"ts,cohort,event,count\n"
GOOD = b"2026-01-01,a,x,1\n"
JSON_ROW = b'{"ts": "2026-01-01", "cohort": "a", "event": "x"}\n'
MB = 1_000_000
MUTANTS = 150
SEED = 20_260_101

type File = tuple[str, bytes]


def parquet(columns: Mapping[str, Any], **options: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def rows_of_one_value(rows: int, text: str) -> bytes:
    """Write so many equal rows, which take next to no space."""
    import numpy as np
    import pyarrow as pa

    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int8")), pa.array([text]))
    day = pa.array(np.zeros(rows, "int64"), pa.timestamp("us"))
    columns = {"ts": day, "cohort": same, "event": same}
    return parquet(columns, compression="zstd", dictionary_pagesize_limit=1 << 30)


def many_times(rows: int, times: int) -> bytes:
    """Write equal rows again and again as groups of one file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(rows_of_one_value(rows, "a")))
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, pa.schema(table.schema), compression="zstd") as writer:
        for _ in range(times):
            writer.write_table(table)
    return sink.getvalue()


def lying(good: bytes) -> bytes:
    """Claim that the description of a Parquet file is longer than the file."""
    return good[:-8] + (2**31 - 1).to_bytes(4, "little") + good[-4:]


def small_parquet() -> bytes:
    return parquet({"ts": ["2026-01-01"] * 50, "cohort": list("ab") * 25, "event": ["x"] * 50})


def listed(count: int, made: Callable[[int], bytes], between: bytes = b",") -> bytes:
    return between.join(made(number) for number in range(count))


def big_row(_number: int) -> bytes:
    return b'{"ts": "2026-01-01", "event": "x", "cohort": "' + b"a" * MB + b'"}'


FILES: Mapping[str, Callable[[], File]] = {
    "a bomb of rows": lambda: ("a.csv.gz", gzip.compress(HEAD + GOOD * (300 * MB // 17))),
    "a bomb of lines of JSON": lambda: ("a.ndjson.gz", gzip.compress(JSON_ROW * (6 * MB))),
    "a bomb of nothing": lambda: ("a.csv.gz", gzip.compress(bytes(300 * MB))),
    "a bomb in a bomb": lambda: ("a.csv.gz", gzip.compress(gzip.compress(bytes(50 * MB)))),
    "a cut bomb": lambda: ("a.csv.gz", gzip.compress(HEAD + GOOD * MB)[:-2000]),
    "an archive": lambda: ("a.zip", b"PK\x03\x04" + bytes(1000)),
    "a line without end": lambda: ("a.csv", HEAD + b"2026-01-01," + b"a" * (60 * MB) + b",x,1\n"),
    "a first line without end": lambda: ("a.csv", b"a" * (60 * MB)),
    "an endless line before good ones": lambda: (
        "a.csv",
        HEAD + b"2026-01-01," + b"a" * (40 * MB) + b",x,1\n" + GOOD * 20_000,
    ),
    "an endless line after good ones": lambda: (
        "a.csv",
        HEAD + GOOD * 20_000 + b"2026-01-01," + b"a" * (40 * MB) + b",x,1\n",
    ),
    "a quote without end": lambda: ("a.csv", HEAD + b'2026-01-01,"' + b"a\n" * (10 * MB)),
    "quotes only": lambda: ("a.csv", HEAD + b'"' * (30 * MB)),
    "quotes that open on every line": lambda: ("a.csv", HEAD + b'"a\n' * MB),
    "returns only": lambda: ("a.csv", HEAD + b"a\r" * (20 * MB)),
    "line ends only": lambda: ("a.csv", b"\n" * (50 * MB)),
    "blanks only": lambda: ("a.json", b" " * (50 * MB)),
    "NULs only": lambda: ("a.csv", bytes(50 * MB)),
    "100,000 columns": lambda: ("a.csv", listed(100_000, lambda i: b"c%d" % i) + b"\n1\n"),
    "100,000 commas": lambda: ("a.csv", b"," * 100_000 + b"\n1\n"),
    "100,000 fields": lambda: (
        "a.json",
        b"[{" + listed(100_000, lambda i: b'"c%d": 1' % i) + b"}]",
    ),
    "100,000 fields of 1 kB": lambda: (
        "a.json",
        b"{" + listed(100_000, lambda i: b'"c%d": "%s"' % (i, b"v" * 1000)) + b"}",
    ),
    "100,000 fields of 1 kB on lines of their own": lambda: (
        "a.json",
        b"{\n" + listed(100_000, lambda i: b'"c%d": "%s"' % (i, b"v" * 1000), b",\n") + b"}",
    ),
    "5,000 columns of Parquet": lambda: ("a.parquet", parquet({f"c{i}": [1] for i in range(5000)})),
    "a line of JSON without end": lambda: (
        "a.ndjson",
        b'{"ts": "2026-01-01", "event": "x", "cohort": "' + b"a" * (60 * MB) + b'"}\n',
    ),
    "a text of JSON without end": lambda: ("a.json", b'[{"ts": "' + b"a" * (60 * MB) + b'"}]'),
    "large rows, line by line": lambda: ("a.ndjson", listed(150, big_row, b"\n")),
    "large rows in a list": lambda: ("a.json", b"[" + listed(150, big_row) + b"]"),
    "wide rows with a bad one": lambda: (
        "a.csv",
        HEAD.strip()
        + b"".join(b",c%d" % i for i in range(190))
        + b"\n"
        + (GOOD.strip() + b",1" * 190 + b"\n") * 20_000
        + b"bad\n",
    ),
    "lists in lists": lambda: ("a.json", b"[" * (20 * MB)),
    "objects in objects": lambda: ("a.json", b'{"a":' * (5 * MB)),
    "lists in a value": lambda: (
        "a.ndjson",
        JSON_ROW + b'{"ts": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n",
    ),
    "a number of 5,000,000 digits": lambda: (
        "a.json",
        b'[{"ts": "2026-01-01", "cohort": "a", "event": "x", "count": ' + b"9" * (5 * MB) + b"}]",
    ),
    "1e400": lambda: (
        "a.json",
        b'[{"ts": "2026-01-01", "cohort": "a", "event": "x", "exposure": 1e400}]',
    ),
    "a million bad rows": lambda: ("a.csv", HEAD + b"never,a,x,1\n" * MB),
    "sixty million equal rows": lambda: ("a.parquet", many_times(2 * MB, 30)),
    "a value of 5 MB in 20,000 rows": lambda: (
        "a.parquet",
        rows_of_one_value(20_000, "y" * (5 * MB)),
    ),
    "Parquet that lies of its end": lambda: ("a.parquet", lying(small_parquet())),
    "Parquet in name": lambda: ("a.parquet", HEAD + GOOD),
    **{
        f"cut Parquet {cut}": (lambda cut=cut: ("a.parquet", small_parquet()[:cut]))  # type: ignore[misc]
        for cut in (0, 4, 8, 100, 500, -1, -4, -8, -9, -100)
    },
}


def mutants() -> Iterator[tuple[str, File]]:
    """Change a few bytes of good files at random."""
    rng = random.Random(SEED)  # noqa: S311  # no secret
    good = [
        ("a.parquet", small_parquet()),
        ("a.csv", HEAD + GOOD * 50),
        ("a.ndjson", JSON_ROW * 50),
        ("a.csv.gz", gzip.compress(HEAD + GOOD * 50)),
    ]
    for number in range(MUTANTS):
        name, content = good[number % len(good)]
        changed = bytearray(content)
        for _ in range(rng.randint(1, 6)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        yield f"mutant {number} of {name}", (name, bytes(changed))


def status(field: str) -> float:
    """Give a figure of this process's memory, in MB."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{field}:")[2].split()[0]) / 1024


def main(folder: Path) -> None:
    """Take in every file, and write what became of it."""
    from pymc_vibes.core.errors import VibesError
    from tests.store.lake_worlds import NAME, make, open_lake, put

    with open_lake(folder / "home", threads=2) as lake:
        make(lake)
        put(lake, folder, HEAD + GOOD)
        for case, (name, content) in files():
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
            before, rows = status("VmRSS"), lake.experiment(NAME).rows
            try:
                outcome: Any = put(lake, folder, content, filename=name).ingested
            except VibesError as error:
                outcome = [error.status, type(error).__name__, error.detail[:200]]
            added = lake.experiment(NAME).rows - rows
            rise = status("VmHWM") - before
            line = {"case": case, "outcome": outcome, "added": added, "mb": rise}
            sys.stdout.write(f"{json.dumps(line)}\n")
            sys.stdout.flush()


def files() -> Iterator[tuple[str, File]]:
    """Make the files one by one: all of them together would not fit."""
    for case, made in FILES.items():
        yield case, made()
    yield from mutants()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
