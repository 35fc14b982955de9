"""A test by the drawing of lots: how unusual the difference is among all schedules there were."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pymc_vibes.core.answer import (
    Decision,
    Estimate,
    Finding,
    Interval,
    QueryAnswer,
    Summary,
    Table,
)
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig, EntityNotFound
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1 import planning_rules as rules
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.people import FOCUS
from pymc_vibes.kinds.n_of_1.randomized_schedule import (
    UNKNOWN,
    admitted_rules,
    calendar_of,
    observed,
)
from pymc_vibes.kinds.n_of_1.reading import Reading, reading_of
from pymc_vibes.stats.describe import plain, quantity

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.stats.randomization import RandomizationTest
    from pymc_vibes.stats.trial import TrialFit


class Lots(Parameters):
    """Whose trial is tested, and how."""

    user_id: str | None = setting(
        None, "The person. Open: the one with the most days.", min_length=1, max_length=500
    )
    count_by: Literal["day", "period"] = setting(
        "day", "Whether every day counts the same, or every period."
    )
    alternative: Literal["two-sided", "benefit"] = setting(
        "two-sided", "Whether harm counts as unusual too."
    )


@dataclass(frozen=True)
class _Tested:
    """The test of one person's trial."""

    reading: Reading
    label: str
    test: "RandomizationTest"
    number: int | None
    """Of the observed schedule among the admissible ones."""
    concluded: int
    """Days on which what was given had to be concluded from the rules."""

    @property
    def fit(self) -> "TrialFit":
        return self.reading.found.fits[self.label]


def randomization(posterior: Posterior, config: NOf1Config, asked: Lots) -> QueryAnswer:
    """Compare the observed difference with that of every schedule that could have been drawn."""
    from pymc_vibes.stats.randomization import every_day, every_run, randomization_test
    from pymc_vibes.stats.schedules import Schedules

    reading = reading_of(posterior, config)
    label = asked.user_id or reading.label
    if label not in reading.found.fits:
        raise EntityNotFound(f"There is no trial of {label[:80]!r} with enough days.")
    if len(reading.found.treatments) != 2:
        raise BadConfig(
            "A randomization test compares two treatments; this trial has "
            f"{len(reading.found.treatments)}.",
            hint="Choose the part of the trial with two treatments, with start and end.",
        )
    calendar = calendar_of(reading.found.fits[label].trial, config)
    admitted = Schedules(admitted_rules(len(calendar.given), config))
    given = observed(calendar, admitted, reading)
    better: Literal["greater", "less"] = "greater" if config.direction == "higher" else "less"
    test = randomization_test(
        calendar.mean, given, admitted,
        weights=calendar.count,
        weighting=every_day if asked.count_by == "day" else every_run,
        alternative="two-sided" if asked.alternative == "two-sided" else better,
        level=config.level, seed=config.seed,
    )  # fmt: skip
    concluded = int((calendar.given == UNKNOWN).sum())
    return _answer(_Tested(reading, label, test, admitted.number_of(given), concluded))


def _answer(found: _Tested) -> QueryAnswer:
    reading, test = found.reading, found.test
    ends = Interval(low=_finite(test.low), high=_finite(test.high), prob=test.level, kind="eti")
    return QueryAnswer(
        summary=Summary(
            headline=_headline(found),
            decision=_decision(test),
            estimates=(
                Estimate(
                    name="difference", label=f"{reading.treatment} minus {reading.comparator}",
                    unit=reading.config.outcome_unit, mean=test.statistic,
                    interval=None if ends.low is None and ends.high is None else ends,
                ),
            ),
            findings=tuple(_findings(found)),
            tables=(_table(test),),
        ),
        figures=tuple(_figures(found)),
        data={
            "p": test.p, "statistic": test.statistic, "low": ends.low, "high": ends.high,
            "level": test.level, "alternative": test.alternative,
            "admissible": str(test.admissible), "compared": test.compared,
            "is_exact": test.is_exact, "least_p": test.least_p, "user": found.label,
            "number": None if found.number is None else str(found.number),
            "days_concluded": found.concluded,
        },
    )  # fmt: skip


def _headline(found: _Tested) -> str:
    test = found.test
    many = rules.counted(test.admissible)
    among = f"all {many}" if test.is_exact else f"{test.compared:,} drawn from {many}"
    size = quantity(abs(test.statistic), found.reading.config.outcome_unit)
    return (
        f"If {found.reading.treatment} did nothing, lots alone would give a difference of {size} "
        f"or more with chance {_p(test.p)} (p-value, among {among} schedules)."
    )


def _p(value: float) -> str:
    return f"{value:.3g}"


def _decision(test: "RandomizationTest") -> Decision:
    bar = 1 - test.level
    if test.least_p > bar:
        return Decision(
            action="do not rely on this test", tone="undecided",
            reason=f"So few schedules could have been drawn that p cannot go below "
            f"{_p(test.least_p)}.",
        )  # fmt: skip
    if test.p > bar:
        return Decision(
            action="treat as open", tone="undecided",
            reason=f"p {_p(test.p)} is above {bar:.3g}: chance alone may have done it.",
        )  # fmt: skip
    return Decision(
        action="take it as an effect", tone="higher" if test.statistic > 0 else "lower",
        reason=f"p {_p(test.p)} is at most {bar:.3g}, and rests on nothing but the lots.",
    )  # fmt: skip


def _findings(found: _Tested) -> Iterator[Finding]:
    if found.concluded:
        yield Finding(
            code="days-concluded", severity="note",
            text=f"What was given on {found.concluded} days without a row that counts is concluded "
            "from the rules; they have no data, so they weigh nothing.",
        )  # fmt: skip
    yield Finding(
        code="needs-lots", severity="note",
        text="It holds only if the schedule was drawn by lots from the rules of its design; "
        "then neither autocorrelation nor a trend does harm. Its interval is of a constant effect.",
    )  # fmt: skip
    if found.reading.people > 1:
        yield Finding(
            code="one-person", severity="note",
            text=f"This is the trial of {found.label[:60]!r} alone; user_id chooses another one.",
        )  # fmt: skip


def _table(test: "RandomizationTest") -> Table:
    rows: list[tuple[JsonValue, ...]] = [
        ("p", _p(test.p)),
        ("least p that any outcome could give", _p(test.least_p)),
        ("schedules that could have been drawn", rules.counted(test.admissible)),
        ("schedules compared", f"{test.compared:,}"),
        ("how", "all of them" if test.is_exact else "drawn with the seed of the settings"),
        ("alternative", test.alternative),
    ]
    return Table(name="test", title="The test", columns=("what", "value"), rows=tuple(rows))


def _figures(found: _Tested) -> Iterator[Figure]:
    from pymc_vibes.stats.chart import forest

    test = found.test
    low, high = _finite(test.low), _finite(test.high)
    if low is None or high is None:
        return
    effect = found.fit.effect(FOCUS)
    ours = [float(end[0]) for end in effect.interval(test.level)]
    yield forest(
        "two_intervals",
        "The interval of the test beside that of the model",
        f"Two intervals of the effect: of the randomization test from {plain(low)} to "
        f"{plain(high)}, of the posterior from {plain(ours[0])} to {plain(ours[1])}.",
        labels=("by lots alone", "posterior, fitted alone"),
        mean=(test.statistic, float(effect.mean()[0])),
        low=(low, ours[0]), high=(high, ours[1]),
        x_label=f"effect of {found.reading.treatment}", unit=found.reading.config.outcome_unit,
        level=test.level, interval="eti",
    )  # fmt: skip


def _finite(value: float) -> float | None:
    return value if abs(value) < 1e300 else None
