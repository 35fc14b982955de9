"""The demo: what its real experiments count, and which worlds it simulates."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

from pymc_vibes.service import Service
from pymc_vibes.service.demo import (
    FURLOUGHS,
    build_demo,
    build_mixes,
    can_grow,
    is_unfinished_sample,
    late_days,
    read_flights,
    read_weather,
    ship_sample,
    weekly_cancellations,
)
from pymc_vibes.service.worlds import is_simulated, upload_table
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


@lru_cache(maxsize=1)
def days() -> "pd.DataFrame":
    found: pd.DataFrame = late_days(read_flights(), read_weather()).to_pandas()
    return found.set_index("timestamp")


def test_days_reach_eight_weeks_around_the_furloughs_without_a_gap() -> None:
    assert len(days()) == 56 + 8 + 56
    assert (str(days().index[0])[:10], str(days().index[-1])[:10]) == ("2013-02-24", "2013-06-23")
    assert days().notna().all(axis=None)


def test_the_share_of_late_departures_is_that_of_a_count_by_hand() -> None:
    flights = read_flights()
    monday = flights.loc[(flights["month"] == 4) & (flights["day"] == 22)]
    delays = [delay for delay in monday["dep_delay"] if delay == delay]  # not NaN

    late = sum(delay > 15 for delay in delays)

    assert days().loc["2013-04-22", "outcome"] == 100 * late / len(delays)


def test_weather_of_a_day_is_in_its_bounds() -> None:
    assert days()["rainy_hours"].between(0, 17).all()
    assert days()["wind_mph"].between(0, 40).all()  # the file's wind of 1,048 mph is no wind
    assert days()["visibility_miles"].between(0, 10).all()


def test_the_weather_makes_the_answer_of_the_furloughs_narrower(tmp_path: Path) -> None:
    service = Service.open(Settings(home=tmp_path))
    build_demo(service)

    blind = service.analyze(FURLOUGHS, {"controls": []}).summary.estimates[0].interval
    told = service.analyze(FURLOUGHS).summary.estimates[0].interval
    service.close()

    assert blind is not None
    assert told is not None
    assert told.high - told.low < 0.8 * (blind.high - blind.low)
    assert blind.low < told.low  # the week had good weather: it hides a part of the delays


def test_the_mixes_of_the_demo_keep_their_truth_and_are_not_fitted(tmp_path: Path) -> None:
    service = Service.open(Settings(home=tmp_path))
    could_grow = can_grow(service)

    made = {experiment.name: experiment for experiment in build_mixes(service)}
    again = build_mixes(service)
    simulated = [is_simulated(service, experiment) for experiment in made.values()]
    runs, grows = service.history(), can_grow(service)
    service.close()

    assert {name: experiment.rows for name, experiment in made.items()} == {
        "demo-marketing-mix": 104,
        "sample_001": 104,
        "demo-marketing-mix-regions": 20 * 156,
    }
    assert simulated == [True, True, True]
    assert (again, runs) == ((), ())
    assert (could_grow, grows) == (True, False)


def test_a_name_that_somebody_took_is_left_alone(tmp_path: Path) -> None:
    service = Service.open(Settings(home=tmp_path))
    own = service.create("sample_001", "marketing-mix")

    build_mixes(service)
    found = service.experiment("sample_001")
    is_of_the_demo = is_simulated(service, found)
    service.close()

    assert found.id == own.id
    assert found.rows == 0
    assert not is_of_the_demo


def test_who_ships_the_sample_at_the_same_moment_ships_one(tmp_path: Path) -> None:
    service = Service.open(Settings(home=tmp_path))
    begin = Barrier(4)

    def ship(_turn: int) -> str:
        begin.wait()
        return ship_sample(service).id

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(ship, range(4)))
    found = service.experiment("sample_001")
    service.close()

    assert made == {found.id}
    assert found.rows == 104


def test_a_sample_that_was_left_without_rows_is_finished(tmp_path: Path) -> None:
    service = Service.open(Settings(home=tmp_path))
    ship_sample(service)
    whole = service.experiment("sample_001")
    service.delete("sample_001")
    left = service.create("sample_001", "marketing-mix", display_name=whole.display_name)

    was_unfinished = is_unfinished_sample(left)
    finished = ship_sample(service)
    is_still = is_unfinished_sample(finished)
    service.close()

    assert (was_unfinished, is_still) == (True, False)
    assert not is_unfinished_sample(whole)
    assert (finished.id, finished.rows) == (left.id, 104)
