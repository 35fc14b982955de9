"""Simulation-based calibration of the marketing mix as it is by default: heavy tails and all.

The design is that of a simulated brand: its activity, controls and season are kept, and parameters
and sales are drawn anew from the priors as they are documented.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.marketing_mix import kind
from pymc_vibes.kinds.marketing_mix.study import model_of, study_of
from pymc_vibes.stats import nuts
from pymc_vibes.stats.calibrate import dkw_bound, least_distance, sbc_ranks
from pymc_vibes.stats.draws import sampled_posterior
from pymc_vibes.stats.media_transforms import LOGISTIC_RATE, MediaSpec, respond
from pymc_vibes.stats.special import Array
from tests.contract.bench import Bench, world

WORLDS = 150
MOST_PROBLEMS = 0.05
MEASURED = ("decay", "half", "average_effect", "coefficients", "sigma", "nu")
SDS = {"level": 0.5, "trend": 0.5}  # of controls and waves 0.3


@dataclass(frozen=True, eq=False)
class Design:
    """A market whose parameters and sales are drawn anew."""

    model: nuts.Model
    spec: MediaSpec
    names: dict[str, list[str]]
    effect_sd: Array

    @classmethod
    def of_a_brand(cls) -> "Design":
        """Take the activity, controls and season of a simulated brand, as the product reads it."""
        config, cells = Bench().cells(kind, world(kind, 80)[1], kind.example)
        study = study_of(cells, config)
        model = model_of(study, config)
        part = study.spend.sum(0) / study.spend.sum()
        halves = np.abs(np.random.default_rng(3).standard_normal((400_000, len(part))))
        return cls(
            model=model,
            spec=study.features.form.spec,
            names={dim: list(labels) for dim, labels in model.coords.items()},
            # all media bring 20 % of sales at the median, divided by spend
            effect_sd=part * 0.2 / np.median(halves @ part),
        )

    def truth(self, rng: np.random.Generator) -> xr.Dataset:
        """Draw parameters from the priors as they are documented."""
        many, columns = len(self.effect_sd), self.names["column"]
        center = np.array([name == "level" for name in columns], dtype=float)
        sd = np.array([SDS.get(name, 0.3) for name in columns])
        return xr.Dataset(
            {
                "decay": ("channel", rng.beta(1.0, 3.0, many)),
                "half": ("channel", LOGISTIC_RATE / rng.gamma(3.0, 1.0, many)),
                "average_effect": ("channel", np.abs(rng.normal(0, self.effect_sd))),
                "coefficients": ("column", rng.normal(center, sd)),
                "sigma": 0.3 * abs(rng.standard_normal()),
                "nu": 2 + rng.gamma(2.0, 10.0),
            },
            coords=self.names,
        )

    def learn(self, known: xr.Dataset, rng: np.random.Generator) -> Posterior:
        """Draw sales, and fit them."""
        data = self.model.data
        params = {name: known[name].to_numpy()[None] for name in ("decay", "half")}
        ones = {**params, "effect": np.ones((1, len(self.effect_sd)))}
        bent = np.array([respond(self.spec, row.T[::-1], ones)[0, 0] for row in data["lagged"]])
        y = bent @ (known["average_effect"].to_numpy() / bent.mean(0))
        y += data["columns"] @ known["coefficients"].to_numpy()
        y += float(known["sigma"]) * rng.standard_t(float(known["nu"]), len(y))
        settings = nuts.SamplerSettings(seed=int(rng.integers(2**31)), draws=500, tune=600)
        model = replace(self.model, data={**data, "y": y})
        sampled = nuts.sample(model, settings, NOBODY)
        weeks = pa.table({"week": np.arange(len(y))})
        units = dict.fromkeys(MEASURED, "")
        return sampled_posterior(sampled, cells=weeks, constants={}, units=units)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes on idle cores, ten times that where they are shared
def test_the_product_default_is_calibrated() -> None:
    design = Design.of_a_brand()

    places = sbc_ranks(design.truth, design.learn, worlds=WORLDS, seed=9)

    nuts.shutdown()
    assert set(places) == set(MEASURED)
    # six numbers: a false alarm is at most 6e-6 likely
    assert max(least_distance(found) for found in places.values()) < dkw_bound(WORLDS)
    failed = max(np.isnan(found).mean() for found in places.values())
    assert failed <= MOST_PROBLEMS
