"""Simulation-based calibration of every model of entities that is sampled, extension by extension.

Worlds of twelve entities and ten windows are drawn from the prior, simulated, reduced on a real
DuckDB and sampled as the product does it, ladder included. Draws are thinned until they are about
independent. A world whose fit ends as a problem is not left out: its places may be anywhere, and
at most one in twenty may end so. The false-alarm rate of the bound is at most 1e-6 for each
variable, so at most 6e-5 for the whole file. 200 worlds see a shift of half an sd, 40 one of an
sd.
"""

from typing import Any

import numpy as np
import pytest

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.entity_rates import kind
from pymc_vibes.kinds.entity_rates.priors import Reference
from pymc_vibes.stats.calibrate import dkw_bound, least_distance, sbc_ranks
from tests.contract.bench import Bench

SIZE = 120
MOST_PROBLEMS = 0.05
SHORT = {"draws": 500, "tune": 500}
LONG = {"draws": 1000, "tune": 1000}  # a drift is a parameter for every count

MODELS: dict[str, dict[str, Any]] = {
    "basic": {"engine": "nuts", **SHORT},
    "basic, reference prior": {"engine": "nuts", "prior": Reference(), **SHORT},
    "zero inflation": {"zero_inflation": True, **SHORT},
    "covariates": {"covariates": True, **SHORT},
    "bytes": {"sizes": True, **SHORT},
    "exposure": {"exposure": "measured", **SHORT},
    "drift": {"autoregression": True, **LONG},
    "all but drift": {
        "zero_inflation": True,
        "covariates": True,
        "sizes": True,
        "exposure": "measured",
        **SHORT,
    },
}
WORLDS = dict.fromkeys(MODELS, 200) | {"drift": 40}


def places(model: str, worlds: int, **fitted: Any) -> dict[str, np.ndarray]:
    """Give the places of the truth; what is fitted may differ from what the worlds are."""
    bench = Bench()
    config = kind.example.model_copy(update=MODELS[model])
    other = config.model_copy(update=fitted)

    def learn(truth: Any, rng: np.random.Generator) -> Posterior:
        return bench.fit(kind, kind.simulate(truth, SIZE, rng), other)[1]

    return sbc_ranks(lambda rng: kind.truth(config, rng), learn, worlds=worlds, seed=3)


def test_entities_that_are_alike_are_sampled_without_a_problem() -> None:
    """A spread near 0 made a funnel in which the other forms of the model ended as a problem."""
    rng = np.random.default_rng(6)
    config = kind.example.model_copy(update=MODELS["zero inflation"])
    truth = kind.truth(config, rng)
    mu = float(truth["mu"])
    alike = truth.assign(theta=truth["theta"] * 0 + mu)

    _, posterior = Bench().fit(kind, kind.simulate(alike, SIZE, rng), config)

    found = posterior.diagnostics
    assert found.verdict != "problem"
    assert {attempt.settings["form"] for attempt in found.attempts} == {"standardized"}


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes on idle cores, ten times that where they are shared
@pytest.mark.parametrize("model", MODELS)
def test_a_sampled_model_is_calibrated(model: str) -> None:
    found = places(model, WORLDS[model])
    far = {name: least_distance(values) for name, values in found.items()}

    assert np.isnan(found["mu"]).mean() <= MOST_PROBLEMS
    assert {name: d for name, d in far.items() if d >= dkw_bound(WORLDS[model], alpha=1e-6)} == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("model", "wrong", "seen"),
    [
        ("zero inflation", {"zero_share_prior_mean": 0.9}, "zero_share"),
        ("covariates", {"effect_prior_sd": 0.05}, "effect"),
        ("bytes", {"size_prior_median": 1e9, "size_prior_log_sd": 0.5}, "size_level"),
    ],
)
def test_a_wrong_prior_of_an_extension_is_seen(
    model: str, wrong: dict[str, Any], seen: str
) -> None:
    assert least_distance(places(model, 60, **wrong)[seen]) > dkw_bound(60, alpha=1e-6)
