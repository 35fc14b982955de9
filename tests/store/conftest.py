"""A lake of its own for each test, and one experiment in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pymc_vibes.store.lake import Lake
from tests.store.lake_worlds import World, make, open_lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(tmp_path / "home") as opened:
        make(opened)
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with open_lake(tmp_path_factory.mktemp("lake")) as opened:
        yield opened


@pytest.fixture
def team(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """A lake on PostgreSQL and S3."""
    bucket = request.getfixturevalue("s3")
    catalog = request.getfixturevalue("postgres_url")
    return World.create(tmp_path / "home", catalog=catalog, bucket=bucket)


@pytest.fixture(params=["embedded", "team"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """A lake on this machine, and one on PostgreSQL and S3: what holds for one holds for both."""
    if request.param == "embedded":
        return World.create(tmp_path / "home")
    found: World = request.getfixturevalue("team")
    return found


@pytest.fixture
def everywhere(world: World) -> Iterator[Lake]:
    """The lake of `world`, with one experiment in it."""
    with Lake.open(world.settings) as opened:
        make(opened)
        yield opened
