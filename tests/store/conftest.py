"""A lake of its own for each test, and one experiment in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import make, open_lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path / "home") as opened:
        make(opened)
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with open_lake(tmp_path_factory.mktemp("lake")) as opened:
        yield opened
