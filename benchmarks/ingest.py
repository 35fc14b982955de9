"""Validated ingest into the lake beside plain DuckDB writing the same file to Parquet."""

import tempfile
from pathlib import Path

import duckdb

from benchmarks.report import Row, alternate
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.kinds import find_kind
from pymc_vibes.settings import Settings
from pymc_vibes.store.lake import Lake

EVENTS = """
    SELECT TIMESTAMP '2023-01-01' + to_seconds(CAST(random() * 31536000 AS INTEGER)) AS timestamp,
           'cohort-' || CAST(CAST(floor(random() * 500) AS INTEGER) AS VARCHAR) AS cohort,
           'event-' || CAST(CAST(floor(random() * 6) AS INTEGER) AS VARCHAR) AS event
    FROM range({rows})
"""


def write_events(path: Path, rows: int) -> None:
    """Write made-up events to a Parquet or CSV file, by the ending of its name."""
    kind = "PARQUET" if path.suffix == ".parquet" else "CSV, HEADER"
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(f"COPY ({EVENTS.format(rows=rows)}) TO '{path}' (FORMAT {kind})")


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure rows per second."""
    rows = 50_000 if quick else 10_000_000
    repeats = 1 if quick else 3
    with tempfile.TemporaryDirectory() as folder:
        return "Ingest", [
            _measure(Path(folder), "parquet", rows, repeats),
            _measure(Path(folder), "csv", rows, repeats),
        ]


def _measure(folder: Path, ending: str, rows: int, repeats: int) -> Row:
    source = folder / f"events.{ending}"
    write_events(source, rows)
    lake = Lake.open(Settings(home=folder / f"home-{ending}"))
    kind = find_kind("poisson-cohorts")
    made = iter(range(1000))

    def ours() -> None:
        name = f"bench-{next(made)}"
        lake.create(name=name, display_name=name, kind=kind.slug, config={"exposure": "window"})
        lake.ingest(name, source, kind.schema, UploadOptions(format=ending))

    def peer() -> None:
        with duckdb.connect() as connection:
            target = folder / "copy.parquet"
            connection.execute(f"COPY (SELECT * FROM '{source}') TO '{target}' (FORMAT PARQUET)")  # noqa: S608  # our own file names

    took, copied = alternate(ours, peer, repeats=repeats)
    lake.close()
    return Row(
        work=f"{rows:,} rows of {ending}, validated and committed",
        ours=f"{rows / took / 1e6:.2f} M rows/s",
        peer=f"DuckDB COPY: {rows / copied / 1e6:.2f} M rows/s",
        ratio=f"{copied / took:.2f}x",
        target=">= 0.5x",
    )
