"""Settings that bring experiments into a marketing mix: what was changed, and what came of it.

An effect is always that of the activity with the test less that without it, in total over days.
"""

from datetime import date
from typing import Self

from pydantic import model_validator

from pymc_vibes.core.config import setting
from pymc_vibes.core.lift import Day, Grade, LiftReadout, MeasuredLift
from pymc_vibes.core.records import Record
from pymc_vibes.kinds.marketing_mix.options import Name

MOST_EXPERIMENTS = 50
_BY_HAND = ("lift", "sd", "after_last", "after_lift", "after_sd")
_AFTER = ("after_last", "after_lift", "after_sd")
_OF_RUNS = ("scale", "measured")


class ExperimentEntry(Record):
    """A test of one channel: a run that measured it, or its numbers, and what was changed."""

    channel: Name = setting(..., "Channel whose activity the test changed.")
    name: str = setting("", "What the test is called; open: by its channel and days.",
                        max_length=60)  # fmt: skip
    run_id: str | None = setting(
        None, "Run of an A/B test or an interrupted time series that measured it; else give lift "
        "and sd.", min_length=1, max_length=40,
    )  # fmt: skip
    first: Day | None = setting(
        None, "First day of the test; open where the run knows it. Within a period, the period's "
        "activity counts as even over its days.",
    )  # fmt: skip
    last: Day | None = setting(None, "Last day of the test; it must be the last one of a period.")
    lift: float | None = setting(
        None, "Sales of those days with the test less those without it, in total: below 0 where "
        "activity was cut.", ge=-1e15, le=1e15,
    )  # fmt: skip
    sd: float | None = setting(None, "Standard error of the lift.", gt=0, le=1e15)
    after_last: Day | None = setting(
        None, "Where sales were compared after the test too: the last such day, from the day after "
        "the test on. Without it slow carry-over is mistaken for a weak channel.",
    )  # fmt: skip
    after_lift: float | None = setting(
        None, "Sales of those days after the test less those without it, in total.",
        ge=-1e15, le=1e15,
    )  # fmt: skip
    after_sd: float | None = setting(None, "Standard error of it.", gt=0, le=1e15)
    factor: float | None = setting(
        None, "Activity with the test, as a multiple of that without it: 0 where the channel went "
        "dark, 2 for twice as much. Open, as is change: without the test there was none.",
        ge=0, le=1000,
    )  # fmt: skip
    change: float | None = setting(
        None, "Activity with the test less that without it, in total over its days and in the unit "
        "of the channel's column.", ge=-1e15, le=1e15,
    )  # fmt: skip
    is_in_panel: bool = setting(
        default=True,
        about="Whether the data hold the activity as it was with the test; else as without it, "
        "where few people or a region were tested.",
    )
    grade: Grade | None = setting(
        None, "What the design can rule out; standard errors count 1, 1.2 or 1.5 times for "
        "randomized, geo and interrupted. Open: as the run says; interrupted for numbers by hand.",
    )  # fmt: skip
    weight: float = setting(
        1.0, "How often it counts: 0 only compares it, up to 4 lets it outvote years of history.",
        ge=0, le=4,
    )  # fmt: skip
    scale: float | None = setting(
        None, "Units whom the change of activity reached, where the run measured a share of them. "
        "Open: the units that the run treated.", gt=0, le=1e15,
    )  # fmt: skip
    value: float = setting(
        1.0, "Sales for each unit of the run's outcome, such as revenue of a conversion.",
        gt=0, le=1e9,
    )  # fmt: skip
    measured: MeasuredLift | None = setting(
        None, "What the run measured: filled in when the mix is fitted."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        by_hand = [name for name in _BY_HAND if getattr(self, name) is not None]
        if self.run_id is not None and by_hand:
            raise ValueError(f"give a run_id or numbers, not both: {by_hand[0]} is given too")
        if self.run_id is None:
            self._check_numbers()
        if self.factor is not None and self.change is not None:
            raise ValueError("give the change of activity as factor or as change, not as both")
        if not self.is_in_panel and self.factor is None and self.change is None:
            raise ValueError("a test outside of the data needs factor or change")
        if self.factor == 1 or self.change == 0:
            raise ValueError("a test that changed nothing says nothing: factor 1 or change 0")
        self._check_days()
        return self

    def _check_numbers(self) -> None:
        if self.lift is None or self.sd is None:
            raise ValueError("give a run_id, or lift and sd with first and last")
        if self.first is None or self.last is None:
            raise ValueError("numbers need their days: first and last")
        if of_runs := [name for name in _OF_RUNS if getattr(self, name) is not None]:
            raise ValueError(f"{of_runs[0]} belongs to a run_id")
        if len({getattr(self, name) is None for name in _AFTER}) > 1:
            raise ValueError("after_last, after_lift and after_sd belong together")

    def _check_days(self) -> None:
        if (self.first is None) != (self.last is None):
            raise ValueError("first and last belong together")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError("the last day must not lie before the first")
        if self.last is not None and self.after_last is not None and self.after_last <= self.last:
            raise ValueError("after_last must lie after last")


def check_experiments(entries: tuple[ExperimentEntry, ...]) -> None:
    """Raise `ValueError` where one run would count twice."""
    runs = [entry.run_id for entry in entries if entry.run_id is not None]
    if twice := {run for run in runs if runs.count(run) > 1}:
        raise ValueError(f"experiments name run {min(twice)} twice: it would count twice")


def by_hand(entry: ExperimentEntry) -> tuple[LiftReadout, ...]:
    """Give the effects that somebody entered, in the test and after it."""
    assert entry.last is not None and entry.lift is not None  # noqa: S101, PT018  # was checked
    inside = LiftReadout(first=entry.first, last=entry.last, mean=entry.lift)
    if entry.after_last is None or entry.after_lift is None:
        return (inside,)
    after = date.fromordinal(entry.last.toordinal() + 1)
    return inside, LiftReadout(first=after, last=entry.after_last, mean=entry.after_lift)
