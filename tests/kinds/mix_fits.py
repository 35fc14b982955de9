"""Fits of small worlds that the tests of questions share, each made once in a process."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import xarray as xr

from pymc_vibes.core.answer import Diagnostics, QueryAnswer, Table
from pymc_vibes.core.config import parse
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.marketing_mix import kind
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.fit import fit
from pymc_vibes.kinds.marketing_mix.reading import Reading, reading_of
from pymc_vibes.kinds.marketing_mix.samples import sample
from pymc_vibes.kinds.marketing_mix.study import study_of
from pymc_vibes.stats import nuts
from pymc_vibes.stats.draws import sampled_posterior
from tests.kinds.mix_worlds import cells, settings

HELD_OUT = 8
_QUICK = {"chains": 2, "tune": 500, "draws": 1000}


@dataclass(frozen=True, eq=False)
class Mix:
    """A fit, and the world that it is of."""

    truth: xr.Dataset
    events: pa.Table
    config: MarketingMixConfig
    posterior: Posterior

    @property
    def reading(self) -> Reading:
        return reading_of(self.posterior, self.config)

    def ask(self, slug: str, **parameters: Any) -> QueryAnswer:
        query: Any = kind.query(slug)
        answer: QueryAnswer = query.answer(
            self.posterior, self.config, parse(query.parameters, parameters)
        )
        return answer

    def with_cells(self, table: pa.Table) -> "Mix":
        """Put other cells under the same draws."""
        return replace(self, posterior=replace(self.posterior, cells=table))

    def distrusted(self) -> "Mix":
        """Give the same as if the chains did not agree."""
        found = self.posterior.diagnostics.model_copy(
            update={"verdict": "problem", "reasons": ("R-hat of decay is 1.3",)}
        )
        return replace(self, posterior=replace(self.posterior, diagnostics=found))


def made(truth: xr.Dataset, events: pa.Table, **given: Any) -> Mix:
    config = settings(**{**_QUICK, **given})
    posterior = fit(cells(events, **given), config, NOBODY)
    assert posterior.diagnostics.converged, posterior.diagnostics.reasons
    return Mix(truth, events, config, posterior)


@cache
def brand() -> Mix:
    """The sample: one brand, three channels, effects that add, the last periods held out."""
    return made(*sample(), currency="EUR", holdout_periods=HELD_OUT)


@cache
def unsaturated() -> Mix:
    """The sample where effects multiply and do not wear off; draws that nobody had to sample."""
    rng = np.random.default_rng(9)
    given = {"link": "log", "noise": "lognormal", "saturation": {"kind": "none"}}
    return unsampled(*sample(), rng, **given)


@cache
def regions() -> Mix:
    """Three regions that are kept apart, effects multiply; draws that nobody had to sample."""
    rng = np.random.default_rng(8)
    truth = kind.truth(settings(panel="entities"), rng)
    events = kind.simulate(truth, 3 * 80, rng)
    given = {"panel": "entities", "link": "log", "noise": "lognormal"}
    return unsampled(truth, events, rng, **given)


def unsampled(truth: xr.Dataset, events: pa.Table, rng: np.random.Generator, **given: Any) -> Mix:
    """Put draws of plausible size in the place of chains: what holds for all draws holds there."""
    config, table = settings(**given), cells(events, **given)
    study = study_of(table, config)
    form, channels = study.features.form, len(study.panel.channels)
    many = 400
    effect = 0.1 * np.exp(0.2 * rng.standard_normal((2, many, len(form.geos) or 1, channels)))
    columns = len(study.features.series) + len(form.columns)
    log = form.link == "log"
    centers = np.r_[np.full(len(study.features.series), 0.0 if log else 0.7),
                    np.full(len(form.columns), 0.01)]  # fmt: skip
    drawn = xr.Dataset(
        {
            "geo_effect" if form.geos else "effect": (
                ("chain", "draw", *(("geo",) if form.geos else ()), "channel"),
                effect if form.geos else effect[:, :, 0],
            ),
            "decay": (("chain", "draw", "channel"), rng.beta(8, 12, (2, many, channels))),
            "half": (("chain", "draw", "channel"), rng.beta(20, 20, (2, many, channels))),
            "coefficients": (
                ("chain", "draw", "column"),
                centers + 0.01 * rng.standard_normal((2, many, columns)),
            ),
            "sigma": (("chain", "draw"), 0.05 * np.exp(0.1 * rng.standard_normal((2, many)))),
            "nu": (("chain", "draw"), 5 + rng.gamma(2, 5, (2, many))),
        },
        coords={"column": [f"column {i}" for i in range(columns)]},
    )
    posterior = sampled_posterior(
        nuts.Sampled(
            tree=xr.DataTree.from_dict({"posterior": drawn}), diagnostics=Diagnostics(method="nuts")
        ),
        cells=table, constants={}, units={"sigma": ""}, supports={},
    )  # fmt: skip
    return Mix(truth, events, config, posterior)


def table_of(answer: QueryAnswer, name: str) -> Table:
    (found,) = (table for table in answer.summary.tables if table.name == name)
    return found


def column(table: Table, name: str) -> np.ndarray:
    place = table.columns.index(name)
    return np.array([row[place] for row in table.rows])


def by(table: Table, key: str, value: str) -> Mapping[str, float]:
    return dict(zip(column(table, key).tolist(), column(table, value).tolist(), strict=True))
