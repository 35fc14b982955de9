"""What the analysis of rates can be told."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal, Self

from pydantic import model_validator

from pymc_vibes.core.config import SampledConfig, setting
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.instant import Instant, check_window

type Model = Literal["independent", "hierarchical", "piecewise", "change-point"]

UNNAMED = "unit of exposure"
SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "year": 31_557_600,  # the Julian year of 365.25 days
}
BUCKETS = {"days": 86_400, "weeks": 604_800, "four-week periods": 2_419_200}
"""Periods between which counts are compared: at least a day, as many files hold only dates."""
MAX_BUCKETS = 50  # enough to see clustering; more would cost grouping time
PERIODS = {
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "four-weeks": 2_419_200,
    "quarter": 7_862_400,  # 13 weeks: a calendar's quarters are not equally long
    "year": 31_449_600,  # 52 weeks
}
"""Periods of constant rate: equal in length, each a whole number of the shorter ones."""
AUTO_PERIODS = 100
MAX_PERIODS = 400
OVER_TIME: tuple[Model, ...] = ("piecewise", "change-point")


class RateConfig(SampledConfig):
    """Settings of event rates."""

    start: Instant | None = setting(
        None, "Start of the window, UTC; the first event's day by default."
    )
    end: Instant | None = setting(
        None, "End of the window, UTC, exclusive; the end of the last event's day by default."
    )
    unit: Literal["second", "minute", "hour", "day", "week", "year"] = setting(
        "day", "Unit of time of the rates; a year is 365.25 days. Unused with measured exposure."
    )
    exposure: Literal["window", "measured"] | None = setting(
        None,
        "What the events are counted against: the window's length, or the rows' own exposure. "
        "The first upload decides where it is open.",
    )
    exposure_unit: str = setting(
        UNNAMED,
        "What one unit of measured exposure is, such as flight.",
        min_length=1,
        max_length=40,
    )
    event: str | None = setting(
        None,
        "The event that the headline is about; the most frequent one by default.",
        max_length=2000,
    )
    model: Model = setting(
        "independent",
        "How rates are related: each on its own; hierarchical, where cohorts of one event borrow "
        "strength from each other; or over time, piecewise constant or with one change point.",
    )
    alpha0: float | None = setting(
        None,
        "Shape of the Gamma prior of every independent rate; 0.5 (Jeffreys) by default.",
        ge=1e-3,  # below it a rate without events lies closer to 0 than numbers can tell apart
        le=1e12,
    )
    beta0: float | None = setting(
        None,
        "Rate of the Gamma prior, as exposure in the unit of the answer; 0 (Jeffreys) by default. "
        "A stored one is converted where a question is about another unit of time.",
        ge=0,
        le=1e15,
    )
    direction: Literal["higher", "lower"] | None = setting(
        None, "Which rate is better, where one is: it is what the expected loss refers to."
    )

    shape_median: float = setting(
        2.0,
        "Hierarchical: prior median of the shape of the rates across cohorts. A shape of 2 is a "
        "coefficient of variation of 0.71, in general 1 / sqrt(shape).",
        ge=1e-3,
        le=1e6,
    )
    shape_log_sd: float = setting(
        1.0, "Hierarchical: sd of the log of that shape, before any data.", ge=0.01, le=10
    )
    mean_median: float | None = setting(
        None,
        "Hierarchical: prior median of the mean rate across cohorts, in the unit of the answer; "
        "one event in the mean exposure of a cohort by default, so that no unit matters.",
        ge=1e-15,
        le=1e15,
    )
    mean_log_sd: float = setting(
        5.0, "Hierarchical: sd of the log of that mean, before any data.", ge=0.01, le=10
    )
    period: Literal["hour", "day", "week", "four-weeks", "quarter", "year"] | None = setting(
        None,
        "Over time: the length of a period, all equally long (a quarter is 13 weeks, a year 52); "
        "by default the shortest from a day on that gives at most 100, and never over 400.",
    )
    cohort: str | None = setting(
        None,
        "The only cohort to follow over time; the most frequent ones by default.",
        max_length=2000,
    )

    change_chance: float = setting(
        0.5,
        "Change point: chance of a change in a cohort's rate, before any data.",
        ge=0.001,
        le=0.999,
    )

    speed: float = setting(
        0.5,
        "Piecewise: scale of the half-normal prior of how fast a log rate wanders, per root of a "
        "period.",
        ge=0.001,
        le=10,
    )

    @classmethod
    def merged(cls, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Lay settings over stored ones; a stored prior follows where the unit of time changes."""
        told = {**stored, **given}
        had, wanted = (settings.get("unit") or "day" for settings in (stored, told))
        is_known = isinstance(wanted, str) and wanted in SECONDS
        if not is_known or had == wanted or told.get("exposure") == "measured":
            return told
        scale = SECONDS[had] / SECONDS[wanted]
        follow = {"beta0": scale, "mean_median": 1 / scale}  # exposure, and events per exposure
        for name in follow.keys() - given.keys():
            if stored.get(name) is not None:
                told[name] = stored[name] * follow[name]
        return told

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_window(self.start, self.end)
        if self.engine == "nuts" and self.model != "hierarchical":
            raise ValueError(
                f"the engine nuts is for the hierarchical model; the {self.model} model needs "
                "no sampler"
            )
        return self

    @property
    def prior(self) -> tuple[float, float]:
        """The Gamma prior in use; the default has no unit, so no answer depends on the unit."""
        return (
            0.5 if self.alpha0 is None else self.alpha0,
            0.0 if self.beta0 is None else self.beta0,
        )

    @property
    def measured(self) -> bool:
        """Whether exposure is what the rows say."""
        return self.exposure == "measured"

    @property
    def per(self) -> str:
        """What the rates are per."""
        return self.exposure_unit if self.measured else self.unit

    @property
    def pers(self) -> str:
        """The unit of exposure in the plural."""
        if self.per == UNNAMED:
            return "units of exposure"
        return self.per if self.per.endswith("s") else f"{self.per}s"

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The completed window; `resolve` fills what is open."""
        if self.start is None or self.end is None:
            raise InsufficientData(
                "The window of the analysis is open.",
                hint="Give start and end, such as 2024-01-01.",
            )
        return self.start, self.end

    @property
    def length(self) -> float:
        """The window's length in the unit of time."""
        start, end = self.window
        return (end - start) / timedelta(seconds=SECONDS[self.unit])

    @property
    def bucket(self) -> tuple[str, int]:
        """The period between which counts are compared: the finest that gives few enough."""
        start, end = self.window
        seconds = (end - start).total_seconds()
        fitting = (item for item in BUCKETS.items() if seconds <= item[1] * MAX_BUCKETS)
        return next(fitting, ("four-week periods", BUCKETS["four-week periods"]))

    @property
    def is_over_time(self) -> bool:
        """Whether a rate may differ between periods of the window."""
        return self.model in OVER_TIME

    @property
    def periods(self) -> tuple[str, int, int]:
        """The periods of constant rate: their name, length in seconds, and number."""
        start, end = self.window
        seconds = (end - start).total_seconds()
        if self.period is None:
            fitting = [n for n, s in PERIODS.items() if n != "hour" and seconds <= s * AUTO_PERIODS]
            name = fitting[0] if fitting else "year"
        else:
            name = self.period
        count = ceil(seconds / PERIODS[name])
        if count > MAX_PERIODS:
            raise BadConfig(
                f"The window holds {count:,} periods of one {name.replace('-', ' ')}; "
                f"at most {MAX_PERIODS} can be told apart.",
                hint="Set a longer period, or a shorter window.",
                fields=[{"field": "period", "reason": "too short for this window"}],
            )
        return name, PERIODS[name], count
