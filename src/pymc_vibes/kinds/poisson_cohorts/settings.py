"""What events of rates look like, and what the analysis can be told."""

from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from pydantic import model_validator

from pymc_vibes.core.config import Config, setting
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.kind import Extent
from pymc_vibes.core.schema import Column, Decides, Schema

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
MAX_BUCKETS = 100  # enough to see clustering; more would cost grouping time

SCHEMA = Schema(
    columns=(
        Column(
            name="timestamp",
            type="instant",
            about="When it happened, or when the counted period began; a time without zone is UTC.",
            role="time",
            required=True,
            aliases=("ts",),
        ),
        Column(
            name="cohort",
            type="string",
            about="What the rate belongs to; several columns are joined with ' | '.",
            role="entity",
            required=True,
            aliases=("cohort_id",),
            joinable=True,
        ),
        Column(
            name="event",
            type="string",
            about="What happened.",
            role="entity",
            required=True,
            aliases=("event_type",),
        ),
        Column(
            name="count",
            type="integer",
            about="How many events the row stands for: 1 if absent, 0 for exposure alone.",
            role="count",
            unit="events",
            low=0,
            high=1e12,
        ),
        Column(
            name="exposure",
            type="number",
            about="Measured exposure of the row, such as flights or person-years, for its event.",
            role="exposure",
            low=0,
            low_open=True,
            high=1e12,
            decides=Decides(field="exposure", present="measured", absent="window"),
        ),
        Column(
            name="entity_id",
            type="string",
            about="Who or what had the event.",
            role="unit",
        ),
    )
)


class RateConfig(Config):
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
        None, "The event that the headline is about; the most frequent one by default."
    )
    alpha0: float | None = setting(
        None,
        "Shape of the Gamma prior of every rate; 0.5 (Jeffreys) by default.",
        ge=1e-3,  # below it a rate without events lies closer to 0 than numbers can tell apart
        le=1e12,
    )
    beta0: float | None = setting(
        None,
        "Rate of the Gamma prior, as exposure in the unit of the answer; 0 (Jeffreys) by default.",
        ge=0,
        le=1e15,
    )
    direction: Literal["higher", "lower"] | None = setting(
        None, "Which rate is better, where one is: it is what the expected loss refers to."
    )

    @model_validator(mode="after")
    def _window(self) -> Self:
        check_window(self.start, self.end)
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
        return "units of exposure" if self.per == UNNAMED else f"{self.per}s"

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


def resolve(config: RateConfig, extent: Extent) -> RateConfig:
    """Widen the extent to whole UTC days where the window is open."""
    exposure = config.exposure or "window"
    if config.start is not None and config.end is not None:
        return config.model_copy(update={"exposure": exposure})
    if extent.first is None or extent.last is None:
        raise InsufficientData(
            "There are no events yet.", hint="Upload events, or give start and end."
        )
    start = config.start or _midnight(extent.first)
    end = config.end or _midnight(extent.last) + timedelta(days=1)
    if start >= end:
        raise InsufficientData(
            f"No event lies in the window: the data reach from {extent.first:%Y-%m-%d} "
            f"to {extent.last:%Y-%m-%d}, the window from {start:%Y-%m-%d} to {end:%Y-%m-%d}.",
            hint="Choose a window that overlaps the data; the end is exclusive.",
        )
    return config.model_copy(update={"start": start, "end": end, "exposure": exposure})


def _midnight(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
