"""Runs of an A/B test and an interrupted series, named in the settings of a marketing mix."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending, Run
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings
from tests.kinds.mix_worlds import good, table

TEST, OVER, END = date(2024, 3, 4), date(2024, 4, 1), date(2024, 4, 22)  # Mondays
DAYS_BEFORE = 56
HEAVY_UP = 250.0  # sales a day


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A lake with a mix, and with two experiments on its channels; nobody works on runs."""
    opened = filled(tmp_path, works=False)
    yield opened.without_waiting()
    opened.close()


def filled(folder: Path, *, works: bool) -> Service:
    """Open a new home with all three."""
    opened = Service.open(Settings(home=folder / "home"), works=works)
    fill(opened, folder, "mix", "marketing-mix", table(good()))
    fill(opened, folder, "heavy-up", "interrupted-time-series", sales_by_day())
    fill(opened, folder, "holdout", "ab-test", users())
    return opened


def fill(service: Service, folder: Path, name: str, kind: str, events: pa.Table) -> None:
    service.create(name, kind)
    path = folder / f"{name}.parquet"
    pq.write_table(events, path)
    service.upload(name, path, UploadOptions(format="parquet"))


def sales_by_day() -> pa.Table:
    """Sales of each day, four weeks of them with more activity, until it is over."""
    first = TEST - timedelta(days=DAYS_BEFORE)
    days = [first + timedelta(days=i) for i in range((END - first).days)]
    lasts = np.array([TEST <= day < OVER for day in days])
    values = 1000 + HEAVY_UP * lasts + np.random.default_rng(2).normal(0, 40, len(days))
    noons = [datetime(day.year, day.month, day.day, 12) for day in days]  # noqa: DTZ001  # stored
    return pa.table({"timestamp": pa.array(noons, pa.timestamp("us")), "outcome": values})


def users() -> pa.Table:
    """Users with a channel and without it, seen within two weeks."""
    many = 4000
    treated = np.arange(many) % 2 == 1
    rng = np.random.default_rng(3)
    seconds = rng.integers(0, 14 * 86_400, many).astype("timedelta64[s]")
    return pa.table(
        {
            "timestamp": np.datetime64(TEST, "us") + seconds,
            "unit_id": [f"u{number}" for number in range(many)],
            "variant": np.where(treated, "ads", "control"),
            "converted": rng.random(many) < 0.1 + 0.03 * treated,
        }
    )


def lenders(service: Service) -> tuple[str, str]:
    """Analyze both experiments; give the runs of the series and of the test."""
    change = {"intervention_date": str(TEST), "intervention_end": str(OVER), "effect": "constant"}
    window = {"start": str(TEST), "end": str(TEST + timedelta(days=14))}
    return service.analyze("heavy-up", change).run_id, service.analyze("holdout", window).run_id


def begun(service: Service, *entries: dict[str, Any]) -> Run:
    """Ask for a mix with experiments; give the run that waits to be sampled."""
    with pytest.raises(Pending) as pending:
        service.analyze("mix", {"experiments": list(entries)})
    return pending.value.run


def refusal(service: Service, *entries: dict[str, Any]) -> BadConfig:
    with pytest.raises(BadConfig) as caught:
        service.analyze("mix", {"experiments": list(entries)})
    return caught.value


def test_a_mix_that_waits_to_be_sampled_holds_what_its_experiments_measured(
    service: Service,
) -> None:
    series, test = lenders(service)

    run = begun(
        service,
        {"channel": "tv", "run_id": series, "factor": 2},
        {"channel": "radio", "run_id": test, "scale": 1_000_000, "value": 12.5},
    )

    tv, radio = (entry["measured"] for entry in run.config["experiments"])
    assert [tv["run_id"], radio["run_id"]] == [series, test]
    assert [one["first"] for one in tv["readouts"]] == [str(TEST), str(OVER)]
    assert [one["last"] for one in tv["readouts"]] == ["2024-03-31", "2024-04-21"]
    sd = tv["covariance"][0][0] ** 0.5
    assert abs(tv["readouts"][0]["mean"] - 28 * HEAVY_UP) < 6 * sd
    assert (radio["grade"], radio["units"]) == ("randomized", 2000)
    assert radio["readouts"][0]["last"] == "2024-03-17"


def test_other_experiments_are_another_question(service: Service) -> None:
    series, test = lenders(service)
    with pytest.raises(Pending) as without:
        service.analyze("mix")

    tv = begun(service, {"channel": "tv", "run_id": series, "factor": 2})
    again = begun(service, {"channel": "tv", "run_id": series, "factor": 2})
    radio = begun(service, {"channel": "radio", "run_id": test})

    assert tv.id == again.id
    assert len({without.value.run.key, tv.key, radio.key}) == 3


def test_numbers_by_hand_wait_like_those_of_runs(service: Service) -> None:
    by_hand = {"channel": "tv", "first": str(TEST), "last": "2024-03-31", "lift": 700, "sd": 90}

    run = begun(service, by_hand)

    (entry,) = run.config["experiments"]
    assert (entry["lift"], entry["measured"]) == (700, None)


def test_a_run_that_does_not_fit_the_mix_is_refused_before_anything_is_sampled(
    service: Service,
) -> None:
    late = {"intervention_date": str(TEST), "end": "2024-04-20"}  # a Saturday
    run = service.analyze("heavy-up", late).run_id

    found = refusal(service, {"channel": "tv", "run_id": run, "factor": 2})

    assert "2024-04-19 is not the last day of a week" in found.detail
    assert found.extras["fields"][0]["field"] == "experiments.0.run_id"


def test_a_run_of_a_mix_lends_nothing(service: Service) -> None:
    waiting = begun(service, {"channel": "tv", "run_id": lenders(service)[0], "factor": 2})

    found = refusal(service, {"channel": "tv", "run_id": waiting.id})

    assert found.extras["fields"][0]["field"] == "experiments"
    assert "is not over" in found.detail


@pytest.mark.slow
def test_a_calibrated_mix_is_read_again_though_its_lenders_are_gone(tmp_path: Path) -> None:
    service = filled(tmp_path, works=True)
    series, test = lenders(service)
    entries = [
        {"channel": "tv", "run_id": series, "factor": 2},
        {"channel": "radio", "run_id": test},
    ]
    few = {"draws": 400, "tune": 400, "chains": 2}
    answer = service.analyze("mix", {"experiments": entries, **few})
    for name in ("heavy-up", "holdout"):
        service.delete(name)
    service.close()

    other = Service.open(Settings(home=tmp_path / "home"))
    found = other.rebuilt(answer.run_id)
    again = found.kind.summarize(found.posterior, found.config)
    other.close()

    assert {"experiments", "calibration"} <= {one.name for one in answer.summary.tables}
    assert again.tables == answer.summary.tables
