"""Trials that name no group are counted, alone and beside groups, through the lake."""

from collections.abc import Generator
from pathlib import Path

import pandas as pd
import pytest

from pymc_vibes.service import Service
from pymc_vibes.settings import load_settings


@pytest.fixture
def service(tmp_path: Path) -> Generator[Service]:
    with Service.open(load_settings(home=tmp_path)) as opened:
        yield opened


def groups(service: Service, outcomes: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """The cells of an experiment that holds these trials."""
    service.create("trials", "bernoulli")
    service.upload_table("trials", outcomes)
    cells = service.analysis("trials").posterior.cells.to_pylist()
    return {cell["group"]: (cell["trials"], cell["successes"]) for cell in cells}


def test_trials_without_any_group_are_counted(service: Service) -> None:
    outcomes = pd.DataFrame({"timestamp": "2024-01-01", "outcome": [True, False, True]})

    assert groups(service, outcomes) == {"": (3, 2)}


def test_trials_without_a_group_stand_beside_those_with_one(service: Service) -> None:
    outcomes = pd.DataFrame(
        {"timestamp": "2024-01-01", "outcome": [True, False, True], "group": ["a", None, None]}
    )

    assert groups(service, outcomes) == {"": (2, 1), "a": (1, 1)}
