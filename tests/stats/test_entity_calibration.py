"""Simulation-based calibration of the hierarchy of entities, and of what it would catch.

20 entities with 6 windows; false alarms of the right model have a chance of at most 1e-6 for each
variable (`calibrate.dkw_bound`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.entity_hierarchy import EntityPrior
from tests.stats.entity_worlds import table

if TYPE_CHECKING:
    from pymc_vibes.stats.entity_integral import Hypers

ENTITIES, WINDOWS = 20, 6
NAMES = ("mu", "alpha", "phi", "theta")

type Simulate = Callable[[float, float, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def right(
    mu: float, alpha: float, phi: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    theta = rng.gamma(mu * alpha, 1 / alpha, ENTITIES)
    return theta, rng.poisson(theta[:, None] * rng.gamma(phi, 1 / phi, (ENTITIES, WINDOWS)))


def other_variance(
    mu: float, alpha: float, phi: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw `theta = mu Gamma(alpha, alpha)`: variance mu^2 / alpha, often taken for the same."""
    theta = mu * rng.gamma(alpha, 1 / alpha, ENTITIES)
    return theta, rng.poisson(theta[:, None] * rng.gamma(phi, 1 / phi, (ENTITIES, WINDOWS)))


def no_noise(
    mu: float, alpha: float, _phi: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Drop the term `1 + t/phi`: Poisson counts."""
    theta = rng.gamma(mu * alpha, 1 / alpha, ENTITIES)
    return theta, rng.poisson(theta[:, None], (ENTITIES, WINDOWS))


def places(
    worlds: int, prior: EntityPrior, simulate: Simulate = right, drawn: EntityPrior | None = None
) -> dict[str, np.ndarray]:
    """Give the place of the truth in its posterior, `(worlds,)` for each variable."""
    found = []
    for source in np.random.SeedSequence(11).spawn(worlds):
        rng = np.random.default_rng(source)
        hypers: Hypers = (drawn or prior).draw(rng)
        truth = [float(hypers.mu[0]), float(hypers.alpha[0]), float(hypers.phi[0])]
        theta, y = simulate(*truth, rng)
        fit = table(y.tolist()).fit(prior, tolerance=1e-2)
        scalars = (fit.mu, fit.alpha, fit.phi)
        own = [s.cdf(0, np.array([t]))[0] for s, t in zip(scalars, truth, strict=True)]
        found.append([*own, fit.rates.cdf(0, theta[:1])[0]])
    return dict(zip(NAMES, np.array(found).T, strict=True))


def test_the_truth_is_anywhere_in_its_posterior() -> None:
    found = places(50, EntityPrior.scale_free())

    assert {name: distance(found[name]) < dkw_bound(50) for name in NAMES} == dict.fromkeys(
        NAMES, True
    )


@pytest.mark.parametrize(
    ("simulate", "drawn", "seen"),
    [
        (other_variance, EntityPrior.reference(), "alpha"),
        (no_noise, EntityPrior.reference(), "phi"),
        (right, EntityPrior.reference(phi_sd=20.0), "phi"),
    ],
    ids=["another-variance", "a-dropped-term", "another-prior"],
)
def test_a_planted_error_is_seen(simulate: Simulate, drawn: EntityPrior, seen: str) -> None:
    found = places(25, EntityPrior.reference(), simulate, drawn)

    assert distance(found[seen]) > dkw_bound(25)


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", [EntityPrior.reference(), EntityPrior.scale_free()], ids=["reference", "scale-free"]
)
def test_hundreds_of_worlds_are_calibrated(prior: EntityPrior) -> None:
    found = places(400, prior)

    assert max(distance(found[name]) for name in NAMES) < dkw_bound(400)
