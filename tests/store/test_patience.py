"""A question to the lake that never ends is ended, and nothing else is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import cast

import duckdb
import pytest

from pymc_vibes.core.errors import QueryTooLong
from pymc_vibes.store.lake import Lake
from pymc_vibes.store.patience import bounded
from tests.store.lake_worlds import NAME, make, open_lake, put

# a million million products: hours on any machine
ENDLESS = "SELECT sum(a.range % (b.range + 7)) AS n FROM range(1000000) a, range(1000000) b"
SHORT = "SELECT sum(range)::BIGINT AS n FROM range(1000)"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path / "home") as opened:
        make(opened)
        put(opened, tmp_path, "ts,cohort,event\n2024-03-01,A,fault\n")
        yield opened


@pytest.fixture
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        yield connection


def ask(lake: Lake, query: str) -> list[int]:
    with lake.reading(lake.experiment(NAME)) as view:
        counted = view.connection.sql(query, schema={"n": "int64"})
        return list(view.to_arrow(counted)["n"].to_pylist())


def ask_in_haste(lake: Lake, query: str) -> list[int]:
    """Ask with little patience: what is done before and after may take its time."""
    patient = lake._settings  # noqa: SLF001  # the one setting of a lake that is open
    lake._settings = patient.model_copy(update={"query_seconds": 0.2})  # noqa: SLF001
    try:
        return ask(lake, query)
    finally:
        lake._settings = patient  # noqa: SLF001


def test_a_question_without_end_is_interrupted_and_says_what_to_do(lake: Lake) -> None:
    with pytest.raises(QueryTooLong, match=r"for 0\.2 s") as caught:
        ask_in_haste(lake, ENDLESS)

    assert caught.value.status == 503
    assert "VIBES_QUERY_SECONDS" in str(caught.value.hint)


def test_the_lake_answers_on_after_an_interruption(lake: Lake) -> None:
    with pytest.raises(QueryTooLong):
        ask_in_haste(lake, ENDLESS)

    assert ask(lake, SHORT) == [499_500]
    assert lake.preview(NAME).total == 1


def test_a_question_that_nobody_waits_for_is_ended_too(lake: Lake) -> None:
    with ThreadPoolExecutor(1) as pool:
        forgotten = pool.submit(ask_in_haste, lake, ENDLESS)

    assert isinstance(forgotten.exception(), QueryTooLong)


def test_only_the_late_one_of_many_questions_is_ended(engine: duckdb.DuckDBPyConnection) -> None:
    late, patient = engine.cursor(), engine.cursor()

    def wait_long() -> int:
        with bounded(patient, 600):
            while not is_over.is_set():
                count = patient.execute(SHORT).fetchall()[0][0]
            return int(count)

    is_over = Event()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(wait_long)
        try:
            with pytest.raises(QueryTooLong), bounded(late, 0.1):
                late.execute(ENDLESS).fetchall()
        finally:
            is_over.set()

    assert other.result() == 499_500


def test_a_question_that_came_in_time_leaves_nothing_to_be_interrupted(
    engine: duckdb.DuckDBPyConnection,
) -> None:
    quick, late = engine.cursor(), engine.cursor()
    with bounded(quick, 2.0):
        quick.execute(SHORT).fetchall()
    with pytest.raises(QueryTooLong), bounded(late, 2.1):  # until the first deadline is over
        late.execute(ENDLESS).fetchall()

    assert quick.execute(SHORT).fetchall() == [(499_500,)]


def test_an_interruption_that_is_not_ours_keeps_its_name(
    engine: duckdb.DuckDBPyConnection,
) -> None:
    cursor, is_over = engine.cursor(), Event()

    with ThreadPoolExecutor(1) as pool, bounded(cursor, 600):
        pool.submit(interrupt_until, is_over, cursor)
        try:
            with pytest.raises(duckdb.InterruptException):
                cursor.execute(ENDLESS).fetchall()
        finally:
            is_over.set()


def interrupt_until(is_over: Event, cursor: duckdb.DuckDBPyConnection) -> None:
    """Interrupt until it hits the question: one that has not begun cannot be interrupted."""
    while not is_over.wait(0.05):
        cursor.interrupt()


@dataclass
class Deaf:
    """A connection that was between two statements when it was interrupted first."""

    cursor: duckdb.DuckDBPyConnection
    times: int = 0

    def interrupt(self) -> None:
        self.times += 1
        if self.times > 1:
            self.cursor.interrupt()


def test_an_interruption_that_was_not_heard_is_repeated(engine: duckdb.DuckDBPyConnection) -> None:
    deaf = Deaf(engine.cursor())

    with pytest.raises(QueryTooLong), bounded(cast("duckdb.DuckDBPyConnection", deaf), 0.1):
        deaf.cursor.execute(ENDLESS).fetchall()

    assert deaf.times > 1
