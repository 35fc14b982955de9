"""A first upload makes its experiment: both or neither, whoever else comes at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pymc_vibes.core.errors import BadRows, KindMismatch
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.service import Service

KIND = "poisson-cohorts"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    file = tmp_path / "events.csv"
    file.write_text("ts,cohort,event,exposure\n2024-03-01,A,fault,2\n2024-03-02,B,fault,3\n")
    return file


def test_it_decides_what_a_first_batch_decides(service: Service, events: Path) -> None:
    service.upload_first("nyc", KIND, events)
    service.create("made", KIND)
    service.upload("made", events)

    first, second = service.experiment("nyc"), service.experiment("made")
    assert first.config == second.config != {}
    assert (first.rows, first.first) == (second.rows, second.first)


def test_those_who_come_first_together_all_add_theirs(service: Service, events: Path) -> None:
    with ThreadPoolExecutor(4) as several:
        receipts = list(several.map(lambda _: service.upload_first("nyc", KIND, events), range(4)))

    assert [receipt.ingested for receipt in receipts] == [2] * 4
    assert service.experiment("nyc").rows == 8


def test_a_key_counts_once_from_the_first_upload_on(service: Service, events: Path) -> None:
    keyed = UploadOptions(idempotency_key="monday")

    first = service.upload_first("nyc", KIND, events, keyed)
    again = service.upload_first("nyc", KIND, events, keyed)

    assert (first.replayed, again.replayed) == (False, True)
    assert service.experiment("nyc").rows == 2


def test_what_is_refused_makes_nothing(service: Service, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("ts,cohort,event\nwhenever,A,fault\n")

    with pytest.raises(BadRows):
        service.upload_first("nyc", KIND, bad)

    assert service.experiments() == ()


def test_an_experiment_of_another_kind_stays_as_it_is(service: Service, events: Path) -> None:
    service.create("coin", "bernoulli")

    with pytest.raises(KindMismatch):
        service.upload_first("coin", KIND, events)

    assert service.experiment("coin").rows == 0
