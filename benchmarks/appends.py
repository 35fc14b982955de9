"""Single-row appends: what one costs beside a raw DuckLake insert, and what a thousand leave."""

import tempfile
from pathlib import Path

import duckdb

from benchmarks.report import Row, alternate, seconds
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.kinds import find_kind
from pymc_vibes.settings import Settings
from pymc_vibes.store.duck import literal
from pymc_vibes.store.lake import Lake

_INSERT = "INSERT INTO raw.events VALUES (TIMESTAMP '2024-03-01', 'A', 'fault')"


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Append rows one by one, in turn with a raw insert into a lake of its own."""
    rows = 25 if quick else 1000
    kind = find_kind("poisson-cohorts")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        lake = Lake.open(Settings(home=home))
        lake.create(name="bench", display_name="", kind=kind.slug, config={"exposure": "window"})
        source = Path(folder) / "one.ndjson"
        source.write_text('{"ts": "2024-03-01T00:00:00Z", "cohort": "A", "event": "fault"}\n')
        raw = _raw_lake(Path(folder), home)

        def ours() -> None:
            lake.ingest("bench", source, kind.schema, UploadOptions(format="ndjson"))

        def peer() -> None:
            raw.execute(_INSERT).fetchall()

        ours()  # the first makes the table
        took, inserted = alternate(ours, peer, repeats=rows)
        lake.compact()
        kept = lake.experiment("bench").rows
        files = len(list((home / "data").rglob("*.parquet")))
        lake.close()
        raw.close()
    return "Single-row appends", [
        Row(
            work=f"one row, durable ({rows} in turn), median",
            ours=seconds(took),
            peer=f"raw DuckLake insert: {seconds(inserted)}",
            ratio=f"{took / inserted:.1f}x",
            target="<= 1.3x",
        ),
        Row(
            work=f"files after compaction of {kept:,} rows, all tables of the lake",
            ours=f"{files}",
            target="<= 20 after 1 000",
        ),
    ]


def _raw_lake(folder: Path, home: Path) -> duckdb.DuckDBPyConnection:
    extensions = next((home / "extensions").iterdir()).parent
    raw = duckdb.connect(
        config={"extension_directory": str(extensions), "autoinstall_known_extensions": False}
    )
    raw.execute("SET enable_progress_bar = false")
    catalog, data = literal(f"ducklake:sqlite:{folder / 'raw.sqlite'}"), literal(f"{folder}/raw/")
    raw.execute(f"ATTACH {catalog} AS raw (DATA_PATH {data}, META_JOURNAL_MODE 'WAL')")
    raw.execute("CREATE TABLE raw.events (timestamp TIMESTAMP, cohort VARCHAR, event VARCHAR)")
    return raw
