"""The demo's real experiments: what is counted, and that their answers need no sampler."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.service import Service
from pymc_vibes.service.demo import read_flights, weekly_cancellations
from pymc_vibes.service.worlds import upload_table
from pymc_vibes.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


@lru_cache(maxsize=1)
def weekly() -> "pd.DataFrame":
    counted: pd.DataFrame = weekly_cancellations(read_flights()).to_pandas()
    return counted


def test_every_cancellation_of_a_whole_week_is_counted_once() -> None:
    flights = read_flights()
    in_whole_weeks = flights["time_hour"].between("2013-01-07T05", "2013-12-30T05")

    cancelled = flights.loc[flights["dep_time"].isna() & in_whole_weeks]

    # local midnight is 05:00 UTC at both ends
    assert weekly()["count"].sum() == len(cancelled)


def test_weeks_are_whole_and_begin_on_monday() -> None:
    weeks = weekly()["window_start"].drop_duplicates()

    assert len(weeks) == 51
    assert set(weeks.dt.day_name()) == {"Monday"}


def test_a_week_without_flights_has_no_row_and_one_without_cancellations_has() -> None:
    rows = weekly().groupby("entity")["count"].agg(["size", "min"])

    assert rows.loc["ANC", "size"] == 8  # nobody flew to Anchorage but in summer
    assert rows.loc["HNL", "size"] == 51
    assert (rows["min"] == 0).sum() > 90


def test_the_week_of_the_blizzard_is_found_without_sampling(tmp_path: Path) -> None:
    service = Service.open(Settings(home=tmp_path))
    service.create("weekly", "entity-rates", config={"window": "week", "missing": "unobserved"})
    upload_table(service, "weekly", weekly_cancellations(read_flights()))

    answer = service.analyze("weekly")
    unusual = answer.summary.tables[1].rows
    service.close()

    assert answer.diagnostics.method == "quadrature"
    # the blizzard of 8 and 9 February 2013
    assert {row[1] for row in unusual[:6]} == {"2013-02-04"}
    assert answer.summary.estimates[0].label == "ORD"
