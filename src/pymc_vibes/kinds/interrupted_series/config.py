"""Events and settings of an interrupted time series."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pymc_vibes.core.config import Config, setting
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
    )
)  # fmt: skip


class BaselineScale(Record):
    """The priors' unit is the spread of the days before the change, their zero is the mean."""

    kind: Literal["baseline"] = setting("baseline", "Center and spread are those of the baseline.")


class GivenScale(Record):
    """The priors' unit and zero are given, so that they do not look at the data."""

    kind: Literal["given"] = setting("given", "Center and spread are known beforehand.")
    center: float = setting(
        ..., "A level that would not surprise, in the outcome's unit.", ge=-1e15, le=1e15
    )
    spread: float = setting(
        ..., "Guess of the sd of a day, in the outcome's unit.", gt=1e-15, le=1e15
    )
    weight: float = setting(
        2.0, "How many days that guess of the sd is worth.", unit="days", ge=1, le=10_000
    )


type Scale = Annotated[BaselineScale | GivenScale, Field(discriminator="kind")]


class InterruptedConfig(Config):
    """Settings of an interrupted time series."""

    intervention_date: Instant | None = setting(
        None, "First day after the change. Open: the first day with a row of the phase "
        "`intervention`, for each person.",
    )  # fmt: skip
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
    include_day_of_week: bool = setting(default=True, about="Let weekdays differ.")
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
    start: Instant | None = setting(None, "Rows before this instant are left out.")
    end: Instant | None = setting(None, "Rows at this instant or later are left out.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_window(self.start, self.end)
        if "\0" in (self.user_id or ""):
            raise ValueError("user_id cannot hold the character NUL")
        change, start, end = self.intervention_date, self.start, self.end
        if change is None:
            return self
        if (start is not None and change <= start) or (end is not None and change >= end):
            raise ValueError("intervention_date must lie after start and before end")
        return self


EXAMPLE = InterruptedConfig(
    intervention_date=parse_instant("2025-03-03"),
    scale=GivenScale(center=70.0, spread=4.0, weight=30.0),
    prior_scale=0.4,
    effect="constant",
    smallest_effect=1.0,
    outcome_name="performance score",
    outcome_unit="points",
)
