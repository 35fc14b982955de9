"""Which column of a file becomes which column of an experiment."""

from pathlib import Path
from typing import Any

import pytest

from pymc_vibes.core.errors import SchemaMismatch
from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import NAME, column, make, put

CSV = "ts,cohort,event,count\n2026-01-01T10:00:00Z,a,x,2\n2026-01-02,b,y,\n"


@pytest.fixture
def lake(shared: Lake) -> Lake:
    """One lake serves this module: opening one takes longer than most of these tests."""
    for experiment in shared.experiments():
        shared.delete(experiment.name)
    make(shared)
    return shared


def test_columns_are_mapped_joined_and_filled(lake: Lake, tmp_path: Path) -> None:
    content = "date,make,model,calls\n2026-01-01,Ford,Ka,3\n2026-01-02,Ford,,4\n"
    receipt = put(
        lake,
        tmp_path,
        content,
        mapping={"timestamp": ("date",), "cohort": ("make", "model"), "count": ("calls",)},
        constants={"event": "call"},
    )
    assert column(lake, "cohort") == ["Ford | Ka", "Ford | "]
    assert column(lake, "event") == ["call", "call"]
    assert column(lake, "count") == [3, 4]
    assert receipt.columns == {
        "date": "timestamp",
        "make": "cohort",
        "model": "cohort",
        "calls": "count",
    }


def test_unknown_columns_are_kept_as_text(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, "ts,cohort,event,Zip Code,zip_code,_id,rowid\n2026-01-01,a,x,01234,2,3,4\n")
    put(lake, tmp_path, "ts,cohort,event,other\n2026-01-02,a,x,=1\n")
    found = lake.preview(NAME)
    extras = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert extras[0]["zip_code"] == "01234"
    assert extras[0]["rowid_2"] == "4"
    assert (extras[0]["zip_code_2"], extras[0]["id"]) == ("2", "3")
    assert (extras[1]["other"], extras[1]["zip_code"]) == ("=1", None)


def test_too_many_unknown_columns_are_refused(lake: Lake, tmp_path: Path) -> None:
    for start, fits in ((0, True), (0, True), (150, False)):
        names = [f"extra{start + i}" for i in range(150)]
        content = ",".join(["ts", "cohort", "event", *names]) + "\n2026-01-01,a,b" + ",1" * 150
        if fits:
            put(lake, tmp_path, content)
            continue
        with pytest.raises(SchemaMismatch, match="at most 200"):
            put(lake, tmp_path, content)
    assert lake.experiment(NAME).rows == 2


def test_two_columns_of_one_meaning_are_refused(lake: Lake, tmp_path: Path) -> None:
    content = "ts,timestamp,cohort,event\n2026-01-01,2026-01-02,a,x\n"
    with pytest.raises(SchemaMismatch, match="both mean timestamp"):
        put(lake, tmp_path, content)
    put(lake, tmp_path, content, mapping={"timestamp": ("timestamp",)})
    assert column(lake, "timestamp") == ["2026-01-02T00:00:00.000000Z"]


def test_a_missing_column_is_named_with_a_way_out(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch) as refusal:
        put(lake, tmp_path, "date,cohorte,calls\n2026-01-01,x,3\n")
    assert refusal.value.extras["missing"] == ["timestamp", "cohort", "event"]
    assert refusal.value.extras["found"] == ["date", "cohorte", "calls"]
    assert "--map" in (refusal.value.hint or "")
    assert "timestamp=date" in (refusal.value.hint or "")
    assert "cohort=cohorte" in (refusal.value.hint or "")
    assert "event=COLUMN" in (refusal.value.hint or "")


@pytest.mark.parametrize(
    "options",
    [
        {"mapping": {"nothing": ("ts",)}},
        {"mapping": {"cohort": ("no such",)}},
        {"mapping": {"event": ("event", "cohort")}},
        {"mapping": {"event": ("event",)}, "constants": {"event": "x"}},
        {"constants": {"colour": "red"}},
    ],
)
def test_a_mapping_that_cannot_be_is_refused(
    lake: Lake, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(SchemaMismatch):
        put(lake, tmp_path, CSV, **options)
