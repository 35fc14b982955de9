"""What an interrupted series measured, for kinds that take effects of others."""

from typing import TYPE_CHECKING

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.lift import LiftReadout, MeasuredLift
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.model import day_of
from pymc_vibes.kinds.interrupted_series.reading import Reading, reading_of

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array

_MOST_FREEDOM = 1e6  # beyond, errors are normal


def lift(posterior: Posterior, config: InterruptedConfig) -> MeasuredLift:
    """Give the sum of effects over the days of the change and, where it ended, over those after.

    A day counts with its value, so a series of sales has one row a day. Raises `InsufficientData`
    for several series, each of which was fitted alone.
    """
    reading = reading_of(posterior, config)
    if len(reading.fits.fits) > 1:
        raise InsufficientData(
            f"The run is of {len(reading.fits.fits)} series, and one effect is wanted.",
            hint="Take a run of one of them (user_id), or of their sum.",
        )
    fit, window = reading.fit, reading.fit.window
    parts = [window.after, *([window.afterwards] if window.has_end else [])]
    sums = [fit.summed(days) for days in parts]
    freedom = sums[0].parameters().get("df")
    return MeasuredLift(
        readouts=tuple(
            LiftReadout(first=day_of(days[0]), last=day_of(days[-1]), mean=float(one.mean()[0]))
            for days, one in zip(parts, sums, strict=True)
        ),
        covariance=_covariance(reading, parts),
        unit=reading.sum_unit,
        grade="interrupted",
        freedom=None if freedom is None or freedom[0] > _MOST_FREEDOM else float(freedom[0]),
    )


def _covariance(reading: Reading, parts: "list[Array]") -> tuple[tuple[float, ...], ...]:
    """Give the covariance of sums over days, from the variance of what they add up to."""
    import numpy as np

    own = [float(reading.fit.summed(days).sd()[0]) ** 2 for days in parts]
    if len(parts) == 1:
        return ((own[0],),)
    both = float(reading.fit.summed(np.concatenate(parts)).sd()[0]) ** 2
    shared = (both - own[0] - own[1]) / 2
    return (own[0], shared), (shared, own[1])
