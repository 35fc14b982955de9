"""How far an engine is from a sampler, in Monte Carlo standard errors of the sampler.

Means are compared as they are; variances as means of squared distances from the engine's mean;
quantiles as shares of draws below the engine's quantile, whose expectation is known. Each is a mean
over chains, so one standard error serves all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pymc_vibes.core.posterior import Distribution
from pymc_vibes.stats.chains import mcse_mean

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)

type Engine = Mapping[str, Distribution]


def scores(
    engine: Engine, chains: Any, *, without_moments: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Give z by variable and number: `mean`, `sd` and quantiles, an entry per label.

    Some posteriors have tails so heavy that their mean has no useful standard error, or that there
    is none: of these only quantiles are compared.
    """
    found = {}
    for name, distribution in engine.items():
        array = chains[name].transpose("chain", "draw", ...).to_numpy().astype(float)
        draws = array.reshape(*array.shape[:2], -1)
        if name not in without_moments:
            mean, sd = np.asarray(distribution.mean()), np.asarray(distribution.sd())
            found[f"{name} mean"] = _z(draws, mean)
            found[f"{name} sd"] = _z((draws - mean) ** 2, sd**2)
        for q in QUANTILES:
            below = (draws <= np.asarray(distribution.quantile(q))).astype(float)
            found[f"{name} {q}"] = _z(below, np.full(draws.shape[2], q))
    return found


def worst(found: Mapping[str, np.ndarray]) -> tuple[float, str]:
    """Give the largest |z|, and of what it is."""
    return max((float(np.abs(z).max()), name) for name, z in found.items())


def root_mean_square(found: Sequence[Mapping[str, np.ndarray]]) -> float:
    """Give the root of the mean of z^2 over all numbers: 1 where nothing but sampling differs."""
    every = np.concatenate([z for one in found for z in one.values()])
    return float(np.sqrt(np.mean(every**2)))


def _z(draws: np.ndarray, known: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # all draws on one side of a quantile: infinitely far
        return np.asarray((draws.mean(axis=(0, 1)) - known) / mcse_mean(draws))
