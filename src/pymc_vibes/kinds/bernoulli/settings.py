"""What events of a proportion look like, and what the analysis can be told."""

from typing import Self

from pydantic import model_validator

from pymc_vibes.core.config import Config, setting
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.schema import Column, Schema
from pymc_vibes.stats.prior import BetaPrior, BetaShape

SCHEMA = Schema(
    columns=(
        Column(
            name="timestamp",
            type="instant",
            about="When it happened; a time without zone is UTC.",
            role="time",
            aliases=("ts",),
        ),
        Column(
            name="outcome",
            type="boolean",
            about="Whether the trial succeeded: 0 or 1.",
            role="outcome",
            aliases=("success", "converted"),
        ),
        Column(
            name="group",
            type="string",
            about="What the rate belongs to; rows without one form a group of their own.",
            role="entity",
            aliases=("cohort",),
            joinable=True,
        ),
        Column(
            name="trials",
            type="integer",
            about="Number of trials, where a row stands for many.",
            role="count",
            unit="trials",
            low=0,
            high=1e12,
            aliases=("n",),
        ),
        Column(
            name="successes",
            type="integer",
            about="How many of the trials succeeded.",
            role="count",
            unit="successes",
            low=0,
            high=1e12,
        ),
    ),
    one_of=(("outcome",), ("trials", "successes")),
    at_most=(("successes", "trials"),),
)


class ProportionConfig(Config):
    """Settings of a proportion."""

    prior: BetaPrior = setting(
        BetaShape(), "Prior of every group's success rate, by shape or by mean and weight."
    )
    threshold: float | None = setting(
        None, "Report the chance that the success rate is above this value.", gt=0, lt=1
    )
    start: Instant | None = setting(
        None, "Start of the window, UTC; everything by default, also rows without a time."
    )
    end: Instant | None = setting(None, "End of the window, UTC, exclusive; open by default.")

    @model_validator(mode="after")
    def _window(self) -> Self:
        check_window(self.start, self.end)
        return self
