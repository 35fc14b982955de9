"""Worlds of the prior: hazards of two groups, and units that are followed for a while."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes_survival.hazards import Hazards
from pymc_vibes_survival.settings import Piecewise, SurvivalConfig

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr


def truth(config: SurvivalConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw the hazards of two groups from the prior."""
    import numpy as np
    import xarray as xr

    model, groups = config.model, ("control", "treated")
    cuts = model.cuts if isinstance(model, Piecewise) else ()
    if config.typical is None or cuts is None:
        raise BadConfig(
            "A world cannot be drawn from a prior that waits for data.",
            hint="Set typical, and the cuts of a piecewise hazard.",
        )
    drawn = rng.gamma(config.weight, 1 / config.weight, size=(2, len(cuts) + 1))
    attrs = {"typical": config.typical, "cuts": list(cuts)}
    if isinstance(model, Piecewise):
        labels = [label for group in groups for label in piece_labels(group, cuts)]
        rates = drawn.ravel() / config.typical
        return xr.Dataset({"rate": ("piece", rates)}, {"piece": labels}, attrs)
    shape = model.shape_median * np.exp(model.shape_log_sd * rng.standard_normal(2))
    variables = {"shape": ("group", shape), "hazard": ("group", drawn[:, 0])}
    return xr.Dataset(variables, {"group": list(groups)}, attrs)


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Follow `size` units of two groups until the event, or a time that each brings along."""
    import numpy as np
    import pyarrow as pa

    facts = truth.attrs
    who = rng.integers(2, size=size)
    starts, is_weibull = np.array([0.0, *facts["cuts"]]), "shape" in truth
    hazards = Hazards(
        rates=truth["hazard" if is_weibull else "rate"].to_numpy().reshape(2, -1)[who],
        starts=starts,
        power=truth["shape"].to_numpy()[who] if is_weibull else np.ones(size),
        scale=facts["typical"] if is_weibull else 1.0,
    )
    times = hazards.times(rng.standard_exponential(size))
    end = facts["typical"] * rng.uniform(0.5, 2.5, size)
    return pa.table(
        {
            "unit": [f"unit {n}" for n in range(size)],
            "group": np.array(["control", "treated"], dtype=object)[who],
            "duration": np.maximum(np.minimum(times, end), 1e-9 * facts["typical"]),
            "observed": times <= end,
        }
    )


def piece_labels(group: str, cuts: Sequence[float]) -> list[str]:
    """Name the pieces of one group."""
    ends = [0.0, *cuts]
    inner = [f"{group} {low:.12g} to {high:.12g}" for low, high in zip(ends, cuts, strict=False)]
    return [*inner, f"{group} from {ends[-1]:.12g}"]
