"""What the further questions to rates are about."""

from pymc_vibes.core.config import Parameters, setting


class RateOf(Parameters):
    """Which rate."""

    cohort: str = setting(..., "The cohort.", max_length=2000)
    event: str | None = setting(None, "The event; the headline's by default.", max_length=2000)


class Pair(Parameters):
    """Which two rates."""

    a: str = setting(..., "The first cohort.", max_length=2000)
    b: str = setting(..., "The second cohort.", max_length=2000)
    event: str | None = setting(None, "The event; the headline's by default.", max_length=2000)


class Named(Parameters):
    """Which cohorts to look for."""

    name_contains: str = setting(
        ..., "Text in the names of cohorts, in upper or lower case.", max_length=200
    )
    event: str | None = setting(None, "The event; the headline's by default.", max_length=2000)


class AllOf(Parameters):
    """Which event."""

    event: str | None = setting(None, "The event; the headline's by default.", max_length=2000)
