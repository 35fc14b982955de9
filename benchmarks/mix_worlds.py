"""Brands whose media are known to the last sale: money by week, and what it brought."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from pymc_vibes.stats.media_effects import MediaDraws
from pymc_vibes.stats.media_transforms import MediaSpec, fourier, with_carry_in
from pymc_vibes.stats.special import Array

MONDAY = date(2022, 1, 3)
SPEC = MediaSpec(max_lag=7)
"""Eight weights: a week and the seven after it, as PyMC-Marketing's `l_max=8`."""
YEAR = 365.25
_CONTROLS, _WAVES = 3, 2
_SALES = 100_000.0
_NOISE = 0.03


@dataclass(frozen=True, eq=False)
class Brand:
    """What was seen week by week, and what each channel truly brought."""

    sales: Array
    media: Array
    """Money, `(weeks, channels)`: activity and spend are the same."""
    controls: Array
    brought: Array
    """`(weeks, channels)`, without noise."""

    def first(self, weeks: int) -> "Brand":
        """Give what was known after some weeks."""
        parts = (self.sales, self.media, self.controls, self.brought)
        return Brand(*(part[:weeks] for part in parts))

    def asked(self) -> dict[str, Any]:
        """Say what every way is told: a straight line and the year stand beside the controls."""
        weeks = len(self.sales)
        line = np.linspace(-0.5, 0.5, weeks)[:, None]
        z = (self.controls - self.controls.mean(0)) / self.controls.std(0)
        return {
            "days": [(MONDAY + timedelta(weeks=week)).isoformat() for week in range(weeks)],
            "sales": self.sales.tolist(),
            "media": self.media.tolist(),
            "columns": np.column_stack([z, line]).tolist(),
            "season": season(weeks).tolist(),
        }


def season(weeks: int) -> Array:
    """Give sines and cosines of the day of the year, as PyMC-Marketing counts it."""
    days = [MONDAY + timedelta(weeks=week) for week in range(weeks)]
    return fourier(np.array([day.timetuple().tm_yday for day in days], float), YEAR, _WAVES)


def brand(seed: int, *, weeks: int, channels: int) -> Brand:
    """Simulate a brand: steady channels, flights and bursts, three controls, a year and a trend."""
    rng = np.random.default_rng(seed)
    media = _media(weeks, channels, rng) * rng.uniform(500, 5_000, channels)
    controls = np.column_stack([rng.standard_normal((weeks, _CONTROLS - 1)), _price(weeks, rng)])
    columns = np.column_stack([controls, np.linspace(-0.5, 0.5, weeks), season(weeks)])
    shares = rng.uniform(0.01, 0.06, (1, channels))
    truth = MediaDraws(
        spec=SPEC,
        link="identity",
        noise="normal",
        channels=tuple(map(str, range(channels))),
        scale=media.max(0),
        params={
            "decay": rng.uniform(0.1, 0.7, (1, channels)),
            "half": rng.uniform(0.25, 0.7, (1, channels)),
            "effect": np.ones((1, channels)),
        },
        baseline=(1 - shares.sum() + columns @ rng.normal(0, 0.03, columns.shape[1]))[None],
        sigma=np.array([_NOISE]),
        unit=_SALES,
    )
    behind = with_carry_in(media[:0], media, SPEC.lags)
    truth.params["effect"][:] = shares / truth.terms(behind).mean(1)
    terms = truth.terms(behind)[0]
    mu = truth.baseline[0] + terms.sum(1)
    sales = _SALES * (mu + _NOISE * rng.standard_normal(weeks))
    return Brand(sales, media, controls, _SALES * terms)


def _media(weeks: int, channels: int, rng: np.random.Generator) -> Array:
    steady = rng.gamma(4.0, 0.25, (weeks, channels))
    on = np.repeat(rng.random((weeks // 4 + 1, channels)) < 0.5, 4, axis=0)[:weeks]
    flights = on * rng.gamma(3.0, 0.5, (weeks, channels))
    return np.where(np.arange(channels) % 2 == 0, steady, flights)


def _price(weeks: int, rng: np.random.Generator) -> Array:
    return np.asarray(np.cumsum(rng.standard_normal(weeks)) * 0.3)
