"""Spending, schedules and designs together: weekly looks at an autocorrelated series."""

from math import sqrt

import numpy as np
import pytest

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.stats.design import Analysis, Noise, precision
from pymc_vibes.stats.schedules import Rules, Schedules
from pymc_vibes.stats.spending import (
    Guard,
    HwangShihDeCani,
    ObrienFleming,
    Pocock,
    Spending,
    plan_looks,
)

DAYS, WORLDS = 84, 20_000
NOISE = Noise(sd=1.0, autocorrelation=0.7)
ANALYSIS = Analysis(has_trend=True)
SCHEDULES = Schedules(Rules(slots=28, slot_days=3, block=2))
LOOKS = (21, 23, 40, 61, 62, 84)


def weekly(schedule: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give Z at every look of many series without an effect, and the information at each look."""
    lags = np.abs(np.subtract.outer(np.arange(DAYS), np.arange(DAYS)))
    covariance = NOISE.sd**2 * NOISE.autocorrelation**lags
    noise = np.random.default_rng(seed).normal(size=(WORLDS, DAYS))
    series = noise @ np.linalg.cholesky(covariance).T
    scores, information = [], []
    for day in LOOKS:
        columns = np.stack([schedule[:day], np.ones(day), np.arange(day)], axis=1).astype(float)
        solved = np.linalg.solve(covariance[:day, :day], columns)
        inverse = np.linalg.inv(columns.T @ solved)
        estimate = (series[:, :day] @ solved @ inverse)[:, 0]
        scores.append(estimate / sqrt(inverse[0, 0]))
        error = precision(schedule[None, :day], NOISE, ANALYSIS).standard_error[0]
        information.append(error**-2)
    return np.stack(scores, axis=1), np.array(information)


@pytest.mark.parametrize("spending", [ObrienFleming(), Pocock(), HwangShihDeCani(-2.0)])
def test_looks_at_an_autocorrelated_series_err_as_often_as_they_say(spending: Spending) -> None:
    [schedule] = SCHEDULES.draw(1, 21)
    scores, information = weekly(schedule, 22)
    looks = plan_looks(Guard(spending=spending), information / information[-1])

    wrong = np.any(np.abs(scores) >= [look.boundary for look in looks], axis=1)

    assert abs(wrong.mean() - 0.05) < 5 * sqrt(0.05 * 0.95 / WORLDS)  # false alarm: 6e-7


def test_information_is_not_a_share_of_the_days() -> None:
    schedule = np.repeat([0, 1], [40, 44]).astype(np.int8)[None]

    with pytest.raises(InsufficientData):  # there is none before the treatment begins
        precision(schedule[:, :40], NOISE, ANALYSIS)
    early, last = (
        precision(schedule[:, :day], NOISE, ANALYSIS).standard_error[0] ** -2 for day in (45, 84)
    )

    assert early / last > 1.5 * 45 / 84  # the days around the only change tell nearly all
