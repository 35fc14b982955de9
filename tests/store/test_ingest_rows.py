"""Every row that cannot be used is named, with its line, and nothing is half-written."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pymc_vibes.core.errors import BadRows, SchemaMismatch
from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import NAME, TRIALS, column, make, put

HEAD = "ts,cohort,event,count,exposure\n"
GOOD = "2026-01-01,a,x,1,1\n"


@pytest.fixture
def lake(shared: Lake) -> Lake:
    """One lake serves this module: opening one takes longer than most of these tests."""
    for experiment in shared.experiments():
        shared.delete(experiment.name)
    make(shared)
    return shared


def assert_refused(
    lake: Lake, folder: Path, content: str | bytes, **options: Any
) -> list[dict[str, Any]]:
    with pytest.raises(BadRows) as refusal:
        put(lake, folder, content, **options)
    assert lake.experiment(NAME).version == 0
    rows: list[dict[str, Any]] = refusal.value.extras["rows"]
    assert refusal.value.extras["bad"] == len(rows)
    return rows


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (",a,x,1,1", "ts", None, "needs a value"),
        ("2026-01-01,,x,1,1", "cohort", None, "needs a value"),
        ('2026-01-01,"  ",x,1,1', "cohort", None, "needs a value"),
        ("2026-01-01,a,x,1,", "exposure", None, "needs a value"),
        ("soon,a,x,1,1", "ts", "soon", "must be a time"),
        ("2026-01-01,a,x,1.5,1", "count", "1.5", "must be a whole number"),
        ("2026-01-01,a,x,many,1", "count", "many", "must be a whole number"),
        ("2026-01-01,a,x,-1,1", "count", "-1", "must be at least 0"),
        ("2026-01-01,a,x,1,much", "exposure", "much", "must be a number"),
        ("2026-01-01,a,x,1,nan", "exposure", "nan", "must be finite"),
        ("2026-01-01,a,x,1,1e400", "exposure", "1e400", "must be finite"),
        ("2026-01-01,a,x,1,0", "exposure", "0", "must be above 0"),
        ("2026-01-01,a\0b,x,1,1", "cohort", "a\0b", "NUL"),
        ("2026-01-01,a,x,1,1,9", None, "2026-01-01,a,x,1,1,9", "6 fields, the header 5"),
        ("2026-01-01,a", None, "2026-01-01,a", "2 fields, the header 5"),
        ('2026-01-01,"a"b,x,1,1', None, '2026-01-01,"a"b,x,1,1', "quoted field"),
        ('2026-01-01,"a,x,1,1', None, '2026-01-01,"a,x,1,1', "quote is not closed"),
        (b"2026-01-01,\xff,x,1,1", None, "2026-01-01,\ufffd,x,1,1", "not UTF-8"),
        ("2026-01-01,a,x,1," + "9" * 100 + "x", "exposure", "9" * 80, "must be a number"),
    ],
)
def test_a_bad_row_is_named(
    lake: Lake, tmp_path: Path, row: str | bytes, column: str | None, value: str, reason: str
) -> None:
    raw = row if isinstance(row, bytes) else row.encode()
    body = (HEAD + '2026-01-01,"two\nlines",x,1,1\n\n').encode() + raw + b"\n" + GOOD.encode()
    [found] = assert_refused(lake, tmp_path, body)
    assert (found["line"], found["column"], found["value"]) == (5, column, value)
    assert reason in found["reason"]
    assert found["reason"].endswith(".")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,,,,", "A row needs outcome, or trials with successes."),
        ("a,,5,,", "A row needs outcome, or trials with successes."),
        ("a,,5,6,", "successes must not exceed trials."),
        ("a,,1001,6,", "trials must be at most 1000."),
        ("a,maybe,,,", "outcome must be true or false (1/0, true/false, yes/no)."),
        ("a,1,,,-1", "act_clicks must be at least 0."),
    ],
)
def test_a_row_that_contradicts_itself_is_named(
    lake: Lake, tmp_path: Path, row: str, reason: str
) -> None:
    content = f"variant,outcome,trials,successes,act_clicks\nb,yes,,,1\n{row}\nb,,3,3,\n"
    [found] = assert_refused(lake, tmp_path, content, schema=TRIALS)
    assert (found["line"], found["reason"]) == (3, reason)


def test_a_group_that_no_column_completes_is_a_mismatch(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="outcome or trials with successes"):
        put(lake, tmp_path, "variant,trials\na,1\n", schema=TRIALS)


def test_every_spelling_of_true_and_false_is_read(lake: Lake, tmp_path: Path) -> None:
    words = ["1", "true", "YES", "T", "y", "1.0", "0", "False", "no", "f", "N", "0.0"]
    put(lake, tmp_path, "variant,outcome\n" + "".join(f"a,{w}\n" for w in words), schema=TRIALS)
    assert column(lake, "outcome") == [True] * 6 + [False] * 6


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"ts": "2026-01-01", "cohort": "a"', "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"ts": "2026-01-01", "cohort": "\xff", "event": "x"}', "not UTF-8"),
        (b'{"ts": "2026-01-01", "cohort": "\\ud800", "event": "x"}', "not Unicode"),
        (b'{"ts": "2026-01-01", "cohort": "\\u0000", "event": "x"}', "NUL"),
        (b'{"ts": "2026-01-01", "cohort": "a", "event": "x", "exposure": NaN}', "finite"),
        (b"[" * 50_000, "not JSON"),
    ],
)
def test_a_bad_line_of_json_is_named(lake: Lake, tmp_path: Path, line: bytes, reason: str) -> None:
    good = b'{"ts": "2026-01-01", "cohort": "a", "event": "x"}\n'
    [found] = assert_refused(
        lake,
        tmp_path,
        good + b"\n" + line + b"\n" + good,
        filename="a.ndjson",
        constants={} if b"exposure" in line else {"exposure": "1"},
    )
    assert found["line"] == 3
    assert reason in found["reason"]


def test_an_element_of_a_json_list_is_named_by_its_line(lake: Lake, tmp_path: Path) -> None:
    rows = [{"ts": "2026-01-01", "cohort": "a", "event": "x"}, {"ts": "2026-01-01"}, 7]
    found = assert_refused(lake, tmp_path, json.dumps(rows, indent=1), filename="a.json")
    assert [row["line"] for row in found] == [7, 10]


def test_a_row_of_parquet_is_named_by_its_number(lake: Lake, tmp_path: Path) -> None:
    table = pa.table(
        {
            "ts": pa.array([0, 1], pa.timestamp("us")),
            "cohort": ["a", None],
            "event": ["x", "x"],
            "exposure": [float("nan"), 1.0],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = assert_refused(
        lake, tmp_path, (tmp_path / "t.parquet").read_bytes(), filename="a.parquet"
    )
    assert [(row["line"], row["column"]) for row in found] == [(1, "exposure"), (2, "cohort")]


def test_lines_are_right_in_a_large_file(lake: Lake, tmp_path: Path) -> None:
    lines = [GOOD.strip()] * 40_000
    for place in (5, 20_001, 39_999):
        lines[place] = "2026-01-01,a,x,-1,1"
    found = assert_refused(lake, tmp_path, HEAD + "\n".join(lines))
    assert [row["line"] for row in found] == [7, 20_003, 40_001]


def test_only_the_first_bad_rows_are_shown_but_all_are_counted(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(BadRows) as refusal:
        put(lake, tmp_path, HEAD + "2026-01-01,a,x,-1,1\n" * 50 + GOOD)
    extras = refusal.value.extras
    assert (len(extras["rows"]), extras["bad"], extras["total"]) == (20, 50, 51)
    assert [row["line"] for row in extras["rows"]] == list(range(2, 22))


@pytest.mark.parametrize("copies", [1, 20_000])
def test_good_rows_can_be_kept_and_bad_ones_set_aside(
    lake: Lake, tmp_path: Path, copies: int
) -> None:
    content = HEAD + GOOD * copies + '2026-01-01,a,x,-1,1\n2026-01-02,"open\n2026-01-03,b,y,2,2\n'
    receipt = put(lake, tmp_path, content, skip_bad_rows=True)
    assert (receipt.ingested, receipt.rejected) == (copies + 1, 2)
    assert [row.line for row in receipt.bad_rows] == [copies + 2, copies + 3]
    aside = [json.loads(line) for line in Path(str(receipt.rejects_file)).read_text().splitlines()]
    assert aside[0]["row"] == {
        "ts": "2026-01-01",
        "cohort": "a",
        "event": "x",
        "count": "-1",
        "exposure": "1",
    }
    assert aside[0]["reason"] == "count must be at least 0."
    assert lake.experiment(NAME).rows == copies + 1


def test_nothing_is_stored_when_no_row_is_good(lake: Lake, tmp_path: Path) -> None:
    assert_refused(lake, tmp_path, HEAD + "2026-01-01,a,x,-1,1\n", skip_bad_rows=True)


def test_the_first_batch_decides_and_says_so(lake: Lake, tmp_path: Path) -> None:
    make(lake, "other")
    measured = put(lake, tmp_path, HEAD + GOOD)
    window = put(lake, tmp_path, "ts,cohort,event\n2026-01-01,a,x\n", name="other")
    assert measured.decided == lake.experiment(NAME).config == {"exposure": "measured"}
    assert window.decided == lake.experiment("other").config == {"exposure": "window"}
    again = put(lake, tmp_path, HEAD + GOOD, name="other")
    assert again.decided == {}
    assert lake.experiment("other").config == {"exposure": "window"}


def test_what_was_decided_is_asked_of_every_later_row(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, HEAD + GOOD)
    with pytest.raises(BadRows, match="exposure needs a value"):
        put(lake, tmp_path, HEAD + GOOD + "2026-01-01,a,x,1,\n")
    with pytest.raises(SchemaMismatch, match="exposure"):
        put(lake, tmp_path, "ts,cohort,event\n2026-01-01,a,x\n")
    assert lake.experiment(NAME).rows == 1


def test_what_is_set_is_not_decided(lake: Lake, tmp_path: Path) -> None:
    lake.set_config(NAME, {"exposure": "window"})
    receipt = put(lake, tmp_path, HEAD + GOOD + "2026-01-01,a,x,1,\n")
    assert (receipt.decided, receipt.ingested) == ({}, 2)


def test_a_partly_measured_first_batch_can_keep_its_measured_rows(
    lake: Lake, tmp_path: Path
) -> None:
    receipt = put(lake, tmp_path, HEAD + GOOD + "2026-01-01,a,x,1,\n", skip_bad_rows=True)
    assert (receipt.ingested, receipt.rejected) == (1, 1)
    assert receipt.decided == {"exposure": "measured"}


def test_columns_required_by_the_caller_are_asked_of_every_row(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(BadRows, match="count needs a value"):
        put(lake, tmp_path, HEAD + "2026-01-01,a,x,,1\n", required=frozenset({"count"}))


def test_a_bad_constant_is_said_once(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="count must be a whole number"):
        put(lake, tmp_path, "ts,cohort,event\n2026-01-01,a,x\n", constants={"count": "lots"})
