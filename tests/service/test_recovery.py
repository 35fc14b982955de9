"""Answers stay one and the same whatever way they are asked for, and come back when files go."""

import shutil
from pathlib import Path

import pytest

from pymc_vibes.core.errors import SnapshotNotFound
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.service import Service

EVENTS = "ts,cohort,event\n2024-03-01,A,fault\n2024-03-02,B,fault\n"


def upload(service: Service, name: str, text: str, folder: Path) -> None:
    path = folder / "events.csv"
    path.write_text(text)
    service.upload(name, path, UploadOptions(format="csv"))


def test_an_answer_whose_cells_were_deleted_is_made_again(service: Service, tmp_path: Path) -> None:
    service.create("faults", "poisson-cohorts")
    upload(service, "faults", EVENTS, tmp_path)
    before = service.analyze("faults")
    shutil.rmtree(Path(service.settings.artifacts_place) / "cells")
    other = Service.open(service.settings)
    after = other.analyze("faults")
    asked = other.ask("faults", "rate", {"cohort": "A"})
    other.close()
    assert not after.cached
    assert after.summary == before.summary
    assert asked.data["k"] == 1


def test_a_unit_keeps_its_arm_whichever_way_it_asks(service: Service, tmp_path: Path) -> None:
    service.create("banner", "multi-armed-bandits", config={"arms": ["x", "y", "z"]})
    first = service.analyze("banner").run_id
    units = [f"unit {number}" for number in range(20)]
    by_run = [service.ask_run(first, "assign", {"unit_id": unit}).data["arm"] for unit in units]
    # z wins nearly always from here on: 20 units would not draw the same arms again
    upload(service, "banner", "arm,reward\n" + "x,0\ny,0\nz,1\n" * 200, tmp_path)
    later = service.analyze("banner").run_id
    by_name = [service.ask("banner", "assign", {"unit_id": unit}).data["arm"] for unit in units]
    by_later = [service.ask_run(later, "assign", {"unit_id": unit}).data["arm"] for unit in units]
    assert by_run == by_name == by_later


@pytest.mark.parametrize("snapshot", [-1, 10**6])
def test_a_snapshot_that_never_was_is_said_to_be_missing(
    service: Service, tmp_path: Path, snapshot: int
) -> None:
    service.create("faults", "poisson-cohorts")
    upload(service, "faults", EVENTS, tmp_path)
    with pytest.raises(SnapshotNotFound):
        service.analyze("faults", snapshot=snapshot)
