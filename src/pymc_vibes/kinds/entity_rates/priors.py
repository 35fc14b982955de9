"""Priors of the population, as settings: two presets that say what they believe.

The reference prior is that of the reference model: `mu ~ Exponential(0.1)` (central 95 %: 0.25 to
36.9), `alpha ~ HalfNormal(2)`, `phi ~ HalfNormal(2)`. It nearly forbids counts that vary as little
as Poisson's. The scale-free prior is wide in the logarithm of the mean, and is on the entities'
coefficient of variation `1/sqrt(mu alpha)` and the windows' own noise `1/sqrt(phi)`, which may
both be near 0.
"""

from math import log
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pymc_vibes.core.config import setting
from pymc_vibes.core.records import Record

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.entity_hierarchy import EntityPrior


class ExponentialMean(Record):
    """An exponential prior of the population's mean."""

    kind: Literal["exponential"] = setting("exponential", "The mean has an exponential prior.")
    rate: float = setting(0.1, "Rate of the prior: one over its mean.", gt=0, le=1e9)


class GammaMean(Record):
    """A Gamma prior of the population's mean."""

    kind: Literal["gamma"] = setting("gamma", "The mean has a Gamma prior.")
    shape: float = setting(2.0, "Shape of the prior.", gt=0.01, le=1e6)
    rate: float = setting(0.2, "Rate of the prior.", gt=0, le=1e9)


type MeanPrior = Annotated[ExponentialMean | GammaMean, Field(discriminator="kind")]


class Reference(Record):
    """The priors of the reference model."""

    kind: Literal["reference"] = setting("reference", "The priors of the reference model.")
    mu_prior: MeanPrior = setting(ExponentialMean(), "Prior of the population's mean rate.")
    alpha_prior_sd: float = setting(2.0, "Scale of the half-normal prior of alpha.", gt=0, le=1e6)
    overdispersion_prior_sd: float = setting(
        2.0, "Scale of the half-normal prior of phi.", gt=0, le=1e6
    )

    def families(self) -> dict[str, str]:
        """Name the family of each prior."""
        return {"mu": self.mu_prior.kind, "alpha": "half-normal", "phi": "half-normal"}

    def numbers(self) -> dict[str, tuple[float, float]]:
        """Give the numbers of each prior, two for each."""
        mean = self.mu_prior
        mu = (mean.rate, 0.0) if mean.kind == "exponential" else (mean.shape, mean.rate)
        return {
            "mu": mu,
            "alpha": (self.alpha_prior_sd, 0.0),
            "phi": (self.overdispersion_prior_sd, 0.0),
        }

    def for_quadrature(self) -> "EntityPrior":
        """Give the prior as the quadrature takes it."""
        from pymc_vibes.stats.entity_hierarchy import EntityPrior
        from pymc_vibes.stats.entity_scale import GammaMean as Mean

        mean = self.mu_prior
        shape = 1.0 if mean.kind == "exponential" else mean.shape
        return EntityPrior.reference(
            Mean(shape, mean.rate),
            alpha_sd=self.alpha_prior_sd,
            phi_sd=self.overdispersion_prior_sd,
        )

    def describe(self) -> str:
        """Say the prior in words."""
        mean = self.mu_prior
        known = f"Exponential({mean.rate:g})"
        if mean.kind == "gamma":
            known = f"Gamma({mean.shape:g}, {mean.rate:g})"
        return (
            f"reference: mu ~ {known}, alpha ~ HalfNormal({self.alpha_prior_sd:g}), "
            f"phi ~ HalfNormal({self.overdispersion_prior_sd:g})"
        )


class ScaleFree(Record):
    """Priors without a scale of their own: of the mean's logarithm, and of relative spreads."""

    kind: Literal["scale-free"] = setting("scale-free", "A wide prior that admits Poisson counts.")
    mu_median: float = setting(
        1.0, "Prior median of the population's mean rate.", unit="events per window", gt=0, le=1e9
    )
    mu_log_sd: float = setting(4.0, "Prior sd of its logarithm.", gt=0.01, le=10)
    spread_sd: float = setting(
        1.0,
        "Scale of the half-normal prior of the rates' coefficient of variation between entities.",
        gt=0.01,
        le=10,
    )
    noise_sd: float = setting(
        1.0,
        "Scale of the half-normal prior of 1/sqrt(phi), the windows' own coefficient of variation.",
        gt=0.01,
        le=10,
    )

    def families(self) -> dict[str, str]:
        """Name the family of each prior."""
        return {"mu": "log-normal", "spread": "half-normal", "noise": "half-normal"}

    def numbers(self) -> dict[str, tuple[float, float]]:
        """Give the numbers of each prior, two for each."""
        return {
            "mu": (log(self.mu_median), self.mu_log_sd),
            "spread": (self.spread_sd, 0.0),
            "noise": (self.noise_sd, 0.0),
        }

    def for_quadrature(self) -> "EntityPrior":
        """Give the prior as the quadrature takes it."""
        from pymc_vibes.stats.entity_hierarchy import EntityPrior
        from pymc_vibes.stats.entity_scale import LogNormalMean

        return EntityPrior.scale_free(
            LogNormalMean(self.mu_median, self.mu_log_sd),
            spread_sd=self.spread_sd,
            noise_sd=self.noise_sd,
        )

    def describe(self) -> str:
        """Say the prior in words."""
        return (
            f"scale-free: mu ~ LogNormal(log {self.mu_median:g}, {self.mu_log_sd:g}), "
            f"1/sqrt(mu alpha) ~ HalfNormal({self.spread_sd:g}), "
            f"1/sqrt(phi) ~ HalfNormal({self.noise_sd:g})"
        )


type RatePrior = Annotated[ScaleFree | Reference, Field(discriminator="kind")]


def draw_population(
    prior: ScaleFree | Reference, n: int, rng: "np.random.Generator"
) -> "dict[str, np.ndarray]":
    """Draw `mu`, `alpha`, `phi`, `spread` and `noise` from the prior, `(n,)` each."""
    families, numbers = prior.families(), prior.numbers()
    drawn = {name: _draw(family, numbers[name], n, rng) for name, family in families.items()}
    if "spread" in drawn:
        drawn["alpha"] = 1 / (drawn["mu"] * drawn["spread"] ** 2)
        drawn["phi"] = drawn["noise"] ** -2.0
    else:
        drawn["spread"] = (drawn["mu"] * drawn["alpha"]) ** -0.5
        drawn["noise"] = drawn["phi"] ** -0.5
    return drawn


def _draw(
    family: str, numbers: tuple[float, float], n: int, rng: "np.random.Generator"
) -> "np.ndarray":
    import numpy as np

    first, second = numbers
    match family:
        case "exponential":
            return rng.exponential(1 / first, n)
        case "gamma":
            return rng.gamma(first, 1 / second, n)
        case "half-normal":
            return np.abs(rng.normal(0, first, n))
        case _:
            return np.exp(rng.normal(first, second, n))
