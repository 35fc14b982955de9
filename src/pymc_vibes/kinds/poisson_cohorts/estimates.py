"""Posteriors of several labels as the estimates that people read."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Estimate, Interval

if TYPE_CHECKING:
    from pymc_vibes.core.posterior import Distribution


def estimates_from(
    name: str,
    labels: Sequence[str],
    distribution: "Distribution",
    *,
    level: float,
    unit: str,
) -> tuple[Estimate, ...]:
    """Give every label of a distribution as an estimate.

    The HDI comes first, because nothing is decided from a single rate.
    """
    from pymc_vibes.stats.describe import monte_carlo_errors

    tail = (1 - level) / 2
    hdi = zip(*distribution.hdi(level), strict=True)
    eti = zip(distribution.quantile(tail), distribution.quantile(1 - tail), strict=True)
    moments = zip(distribution.mean(), distribution.sd(), distribution.quantile(0.5), strict=True)
    found = (
        _estimate(name, label, moment, short, tailed, level, unit)
        for label, moment, short, tailed in zip(labels, moments, hdi, eti, strict=True)
    )
    errors = monte_carlo_errors(distribution, len(labels))
    return tuple(
        estimate.model_copy(update={"mcse": mcse})
        for estimate, mcse in zip(found, errors, strict=True)
    )


def _estimate(
    name: str,
    label: str,
    moments: tuple[float, float, float],
    hdi: tuple[float, float],
    eti: tuple[float, float],
    level: float,
    unit: str,
) -> Estimate:
    shortest = Interval(low=_finite(hdi[0]), high=_finite(hdi[1]), prob=level, kind="hdi")
    tailed = Interval(low=_finite(eti[0]), high=_finite(eti[1]), prob=level, kind="eti")
    mean, sd, median = (_finite(x) for x in moments)
    return Estimate(
        name=name,
        label=label,
        unit=unit,
        mean=mean,
        sd=sd,
        median=median,
        interval=shortest,
        intervals=(tailed, shortest),
    )


def _finite(x: float) -> float | None:
    return float(x) if isfinite(x) else None
