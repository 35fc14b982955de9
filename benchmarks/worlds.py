"""The data that the benchmarks of hierarchies run on, and the same models in PyMC for the peers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

TUNE, DRAWS, CHAINS = 1000, 1000, 4


@dataclass(frozen=True)
class Cohorts:
    """Counts and exposures of cohorts whose rates are alike but not equal."""

    k: np.ndarray
    exposure: np.ndarray

    @property
    def scale(self) -> float:
        """The median of the prior of the mean rate: one event in a cohort's mean exposure."""
        return float(1 / self.exposure.mean())


@dataclass(frozen=True)
class Entities:
    """Counts per entity (rows) and window (columns) of the reference model."""

    y: np.ndarray

    @property
    def sums(self) -> np.ndarray:
        """Sum of each entity's counts."""
        return np.asarray(self.y.sum(axis=1))

    @property
    def windows(self) -> np.ndarray:
        """Number of each entity's windows."""
        return np.full(len(self.y), self.y.shape[1])

    @property
    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct counts, and in how many windows each occurs."""
        return np.unique(self.y, return_counts=True)


def cohorts(size: int, *, whole_days: bool = False) -> Cohorts:
    """Draw a world of Gamma(2, 4) rates per day and exposures of about 40 days."""
    rng = np.random.default_rng([1, size])
    exposure = rng.gamma(2.0, 20.0, size) + 0.5
    if whole_days:
        exposure = np.ceil(exposure)
    return Cohorts(rng.poisson(rng.gamma(2.0, 0.25, size) * exposure), exposure)


def entities(size: int, windows: int) -> Entities:
    """Draw a world of the reference model: mu 5, alpha 0.8, phi 2."""
    rng = np.random.default_rng([2, size, windows])
    theta = rng.gamma(5.0 * 0.8, 1 / 0.8, size)[:, None]
    rates = theta * rng.gamma(2.0, 0.5, (size, windows))
    return Entities(rng.poisson(rates))


def rates_model(world: Cohorts) -> Any:
    """Write the Gamma-Poisson hierarchy down in PyMC, centered, as a textbook does."""
    import pymc as pm

    with pm.Model() as model:
        alpha = pm.LogNormal("alpha", np.log(2.0), 1.0)
        mean = pm.LogNormal("mean", np.log(world.scale), 5.0)
        rate = pm.Gamma("rate", alpha=alpha, beta=alpha / mean, shape=len(world.k))
        pm.Poisson("k", mu=rate * world.exposure, observed=world.k)
    return model


def entities_model(world: Entities) -> Any:
    """Write the reference model of entity rates down in PyMC, one term per window."""
    import pymc as pm

    size, windows = world.y.shape
    with pm.Model() as model:
        mu = pm.Exponential("mu", 0.1)
        alpha = pm.HalfNormal("alpha", 2.0)
        phi = pm.HalfNormal("phi", 2.0)
        theta = pm.Gamma("theta", alpha=mu * alpha, beta=alpha, shape=size)
        of = np.repeat(np.arange(size), windows)
        pm.NegativeBinomial("y", mu=theta[of], alpha=phi, observed=world.y.ravel())
    return model
