"""Small models that sampler children build in the tests."""

import os
import sys
from typing import Any

import numpy as np

type Data = dict[str, np.ndarray]


def normal(data: Data, *, sd: float = 1.0, prior_sd: float = 10.0) -> Any:
    """Give the mean of normal data with known sd: conjugate, so its posterior is known."""
    import pymc as pm

    with pm.Model() as model:
        y = pm.Data("y", data["y"])
        mu = pm.Normal("mu", 0.0, prior_sd)
        pm.Normal("likelihood", mu, sd, observed=y)
    return model


def groups(data: Data) -> Any:
    """Give one rate per group, and twice it; the group of each row is data."""
    import pymc as pm

    with pm.Model(coords={"group": np.arange(len(data["exposure"]))}) as model:
        exposure = pm.Data("exposure", data["exposure"])
        counts = pm.Data("counts", data["counts"])
        rate = pm.Gamma("rate", 2.0, 1.0, dims="group")
        pm.Deterministic("double", 2 * rate, dims="group")
        pm.Poisson("likelihood", rate * exposure, observed=counts)
    return model


def funnel(data: Data, *, form: str = "centered") -> Any:
    """Give Neal's funnel, on which NUTS fails in one form and works in the other."""
    import pymc as pm

    count = len(data["y"])
    with pm.Model(coords={"k": np.arange(count)}) as model:
        pm.Data("y", data["y"])
        v = pm.Normal("v", 0.0, 3.0)
        if form == "centered":
            pm.Normal("x", 0.0, pm.math.exp(v / 2), dims="k")
        else:
            raw = pm.Normal("raw", 0.0, 1.0, dims="k")
            pm.Deterministic("x", raw * pm.math.exp(v / 2), dims="k")
    return model


def refuses(data: Data) -> Any:
    """Refuse any data."""
    raise ValueError(f"{len(data)} arrays are not what I want")


def dies(data: Data) -> Any:
    """End the process without a word to its parent."""
    sys.stderr.write(f"{len(data)} arrays killed me\n")
    sys.stderr.flush()
    os._exit(3)
