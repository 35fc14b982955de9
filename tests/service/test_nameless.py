"""Kinds over people answer for rows that name nobody: the lake's roster lists names only."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pymc_vibes.kinds import find_kind
from pymc_vibes.service import Service
from pymc_vibes.service.worlds import SEED, upload_table
from pymc_vibes.settings import Settings


def nameless(service: Service, slug: str) -> pa.Table:
    """Give the rows of one person of a simulated world, without the person's name."""
    _, events = service.world(slug, 500, SEED)
    first = events["user_id"][0]
    return events.filter(pc.equal(events["user_id"], first)).drop_columns("user_id")


@pytest.mark.parametrize("slug", ["interrupted-time-series", "n-of-1"])
@pytest.mark.parametrize("column", ["absent", "empty"])
def test_rows_without_a_name_are_one_series(tmp_path: Path, slug: str, column: str) -> None:
    service = Service.open(Settings(home=tmp_path))
    example = find_kind(slug).example
    config = example.model_dump(mode="json", include=set(example.model_fields_set))
    events = nameless(service, slug)
    if column == "empty":
        events = events.append_column("user_id", pa.nulls(len(events), pa.string()))
    service.create("mine", slug, config=config)

    upload_table(service, "mine", events)
    answer = service.analyze("mine")
    service.close()

    assert answer.summary.estimates
