"""Files of every format become the same typed events."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymc_vibes.core.errors import (
    BadConfig,
    BadRows,
    IdempotencyConflict,
    SchemaMismatch,
    UnreadableFile,
    UnsupportedFormat,
)
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import NAME, RATES, TRIALS, column, events, make, open_lake, put

ROWS = [
    {"ts": "2026-01-01T10:00:00Z", "cohort": "a", "event": "x", "count": 2},
    {"ts": "2026-01-02", "cohort": "b", "event": "y", "count": None},
]
CSV = "ts,cohort,event,count\n2026-01-01T10:00:00Z,a,x,2\n2026-01-02,b,y,\n"
SEEN = [
    {"timestamp": datetime(2026, 1, 1, 10), "cohort": "a", "event": "x", "count": 2},  # noqa: DTZ001
    {"timestamp": datetime(2026, 1, 2), "cohort": "b", "event": "y", "count": None},  # noqa: DTZ001
]


NO_TIMES = [
    *("0", "1577836800", "1e9", "20260101", "epoch", "infinity", "now", "31.12.2026"),
    *("12/31/2026", "2026-02-30", "2026-13-01", "2026-01-01T25:00:00", "1899-12-31", "2200-01-02"),
    *("9999-12-31", "0001-01-01", "2026-01-01T10:00:00+25:00", "2026-01-01T10:00:00+02:99"),
    *("tomorrow", "2026-01-01garbage", "2026"),
]

ODD_TEXTS = [
    *("=1", '"', "'", "a\nb", "a\r\nb", ",", "😀", "אבג", "\u202eevil", "../x", "NULL", "NaN"),
    *("x" * 500, "<img onerror=alert(1)>", "\ufeffx", "a | b", "{}", "[1]", "\\", "0"),
]


@pytest.fixture
def lake(shared: Lake) -> Lake:
    """One lake serves this module: opening one takes longer than most of these tests."""
    for experiment in shared.experiments():
        shared.delete(experiment.name)
    make(shared)
    return shared


def as_parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


FORMS = {
    "plain.csv": CSV.encode(),
    "bom.csv": b"\xef\xbb\xbf" + CSV.encode(),
    "windows.csv": CSV.replace("\n", "\r\n").encode(),
    "old.csv": CSV.replace("\n", "\r").encode(),
    "mixed.csv": CSV.replace("\n", "\r\n", 1).encode(),
    "semicolon.csv": CSV.replace(",", ";").encode(),
    "tab.tsv": CSV.replace(",", "\t").encode(),
    "pipe.txt": CSV.replace(",", "|").encode(),
    "blank_lines.csv": b"\n\n" + CSV.replace("\n", "\n\n").encode(),
    "quoted.csv": b'"ts","cohort","event","count"\n"2026-01-01T10:00:00Z","a","x","2"\n'
    b"2026-01-02,b,y,\n",
    "no_end.csv": CSV.rstrip().encode(),
    "zipped.csv.gz": gzip.compress(CSV.encode()),
    "list.json": json.dumps(ROWS, indent=1).encode(),
    "rows.json": json.dumps({"note": [1, {"a": 2}], "rows": ROWS, "n": 12}).encode(),
    "lines.ndjson": "\n".join(map(json.dumps, ROWS)).encode(),
    "lines_bom.jsonl": b"\xef\xbb\xbf" + "\n\n".join(map(json.dumps, ROWS)).encode(),
    "misnamed.json": "\n".join(map(json.dumps, ROWS)).encode(),
    "zipped.ndjson.gz": gzip.compress("\n".join(map(json.dumps, ROWS)).encode()),
    "text.parquet": as_parquet(pa.Table.from_pylist(ROWS)),
    "nameless": json.dumps(ROWS).encode(),
}


@pytest.mark.parametrize("filename", FORMS)
def test_every_form_gives_the_same_events(lake: Lake, tmp_path: Path, filename: str) -> None:
    receipt = put(lake, tmp_path, FORMS[filename], filename=filename)
    stored = sorted(events(lake), key=lambda row: row["cohort"])
    assert [row | {"exposure": None} for row in SEEN] == stored
    assert (receipt.ingested, receipt.rejected) == (2, 0)
    assert receipt.columns["ts"] == "timestamp"


def test_large_and_small_files_are_read_alike(lake: Lake, tmp_path: Path) -> None:
    lines = [f"2026-01-01T00:00:{i % 60:02}Z,c{i % 7},x,{i}" for i in range(30_000)]
    objects = [
        json.dumps({"ts": f"2026-01-01T00:00:{i % 60:02}Z", "cohort": f"c{i % 7}", "count": i})
        for i in range(30_000)
    ]
    put(lake, tmp_path, "ts,cohort,event,count\n" + "\n".join(lines))
    make(lake, "json")
    put(
        lake,
        tmp_path,
        "\n".join(objects),
        name="json",
        filename="f.ndjson",
        constants={"event": "x"},
    )
    assert lake.experiment(NAME).rows == lake.experiment("json").rows == 30_000
    assert sorted(map(str, events(lake))) == sorted(map(str, events(lake, "json")))


def test_the_order_of_two_uploads_does_not_matter(lake: Lake, tmp_path: Path) -> None:
    make(lake, "other")
    later = "ts,cohort,event,note\n2025-12-01,c,z,late\n"
    for name, parts in ((NAME, (CSV, later)), ("other", (later, CSV))):
        for part in parts:
            put(lake, tmp_path, part, name=name)
    mine, theirs = (sorted(events(lake, n), key=lambda r: r["cohort"]) for n in (NAME, "other"))
    assert mine == theirs
    assert lake.experiment(NAME).first == lake.experiment("other").first


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-07-01T10:00:00+02:00", "America/New_York", "2026-07-01T08:00:00"),
        ("2026-07-01T10:00:00-0530", "UTC", "2026-07-01T15:30:00"),
        ("2026-07-01 10:00:00+02", "UTC", "2026-07-01T08:00:00"),
        ("2026-7-1 1:00:00-02", "Europe/Berlin", "2026-07-01T03:00:00"),
        ("2026-07-01T10:00Z", "Europe/Berlin", "2026-07-01T10:00:00"),
        ("2026-07-01T10:00:00z", "Europe/Berlin", "2026-07-01T10:00:00"),
        ("2026-07-01 10:00:00 +01:00", "UTC", "2026-07-01T09:00:00"),
        ("2026-07-01T10:00:00.25", "UTC", "2026-07-01T10:00:00.25"),
        ("2026-07-01T10:00:00,5", "UTC", "2026-07-01T10:00:00.5"),
        ("2026-07-01T10:00:00.123456789Z", "UTC", "2026-07-01T10:00:00.123456"),
        (" 2026-07-01 ", "UTC", "2026-07-01"),
        ("2026/07/01", "UTC", "2026-07-01"),
        ("2026-07-01", "America/New_York", "2026-07-01T04:00:00"),
        ("2026-01-01 12:00", "America/New_York", "2026-01-01T17:00:00"),
        ("2025-03-09 02:30:00", "America/New_York", "2025-03-09T07:30:00"),  # skipped hour
        ("2025-11-02 01:30:00", "America/New_York", "2025-11-02T06:30:00"),  # the later of two
        ("2025-10-26 02:30:00", "Europe/Berlin", "2025-10-26T01:30:00"),
    ],
)
def test_a_time_becomes_a_utc_instant(
    lake: Lake, tmp_path: Path, text: str, zone: str, utc: str
) -> None:
    put(
        lake,
        tmp_path,
        [{"ts": text, "cohort": "a", "event": "x"}],
        filename="a.json",
        timezone=zone,
    )
    [row] = events(lake)
    assert row["timestamp"] == datetime.fromisoformat(utc)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_what_is_no_time_is_refused(lake: Lake, tmp_path: Path, zone: str) -> None:
    for texts in (NO_TIMES[:12], NO_TIMES[12:]):
        rows = [{"ts": text, "cohort": "a", "event": "x"} for text in texts]
        with pytest.raises(BadRows) as refusal:
            put(lake, tmp_path, rows, filename="a.json", timezone=zone)
        assert [row["value"] for row in refusal.value.extras["rows"]] == texts


@pytest.mark.parametrize("stamp", [0, 0.0, 1577836800, 1577836800000])
def test_a_number_is_never_a_time(lake: Lake, tmp_path: Path, stamp: float) -> None:
    rows = [{"ts": stamp, "cohort": "a", "event": "x"}]
    for filename, content in (
        ("a.json", json.dumps(rows).encode()),
        ("a.parquet", as_parquet(pa.Table.from_pylist(rows))),
    ):
        with pytest.raises(BadRows, match="must be a time"):
            put(lake, tmp_path, content, filename=filename)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "+02:00", "utc'; DROP TABLE x"])
def test_a_zone_that_is_none_is_refused(lake: Lake, tmp_path: Path, zone: str) -> None:
    with pytest.raises(BadConfig):
        put(lake, tmp_path, CSV, timezone=zone)


def test_typed_parquet_keeps_its_meaning(lake: Lake, tmp_path: Path) -> None:
    moment = datetime(2026, 7, 1, 12)  # noqa: DTZ001
    table = pa.table(
        {
            "variant": pa.array([1], pa.int32()),
            "outcome": pa.array([1.0], pa.float32()),
            "trials": pa.array([3.0], pa.float64()),
            "successes": pa.array([2], pa.uint8()),
            "revenue": pa.array([None], pa.float64()),
            "timestamp": pa.array([moment], pa.timestamp("ns")),
            "act_clicks": pa.array([7], pa.int64()),
            "Tag List": pa.array([["p", "q"]], pa.list_(pa.string())),
        }
    )
    put(
        lake,
        tmp_path,
        as_parquet(table),
        schema=TRIALS,
        filename="a.parquet",
        timezone="Europe/Berlin",
    )
    [row] = events(lake)
    assert row == {
        "variant": "1",
        "outcome": True,
        "trials": 3,
        "successes": 2,
        "revenue": None,
        "timestamp": datetime(2026, 7, 1, 10),  # noqa: DTZ001
        "act_clicks": 7.0,
        "tag_list": "[p, q]",
    }


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.timestamp("us", "America/New_York"), datetime.fromisoformat("2026-01-01T12:00:00Z")),
        (pa.string(), "2026-01-01T13:00:00+01:00"),
    ],
)
def test_a_zone_in_the_data_wins(lake: Lake, tmp_path: Path, kind: pa.DataType, value: Any) -> None:
    table = pa.table({"ts": pa.array([value], kind), "cohort": ["a"], "event": ["x"]})
    put(lake, tmp_path, as_parquet(table), filename="a.parquet", timezone="Asia/Tokyo")
    assert column(lake, "timestamp") == ["2026-01-01T12:00:00.000000Z"]


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (b"", "a.csv"),
        (b"  \n\n", "a.csv"),
        (b"ts,cohort,event\n", "a.csv"),
        (b"[]", "a.json"),
        (b'{"rows": []}', "a.json"),
        (b"[{", "a.json"),
        (b'[{"ts": 1},]', "a.json"),
        (b'[{"ts": 1} {"ts": 2}]', "a.json"),
        (b'{"rows": [{"ts": "\xff"}]}', "a.json"),
        (b"[" * 100_000, "a.json"),
        (b"PAR1 but no more", "a.parquet"),
        (as_parquet(pa.table({"ts": [], "cohort": [], "event": []})), "a.parquet"),
        (b"\xff\xfet\x00s\x00", "a.csv"),
        (b"\x1f\x8bnot gzip", "a.csv.gz"),
        (b"a" * 5_000_000, "a.csv"),
    ],
)
def test_a_file_without_rows_is_refused(
    lake: Lake, tmp_path: Path, content: bytes, filename: str
) -> None:
    with pytest.raises((UnreadableFile, SchemaMismatch)):
        put(lake, tmp_path, content, filename=filename)
    assert lake.experiment(NAME).version == 0


def test_other_formats_are_refused(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        put(lake, tmp_path, b"PK\x03\x04 a spreadsheet", filename="a.xlsx")


def test_a_file_that_is_not_there_is_said(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no file"):
        lake.ingest(NAME, tmp_path / "absent.csv", RATES, UploadOptions())


def test_the_same_key_and_body_count_once(everywhere: Lake, tmp_path: Path) -> None:
    first = put(everywhere, tmp_path, CSV, idempotency_key="k")
    version = everywhere.version()
    again = put(everywhere, tmp_path, CSV, idempotency_key="k")
    assert again == first.model_copy(update={"replayed": True})
    assert (everywhere.experiment(NAME).rows, everywhere.version()) == (2, version)


def test_the_same_key_with_another_body_is_refused(everywhere: Lake, tmp_path: Path) -> None:
    put(everywhere, tmp_path, CSV, idempotency_key="k")
    for changes in ({}, {"timezone": "Europe/Berlin"}):
        content = CSV if changes else CSV + "2026-01-05,c,x,1\n"
        with pytest.raises(IdempotencyConflict):
            put(everywhere, tmp_path, content, idempotency_key="k", **changes)
    assert everywhere.experiment(NAME).rows == 2


def test_a_key_belongs_to_its_experiment(everywhere: Lake, tmp_path: Path) -> None:
    make(everywhere, "other")
    put(everywhere, tmp_path, CSV, idempotency_key="k")
    put(everywhere, tmp_path, CSV + "2026-01-05,c,x,1\n", idempotency_key="k", name="other")
    assert everywhere.experiment("other").rows == 3


def test_a_repeated_large_upload_leaves_no_file_behind(tmp_path: Path) -> None:
    content = "ts,cohort,event\n" + "2026-01-01,a,x\n" * 30_000
    with open_lake(tmp_path / "home") as lake:
        make(lake)
        for _ in range(2):
            put(lake, tmp_path, content, idempotency_key="k")
    assert len(list((tmp_path / "home" / "data").rglob("*.parquet"))) == 1
    assert list((tmp_path / "home" / "staging").iterdir()) == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.one_of(
            st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1),
            st.sampled_from(ODD_TEXTS),
        ).filter(str.strip),
        min_size=1,
        max_size=5,
    )
)
def test_any_text_comes_back_as_it_was(lake: Lake, tmp_path: Path, texts: list[str]) -> None:
    with (tmp_path / "odd.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([["ts", "cohort", "event"], *(["2026-01-01", t, "x"] for t in texts)])
    objects = [{"ts": "2026-01-01", "cohort": text, "event": "x"} for text in texts]
    for filename, content in (
        ("odd.csv", (tmp_path / "odd.csv").read_bytes()),
        ("odd.json", json.dumps(objects).encode()),
        ("odd.ndjson", "\n".join(map(json.dumps, objects)).encode()),
        ("odd.parquet", as_parquet(pa.Table.from_pylist(objects))),
    ):
        old = lake.experiment(NAME)
        put(lake, tmp_path, content, filename=filename)
        with lake.reading(lake.experiment(NAME)) as view:
            stored = view.to_arrow(view.events)["cohort"].to_pylist()[old.rows :]
        assert sorted(stored) == sorted(texts), filename
