"""What an A/B test measured, for kinds that take effects of others."""

from datetime import timedelta

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.lift import LiftReadout, MeasuredLift
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.ab_test.config import ABTestConfig
from pymc_vibes.kinds.ab_test.reading import Reading


def lift(posterior: Posterior, config: ABTestConfig) -> MeasuredLift:
    """Give the conversions that the treatment brought among the units that had it.

    Its days are those of the config's window, for counts have none. Raises `InsufficientData` for
    several treatments, too few units, and units that were not split as planned.
    """
    reading = Reading(posterior=posterior, config=config)
    treatment = _only_treatment(reading)
    rate = posterior["rate"]
    at = [rate.index(treatment), rate.index(reading.control)]
    mean, sd = reading.rate.mean()[at], reading.rate.sd()[at]
    units = reading.counts[treatment][0]
    first = last = None
    if config.start is not None and config.end is not None:
        first, last = config.start.date(), (config.end - timedelta(microseconds=1)).date()
    return MeasuredLift(
        readouts=(LiftReadout(first=first, last=last, mean=float(units * (mean[0] - mean[1]))),),
        covariance=((float(units**2 * (sd**2).sum()),),),
        unit="conversions",
        grade="randomized",
        units=units,
    )


def _only_treatment(reading: Reading) -> str:
    if len(reading.variants) > 2:
        raise InsufficientData(
            f"The test has {len(reading.variants) - 1} treatments, and one effect is wanted.",
            hint="Enter the lift and sd of one of them as numbers.",
        )
    if reading.split.broken:
        raise InsufficientData(
            "The units are not split as planned, so the difference is no effect of the treatment.",
            hint="Find out why, and test again.",
        )
    if not reading.readable:
        raise InsufficientData(
            f"A variant has fewer than {reading.config.min_units} units.",
            hint="Take a run of more data.",
        )
    return reading.variants[1]
