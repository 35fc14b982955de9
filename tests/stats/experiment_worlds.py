"""Media, and experiments with them, for tests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.media_effects import Link
from pymc_vibes.stats.media_experiments import (
    Evidence,
    Experiment,
    Readout,
    gather,
)
from pymc_vibes.stats.media_response import MediaResponse
from pymc_vibes.stats.media_transforms import MediaSpec

type Array = NDArray[np.float64]


LAGS = 5
PERIODS = 30


def response_of(draws: int, *, link: Link = "identity") -> MediaResponse:
    rng = np.random.default_rng(draws)
    params = {
        "decay": rng.uniform(0.4, 0.8, (draws, 2)),
        "half": rng.uniform(0.3, 0.7, (draws, 2)),
        "effect": rng.uniform(0.1, 0.5, (draws, 2)),
    }
    return MediaResponse(spec=MediaSpec(max_lag=LAGS), params=params, link=link, scale=100.0)


def activity_of() -> Array:
    return np.asarray(np.random.default_rng(1).uniform(0.3, 0.9, (LAGS + PERIODS, 2)))


def mu_of(draws: int) -> Array:
    return np.asarray(0.1 * np.random.default_rng(2).standard_normal((draws, PERIODS)))


def cut(*readouts: Readout, **options: Any) -> Experiment:
    """Four weeks from period 10 with 0.2 less of channel 1."""
    change = np.zeros((4, 2))
    change[:, 1] = -0.2
    given: dict[str, Any] = {"name": "cut", "grade": "randomized", **options}
    return Experiment(start=10, change=change, readouts=readouts, **given)


def linear_of(effect: Array) -> MediaResponse:
    """No carry-over, no saturation: a lift is effect times change."""
    spec = MediaSpec(adstock="none", saturation="none")
    return MediaResponse(spec=spec, params={"effect": effect})


def linear_test(lift: float, sd: float, **options: Any) -> Evidence:
    """One period with 2 more of the only channel, on a panel of three periods."""
    given: dict[str, Any] = {"name": "up", "grade": "randomized", "is_in_panel": False, **options}
    readout = Readout(start=1, stop=2, lift=lift, sd=sd)
    test = Experiment(start=1, change=np.full((1, 1), 2.0), readouts=(readout,), **given)
    return gather([test], np.ones((3, 1)), 0)
