"""What tests of the service begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pymc_vibes.service import Service
from pymc_vibes.settings import Settings


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service over a lake of the test's own."""
    with Service.open(Settings(home=tmp_path / "home")) as opened:
        yield opened
