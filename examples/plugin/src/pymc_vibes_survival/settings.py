"""What events look like, and what the analysis can be told."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pymc_vibes.core.config import Config, setting
from pymc_vibes.core.records import Record
from pymc_vibes.core.schema import Column, Schema

EVERYBODY = "all"
SECONDS = {"hours": 3600.0, "days": 86_400.0, "weeks": 604_800.0, "years": 31_557_600.0}

Time = Annotated[float, Field(gt=0, le=1e9)]


class Weibull(Record):
    """The hazard is a power of time."""

    kind: Literal["weibull"] = setting("weibull", "The hazard rises or falls as a power of time.")
    shape_median: float = setting(
        1.0, "Prior median of the shape; above 1 the hazard rises.", ge=0.1, le=10
    )
    shape_log_sd: float = setting(0.5, "Prior sd of the log of the shape.", ge=0.01, le=2)


class Piecewise(Record):
    """The hazard is constant between cuts."""

    kind: Literal["piecewise"] = setting("piecewise", "The hazard is constant between cuts.")
    cuts: Annotated[tuple[Time, ...], Field(max_length=50)] | None = setting(
        None, "Times at which it may change; by default quintiles of the events."
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        cuts = self.cuts or ()
        if any(low >= high for low, high in pairwise(cuts)):
            raise ValueError(f"cuts must rise (given {', '.join(f'{cut:g}' for cut in cuts)})")
        return self


class SurvivalConfig(Config):
    """Settings of times to an event."""

    model: Annotated[Weibull | Piecewise, Field(discriminator="kind")] = setting(
        Weibull(), "How the hazard may change with time."
    )
    unit: Literal["hours", "days", "weeks", "years"] = setting(
        "days", "Unit of every time; start and end are counted in it."
    )
    horizons: tuple[Time, ...] = setting(
        (),
        "Times of interest, up to the last of which the mean is restricted; by default the "
        "longest follow-up that all groups have.",
        max_length=12,
    )
    typical: Time | None = setting(
        None, "Time in which the prior expects one event; by default that of all groups together."
    )
    weight: float = setting(
        0.5, "How many events the prior is worth.", unit="events", ge=0.25, le=1e6
    )


GROUP = Column(
    name="group",
    type="string",
    role="entity",
    about=f"What is compared; rows without one belong to `{EVERYBODY}`.",
    aliases=("arm", "cohort"),
)

SCHEMA = Schema(
    columns=(
        Column(name="unit", type="string", role="unit", about="Who or what was followed."),
        GROUP,
        Column(
            name="duration",
            type="number",
            role="exposure",
            about="How long it was followed, in the unit of the settings.",
            low=0,
            low_open=True,
            high=1e9,
            aliases=("time",),
        ),
        Column(name="start", type="instant", role="time", about="When it was first followed, UTC."),
        Column(name="end", type="instant", about="When it was last seen, UTC."),
        Column(
            name="observed",
            type="boolean",
            role="outcome",
            required=True,
            about="Whether the event was seen at the end; otherwise the unit is censored.",
            aliases=("event", "status"),
        ),
    ),
    one_of=(("duration",), ("start", "end")),
    at_most=(("start", "end"),),
)
