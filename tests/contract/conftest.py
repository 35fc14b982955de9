"""Fixtures of the contract: the bench, and every kind in turn."""

from collections.abc import Iterator
from typing import Any

import pytest

from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds import catalog
from tests.contract.bench import Bench


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


@pytest.fixture(params=sorted(catalog()))
def kind(request: pytest.FixtureRequest) -> Kind[Any]:
    return catalog()[request.param]
