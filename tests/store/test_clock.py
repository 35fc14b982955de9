"""The number of the newest snapshot is remembered only for files that have settled."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymc_vibes.store.clock import SETTLED_NANOSECONDS, Clock
from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import make, open_lake

AN_HOUR = 3_600_000_000_000  # in nanoseconds: nothing written in an hour's time has settled


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def lake(home: Path) -> Iterator[Lake]:
    with open_lake(home) as opened:
        make(opened)
        yield opened


def aged(home: Path, nanoseconds: int) -> Path:
    """Give the catalog, with its files written so long ago."""
    catalog = home / "lake.sqlite"
    when = time.time_ns() - nanoseconds
    for path in (catalog, catalog.with_name(f"{catalog.name}-wal")):
        if path.exists():
            os.utime(path, ns=(when, when))
    return catalog


@pytest.mark.parametrize(
    ("age", "is_remembered"),
    [(-AN_HOUR, False), (2 * SETTLED_NANOSECONDS, True)],
    ids=["young", "old"],
)
def test_what_is_read_of_young_files_is_read_again(
    lake: Lake, home: Path, age: int, *, is_remembered: bool
) -> None:
    clock = Clock(lake._root, aged(home, age))  # noqa: SLF001  # the lake's own connection
    try:
        first = clock.version()
        assert (clock._seen is not None) == is_remembered  # noqa: SLF001  # what it remembers
        assert clock.version() == first == lake.version()
    finally:
        clock.close()
