"""Media whose budgets are planned in tests."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.media_outlook import (
    Outlook,
    look_ahead,
)
from pymc_vibes.stats.media_response import Link, MediaResponse
from pymc_vibes.stats.media_transforms import MediaSpec

type Array = NDArray[np.float64]


PERIODS = 6
LAGS = 4


def response_of(
    draws: int,
    channels: int,
    *,
    saturation: Literal["hill", "logistic", "michaelis-menten", "none"] = "logistic",
    link: Link = "identity",
    spread: float = 0.15,
    steepness: float = 0.9,
) -> MediaResponse:
    rng = np.random.default_rng([draws, channels])

    def around_of(low: float, high: float) -> Array:
        noise = np.exp(spread * rng.standard_normal((draws, channels)))
        return np.asarray(rng.uniform(low, high, channels) * noise)

    params = {
        "decay": np.minimum(around_of(0.2, 0.6), 0.9),
        "half": around_of(0.3, 0.9),
        "slope": steepness * np.ones((draws, channels)),
        "effect": around_of(0.1, 0.4),
    }
    spec = MediaSpec(saturation=saturation, max_lag=LAGS)
    return MediaResponse(spec=spec, params=params, link=link, scale=50.0)


def spending_of(channels: int) -> Array:
    return np.asarray(np.random.default_rng(channels).uniform(60, 140, (30, channels)))


def outlook_of(response: MediaResponse, *, money: float = 1.0) -> Outlook:
    draws, channels = response.effect.shape
    rng = np.random.default_rng(3)
    return look_ahead(
        response,
        history=spending_of(channels) / 100,
        pattern=np.full((PERIODS, channels), 1 / PERIODS),
        activity_per_money=np.full(channels, 0.01 / money),
        mu=1 + 0.1 * rng.standard_normal((draws, PERIODS + LAGS)),
    )
