"""What is odd about the days, the schedule or the fit of an n-of-1 trial."""

from collections.abc import Iterator

from pymc_vibes.core.answer import Finding
from pymc_vibes.kinds.n_of_1.people import FOCUS
from pymc_vibes.kinds.n_of_1.reading import Reading
from pymc_vibes.stats.daily_effect import independent_days, left_over
from pymc_vibes.stats.decide import join
from pymc_vibes.stats.describe import percent

RECOMMENDED = 20
_PERIODS = 3  # of each treatment: two randomized pairs have four orders: lots alone say little
_IN_ORDER = 0.4  # of the schedule explained by time: ABAB has 0.19, AB 0.75
_UNBALANCED = 2.0
_MISSING_BAR = 0.2


def findings(reading: Reading) -> Iterator[Finding]:
    """List what a reader must know before the answer is believed."""
    yield from _schedule(reading)
    yield from _days(reading)
    yield from _fit(reading)
    short = reading.posterior.constants["too_few"]
    if short:
        named = join([repr(label[:60]) for label in list(short)[:5]])
        yield Finding(
            code="too-few-days", severity="warning",
            text=f"{len(short)} of the people have fewer than {reading.config.min_days} observed "
            f"days under a treatment and are left out, among them {named}.",
        )  # fmt: skip


def _schedule(reading: Reading) -> Iterator[Finding]:
    from pymc_vibes.stats.trial_checks import share_of_time

    (other, drug), whose = (reading.comparator, reading.treatment), reading.whose
    many = [sum(p.treatment == k for p in reading.trial.periods) for k in (0, FOCUS)]
    if max(many) == 1 and not _is_within_days(reading):
        yield Finding(
            code="order", severity="warning",
            text=f"The trial{whose} has one period of {other} and one of {drug} (an AB design): "
            "whatever else changed between them is part of the effect. Alternate more often.",
        )  # fmt: skip
        return
    if share_of_time(reading.fit, FOCUS) > _IN_ORDER:
        yield Finding(
            code="order", severity="warning",
            text=f"{drug} was mostly given at one end of the trial{whose}: its effect can hardly "
            "be told from a drift in time.",
        )  # fmt: skip
    if min(many) < _PERIODS and not _is_within_days(reading):
        yield Finding(
            code="few-periods", severity="warning" if len(reading.cycles) < 2 else "note",
            text=f"Periods{whose}: {many[0]} of {other}, {many[1]} of {drug}; {_PERIODS} or more "
            "of each are recommended.",
        )  # fmt: skip


def _is_within_days(reading: Reading) -> bool:
    """Say whether most days have both treatments: then periods mean little."""
    share = reading.trial.share[[0, FOCUS]]
    return bool((share.min(axis=0) > 0).mean() > 0.5)


def _days(reading: Reading) -> Iterator[Finding]:
    days = [reading.trial.observed_days(k) for k in (0, FOCUS)]
    names = (reading.comparator, reading.treatment)
    if min(days) < RECOMMENDED:
        yield Finding(
            code="few-days", severity="warning",
            text=f"Observed days{reading.whose}: {days[0]} under {names[0]}, {days[1]} under "
            f"{names[1]}; {RECOMMENDED} or more of each are recommended.",
        )  # fmt: skip
    if max(days) > _UNBALANCED * min(days):
        yield Finding(
            code="unbalanced", severity="note",
            text=f"{days[0]} days under {names[0]} and {days[1]} under {names[1]} count: equal "
            "numbers would tell more.",
        )  # fmt: skip
    missing, all_days = reading.missing, len(reading.trial.calendar)
    if missing:
        yield Finding(
            code="missing-days",
            severity="warning" if missing / all_days > _MISSING_BAR else "note",
            text=f"{missing} of {all_days} days{reading.whose} have no row "
            f"({percent(missing / all_days)}): they are skipped, not taken as 0. It matters why "
            "they are missing.",
        )  # fmt: skip


def _fit(reading: Reading) -> Iterator[Finding]:
    from pymc_vibes.stats.trial_checks import INDEPENDENT

    yield from left_over(reading.left_over)
    if reading.config.correlation == "independent":
        yield independent_days("effects")
    tones = {
        other.low > 0 or other.high < 0
        for other in reading.alternatives
        if other.name != INDEPENDENT  # narrower than it ought to be
    }
    if len(tones) > 1:
        yield Finding(
            code="sensitive", severity="note",
            text=f"Whether the interval{reading.whose} excludes 0 depends on the model: see the "
            "table of other models.",
        )  # fmt: skip
