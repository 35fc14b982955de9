"""Whatever is uploaded is taken in or refused in words, in bounded memory, and nothing breaks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymc_vibes.core.errors import VibesError
from pymc_vibes.store.lake import Lake
from tests.faults.hostile import FILES, MUTANTS
from tests.store.lake_worlds import NAME, make, open_lake, put

ROOT = Path(__file__).parents[2]
MOST_MB = 650  # the engine that reads uploads may hold 400, and Python its batches beside it
PATIENCE = 500  # seconds for all of them: a file that hangs is a fault, a slow machine is not
TAKEN = {"lists in a value"}  # may be taken in, at the reader's discretion
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "latin-1",
    "cp1252",
)


@pytest.fixture(scope="module")
def became(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of each file, in a process of its own; the first of xdist's workers asks it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    told = shared / "corpus.json"
    with FileLock(f"{told}.lock"):
        if not told.exists():
            told.write_text(process_all(tmp_path_factory.mktemp("corpus")))
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    return {line["case"]: line for line in lines}


def process_all(folder: Path) -> str:
    """Take in every file in a process whose memory is measured; give what it says, a line each."""
    command = [sys.executable, "-m", "tests.faults.hostile", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, f"{done.stdout[-500:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.parametrize("case", FILES)
def test_a_hostile_file_is_refused_in_words(became: dict[str, Any], case: str) -> None:
    found = became[case]

    if case not in TAKEN:
        status, _, detail = found["outcome"]
        assert 400 <= status < 500
        assert detail.endswith((".", "…")) or len(detail) == 200
    assert found["added"] == (found["outcome"] if isinstance(found["outcome"], int) else 0)


def test_no_file_takes_more_memory_than_is_allowed(became: dict[str, Any]) -> None:
    peaks = {case: round(found["mb"]) for case, found in became.items()}

    assert {case: mb for case, mb in peaks.items() if mb > MOST_MB} == {}


def test_files_with_changed_bytes_never_break_anything(became: dict[str, Any]) -> None:
    mutants = {case: found for case, found in became.items() if case.startswith("mutant")}
    refused = {c: f for c, f in mutants.items() if not isinstance(f["outcome"], int)}

    assert len(mutants) == MUTANTS
    assert [c for c, f in refused.items() if not 400 <= f["outcome"][0] < 500 or f["added"]] == []
    assert [c for c, f in mutants.items() if c not in refused and f["added"] != f["outcome"]] == []
    assert refused


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_lake(tmp_path_factory.mktemp("lake")) as opened:
        make(opened)
        yield opened


def assert_taken_or_refused(lake: Lake, folder: Path, content: bytes, filename: str) -> None:
    before = lake.experiment(NAME).rows
    try:
        added = put(lake, folder, content, filename=filename).ingested
    except VibesError as error:
        added = 0
        is_designed = error.status < 500
    else:
        is_designed = True
    assert is_designed
    assert lake.experiment(NAME).rows == before + added


LINES = st.lists(
    st.one_of(
        st.just("ts,cohort,event,count"),
        st.just("2026-01-01,a,x,1"),
        st.text(st.sampled_from('",\r\n\t;|a1 \x00\ufeffé€\u2028\u202e😀'), max_size=30),
        st.builds(
            "2026-01-01,{},x,{}".format,
            st.text(max_size=10),
            st.sampled_from(["1", "1e400", "-1", "NaN", "Infinity", "9" * 400, "0x1F", "१"]),
        ),
    ),
    max_size=8,
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=10),
        st.sampled_from(["2026-01-01", "a", "\ud800", "\x00", "9" * 50]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["ts", "cohort", "event", "count", "rows", "", "\ud800", "x"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)
careful = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@careful
@given(lines=LINES, encoding=st.sampled_from(ENCODINGS), filename=st.sampled_from(["a.csv", "a"]))
def test_lines_in_any_encoding_are_taken_or_refused(
    lake: Lake, tmp_path: Path, lines: list[str], encoding: str, filename: str
) -> None:
    content = "\n".join(lines).encode(encoding, "replace")

    assert_taken_or_refused(lake, tmp_path, content, filename)


@careful
@given(value=VALUES, filename=st.sampled_from(["a.json", "a.ndjson", "a"]))
def test_any_json_is_taken_or_refused(
    lake: Lake, tmp_path: Path, value: Any, filename: str
) -> None:
    assert_taken_or_refused(lake, tmp_path, json.dumps(value).encode(), filename)


@careful
@given(content=st.binary(max_size=300), filename=st.sampled_from(["a.csv", "a.json", "a.parquet"]))
def test_any_bytes_are_taken_or_refused(
    lake: Lake, tmp_path: Path, content: bytes, filename: str
) -> None:
    assert_taken_or_refused(lake, tmp_path, content, filename)
