"""Stores of a team that go away, hang and come back: a sentence each time, and nothing lost."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from pymc_vibes.core.errors import LakeBusy, StoreUnavailable
from pymc_vibes.store import engine
from pymc_vibes.store.catalog import COMMIT_LOCK
from pymc_vibes.store.lake import Lake
from pymc_vibes.store.writing import Writing
from tests.servers import ObjectStore, Postgres
from tests.store.lake_worlds import NAME, World, column, events, make, put

ROWS = "ts,cohort,event\n2026-01-01,a,x\n"
MANY = "ts,cohort,event\n" + "2026-01-01,a,x\n" * 30_000


@pytest.fixture
def place(tmp_path: Path, postgres: Postgres, object_store: ObjectStore) -> World:
    """A lake on servers of its own."""
    return World.create(
        tmp_path / "home", catalog=postgres.url("lake"), bucket=object_store.fresh_bucket()
    )


@pytest.fixture
def fresh(place: World) -> Iterator[Lake]:
    """The lake, opened by one who has read nothing yet: what was read is remembered."""
    with Lake.open(place.settings) as lake:
        yield lake


@pytest.fixture
def own(place: World, tmp_path: Path) -> Iterator[Lake]:
    """The lake, with one experiment and one row in it."""
    with Lake.open(place.settings) as lake:
        make(lake)
        put(lake, tmp_path, ROWS)
        yield lake


def test_a_catalog_that_goes_away_and_comes_back_needs_no_restart(
    own: Lake, tmp_path: Path, postgres: Postgres
) -> None:
    postgres.kill()
    asked = (
        own.version,
        own.experiments,
        lambda: own.preview(NAME),
        lambda: put(own, tmp_path, ROWS),
        own.compact,
    )
    found = []
    for ask in asked:
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        found.append(caught.value)
    postgres.start()
    put(own, tmp_path, ROWS)

    assert own.experiment(NAME).rows == 2 == len(events(own))
    assert all(each.extras["retry_after"] > 0 for each in found)
    assert all(postgres.password not in f"{each} {each.hint}" for each in found)


def test_a_catalog_that_is_restarted_again_and_again_loses_and_doubles_nothing(
    own: Lake, tmp_path: Path, postgres: Postgres
) -> None:
    stop = threading.Event()
    acknowledged: list[str] = []

    def append() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            content = f"ts,cohort,event\n2026-01-01,w,{number}\n"
            try:
                put(own, tmp_path, content, idempotency_key=str(number))
            except StoreUnavailable:
                continue
            acknowledged.append(str(number))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(append)
        try:
            for _ in range(3):
                before = len(acknowledged)
                while len(acknowledged) < before + 3 and not writing.done():
                    threading.Event().wait(0.001)
                postgres.kill()
                postgres.start()
        finally:
            stop.set()
        writing.result()
    stored = column(own, "event")

    assert len(stored) == len(set(stored)) == own.experiment(NAME).rows
    assert set(acknowledged) <= set(stored)


def test_an_object_store_that_goes_away_and_comes_back_needs_no_restart(
    own: Lake, fresh: Lake, tmp_path: Path, object_store: ObjectStore
) -> None:
    put(own, tmp_path, MANY)
    object_store.kill()
    with pytest.raises(StoreUnavailable) as reading:
        events(fresh)
    with pytest.raises(StoreUnavailable) as writing:
        put(own, tmp_path, MANY)
    small = put(own, tmp_path, ROWS)  # lives in the catalog until it is compacted
    object_store.start()
    put(own, tmp_path, MANY)

    assert small.ingested == 1
    assert own.experiment(NAME).rows == 60_002 == len(events(fresh))
    assert reading.value.extras["retry_after"] > 0
    assert writing.value.extras["retry_after"] > 0
    assert list((tmp_path / "home" / "staging").iterdir()) == []


def test_an_object_store_that_hangs_is_not_waited_for(
    tmp_path: Path, postgres_url: str, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = World.create(
        tmp_path / "home", catalog=postgres_url, bucket=object_store.fresh_bucket()
    )
    with Lake.open(place.settings) as patient:
        make(patient)
        put(patient, tmp_path, MANY)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "REQUEST_SECONDS", 1)
        hasty = Lake.open(place.settings)
    object_store.hold.suspend()
    try:
        with pytest.raises(StoreUnavailable):
            events(hasty)
        with pytest.raises(StoreUnavailable):
            put(hasty, tmp_path, MANY)
    finally:
        object_store.hold.resume()
        hasty.close()
    with Lake.open(place.settings) as patient:
        assert len(events(patient)) == 30_000 == patient.experiment(NAME).rows


def test_a_lake_that_another_machine_holds_is_busy_not_broken(team: World, tmp_path: Path) -> None:
    with Lake.open(team.settings) as lake:
        make(lake)
    with (
        Lake.open(team.settings, lock_seconds=0.05) as lake,
        psycopg.connect(team.settings.catalog, autocommit=True) as other,
    ):
        other.execute(f"SELECT pg_advisory_lock({COMMIT_LOCK})")
        with pytest.raises(LakeBusy) as refusal:
            put(lake, tmp_path, ROWS)
        before = lake.experiment(NAME).rows
        other.execute(f"SELECT pg_advisory_unlock({COMMIT_LOCK})")
        put(lake, tmp_path, ROWS)

        assert refusal.value.extras["retry_after"] == 1
        assert (before, lake.experiment(NAME).rows) == (0, 1)


def test_commits_that_meet_without_the_lock_are_decided_again(
    team: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymc_vibes.store.catalog.SharedCatalog._take_turn", lambda _: None)

    def append(who: int) -> None:
        folder = tmp_path / str(who)
        folder.mkdir()
        with Lake.open(team.settings) as lake:
            for number in range(5):
                content = f"ts,cohort,event\n2026-01-01,c,{number}\n"
                for _ in range(20):
                    try:
                        put(lake, folder, content, idempotency_key=str(number))
                    except LakeBusy:
                        continue
                    break

    with Lake.open(team.settings) as lake:
        make(lake)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(append, range(3)))

        assert sorted(column(lake, "event")) == ["0", "1", "2", "3", "4"]
        assert lake.experiment(NAME).rows == 5


def test_a_commit_whose_end_is_unknown_is_not_tried_again_and_says_so(
    team: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Writing.write
    cut = iter([True])

    def write_and_lose_the_line(writing: Writing) -> None:
        write(writing)
        if next(cut, False):
            with psycopg.connect(team.settings.catalog, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    with Lake.open(team.settings) as lake:
        make(lake)
        monkeypatch.setattr(Writing, "write", write_and_lose_the_line)
        with pytest.raises(StoreUnavailable, match="cannot be told") as refusal:
            put(lake, tmp_path, ROWS, idempotency_key="k")
        before = lake.experiment(NAME).rows
        put(lake, tmp_path, ROWS, idempotency_key="k")

        assert "idempotency key" in (refusal.value.hint or "")
        assert (before, lake.experiment(NAME).rows) == (0, 1)
