"""A windowed count by cohort through the lake beside the same SQL in plain DuckDB on Parquet."""

import tempfile
from pathlib import Path

import duckdb

from benchmarks.ingest import write_events
from benchmarks.report import Row, alternate, seconds
from pymc_vibes.core.config import parse
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.kinds import find_kind
from pymc_vibes.settings import Settings
from pymc_vibes.store.lake import Lake

SQL = """
    SELECT cohort, event, count(*) AS k FROM '{source}'
    WHERE timestamp >= TIMESTAMP '2023-03-01' AND timestamp < TIMESTAMP '2023-05-30'
    GROUP BY cohort, event
"""


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure the whole `reduce` of the rates kind, and the bare count, on the same events."""
    rows = 50_000 if quick else 10_000_000
    repeats = 2 if quick else 7
    kind = find_kind("poisson-cohorts")
    config = parse(kind.config, {"start": "2023-03-01", "end": "2023-05-30", "exposure": "window"})
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "events.parquet"
        write_events(source, rows)
        lake = Lake.open(Settings(home=Path(folder) / "home"))
        lake.create(name="bench", display_name="", kind=kind.slug, config={"exposure": "window"})
        lake.ingest("bench", source, kind.schema, UploadOptions(format="parquet"))
        experiment = lake.experiment("bench")

        def bare() -> None:
            with lake.reading(experiment) as view:
                events = view.events
                window = events.filter(
                    events.timestamp >= "2023-03-01", events.timestamp < "2023-05-30"
                )
                view.to_arrow(window.group_by("cohort", "event").agg(k=window.count()))

        def whole() -> None:
            with lake.reading(experiment) as view:
                view.to_arrow(kind.reduce(view.events, view.roster, config))

        def peer() -> None:
            with duckdb.connect() as connection:
                connection.execute(SQL.format(source=source)).fetch_arrow_table()

        counted, plain = alternate(bare, peer, repeats=repeats)
        reduced, plain_again = alternate(whole, peer, repeats=repeats)
        lake.close()
    return "Windowed count by cohort", [
        _row(f"count, 90 days of {rows:,} events", counted, plain),
        _row(
            "reduce of poisson-cohorts (with dispersion and silent cohorts)", reduced, plain_again
        ),
    ]


def _row(work: str, ours: float, peer: float) -> Row:
    return Row(
        work=work,
        ours=seconds(ours),
        peer=f"DuckDB on Parquet: {seconds(peer)}",
        ratio=f"{ours / peer:.2f}x",
        target="<= 1.3x, <= 0.1 s at 10^7 events",
    )
