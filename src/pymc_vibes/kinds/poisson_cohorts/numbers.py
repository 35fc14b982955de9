"""The numbers of a cell for programs, worked out for all cells at once and kept.

Reading one rate over and over is the commonest request there is; an interval of one cell costs
about as much as the intervals of hundreds together.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.view import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from pymc_vibes.kinds.poisson_cohorts.view import RateDistribution

TOGETHER = 20_000  # cells beyond which one is worked out alone: all would take seconds
POOLED_TOGETHER = 500  # of a hierarchy, whose intervals are searched rather than known
_ALWAYS = 0.95


@lru_cache(maxsize=16)
def rates_of(posterior: Posterior) -> Rates:
    """See a posterior as cells, and remember what was worked out of it."""
    return Rates(posterior)


def cell_data(rates: Rates, cell: int, config: RateConfig) -> dict[str, Any]:
    """Give a cell's numbers; `hdi95` and `eti95` always hold 95 %, `hdi` and `eti` the level."""
    if len(rates.distribution) <= (POOLED_TOGETHER if rates.is_pooled else TOGETHER):
        numbers, index = _all_numbers(rates.posterior, config.level), cell
    else:
        numbers, index = _numbers(rates.distribution.take([cell]), config.level), 0
    at = {name: float(values[index]) for name, values in numbers.items()}
    cells, known = rates.cells, rates.constants
    k, exposure = cells["k"][cell].as_py(), cells["exposure"][cell].as_py()
    return {
        "cohort": cells["cohort"][cell].as_py(),
        "event": cells["event"][cell].as_py(),
        "alpha": at.get("alpha"),  # a rate of a hierarchy is a mixture: it has none of its own
        "beta": at.get("beta"),
        **{name: at[name] for name in ("mean", "median", "sd")},
        "hdi95": [at["hdi95_low"], at["hdi95_high"]],
        "eti95": [at["eti95_low"], at["eti95_high"]],
        "hdi": [at["hdi_low"], at["hdi_high"]],
        "eti": [at["eti_low"], at["eti_high"]],
        "level": config.level,
        "k": k,
        "T": exposure,
        "raw": k / exposure,
        "unit": known["per"],
        "start": known["start"],
        "end": known["end"],
        "exposure": known["exposure"],
        "model": known["model"],
        "method": rates.posterior.method,
    }


@lru_cache(maxsize=16)
def _all_numbers(posterior: Posterior, level: float) -> "Mapping[str, np.ndarray]":
    return _numbers(rates_of(posterior).distribution, level)


def _numbers(distribution: "RateDistribution", level: float) -> "Mapping[str, np.ndarray]":
    from pymc_vibes.stats.exact import Gamma

    always = _intervals(distribution, _ALWAYS)
    asked = always if level == _ALWAYS else _intervals(distribution, level)
    return {
        **(distribution.parameters() if isinstance(distribution, Gamma) else {}),
        "mean": distribution.mean(),
        "median": distribution.quantile(0.5),
        "sd": distribution.sd(),
        **{name.replace("_", "95_"): ends for name, ends in always.items()},
        **asked,
    }


def _intervals(distribution: "RateDistribution", level: float) -> "dict[str, np.ndarray]":
    tail = (1 - level) / 2
    low, high = distribution.hdi(level)
    return {
        "hdi_low": low,
        "hdi_high": high,
        "eti_low": distribution.quantile(tail),
        "eti_high": distribution.quantile(1 - tail),
    }
