"""Data on which engines and samplers are compared: sparse, extremely heterogeneous, one dominant.

All sets of a family have as many labels, so that a sampler compiles its model once.
"""

from typing import Any

import numpy as np

from pymc_vibes.stats import nuts
from pymc_vibes.stats.entity_prior import ByValue, EntityPrior
from pymc_vibes.stats.hierarchy import ChancePrior, LogNormalPrior
from tests.stats.entity_worlds import World, table

SHAPE, MEAN = LogNormalPrior(2.0, 1.0), LogNormalPrior(1.0, 1.5)
SIZE = ChancePrior(LogNormalPrior(10.0, 1.0))
LONG = nuts.SamplerSettings(draws=10_000, tune=1500, target_accept=0.99, seed=11)

type Pairs = tuple[np.ndarray, np.ndarray]


def _pairs(k: list[int], size: list[float]) -> Pairs:
    return np.array(k, dtype=float), np.array(size, dtype=float)


RATES: dict[str, Pairs] = {
    "sparse": _pairs(
        [0, 0, 4, 0, 1, 2, 0, 0, 0, 1, 0, 0],
        [1.0, 1.5, 2.0, 1.0, 1.1, 3.0, 1.0, 1.0, 1.3, 2.0, 1.0, 1.2],
    ),
    "heterogeneous": _pairs(
        [0, 1, 3, 900, 12, 0, 44, 2, 5000, 7, 0, 150],
        [20.0, 9.0, 0.5, 3.0, 100.0, 0.01, 4.0, 40.0, 6.0, 1.0, 3.0, 0.2],
    ),
    "dominant": _pairs(
        [2, 1, 0, 3, 1, 2, 0, 1, 4, 1, 2, 100_000],
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5e4],
    ),
}

CHANCES: dict[str, Pairs] = {
    "sparse": _pairs([0, 0, 2, 0, 1, 3, 0, 0, 1, 0, 0, 1], [4, 2, 5, 3, 6, 5, 3, 2, 3, 6, 3, 4]),
    "heterogeneous": _pairs(
        [2, 28, 3, 900, 1, 1, 42, 2, 480, 7, 1, 150],
        [200, 31, 50, 1000, 2, 4, 45, 400, 501, 14, 90, 2000],
    ),
    "dominant": _pairs(
        [2, 1, 0, 3, 1, 2, 0, 1, 4, 1, 2, 20_000], [9, 8, 7, 9, 8, 9, 6, 9, 9, 8, 9, 90_000]
    ),
}


def _counts(theta: list[float], phi: float, windows: int, seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    rate = np.array(theta)[:, None] * rng.gamma(phi, 1 / phi, (len(theta), windows))
    return rng.poisson(rate).tolist()


ENTITIES: dict[str, list[list[int]]] = {
    "sparse": _counts([0.2, 0.5, 1.5] * 4, 2.0, 10, 1),
    "heterogeneous": _counts(list(np.geomspace(0.2, 400, 12)), 1.5, 8, 2),
    "dominant": _counts([2.0, 3.0, 4.0] * 3 + [2.0, 3.0, 900.0], 3.0, 8, 3),
}


def rate_data(k: np.ndarray, exposure: np.ndarray) -> dict[str, np.ndarray]:
    """Give the inputs of the product's own model."""
    numbers = (np.log(SHAPE.median), SHAPE.log_sd, np.log(MEAN.median), MEAN.log_sd)
    names = ("shape_log_median", "shape_log_sd", "mean_log_median", "mean_log_sd")
    prior = {name: np.array(number) for name, number in zip(names, numbers, strict=True)}
    return {"k": k, "exposure": exposure, **prior}


def rate_model(k: np.ndarray, exposure: np.ndarray, form: str) -> nuts.Model:
    """Give the product's own model of rates."""
    builder = "pymc_vibes.kinds.poisson_cohorts.sampled:hierarchy"
    return nuts.Model(builder, {"form": form}, rate_data(k, exposure))


def chance_data(k: np.ndarray, n: np.ndarray) -> dict[str, np.ndarray]:
    """Give the inputs of `models.chances`, without an error."""
    prior = np.array([np.log(SIZE.size.median), SIZE.size.log_sd, SIZE.a, SIZE.b])
    return {"k": k, "n": n, "prior": prior, "planted": np.zeros(1)}


def chance_model(k: np.ndarray, n: np.ndarray) -> nuts.Model:
    """Give the model of chances; the product has none that is sampled."""
    return nuts.Model("tests.calibration.models:chances", data=chance_data(k, n))


def entity_model(counts: list[list[int]], prior: EntityPrior, form: str) -> nuts.Model:
    """Give the product's own model of entities, on sums."""
    known = table(counts)
    names = {"alpha": "alpha", "phi": "phi"}
    mu: dict[str, Any] = {"mu": "exponential", "mu_prior": np.array([0.1, 0.0])}
    if not isinstance(prior.alpha, ByValue):
        names = {"alpha": "spread", "phi": "noise"}
        mu = {"mu": "log-normal", "mu_prior": np.array([0.0, 4.0])}
    families = {"mu": mu.pop("mu")} | dict.fromkeys(names.values(), "half-normal")
    scales = {
        f"{names['alpha']}_prior": np.array([prior.alpha.sd, 0.0]),
        f"{names['phi']}_prior": np.array([prior.phi.sd, 0.0]),
    }
    return nuts.Model(
        "pymc_vibes.kinds.entity_rates.models:sufficient",
        {"families": families, "form": form},
        {**sums(known), **mu, **scales},
    )


def sums(known: World) -> dict[str, np.ndarray]:
    """Give what the likelihood needs of counts."""
    return {
        "total": known.sums,
        "windows": known.windows,
        "values": known.values,
        "counts": known.counts,
    }
