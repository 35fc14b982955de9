"""What a run measured of an intervention, as information for another kind.

A kind that measures an effect says it as a `MeasuredLift`; a kind that takes such effects names
runs in its settings. The service puts the one into the other, so no kind knows another. As part of
the settings the numbers enter the key and the record of an answer.
"""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pymc_vibes.core.config import setting
from pymc_vibes.core.instant import parse_instant
from pymc_vibes.core.records import Record

type Grade = Literal["randomized", "geo", "interrupted"]
"""What a design can rule out: chance assigned people, or regions; or time alone compares."""

MOST_READOUTS = 12
_ROUNDING = 1e-9  # of a variance: what is below zero by less is zero


def _parse_day(value: Any) -> Any:
    instant = parse_instant(value)
    return None if instant is None else instant.date()


Day = Annotated[date, BeforeValidator(_parse_day)]
"""A day of the calendar, in UTC."""
_Variance = Annotated[float, Field(ge=-1e30, le=1e30)]
_Row = Annotated[tuple[_Variance, ...], Field(min_length=1, max_length=MOST_READOUTS)]


class LiftReadout(Record):
    """An effect in total over some days: the outcome with the intervention less without it."""

    first: Day | None = setting(None, "First day; open where the run does not know its days.")
    last: Day | None = setting(None, "Last day.")
    mean: float = setting(..., "Effect in total over the days.", ge=-1e15, le=1e15)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.first is None) != (self.last is None):
            raise ValueError("first and last belong together")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError("the last day must not lie before the first")
        return self


class MeasuredLift(Record):
    """Effects that one run measured, with their covariance."""

    run_id: str = setting("", "Run that measured it.", max_length=40)
    kind: str = setting("", "Kind of that run.", max_length=100)
    experiment: str = setting("", "Experiment of that run.", max_length=100)
    readouts: tuple[LiftReadout, ...] = setting(
        ..., "Effects while the intervention lasted and, where it ended, after it.", min_length=1,
        max_length=MOST_READOUTS,
    )  # fmt: skip
    covariance: tuple[_Row, ...] = setting(
        ..., "Covariance of the effects, a row for each.", min_length=1, max_length=MOST_READOUTS
    )
    unit: str = setting("", "Unit of the effects, such as conversions.", max_length=100)
    grade: Grade = setting(..., "What the design can rule out.")
    freedom: float | None = setting(
        None, "Degrees of freedom of the effects' errors; open for normal ones.", gt=2, le=1e9
    )
    units: float | None = setting(
        None, "Units that were treated, over whom the effects are totals; open where they are of "
        "the whole.", gt=0, le=1e15,
    )  # fmt: skip

    @property
    def sds(self) -> tuple[float, ...]:
        """Give the sd of every effect."""
        return tuple(float(row[i] ** 0.5) for i, row in enumerate(self.covariance))

    @property
    def has_days(self) -> bool:
        """Say whether it is known on which days it was measured."""
        return all(one.first is not None for one in self.readouts)

    @model_validator(mode="after")
    def _check(self) -> Self:
        many = len(self.readouts)
        if {len(self.covariance), *map(len, self.covariance)} != {many}:
            raise ValueError("the covariance must have a row and a column for every readout")
        if any(self.covariance[i][i] <= 0 for i in range(many)):
            raise ValueError("every readout needs an error: a variance above 0")
        pairs = [(i, j) for i in range(many) for j in range(i)]
        if any(not self._may_be(i, j) for i, j in pairs):
            raise ValueError("the covariance is none: not symmetric, or larger than the variances")
        if len({one.first is None for one in self.readouts}) > 1:
            raise ValueError("the days of some readouts are known, and of others not")
        return self

    def _may_be(self, i: int, j: int) -> bool:
        one, other = self.covariance[i][j], self.covariance[j][i]
        most = float((self.covariance[i][i] * self.covariance[j][j]) ** 0.5)
        return abs(one - other) <= _ROUNDING * most and abs(one) <= (1 + _ROUNDING) * most


__all__ = ["MOST_READOUTS", "Day", "Grade", "LiftReadout", "MeasuredLift"]
