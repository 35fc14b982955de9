"""What a hierarchy adds to the rates: how far they are pulled together, and by what.

Given the hyperparameters, the mean of a rate is (alpha + k) / (beta + T): beta is the exposure that
the other cohorts lend, and beta / (beta + T) the weight of the common mean.
"""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Estimate, Finding
from pymc_vibes.kinds.poisson_cohorts.estimates import estimates_from
from pymc_vibes.kinds.poisson_cohorts.settings import UNNAMED, RateConfig

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.kinds.poisson_cohorts.view import Rates

FEW_EVENTS = 10


def lent_exposure(rates: "Rates") -> float:
    """Give the exposure that every cohort borrows from the others: the median of beta."""
    return float(rates.posterior["beta"].distribution.quantile(0.5)[0])


def pull(rates: "Rates", cells: "np.ndarray") -> "np.ndarray":
    """Give the weight of the common mean in each cohort's rate, between 0 and 1."""
    mixture: Any = rates.distribution.take(cells)
    weights: np.ndarray = mixture.shrinkage()
    return weights


def hyper_estimates(rates: "Rates", config: RateConfig) -> tuple[Estimate, ...]:
    """Give the mean of the cohorts' rates, and how heterogeneous they are."""
    words = {
        "mean": "mean rate of all cohorts",
        "alpha": "alpha: shape of the rates across cohorts",
        "beta": "beta: exposure lent to each cohort",
    }
    variables = {name: rates.posterior[name] for name in words}
    return tuple(
        estimate
        for name, own in variables.items()
        for estimate in estimates_from(
            name, [words[name]], own.distribution, level=config.level, unit=own.unit
        )
    )


def pooling_words(rates: "Rates", config: RateConfig) -> str:
    """Say how strongly cohorts are pooled, in units of exposure."""
    from pymc_vibes.stats.describe import plain

    lent = lent_exposure(rates)
    unit = config.per if plain(lent) == "1" else config.pers
    exposure = unit if config.per == UNNAMED else f"{unit} of exposure"
    return (
        f"Cohorts borrow strength from each other as if each had about {plain(lent)} {exposure} "
        "from the others"
    )


def pooling_findings(
    rates: "Rates", cells: "np.ndarray", config: RateConfig
) -> tuple[Finding, ...]:
    """Say how strongly cohorts are pooled, and how many of these lean on it."""
    import numpy as np

    if rates.cells.num_rows == 1:
        text = "There is one cohort: it has nobody to borrow from, and leans on the prior alone."
        return (Finding(code="pooled", severity="note", text=text),)
    counts = rates.cells["k"].to_numpy()[cells]
    few = int(np.sum(counts < FEW_EVENTS))
    lean = ""
    if few:
        have = "has" if few == 1 else "have"
        rate = "its rate leans" if few == 1 else "their rates lean"
        lean = (
            f" {few:,} of {len(cells):,} {have} fewer than {FEW_EVENTS} events; "
            f"{rate} on the others."
        )
    return (Finding(code="pooled", severity="note", text=f"{pooling_words(rates, config)}.{lean}"),)
