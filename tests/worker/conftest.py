"""The office of the tests of workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sampled.registered import Gate
from tests.worker.office import Office, open_office


@pytest.fixture
def office(tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A service that works on nothing itself, and the workers that do."""
    for name, value in gate.environment().items():
        monkeypatch.setenv(name, value)
    with open_office(tmp_path, gate) as found:
        yield found
