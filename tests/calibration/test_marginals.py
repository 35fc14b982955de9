"""Posteriors of single hyperparameters of entities, however their lattice happens to lie.

A lattice laid anew, whose planes hold one coordinate constant, gives the marginal with an error far
below a thousandth: sums over planes are trapezoid sums. What is tabulated from the first lattice
must not show how its own planes lie.
"""

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from pymc_vibes.stats.entity_hierarchy import EntityHierarchy, EntityPrior
from tests.calibration.worlds import ENTITIES
from tests.stats.entity_worlds import table

PRIORS = {"reference": EntityPrior.reference(), "scale-free": EntityPrior.scale_free()}
CHANCES = np.array([0.001, 0.025, 0.25, 0.5, 0.75, 0.975, 0.999])


def by_planes(fit: EntityHierarchy, axis: int) -> np.ndarray:
    """Give quantiles of one coordinate from planes of a lattice of their own."""
    places, logs = fit.lattice.project(np.eye(3)[axis])
    kept = logs > logs.max() - 14
    curve = make_interp_spline(places[kept], logs[kept], k=5)
    fine = np.linspace(places[kept][0], places[kept][-1], 20_001)
    height = np.exp(curve(fine))
    below = np.concatenate([[0.0], np.cumsum((height[1:] + height[:-1]) / 2)])
    return np.interp(CHANCES, below / below[-1], fine)


@pytest.mark.parametrize("name", ENTITIES)
@pytest.mark.parametrize("prior", PRIORS)
def test_tabulated_posteriors_are_those_of_planes_of_their_own(prior: str, name: str) -> None:
    fit = table(ENTITIES[name]).fit(PRIORS[prior])
    tabulated = (
        (fit.mu, fit.alpha, fit.phi) if prior == "reference" else (fit.mu, fit.spread, fit.noise)
    )

    for axis, posterior in enumerate(tabulated):
        scores = by_planes(fit, axis)
        values = np.exp(fit.prior.scales[axis].log_value(scores))

        assert posterior.cdf(0, values) == pytest.approx(CHANCES, abs=5e-4)
