"""A question that does not fit into memory spills to disk, or is refused in words."""

from pathlib import Path

import pytest

from pymc_vibes.core.errors import Unavailable
from tests.store.lake_worlds import make, open_lake, put

EVENTS = "ts,cohort,event\n2024-03-01,A,fault\n"
# four million groups need some 300 MB: more than either lake below may hold
GROUPS = "SELECT i % 4000000 AS key, count(*) AS k FROM range(5000000) t(i) GROUP BY key ORDER BY k"


def test_what_does_not_fit_into_memory_spills_to_disk(tmp_path: Path) -> None:
    with open_lake(tmp_path / "home", memory_limit="150MB", threads=2) as lake:
        make(lake)
        put(lake, tmp_path, EVENTS)
        with lake.reading(lake.experiment("observations")) as view:
            counted = view.connection.sql(GROUPS, schema={"key": "int64", "k": "int64"})
            total = view.to_arrow(counted.agg(rows=counted.k.sum()))

        assert total["rows"].to_pylist() == [5_000_000]
        assert (tmp_path / "home" / "spill").is_dir()


def test_what_fits_nowhere_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with open_lake(tmp_path / "home", memory_limit="30MB", threads=4) as lake:
        make(lake)
        put(lake, tmp_path, EVENTS)
        with lake.reading(lake.experiment("observations")) as view:
            counted = view.connection.sql(GROUPS, schema={"key": "int64", "k": "int64"})
            with pytest.raises(Unavailable) as caught:
                view.to_arrow(counted)

    assert "VIBES_MEMORY_LIMIT" in str(caught.value.hint)
