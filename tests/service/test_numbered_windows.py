"""Windows with a clock and windows with a number arrive in one and the same column."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pymc_vibes.core.errors import BadRows
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings

COUNTS = {"a": (4, 0, 7), "b": (1, 2, 0)}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    opened = Service.open(Settings(home=tmp_path / "home"))
    opened.create("hosts", "entity-rates")
    yield opened
    opened.close()


def upload(service: Service, text: str, folder: Path) -> None:
    path = folder / "hosts.csv"
    path.write_text(text)
    service.upload("hosts", path)


def windows(service: Service) -> list[tuple[Any, Any]]:
    found = service.preview("hosts")
    start, number = (found.columns.index(name) for name in ("window_start", "window"))
    return [(row[start], row[number]) for row in found.rows]


def test_numbers_in_window_start_are_numbers_of_windows(service: Service, tmp_path: Path) -> None:
    lines = [f"{who},{at},{y}" for who, ys in COUNTS.items() for at, y in enumerate(ys)]
    upload(service, "\n".join(["entity,window_start,count", *lines]), tmp_path)

    assert sorted(windows(service), key=str) == [(None, at) for at in (0, 0, 1, 1, 2, 2)]
    assert service.analyze("hosts").summary.context["windows"] == 6


@pytest.mark.parametrize("kind", [pa.int32(), pa.float64(), pa.string()])
def test_numbers_of_any_type_are_understood(service: Service, kind: pa.DataType) -> None:
    numbers = pa.array([0, 1], pa.int64()).cast(kind)

    service.upload_table("hosts", pa.table({"entity": ["a", "a"], "window_start": numbers}))

    assert sorted(windows(service), key=str) == [(None, 0), (None, 1)]


def test_times_in_window_start_stay_times(service: Service, tmp_path: Path) -> None:
    upload(service, "entity,window_start,count\na,2024-01-01,3\n", tmp_path)
    began = pa.array([datetime(2024, 1, 2)])  # noqa: DTZ001  # storage is naive UTC
    service.upload_table("hosts", pa.table({"entity": ["a"], "window_start": began}))

    assert [number for _, number in windows(service)] == [None, None]
    assert [str(start)[:10] for start, _ in windows(service)] == ["2024-01-01", "2024-01-02"]


@pytest.mark.parametrize("value", ["1.5", "soon", "", "nan"])
def test_what_is_neither_a_time_nor_a_whole_number_is_refused(
    service: Service, tmp_path: Path, value: str
) -> None:
    with pytest.raises(BadRows):
        upload(service, f"entity,window_start,count\na,0,1\na,{value},3\n", tmp_path)
