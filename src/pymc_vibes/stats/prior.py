"""Beta priors as settings: by shape, or by what one believes and how strongly."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pymc_vibes.core.config import setting
from pymc_vibes.core.records import Record

LEAST_SHAPE = 0.02
"""Below it a chance without any success lies closer to 0 than numbers can tell apart."""


class BetaShape(Record):
    """A Beta prior by its two shape parameters; (1, 1) is flat, (0.5, 0.5) is Jeffreys."""

    kind: Literal["shape"] = setting("shape", "The prior is given by its shape parameters.")
    a: float = setting(1.0, "Prior successes.", ge=LEAST_SHAPE, le=1e9)
    b: float = setting(1.0, "Prior failures.", ge=LEAST_SHAPE, le=1e9)

    def shapes(self) -> tuple[float, float]:
        """Give the shape parameters."""
        return self.a, self.b


class BetaMean(Record):
    """A Beta prior by its mean and the number of trials it is worth.

    >>> BetaMean(mean=0.1, effective_sample_size=20).shapes()
    (2.0, 18.0)
    """

    kind: Literal["mean"] = setting("mean", "The prior is given by its mean and weight.")
    mean: float = setting(..., "The rate expected before any data.", gt=0, lt=1)
    effective_sample_size: float = setting(
        ..., "How many trials that expectation is worth.", unit="trials", gt=0, le=1e9
    )

    @model_validator(mode="after")
    def _enough(self) -> Self:
        least = min(self.shapes())
        if least < LEAST_SHAPE * (1 - 1e-9):
            raise ValueError(
                f"the rarer outcome must be worth at least {LEAST_SHAPE} trials, not {least:.3g}: "
                "raise effective_sample_size, or move mean away from 0 and 1"
            )
        return self

    def shapes(self) -> tuple[float, float]:
        """Give the shape parameters."""
        weight = self.effective_sample_size
        return self.mean * weight, (1 - self.mean) * weight


type BetaPrior = Annotated[BetaShape | BetaMean, Field(discriminator="kind")]


def describe_prior(prior: BetaShape | BetaMean) -> str:
    """Say the prior in words.

    >>> describe_prior(BetaShape())
    'Beta(1, 1)'
    """
    a, b = prior.shapes()
    return f"Beta({a:g}, {b:g})"
