"""Events and settings of an interrupted time series."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from pymc_vibes.core.config import Config, GivenScale, setting
from pymc_vibes.core.instant import Instant, check_window, parse_instant
from pymc_vibes.core.records import Record
from pymc_vibes.core.schema import Column, Schema

SCHEMA = Schema(
    columns=(
        Column(
            name="timestamp", type="instant", role="time", required=True,
            aliases=("ts", "time", "date", "day"),
            about="When it was measured; the day is that of UTC.",
        ),
        Column(
            name="user_id", type="string", role="entity",
            aliases=("user", "unit", "unit_id", "person", "series"),
            about="Whose series it is; rows without one are a series of their own.",
        ),
        Column(
            name="outcome", type="number", role="outcome", required=True, low=-1e15, high=1e15,
            aliases=("value", "score", "y", "session_performance_score"),
            about="What was measured. A day's value is the mean of its rows.",
        ),
        Column(
            name="phase", type="string", role="group", aliases=("experiment_phase",),
            about="Part of the study. Where no date of the change is given, it is the first day "
            "with a row of the phase `intervention`.",
        ),
        Column(
            name="exposure", type="number", role="exposure", low=0, low_open=True, high=1e15,
            about="Of counts: what they are counted among, such as visits or inhabitants.",
        ),
    )
)  # fmt: skip


class BaselineScale(Record):
    """The priors' unit is the spread of the days before the change, their zero is the mean."""

    kind: Literal["baseline"] = setting("baseline", "Center and spread are those of the baseline.")


Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
type Scale = Annotated[BaselineScale | GivenScale, Field(discriminator="kind")]


class OtherChange(Record):
    """Another change that is known to have happened."""

    name: str = setting(..., "What it was.", min_length=1, max_length=60)
    date: Instant = setting(..., "First day after it.")
    end: Instant | None = setting(None, "First day on which it was over; open where it lasts.")
    onset_days: int = setting(1, "Days until it has its whole effect.", unit="days", ge=1, le=365)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end is not None and self.end <= self.date:
            raise ValueError("the end of a change must lie after its date")
        return self


