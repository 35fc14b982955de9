"""Marketing mixes of known truth, taken through the whole kind, and what is true of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xarray as xr

from pymc_vibes.kinds.marketing_mix import kind
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.kinds.marketing_mix.market import spec_of
from pymc_vibes.kinds.marketing_mix.reading import Reading, reading_of
from pymc_vibes.stats.media_effects import MediaDraws, Window, returns
from tests.contract.bench import Bench

type Array = np.ndarray[Any, np.dtype[np.float64]]

WEEKS = 104
SHORT = kind.example.model_copy(update={"draws": 2000, "tune": 600})


@dataclass(frozen=True, eq=False)
class Known:
    """A world, what was sold in it, and what the product reads from its fit."""

    truth: xr.Dataset
    events: pa.Table
    reading: Reading

    def inside(self, channel: int) -> tuple[bool, bool, bool]:
        """Say whether 90 % intervals of contribution, return and decay hold the truth."""
        if not self.reading.is_trusted:
            return False, False, False
        reading, answers = self.reading, known_draws(self.truth, self.reading)
        window = Window(activity=reading.activity[0], start=0, stop=WEEKS)
        brought = true_effects(self.truth, self.events)["lost"].to_numpy().sum(axis=(0, 1))
        true = (
            brought[channel],
            returns(answers, window, reading.spend)[0, channel],
            float(self.truth["decay"][channel]),
        )
        drawn = (
            reading.totals.lost.sum(axis=1)[:, channel],
            reading.roas[:, channel],
            reading.media[0].params["decay"][:, channel],
        )
        first, second, third = (holds(*pair) for pair in zip(drawn, true, strict=True))
        return first, second, third


def learned(truth: xr.Dataset, rng: np.random.Generator, config: MarketingMixConfig) -> Known:
    """Simulate two years of a world, and fit them as the product does."""
    events = kind.simulate(truth, WEEKS, rng)
    resolved, posterior = Bench().fit(kind, events, config)
    return Known(truth, events, reading_of(posterior, resolved))


def holds(draws: Array, true: float) -> bool:
    """Say whether the interval of 90 % holds a number."""
    low, high = np.quantile(draws, [0.05, 0.95])
    return bool(low <= true <= high)


def known_draws(truth: xr.Dataset, reading: Reading) -> MediaDraws:
    """Give the truth of a brand as one draw of media: its level does not matter to what adds."""
    one = reading.media[0]
    per = truth["media_scale"].to_numpy() / one.scale
    params = {
        "decay": truth["decay"].to_numpy()[None],
        "half": (truth["half"].to_numpy() * per)[None],
        "effect": np.ones((1, len(per))),
    }
    found = MediaDraws(
        spec=spec_of(truth),
        link="identity",
        noise="student",
        channels=one.channels,
        scale=one.scale,
        params=params,
        baseline=np.zeros((1, WEEKS)),
        sigma=np.zeros(1),
        unit=float(truth["size"][0]),
    )
    average = found.terms(reading.activity[0]).mean(1)
    params["effect"][:] = truth["average_effect"].to_numpy() / average
    return found
