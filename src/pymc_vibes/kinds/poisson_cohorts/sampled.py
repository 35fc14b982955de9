"""The hierarchical model of rates for a sampler: where quadrature refuses, or is not wanted.

    k_i ~ Poisson(lambda_i T_i),  lambda_i ~ Gamma(shape alpha, rate alpha / mean)
    log alpha ~ Normal(log shape_median, shape_log_sd),  log mean ~ Normal(log mean_median, ...)

The likelihood is written on the cells, whose count and exposure are sufficient: the cost of a step
does not grow with the number of events.
"""

from collections.abc import Mapping
from math import log
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.view import answered, most_frequent

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pymc as pm

type Form = Literal["centered", "non-centered"]

NUMBERS = ("shape_log_median", "shape_log_sd", "mean_log_median", "mean_log_sd")


def build_model(cells: "pa.Table", config: RateConfig, *, form: Form = "centered") -> "pm.Model":
    """Give the PyMC model of the hierarchy: `rate[cohort]`, `alpha`, `beta`, `mean`.

    It is of one event: the one asked for, else the most frequent. Rates are per unit of exposure.
    """
    known = answered(cells, config.event or most_frequent(cells))
    coords = {"cohort": known["cohort"].to_pylist()}
    k, exposure = known["k"].to_numpy(), known["exposure"].to_numpy()
    data = inputs(k, exposure, mean_median(exposure, config), config)
    return hierarchy(data, form=form, coords=coords)


def mean_median(exposure: "np.ndarray", config: RateConfig) -> float:
    """Give the prior median of the mean rate: one event in a cohort's mean exposure, if open."""
    return config.mean_median or 1 / float(exposure.mean())


def inputs(
    k: "np.ndarray", exposure: "np.ndarray", median: float, config: RateConfig
) -> "Mapping[str, np.ndarray]":
    """Give what the model is about: counts, exposures and the numbers of its priors."""
    import numpy as np

    priors = (log(config.shape_median), config.shape_log_sd, log(median), config.mean_log_sd)
    numbers = {name: np.array(x) for name, x in zip(NUMBERS, priors, strict=True)}
    return {"k": k.astype(float), "exposure": exposure.astype(float), **numbers}


def hierarchy(
    data: "Mapping[str, np.ndarray]", *, form: Form, coords: Mapping[str, Any] | None = None
) -> "pm.Model":
    """Build the model in one of two forms, which have the same posterior.

    Without `coords` cohorts are numbered.
    """
    import pymc as pm

    with pm.Model(coords=coords or {"cohort": range(len(data["k"]))}) as model:
        k = pm.Data("k", data["k"], dims="cohort")
        exposure = pm.Data("exposure", data["exposure"], dims="cohort")
        known = {name: pm.Data(name, data[name]) for name in NUMBERS}
        alpha = pm.LogNormal("alpha", known["shape_log_median"], known["shape_log_sd"])
        mean = pm.LogNormal("mean", known["mean_log_median"], known["mean_log_sd"])
        beta = pm.Deterministic("beta", alpha / mean)
        if form == "centered":
            rate = pm.Gamma("rate", alpha=alpha, beta=beta, dims="cohort")
        else:
            raw = pm.Gamma("raw", alpha=alpha, beta=1.0, dims="cohort")
            rate = pm.Deterministic("rate", raw / beta, dims="cohort")
        pm.CustomDist("count", rate * exposure, logp=_log_chance, observed=k, dims="cohort")
    return model


def _log_chance(count: Any, mean: Any) -> Any:
    """Give Poisson's log probability without the factorial of the count.

    Data that can be rebound are no constants to the compiler: a gradient would compute their
    factorials anew and take twice as long.
    """
    import pymc as pm

    return count * pm.math.log(mean) - mean
