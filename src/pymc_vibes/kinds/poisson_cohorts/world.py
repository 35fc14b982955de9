"""A world of rates: its truth drawn from the prior, and the events that happen in it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.poisson_cohorts.settings import SECONDS, RateConfig

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr

_COHORTS = ("north", "south", "east", "west", "center", "harbor")
_EVENT = "complaint"
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def truth(config: RateConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw a rate for each of six cohorts from the prior."""
    import numpy as np
    import xarray as xr

    alpha0, beta0 = config.prior
    if beta0 <= 0:
        raise BadConfig(
            "A world cannot be drawn from an improper prior.",
            hint="Set alpha0 and beta0, both above 0.",
        )
    attrs = {
        "event": config.event or _EVENT,
        "exposure": config.exposure or "window",
        "unit_seconds": SECONDS[config.unit],
        "typical_rate": alpha0 / beta0,
    }
    rates = rng.gamma(alpha0, 1 / beta0, size=len(_COHORTS))
    labels = np.array(_COHORTS, dtype=object)
    return xr.Dataset(
        {"rate": ("cohort", rates, {"unit": f"events per {config.per}"})},
        coords={"cohort": labels},
        attrs=attrs,
    )


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make about `size` events, over as many whole days as typical rates need for them.

    Every cohort is seen on the first and the last day, if only with a count of 0, so that the
    extent of the events is the window and a silent cohort is known.
    """
    if truth.attrs["exposure"] == "measured":
        return _simulate_measured(truth, size, rng)
    import numpy as np
    import pyarrow as pa

    cohorts = truth["cohort"].to_numpy()
    rates = truth["rate"].to_numpy()
    per_day = truth.attrs["typical_rate"] * len(cohorts) * 86_400 / truth.attrs["unit_seconds"]
    days = max(1, round(size / per_day))
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


def _simulate_measured(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make `size` daily rows, each a count over an exposure of its own."""
    import numpy as np
    import pyarrow as pa

    cohorts = truth["cohort"].to_numpy()
    rows = max(size, len(cohorts))
    who = np.arange(rows) % len(cohorts)
    exposure = np.round(rng.gamma(4.0, 0.25 / truth.attrs["typical_rate"], size=rows) * 4, 9) + 1e-9
    return pa.table(
        {
            "timestamp": _times(np.arange(rows) // len(cohorts) * 86_400_000_000),
            "cohort": pa.array(cohorts[who], pa.string()),
            "event": pa.array([truth.attrs["event"]] * rows, pa.string()),
            "count": pa.array(rng.poisson(truth["rate"].to_numpy()[who] * exposure), pa.int64()),
            "exposure": pa.array(exposure, pa.float64()),
        }
    )


def _times(offsets: "np.ndarray") -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    begin = int(_BEGIN.timestamp()) * 1_000_000
    return pa.array(np.asarray(offsets, dtype=np.int64) + begin, pa.timestamp("us"))
