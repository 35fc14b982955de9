"""The coefficients of an interrupted series as a sampler has drawn them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pymc_vibes.core.posterior import stream
from pymc_vibes.stats.autoregression import Grid
from pymc_vibes.stats.marginals import Drawn
from pymc_vibes.stats.special import Array


@dataclass(frozen=True, eq=False)
class DrawnCoefficients:
    """Joint draws in standard units: every draw is a node that weighs as much as the others."""

    coefficients: Array
    """`(chain, draw, coefficient)`."""
    sigma: Array
    """Sd of a day, `(chain, draw)`; so are `phi` and `share`."""
    phi: Array
    share: Array

    @property
    def mean(self) -> Array:
        """Give the coefficients of every draw, `(draws, coefficients)`."""
        return self.coefficients.reshape(-1, self.coefficients.shape[2])

    @cached_property
    def grid(self) -> Grid:
        """Give correlation and share of the state of every draw."""
        return Grid(self.phi.ravel(), self.share.ravel(), np.zeros(self.phi.size))

    @property
    def variance(self) -> Array:
        """Give the variance of a day, of every draw."""
        return self.sigma.ravel() ** 2

    @property
    def weights(self) -> Array:
        """Give each draw the same weight."""
        return np.full(self.sigma.size, 1 / self.sigma.size)

    def functional(self, rows: Array, noise: Array | None = None) -> Drawn:
        """Give `rows @ coefficients`; `noise` `(labels, draws)` is in units of the variance."""
        values = self.coefficients @ rows.T
        if noise is not None:
            sd = np.sqrt(np.broadcast_to(noise, (len(rows), self.sigma.size)) * self.variance)
            fresh = stream(0, "noise").standard_normal(sd.shape)
            values = values + (sd * fresh).T.reshape(values.shape)
        return Drawn(values)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw coefficients jointly, `(n, coefficients)`."""
        known = self.mean
        return np.asarray(known[rng.integers(len(known), size=n)])
