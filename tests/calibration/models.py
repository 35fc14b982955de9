"""Models that sampler children build: those of the engines, written a second time.

`planted` switches errors on, one number each, so that right and wrong models are one structure and
compiled once. All 0 is the right model.
"""

from typing import Any

import numpy as np

type Data = dict[str, np.ndarray]

RATE_ERRORS = ("a scale taken for a rate", "the square of the mean as variance")
CHANCE_ERRORS = ("alpha and beta swapped",)
ENTITY_ERRORS = ("mu times Gamma(alpha, alpha)", "a scale taken for a rate", "phi upside down")


def rates(data: Data) -> Any:
    """Give `rate_i ~ Gamma(alpha, alpha / mean)` with Poisson counts."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model(coords={"cohort": range(len(data["k"]))}) as model:
        k, exposure = pm.Data("k", data["k"]), pm.Data("exposure", data["exposure"])
        prior, planted = pm.Data("prior", data["prior"]), pm.Data("planted", data["planted"])
        alpha = pm.LogNormal("alpha", prior[0], prior[1])
        mean = pm.LogNormal("mean", prior[2], prior[3])
        beta = pm.Deterministic("beta", alpha / mean)
        shape = pt.switch(planted[1], 1.0, alpha)  # variance mean^2 instead of mean^2 / alpha
        second = pt.switch(planted[0], 1 / beta, shape / mean)
        rate = pm.Gamma("rate", alpha=shape, beta=second, dims="cohort")
        pm.Poisson("count", mu=rate * exposure, observed=k)
    return model


def chances(data: Data) -> Any:
    """Give `chance_i ~ Beta(alpha, beta)` with binomial counts; a prior of mean and size."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model(coords={"group": range(len(data["k"]))}) as model:
        k, n = pm.Data("k", data["k"]), pm.Data("n", data["n"])
        prior, planted = pm.Data("prior", data["prior"]), pm.Data("planted", data["planted"])
        mean = pm.Beta("mean", prior[2], prior[3])
        size = pm.LogNormal("size", prior[0], prior[1])
        alpha = pm.Deterministic("alpha", size * mean)
        beta = pm.Deterministic("beta", size * (1 - mean))
        first = pt.switch(planted[0], beta, alpha)
        chance = pm.Beta("chance", first, alpha + beta - first, dims="group")
        pm.Binomial("successes", n=n, p=chance, observed=k)
    return model


def entities(data: Data) -> Any:
    """Give the reference model of entities, row by row, as the specification writes it."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model(coords={"entity": range(len(data["known"]))}) as model:
        who, y = pm.Data("entity_idx", data["entity_idx"]), pm.Data("y_obs", data["y_obs"])
        pm.Data("known", data["known"])
        prior, planted = pm.Data("prior", data["prior"]), pm.Data("planted", data["planted"])
        mu = pm.Exponential("mu", prior[0])
        alpha, phi = pm.HalfNormal("alpha", prior[1]), pm.HalfNormal("phi", prior[2])
        shape = pt.switch(planted[0], alpha, mu * alpha)
        rate = pt.switch(planted[0], alpha / mu, pt.switch(planted[1], 1 / alpha, alpha))
        theta = pm.Gamma("theta", alpha=shape, beta=rate, dims="entity")
        size = pt.switch(planted[2], 1 / phi, phi)
        pm.NegativeBinomial("y", mu=theta[who], alpha=size, observed=y)
    return model


def seizures(data: Data) -> Any:
    """Give model III of Breslow and Clayton (1993) with the priors of BUGS Examples, "Epil"."""
    import pymc as pm
    import pytensor.tensor as pt

    shape = data["y"].shape
    with pm.Model(coords={"patient": range(shape[0]), "visit": range(shape[1])}) as model:
        y, x = pm.Data("y", data["y"]), pm.Data("x", data["x"])
        last = pm.Data("last", data["last"])
        intercept = pm.Normal("intercept", 0, 100)
        coefficients = {n: pm.Normal(n, 0, 100) for n in ("Base", "Trt", "BT", "Age")}
        visit_4 = pm.Normal("V4", 0, 100)
        between = pm.Deterministic("sigma_b1", pm.Gamma("tau_b1", 1e-3, 1e-3) ** -0.5)
        within = pm.Deterministic("sigma_b", pm.Gamma("tau_b", 1e-3, 1e-3) ** -0.5)
        fixed = intercept + x @ pt.stack(list(coefficients.values()))
        patient = pm.Normal("patient_level", fixed, between, dims="patient")
        level = patient[:, None] + visit_4 * last[None, :]
        log_rate = pm.Normal("log_rate", level, within, dims=("patient", "visit"))
        pm.Poisson("seizures", pt.exp(log_rate), observed=y)
    return model
