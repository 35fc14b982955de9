"""A world of rates: its truth drawn from the prior, and the events that happen in it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.poisson_cohorts.settings import SECONDS, Model, RateConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import pyarrow as pa
    import xarray as xr

_COHORTS = ("north", "south", "east", "west", "center", "harbor")
_EVENT = "complaint"
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_STAGES = 24
"""Equal parts of the window, in each of which a rate of a world over time is constant."""

type _Named = dict[str, tuple[tuple[str, ...], Any]]
"""Dimensions and values by name."""
type _World = tuple[_Named, float]
"""What is true, and a typical rate."""


def truth(config: RateConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw a rate for each of six cohorts from the prior of the config's model."""
    import xarray as xr

    rates, typical = _DRAW[config.model](config, rng)
    coords = {"cohort": _labels()} | ({"stage": range(_STAGES)} if config.is_over_time else {})
    unit = f"events per {config.per}"
    return xr.Dataset(
        {name: (dims, values, {"unit": unit}) for name, (dims, values) in rates.items()},
        coords=coords,
        attrs={
            "event": config.event or _EVENT,
            "exposure": config.exposure or "window",
            "unit_seconds": SECONDS[config.unit],
            "typical_rate": typical,
        },
    )


def _independent(config: RateConfig, rng: "np.random.Generator") -> _World:
    alpha0, beta0 = config.prior
    if beta0 <= 0:
        raise BadConfig(
            "A world cannot be drawn from an improper prior.",
            hint="Set alpha0 and beta0, both above 0.",
        )
    rates = rng.gamma(alpha0, 1 / beta0, size=len(_COHORTS))
    return {"rate": (("cohort",), rates)}, alpha0 / beta0


def _hierarchical(config: RateConfig, rng: "np.random.Generator") -> _World:
    """Draw the shape and the mean of the rates across cohorts, then the rates."""
    import numpy as np

    if config.mean_median is None:
        raise BadConfig(
            "A world cannot be drawn from a prior that waits for data.", hint="Set mean_median."
        )
    shape = rng.lognormal(np.log(config.shape_median), config.shape_log_sd)
    mean = rng.lognormal(np.log(config.mean_median), config.mean_log_sd)
    rates = np.maximum(rng.gamma(shape, mean / shape, size=len(_COHORTS)), 1e-290)
    scalars = {"alpha": shape, "mean": mean, "beta": shape / mean}
    known: _Named = {name: ((), value) for name, value in scalars.items()}
    return {"rate": (("cohort",), rates), **known}, config.mean_median


def _drifting(config: RateConfig, rng: "np.random.Generator") -> _World:
    """Let every rate walk at random: about 15 % up or down from stage to stage."""
    import numpy as np

    world, typical = _independent(config, rng)
    walk = np.cumsum(rng.normal(0, 0.15, size=(len(_COHORTS), _STAGES)), axis=1)
    rates = world["rate"][1][:, None] * np.exp(walk)
    return {"rate": (("cohort", "stage"), rates)}, typical


def _changing(config: RateConfig, rng: "np.random.Generator") -> _World:
    """Let about every second rate change once, by a factor of e to the power of about 1."""
    import numpy as np

    world, typical = _independent(config, rng)
    changes = rng.random(len(_COHORTS)) < 0.5
    factor = np.where(changes, np.exp(rng.normal(0, 1, size=len(_COHORTS))), 1.0)
    first = rng.integers(1, _STAGES, size=len(_COHORTS))
    after = np.arange(_STAGES) >= first[:, None]
    rates = world["rate"][1][:, None] * np.where(after, factor[:, None], 1.0)
    facts = {"factor": factor, "first": first}
    known: _Named = {name: (("cohort",), values) for name, values in facts.items()}
    return {"rate": (("cohort", "stage"), rates), **known}, typical


