"""The lake keeps experiments and their events, every state of them."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pymc_vibes.core.errors import (
    BadName,
    ExperimentExists,
    ExperimentNotFound,
    InsufficientData,
    SnapshotNotFound,
)
from pymc_vibes.store.lake import Lake
from pymc_vibes.store.layout import RESERVED
from pymc_vibes.store.upkeep import new_id
from tests.store.lake_worlds import (
    NAME,
    RATES,
    TRIALS,
    World,
    column,
    events,
    make,
    open_lake,
    put,
)

ONE = "ts,cohort,event\n2026-01-01,a,x\n"
TWO = "ts,cohort,event,count\n2026-01-03,b,x,2\n2026-01-02T12:00:00Z,a,y,3\n"


@pytest.fixture
def lake(everywhere: Lake) -> Lake:
    return everywhere


def test_a_new_experiment_is_empty_and_listed(lake: Lake) -> None:
    make(lake, "another", {"level": 0.9})
    found = lake.experiment("ANOTHER ")
    assert [experiment.name for experiment in lake.experiments()] == ["another", NAME]
    assert (found.rows, found.first, found.version, found.config) == (0, None, 0, {"level": 0.9})


@pytest.mark.parametrize("name", ["", "../x", "a b", "ü", "x" * 65, "-x", "a/b", 'a"b'])
def test_a_name_that_is_no_slug_is_refused(lake: Lake, name: str) -> None:
    with pytest.raises(BadName):
        make(lake, name)


def test_names_are_one_without_regard_to_case(lake: Lake) -> None:
    with pytest.raises(ExperimentExists):
        make(lake, NAME.upper())


def test_what_is_not_there_is_said(lake: Lake, tmp_path: Path) -> None:
    for ask in (lake.experiment, lake.delete, lake.preview, lake.inspect):
        with pytest.raises(ExperimentNotFound):
            ask("nobody")
    with pytest.raises(ExperimentNotFound):
        put(lake, tmp_path, ONE, name="nobody")


def test_the_record_follows_the_events(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, TWO)
    first = lake.experiment(NAME)
    put(lake, tmp_path, ONE)
    second = lake.experiment(NAME)
    assert (first.rows, second.rows) == (2, 3)
    assert str(first.first) == "2026-01-02 12:00:00+00:00"
    assert str(second.first) == "2026-01-01 00:00:00+00:00"
    assert str(second.last) == "2026-01-03 00:00:00+00:00"
    assert second.version == first.version + 1
    assert second.updated >= first.updated
    assert second.snapshot == lake.version()


def test_it_is_all_there_after_reopening(world: World, tmp_path: Path) -> None:
    with Lake.open(world.settings) as lake:
        make(lake)
        put(lake, tmp_path, TWO)
        before = lake.experiments(), events(lake)
    with Lake.open(world.settings) as lake:
        assert (lake.experiments(), events(lake)) == before


def test_two_openings_in_one_process_see_each_other(
    world: World, lake: Lake, tmp_path: Path
) -> None:
    with Lake.open(world.settings) as other:
        put(other, tmp_path, ONE)
        put(lake, tmp_path, TWO)
        assert other.experiment(NAME).rows == 3
        assert lake.experiments() == other.experiments()


def test_a_moved_home_still_has_its_events(tmp_path: Path) -> None:
    with open_lake(tmp_path / "old") as lake:
        make(lake)
        put(lake, tmp_path, TWO)
        lake.compact()
    (tmp_path / "old").rename(tmp_path / "new")
    with open_lake(tmp_path / "new") as lake:
        assert len(events(lake)) == 2


def test_an_old_snapshot_gives_the_old_events(lake: Lake, tmp_path: Path) -> None:
    old = put(lake, tmp_path, ONE).snapshot
    put(lake, tmp_path, TWO + '2026-01-02,c,"x"\n'.replace('"x"', "x,1"))
    lake.compact()
    assert [row["cohort"] for row in events(lake, snapshot=old)] == ["a"]
    with lake.reading(lake.experiment(NAME), old) as view:
        assert view.extent.rows == 1
        assert view.to_arrow(view.roster).to_pylist() == [{"cohort": "a", "event": "x"}]
    assert len(events(lake)) == 4


def test_a_view_does_not_change_while_events_arrive(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, ONE)
    with lake.reading(lake.experiment(NAME)) as view:
        put(lake, tmp_path, TWO)
        assert view.to_arrow(view.events).num_rows == 1 == view.extent.rows


def test_a_snapshot_that_is_not_there_is_said(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, ONE)
    with pytest.raises(SnapshotNotFound), lake.reading(lake.experiment(NAME), 999) as view:
        view.to_arrow(view.events)


def test_no_events_yet_is_said(lake: Lake) -> None:
    with pytest.raises(InsufficientData), lake.reading(lake.experiment(NAME)):
        raise AssertionError
    assert lake.preview(NAME).total == 0


def test_declared_columns_are_there_though_the_data_never_had_them(
    lake: Lake, tmp_path: Path
) -> None:
    put(lake, tmp_path, ONE)
    with lake.reading(lake.experiment(NAME), schema=TRIALS) as view:
        [row] = view.to_arrow(view.events).to_pylist()
    assert row["count"] is None
    assert row["exposure"] is None
    assert row["revenue"] is None


def test_the_roster_holds_each_entity_once(lake: Lake, tmp_path: Path) -> None:
    for content in (ONE, TWO, ONE, TWO):
        put(lake, tmp_path, content)
    many = "".join(f"2026-01-01,{'ab'[i % 2]},{'xyz'[i % 3]}\n" for i in range(30_000))
    put(lake, tmp_path, "ts,cohort,event\n" + many)
    put(lake, tmp_path, ONE + "2026-01-01,z,z\n")
    with lake.reading(lake.experiment(NAME)) as view:
        rows = view.to_arrow(view.roster).to_pylist()
    pairs = sorted(row["cohort"] + row["event"] for row in rows)
    assert pairs == ["ax", "ay", "az", "bx", "by", "bz", "zz"]


def test_a_schema_without_entities_has_no_roster(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, "variant,outcome\na,1\n", schema=TRIALS)
    with lake.reading(lake.experiment(NAME)) as view:
        assert view.roster is None


def test_a_preview_is_in_order_of_time_then_arrival(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, "ts,cohort,event\n2026-01-02,late,x\n2026-01-01,p,x\n2026-01-01,q,x\n")
    put(lake, tmp_path, "ts,cohort,event\n2026-01-01,r,x\n")
    assert column(lake, "cohort") == ["p", "q", "r", "late"]
    page = lake.preview(NAME, limit=2, offset=1)
    assert page.total == 4
    assert [row[1] for row in page.rows] == ["q", "r"]
    assert json.loads(page.model_dump_json())["rows"][0][0] == "2026-01-01T00:00:00.000000Z"


def test_a_config_can_be_changed(lake: Lake) -> None:
    changed = lake.set_config(NAME, {"unit": "hour", "prior": {"a": 1.5}})
    assert lake.experiment(NAME) == changed
    assert changed.config == {"unit": "hour", "prior": {"a": 1.5}}
    assert changed.version == 1


def test_a_deleted_name_can_be_used_again(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, ONE, idempotency_key="k")
    old = lake.experiment(NAME)
    lake.delete(NAME)
    assert lake.experiments() == ()
    make(lake)
    put(lake, tmp_path, TWO, idempotency_key="k")
    new = lake.experiment(NAME)
    assert new.id != old.id
    assert (new.rows, len(events(lake))) == (2, 2)


def test_every_experiment_is_a_view_of_its_own_name(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, ONE)
    put(lake, tmp_path, "ts,cohort,event,More Info\n2026-01-01,a,x,hello\n")
    with lake.reading(lake.experiment(NAME)) as view:
        seen = view.connection.raw_sql(f'FROM lake."{NAME}"').fetchall()
    assert len(seen) == 2
    assert len(seen[0]) == len(RATES.columns) + 1


def test_tables_are_shown_by_experiment(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, ONE)
    make(lake, "empty")
    empty, full = lake.tables()
    assert (empty.experiment, empty.rows, empty.columns) == ("empty", 0, {})
    assert full == lake.inspect(NAME)
    assert full.table == f"e_{lake.experiment(NAME).id}"
    assert full.columns["timestamp"] == "TIMESTAMP"


def test_snapshots_are_listed_newest_first(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, ONE)
    put(lake, tmp_path, ONE)
    newest, before = lake.snapshots(2)
    assert newest.id == lake.version() == before.id + 1
    assert newest.message == f"{NAME}: 1 rows"
    assert newest.time.utcoffset() is not None


def test_many_small_appends_are_few_files_after_compaction(
    world: World, lake: Lake, tmp_path: Path
) -> None:
    for _ in range(25):
        put(lake, tmp_path, TWO)
    before = events(lake)
    lake.compact()
    assert len(world.files()) <= 20
    assert sorted(map(str, events(lake))) == sorted(map(str, before))
    assert lake.experiment(NAME).rows == 50


def test_a_csv_export_runs_no_formula(lake: Lake, tmp_path: Path) -> None:
    risky = ["=1+1", "+1+1", "-1-x", "@x", "\tx", "\r=1", "-2+3e4+cmd|' /C calc'!A0", "--1", "- 1"]
    harmless = ["-1", "+1", "-0.5", "-1e-9", "plain", 'q"uote', "new\nline", "1=1", "1-1"]
    put(lake, tmp_path, [{"ts": "2026-01-01", "cohort": c, "event": "e"} for c in risky + harmless])
    lake.export(NAME, "csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        cohorts = [row["cohort"] for row in csv.DictReader(file)]
    assert cohorts == [f"'{text}" for text in risky] + harmless


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_an_export_can_be_uploaded_again(lake: Lake, tmp_path: Path, form: str) -> None:
    put(lake, tmp_path, TWO + "2026-01-01T10:00:00.123456Z,=c,x,1\n")
    lake.export(NAME, form, tmp_path / f"out.{form}")
    make(lake, "again")
    put(
        lake,
        tmp_path,
        (tmp_path / f"out.{form}").read_bytes(),
        name="again",
        filename=f"in.{form}",
    )
    assert lake.preview("again").rows == lake.preview(NAME).rows


def test_an_exported_parquet_file_is_typed(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, TWO)
    lake.export(NAME, "parquet", tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert str(schema.field("timestamp").type) == "timestamp[us]"
    assert str(schema.field("count").type) == "int64"


def test_the_engine_of_the_lake_can_touch_nothing_else(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, ONE)
    outside = tmp_path / "secret.csv"
    outside.write_text("a\n1\n")
    hostile = [
        f"FROM read_csv('{outside}')",
        f"FROM read_text('{tmp_path}/home/../secret.csv')",
        f"COPY (SELECT 1) TO '{outside}'",
        f"ATTACH '{tmp_path}/other.db'",
        "INSTALL httpfs; LOAD httpfs",
        "SET enable_external_access = true",
    ]
    with lake.reading(lake.experiment(NAME)) as view:
        for sql in hostile:
            with pytest.raises(Exception, match=r"(?i)permission|disabled|cannot|failed to"):
                view.connection.raw_sql(sql)
    assert outside.read_text() == "a\n1\n"


def test_ids_are_lower_case_and_in_order_of_time() -> None:
    made = [new_id() for _ in range(3)]
    assert all(len(one) == 26 and one == one.lower() for one in made)
    assert len(set(made)) == 3


def test_columns_named_like_the_engine_s_own_survive_compaction(lake: Lake, tmp_path: Path) -> None:
    """DuckLake loses a table's files when a column of it is called rowid; ours are renamed."""
    put(lake, tmp_path, ONE)
    names = sorted(RESERVED)
    head = ",".join(["ts", "cohort", "event", *names])
    put(lake, tmp_path, f"{head}\n2026-01-01,a,x" + ",text" * len(names) + "\n")
    put(lake, tmp_path, "ts,cohort,event,more\n2026-01-01,a,x,y\n")
    lake.compact()
    stored = events(lake)
    assert len(stored) == 3
    assert not RESERVED & stored[0].keys()


def test_compaction_keeps_every_file_that_is_referred_to(
    world: World, lake: Lake, tmp_path: Path
) -> None:
    for number in range(3):
        put(lake, tmp_path, "ts,cohort,event\n" + "2026-01-01,a,x\n" * 30_000)
        lake.set_config(NAME, {"exposure": "window", "level": number})
        before = world.files()
        lake.compact()
        assert before <= world.files()
    assert lake.experiment(NAME).rows == 90_000 == len(events(lake))