class InterruptedConfig(Config):
    """Settings of an interrupted time series."""

    intervention_date: Instant | None = setting(
        None, "First day after the change. Open: the first day with a row of the phase "
        "`intervention`, for each person.",
    )  # fmt: skip
    intervention_end: Instant | None = setting(
        None, "First day on which the change was over, where it ended: what stays afterwards is "
        "then estimated apart.",
    )  # fmt: skip
    onset_days: int = setting(
        1, "Days until the change has its whole effect, which grows evenly until then.",
        unit="days", ge=1, le=365,
    )  # fmt: skip
    other_changes: tuple[OtherChange, ...] = setting(
        (), "Other changes that happened and are no part of the question.", max_length=10
    )
    user_id: str | None = setting(
        None, "The only person (or unit) to look at; everybody by default.", min_length=1,
        max_length=500,
    )  # fmt: skip
    direction: Literal["higher", "lower"] = setting(
        "higher", "Which outcome is better: lower for symptoms, delays or costs."
    )
    smallest_effect: float | None = setting(
        None,
        "Smallest average effect of interest, in the outcome's unit: less than that is "
        "practically none.",
        gt=0, le=1e15,
    )  # fmt: skip
    window_days: int = setting(
        7, "The immediate effect is that of the first so many days after the change, the "
        "sustained one that of the last.", unit="days", ge=1, le=365,
    )  # fmt: skip
    outcome_column: str = setting(
        "outcome", "Column of the events that holds the outcome; also one that the kind does not "
        "declare.", min_length=1, max_length=100,
    )  # fmt: skip
    outcome_type: Literal["number", "count"] = setting(
        "number", "Whether the outcome is any number, or a count whose rate may have changed."
    )
    errors: Literal["normal", "student"] = setting(
        "normal", "Noise of a day: normal, or with heavy tails, so that outliers weigh less."
    )
    controls: tuple[Name, ...] = setting(
        (), "Columns that move the outcome and that the change cannot have moved, such as the "
        "weather. A day has the mean of its rows.", max_length=20,
    )  # fmt: skip
    phases: tuple[Name, ...] | None = setting(
        None, "Only rows of these phases count; all by default.", max_length=20
    )
    include_day_of_week: bool = setting(default=True, about="Let weekdays differ.")
    include_time_of_day: bool = setting(
        default=True,
        about="Let the four quarters of a day differ, where rows come from more than one.",
    )
    utc_offset: float = setting(
        0.0, "Hours that local time is ahead of UTC: where days begin. Dates are then local ones.",
        unit="hours", ge=-14, le=14,
    )  # fmt: skip
    holidays: tuple[Instant, ...] = setting(
        (), "Days that differ like holidays, all by the same amount.", max_length=500
    )
    holiday_country: str | None = setting(
        None, "Country whose public holidays differ: an ISO code such as US, DE or GB-SCT.",
        max_length=9, pattern=r"^[A-Za-z]{2}(-[A-Za-z0-9]{1,6})?$",
    )  # fmt: skip
    include_trend: bool = setting(
        default=True,
        about="Let the level drift in a straight line, shrunk to one sd of a day over the study.",
    )
    effect: Literal["drifting", "constant"] = setting(
        "drifting", "Whether the effect may grow or fade over the days after the change."
    )
    correlation: Literal["ar1-white", "ar1", "level", "independent"] = setting(
        "ar1-white",
        "How days depend on each other: a fading state under noise; the state alone; a wandering "
        "level under noise; or not at all, which makes intervals too narrow on most real days.",
    )
    engine: Literal["exact", "nuts", "segmented"] = setting(
        "exact",
        "How effects are computed: exactly or by quadrature; by the No-U-Turn sampler (NUTS) from "
        "the same model; or by a regression of the days before alone, with independent errors, as "
        "CausalPy does, for comparison.",
    )
    prior_scale: float = setting(
        1.0, "Factor on the width of all priors but that of the level.", ge=0.1, le=10
    )
    scale: Scale = setting(BaselineScale(), "What the priors are measured in.")
    min_days: int = setting(
        8, "Observed days that are needed before and after the change.", unit="days", ge=8, le=1000
    )
    widest_interval: float = setting(
        4.0, "No effect is named where the interval of the average one is wider than this.",
        unit="sds of a day", gt=0, le=1000,
    )  # fmt: skip
    outcome_name: str = setting(
        "outcome", "What the outcome is called in sentences.", min_length=1, max_length=60
    )
    outcome_unit: str = setting(
        "", "Unit of the outcome, such as points or minutes.", max_length=30
    )
    tune: int = setting(1000, "Steps of adaptation of each chain.", ge=50, le=20_000)
    chains: int = setting(4, "Chains of the sampler.", ge=2, le=16)
    target_accept: float = setting(
        0.9, "Acceptance rate that the sampler's step size aims at.", ge=0.5, le=0.999
    )
    start: Instant | None = setting(None, "Rows before this instant are left out.")
    end: Instant | None = setting(None, "Rows at this instant or later are left out.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_window(self.start, self.end)
        if "\0" in (self.user_id or ""):
            raise ValueError("user_id cannot hold the character NUL")
        if self.intervention_date is not None:
            self._check_dates(self.intervention_date)
        if len({other.name for other in self.other_changes}) < len(self.other_changes):
            raise ValueError("other_changes need names that differ")
        self._check_engine()
        return self

    @property
    def is_sampled(self) -> bool:
        """Say whether the No-U-Turn sampler computes the effects."""
        return self.engine == "nuts" or self.errors == "student"

    def _check_engine(self) -> None:
        if self.engine == "segmented" and (self.outcome_type, self.errors) != ("number", "normal"):
            raise ValueError("the segmented engine knows numbers with normal errors only")
        if self.outcome_type == "count" and self.errors == "student":
            raise ValueError("counts have no errors student: their outliers are in their spread")
        if self.is_sampled and self.correlation == "level":
            raise ValueError("a wandering level is not sampled: take correlation ar1-white")
        if self.errors == "student" and self.correlation == "ar1":
            raise ValueError("errors student need noise to be in: take correlation ar1-white")
        if self.outcome_type == "count" and self.correlation == "level":
            raise ValueError("counts have no correlation level: take ar1-white, or independent")

    def _check_dates(self, change: datetime) -> None:
        start, end, over = self.start, self.end, self.intervention_end
        if (start is not None and change <= start) or (end is not None and change >= end):
            raise ValueError("intervention_date must lie after start and before end")
        if over is not None and over <= change:
            raise ValueError("intervention_end must lie after intervention_date")
        if any(other.date == change for other in self.other_changes):
            raise ValueError("other_changes on the day of the change cannot be told from it")


EXAMPLE = InterruptedConfig(
    intervention_date=parse_instant("2025-03-03"),
    scale=GivenScale(center=70.0, spread=4.0, weight=30.0),
    prior_scale=0.4,
    effect="constant",
    smallest_effect=1.0,
    outcome_name="performance score",
    outcome_unit="points",
)