_DRAW: "Mapping[Model, Callable[[RateConfig, np.random.Generator], _World]]" = {
    "independent": _independent,
    "hierarchical": _hierarchical,
    "piecewise": _drifting,
    "change-point": _changing,
}


def _labels() -> "np.ndarray":
    import numpy as np

    return np.array(_COHORTS, dtype=object)


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make about `size` events, over as many whole days as typical rates need for them.

    Every cohort is seen on the first and the last day, if only with a count of 0, so that the
    extent of the events is the window and a silent cohort is known.
    """
    if truth.attrs["exposure"] == "measured":
        return _simulate_measured(truth, size, rng)
    if "stage" in truth.dims:
        return _simulate_stages(truth, size, rng)
    import numpy as np
    import pyarrow as pa

    cohorts = truth["cohort"].to_numpy()
    rates = truth["rate"].to_numpy()
    days = max(1, round(size / _per_day(truth)))
    counts = rng.poisson(rates * days * 86_400 / truth.attrs["unit_seconds"])
    who = np.repeat(np.arange(len(cohorts)), counts)
    offsets = np.sort(rng.integers(0, days * 86_400_000_000, size=len(who)))
    frame = np.tile([0, days * 86_400_000_000 - 1], len(cohorts))
    return pa.table(
        {
            "timestamp": _times(np.concatenate([frame, offsets])),
            "cohort": pa.array(
                cohorts[
                    np.concatenate([np.repeat(np.arange(len(cohorts)), 2), rng.permutation(who)])
                ],
                pa.string(),
            ),
            "event": pa.array([truth.attrs["event"]] * (len(frame) + len(who)), pa.string()),
            "count": pa.array([0] * len(frame) + [1] * len(who), pa.int64()),
        }
    )


def _per_day(truth: "xr.Dataset") -> float:
    per_day: float = truth.attrs["typical_rate"] * len(_COHORTS) * 86_400
    return per_day / float(truth.attrs["unit_seconds"])


def _simulate_stages(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Count every cohort once a day, over equal stages of as many days as are needed."""
    import numpy as np
    import pyarrow as pa

    stage_days = max(1, round(size / _per_day(truth) / _STAGES))
    rates = np.repeat(truth["rate"].to_numpy(), stage_days, axis=1)
    counts = rng.poisson(rates * 86_400 / truth.attrs["unit_seconds"])
    cohorts, days = counts.shape
    return pa.table(
        {
            "timestamp": _times(np.tile(np.arange(days) * 86_400_000_000, cohorts)),
            "cohort": pa.array(np.repeat(truth["cohort"].to_numpy(), days), pa.string()),
            "event": pa.array([truth.attrs["event"]] * counts.size, pa.string()),
            "count": pa.array(counts.ravel(), pa.int64()),
        }
    )


def _simulate_measured(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make `size` daily rows, each a count over an exposure of its own."""
    import numpy as np
    import pyarrow as pa

    cohorts = truth["cohort"].to_numpy()
    rows = max(size, len(cohorts))
    who = np.arange(rows) % len(cohorts)
    stage = np.arange(rows) * truth.sizes.get("stage", 1) // rows
    rates = truth["rate"].to_numpy()
    rates = rates[who] if rates.ndim == 1 else rates[who, stage]
    exposure = np.round(rng.gamma(4.0, 0.25 / truth.attrs["typical_rate"], size=rows) * 4, 9) + 1e-9
    return pa.table(
        {
            "timestamp": _times(np.arange(rows) // len(cohorts) * 86_400_000_000),
            "cohort": pa.array(cohorts[who], pa.string()),
            "event": pa.array([truth.attrs["event"]] * rows, pa.string()),
            "count": pa.array(rng.poisson(rates * exposure), pa.int64()),
            "exposure": pa.array(exposure, pa.float64()),
        }
    )


def _times(offsets: "np.ndarray") -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    begin = int(_BEGIN.timestamp()) * 1_000_000
    return pa.array(np.asarray(offsets, dtype=np.int64) + begin, pa.timestamp("us"))
