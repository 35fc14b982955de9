"""A schema of rates and small files of its events, for the tests of the lake."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymc_vibes.core.experiment import Receipt, UploadOptions
from pymc_vibes.core.schema import Column, Decides, Pattern, Schema
from pymc_vibes.settings import Settings
from pymc_vibes.store.lake import Lake, prepare_lake
from tests.servers import Bucket

NAME = "observations"

RATES = Schema(
    columns=(
        Column(
            name="timestamp",
            type="instant",
            about="When.",
            role="time",
            required=True,
            aliases=("ts", "time"),
        ),
        Column(
            name="cohort",
            type="string",
            about="Who.",
            role="entity",
            required=True,
            joinable=True,
        ),
        Column(
            name="event",
            type="string",
            about="What.",
            role="entity",
            required=True,
            aliases=("event_type",),
        ),
        Column(name="count", type="integer", about="How many.", role="count", low=0),
        Column(
            name="exposure",
            type="number",
            about="Out of how much.",
            role="exposure",
            low=0,
            low_open=True,
            decides=Decides(field="exposure", present="measured", absent="window"),
        ),
    )
)

TRIALS = Schema(
    columns=(
        Column(name="variant", type="string", about="Arm.", role="group", required=True),
        Column(name="outcome", type="boolean", about="Success.", role="outcome"),
        Column(name="trials", type="integer", about="Trials.", low=0, high=1000),
        Column(name="successes", type="integer", about="Successes.", low=0),
        Column(name="revenue", type="number", about="Money."),
        Column(name="timestamp", type="instant", about="When.", role="time"),
    ),
    patterns=(Pattern(prefix="act_", type="number", about="Activity.", low=0),),
    one_of=(("outcome",), ("trials", "successes")),
    at_most=(("successes", "trials"),),
)


@dataclass(frozen=True, kw_only=True)
class World:
    """Where a lake is."""

    settings: Settings
    bucket: Bucket | None

    @classmethod
    def create(
        cls, home: Path, *, catalog: str = "", bucket: Bucket | None = None, **others: Any
    ) -> "World":
        """Make a lake whose catalog is at that address, and whose data are in that bucket."""
        data = {"data": f"s3://{bucket.bucket}/lake", **bucket.settings()} if bucket else {}
        settings = Settings(home=home, catalog=catalog, **data, **others)
        prepare_lake(settings)
        return cls(settings=settings, bucket=bucket)

    def files(self) -> set[str]:
        """Name the Parquet files of the lake's data."""
        if self.bucket is not None:
            return {key for key in self.bucket.objects() if key.endswith(".parquet")}
        return {str(path) for path in Path(self.settings.data_place).rglob("*.parquet")}


def open_lake(home: Path, **settings: Any) -> Lake:
    return Lake.open(Settings(home=home, **settings))


def make(lake: Lake, name: str = NAME, config: Mapping[str, Any] | None = None) -> None:
    lake.create(name=name, display_name=name.title(), kind="poisson-cohorts", config=config or {})


def put(
    lake: Lake,
    folder: Path,
    content: str | bytes | list[dict[str, Any]],
    *,
    schema: Schema = RATES,
    name: str = NAME,
    filename: str = "events.csv",
    required: frozenset[str] = frozenset(),
    **options: Any,
) -> Receipt:
    path = folder / filename
    if isinstance(content, list):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lake.ingest(
        name, path, schema, UploadOptions(**options), required=required, filename=filename
    )


def events(lake: Lake, name: str = NAME, snapshot: int | None = None) -> list[dict[str, Any]]:
    with lake.reading(lake.experiment(name), snapshot) as view:
        rows: list[dict[str, Any]] = view.to_arrow(view.events).to_pylist()
    return rows


def column(lake: Lake, which: str, name: str = NAME) -> list[Any]:
    preview = lake.preview(name, limit=10_000)
    place = preview.columns.index(which)
    return [row[place] for row in preview.rows]
