"""Interrupted series against published estimates, through the kind: reduce, fit, summarize.

The kind counts days. Years of the Nile and months of the seat belts stand for days here: neither
has a week, so weekdays are off, and the seasons of the months are controls.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.answer import Estimate
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.interrupted_series import kind
from tests.kinds.seat_belts import BEFORE, DRIVERS, FRONT_PASSENGERS, REAR_PASSENGERS

FIRST = date(2024, 1, 1)
MONTHS = tuple(f"month_{month}" for month in range(1, 12))  # of the year, January left out

# Harvey and Durbin (1986), JRSS A 149, 187-227: changes of the killed and seriously injured by 23,
# 30 and 3 percent
PUBLISHED = {
    "drivers": (DRIVERS, -0.23),
    "front passengers": (FRONT_PASSENGERS, -0.30),
    "rear passengers": (REAR_PASSENGERS, 0.03),
}
# Commandeur and Koopman (2007), *An Introduction to State Space Time Series Analysis*, chapter 7:
# log drivers, stochastic level and season, price of petrol known. Generalized least squares with a
# wandering level, its variance by restricted likelihood, gives -0.2377, with an sd of 0.047.
DRIVERS_LAW = -0.238


def average_effect(
    values: Sequence[float],
    before: int,
    controls: Mapping[str, Sequence[float]] | None = None,
    **settings: Any,
) -> Estimate:
    """Analyze values one a day, the change after the first `before` of them."""
    told = {
        "intervention_date": (FIRST + timedelta(days=before)).isoformat(),
        "include_day_of_week": False,
        "effect": "constant",
        "controls": list(controls or {}),
    }
    config = kind.config.model_validate(told | settings)
    days = pa.array([FIRST + timedelta(days=day) for day in range(len(values))], pa.date32())
    columns = {"timestamp": days.cast(pa.timestamp("us")), "outcome": values, **(controls or {})}
    events = ibis.duckdb.connect().create_table("events", pa.table(columns))
    cells = kind.reduce(events, None, config).to_pyarrow()
    summary = kind.summarize(kind.fit(cells, config, NOBODY), config)
    return {estimate.name: estimate for estimate in summary.estimates}["average"]


def seat_belts(casualties: Sequence[int], **settings: Any) -> Estimate:
    """Analyze logs of monthly casualties; the effect is on the log scale."""
    month = np.arange(len(casualties)) % 12
    seasons = {name: (month == number).tolist() for number, name in enumerate(MONTHS, start=1)}
    numbers = {name: [float(is_it) for is_it in column] for name, column in seasons.items()}
    return average_effect(np.log(casualties).tolist(), BEFORE, numbers, **settings)


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.interval is not None
    assert estimate.interval.low is not None
    assert estimate.interval.high is not None
    return estimate.interval.low, estimate.interval.high


def nile() -> list[float]:
    """Give the volume of the Nile at Aswan, 1871 to 1970, in 1e8 cubic meters."""
    from statsmodels.datasets import nile as source

    volume: list[float] = source.load_pandas().data["volume"].to_list()
    return volume


def test_the_nile_fell_by_the_published_amount() -> None:
    # data of Cobb (1978), Biometrika 65, 243-251: their means are 1097.75 until 1898 and 849.97
    # from 1899 on
    fixed = {"include_trend": False, "correlation": "independent"}

    found = average_effect(nile(), 28, prior_scale=10.0, **fixed)

    assert found.mean == pytest.approx(849.97 - 1097.75, rel=0.005)


def test_the_nile_fell_by_about_the_published_amount_with_everything_on() -> None:
    low, high = ends(average_effect(nile(), 28))

    assert low < 849.97 - 1097.75 < high < 0


def test_the_casualties_are_those_that_others_describe() -> None:
    # Commandeur and Koopman (2007), chapters 1 and 2: line, its error variance, mean and variance
    logs, month = np.log(DRIVERS), np.arange(1, 193)
    slope, level = np.polyfit(month, logs, 1)
    left = logs - level - slope * month

    assert (round(level, 4), round(slope, 5)) == (7.5458, -0.00145)
    assert round(float(left @ left) / 190, 6) == 0.022998
    assert (round(logs.mean(), 4), round(logs.var(ddof=1), 6)) == (7.4061, 0.029353)


@pytest.mark.parametrize("who", PUBLISHED)
def test_seat_belts_did_what_harvey_and_durbin_found(who: str) -> None:
    casualties, published = PUBLISHED[who]

    # theirs is a level that wanders, with seasons; it also had petrol prices and distances
    found = seat_belts(casualties, correlation="level", include_trend=False)

    assert found.mean is not None
    assert found.sd is not None
    assert abs(found.mean - np.log1p(published)) < found.sd


def test_seat_belts_saved_drivers_as_commandeur_and_koopman_found() -> None:
    found = seat_belts(DRIVERS, correlation="level", include_trend=False)

    assert found.mean is not None
    assert found.sd is not None
    assert abs(found.mean - DRIVERS_LAW) < 0.5 * found.sd


@pytest.mark.parametrize("who", PUBLISHED)
def test_the_default_model_tells_whom_the_law_protected(who: str) -> None:
    casualties, published = PUBLISHED[who]

    low, high = ends(seat_belts(casualties))

    assert low < np.log1p(published) < high
    assert (high < 0) == (who != "rear passengers")


def test_independent_months_would_accuse_the_law_of_harming_the_rear() -> None:
    low, _ = ends(seat_belts(REAR_PASSENGERS, correlation="independent"))

    assert low > 0
