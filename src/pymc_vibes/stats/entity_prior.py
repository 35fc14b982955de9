"""Priors of the negative-binomial hierarchy, all proper, so that worlds can be drawn from them.

`reference()` is the model as it is usually written: `mu ~ Exponential(0.1)` (or a Gamma),
`alpha ~ HalfNormal(2)`, `phi ~ HalfNormal(2)`. It depends on the unit of the counts, and its prior
of `phi` nearly forbids Poisson data: intervals become up to twice too wide.

`scale_free()`, the default, says what can be said without knowing the counts: the coefficient of
variation between entities, `1 / sqrt(mu alpha)`, and that of the noise within one,
`1 / sqrt(phi)`, are half-normal with scale 1, so that none at all (equal entities, Poisson counts)
is as likely as any; `mu` is log-normal with median 1 and four log units of standard deviation
(95 % between 0.0004 and 2 500 events per window). Under it `alpha` and `phi` have no mean,
whatever the data: their posteriors reach infinity like the inverse square of a normal.
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.entity_integral import Hypers
from pymc_vibes.stats.entity_scale import GammaMean, HalfNormal, LogNormalMean
from pymc_vibes.stats.special import Array

_DEEPEST, _HIGHEST = -20.0, 1e4  # scores beyond are impossible
_LEAST = -23.0  # a variation of 1e-10 is none: below, digits are lost and nothing else changes


@dataclass(frozen=True)
class ByValue:
    """The parameter itself, `alpha` or `phi`, is half-normal with this scale."""

    sd: float = 2.0


@dataclass(frozen=True)
class ByVariation:
    """The coefficient of variation that the parameter stands for is half-normal with this scale.

    Of `alpha` it is `1 / sqrt(mu alpha)`, of `phi` it is `1 / sqrt(phi)`.
    """

    sd: float = 1.0


@dataclass(frozen=True)
class EntityPrior:
    """Independent priors of the mean, of the spread between entities and of the noise within.

    A point `(3,)` holds the normal scores of the three quantities that have the priors.
    """

    mu: GammaMean | LogNormalMean
    alpha: ByValue | ByVariation
    phi: ByValue | ByVariation

    @staticmethod
    def reference(
        mu: GammaMean | None = None, *, alpha_sd: float = 2.0, phi_sd: float = 2.0
    ) -> "EntityPrior":
        """Give the reference preset; `mu` defaults to `Exponential(0.1)`."""
        return EntityPrior(mu or GammaMean(), ByValue(alpha_sd), ByValue(phi_sd))

    @staticmethod
    def scale_free(
        mu: LogNormalMean | None = None, *, spread_sd: float = 1.0, noise_sd: float = 1.0
    ) -> "EntityPrior":
        """Give the default preset, which admits equal entities and Poisson counts."""
        return EntityPrior(mu or LogNormalMean(), ByVariation(spread_sd), ByVariation(noise_sd))

    def hypers(self, points: Array) -> Hypers:
        """Turn points `(n, 3)` into hyperparameters."""
        log_mu, second, third = (
            scale.log_value(z) for scale, z in zip(self.scales, points.T, strict=True)
        )
        log_alpha, log_phi = second, third
        if isinstance(self.alpha, ByVariation):
            log_alpha = -log_mu - 2 * np.maximum(second, _LEAST)
        if isinstance(self.phi, ByVariation):
            log_phi = -2 * np.maximum(third, _LEAST)
        with np.errstate(over="ignore", under="ignore"):  # only where the density is 0 anyway
            return Hypers(np.exp(log_mu), np.exp(log_alpha), np.exp(log_phi))

    def log_density(self, points: Array) -> Array:
        """Give the log prior density at points `(n, 3)`; minus infinity out of reach."""
        inside = ((points > _DEEPEST) & (points < _HIGHEST)).all(axis=1)
        found = np.full(len(points), -np.inf)
        parts = zip(self.scales, points[inside].T, strict=True)
        found[inside] = np.sum([scale.log_density(z) for scale, z in parts], axis=0)
        return found

    def draw(self, rng: np.random.Generator, n: int = 1) -> Hypers:
        """Draw `n` independent sets of hyperparameters."""
        mu, alpha, phi = (scale.draw(rng, n) for scale in self.scales)
        if isinstance(self.alpha, ByVariation):
            alpha = 1 / (mu * alpha**2)
        if isinstance(self.phi, ByVariation):
            phi = 1 / phi**2
        return Hypers(mu, alpha, phi)

    def start(self, mean: float) -> Array:
        """Give a point to begin the search for the mode at, for counts of that mean."""
        log_mu = np.array(np.log(mean))
        second = 0.0
        if isinstance(self.alpha, ByValue):
            second = float(self.scales[1].score(np.minimum(np.log(self.alpha.sd), -log_mu)))
        return np.array([float(self.scales[0].score(log_mu)), second, 0.0])

    @property
    def scales(self) -> tuple[GammaMean | LogNormalMean, HalfNormal, HalfNormal]:
        """Give the three quantities that have the priors."""
        return self.mu, HalfNormal(self.alpha.sd), HalfNormal(self.phi.sd)
