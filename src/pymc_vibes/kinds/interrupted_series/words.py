"""Sentences of an interrupted series."""

from collections.abc import Iterator

from pymc_vibes.core.answer import Claim, Decision, Finding
from pymc_vibes.kinds.interrupted_series.reading import Reading
from pymc_vibes.stats.daily_effect import (
    amount,
    independent_days,
    left_over,
    span,
    tone_of,
    too_wide,
)
from pymc_vibes.stats.decide import chance, join
from pymc_vibes.stats.describe import percent

RECOMMENDED = 20
_MISSING_BAR = 0.2
_RANK_BAR = 0.1
_COUNTED = ("rate", "number", "count", "outcome")  # names that need no "rate of"


def headline(reading: Reading) -> str:
    """Say the answer in a sentence or two."""
    return f"{_verdict(reading)}{_others(reading)}"


def _verdict(reading: Reading) -> str:
    config, tone = reading.config, reading.tone
    what = subject(reading)
    verb = "was" if reading.fit.window.has_end else "is"
    since = reading.while_it_lasted[0].upper() + reading.while_it_lasted[1:]
    if reading.is_too_wide:
        return (
            f"Not enough information to say what the change did to the {what}: its average effect "
            f"may be anything {span(reading)}."
        )
    if tone == "same" and reading.p_same is not None:
        return (
            f"{since} the {what} {verb} practically unchanged: {chance(reading.p_same)} chance of "
            f"an average effect below {amount(reading, config.smallest_effect)} either way "
            f"(interval {span(reading)})."
        )
    if tone in {"higher", "lower"}:
        better = "for the better" if tone == config.direction else "for the worse"
        size = amount(reading, abs(reading.middle(reading.effect)))
        p = max(reading.p_higher, 1 - reading.p_higher)
        return (
            f"{since} the {what} {verb} {tone} by about {size} on average, {better}: {chance(p)} "
            f"chance ({100 * config.level:g} % interval {span(reading)})."
        )
    return (
        f"It is open whether the change helped: {reading.while_it_lasted} the {what} "
        f"changed by anything {span(reading)} on average ({100 * config.level:g} % interval), "
        f"and the chance that it got better is {chance(reading.p_benefit)}."
    )


def subject(reading: Reading) -> str:
    """Name the outcome, and whose it is; things that are counted have a rate."""
    name = reading.config.outcome_name
    is_rate = reading.config.outcome_type == "count" and not name.startswith(_COUNTED)
    return f"{'rate of ' if is_rate else ''}{name}{reading.whose}"


def _others(reading: Reading) -> str:
    fits = reading.fits.fits
    if len(fits) == 1:
        return ""
    tones: list[str] = [tone_of(fit.effect("average", 1), reading.config) for fit in fits.values()]
    better = reading.config.direction
    worse = "lower" if better == "higher" else "higher"
    return (
        f" Of {len(fits)} series, each fitted alone, {tones.count(better)} got better and "
        f"{tones.count(worse)} worse."
    )


def decide_change(reading: Reading) -> Decision:
    """Say what to do with the change."""
    tone, better = reading.tone, reading.config.direction
    if reading.is_too_wide:
        return too_wide(reading)
    if tone == "same":
        return Decision(
            action="treat as no difference", tone=tone,
            reason="The average effect is smaller than what is of interest.",
        )  # fmt: skip
    if tone == "undecided":
        return Decision(
            action="leave it open" if reading.fit.window.has_end else "keep observing", tone=tone,
            reason=f"The chance that the change helped is {chance(reading.p_benefit)}, and the "
            f"{100 * reading.config.level:g} % interval holds 0.",
        )  # fmt: skip
    return Decision(
        action="keep the change" if tone == better else "undo the change", tone=tone,
        reason=f"The chance that the change helped is {chance(reading.p_benefit)}, if nothing else "
        "changed at that time.",
    )  # fmt: skip


def claims(reading: Reading) -> Iterator[Claim]:
    """Claim benefit, a benefit that matters, and practically none, with their chances."""
    config, what = reading.config, f"the {subject(reading)}"
    yield Claim(
        text=f"The change made {what} better ({config.direction}) on average.",
        probability=reading.p_benefit, tone=reading.tone,
    )  # fmt: skip
    if reading.p_relevant is None or reading.p_same is None:
        return
    least = amount(reading, config.smallest_effect)
    yield Claim(
        text=f"It made {what} better by more than {least} on average.",
        probability=reading.p_relevant,
    )
    yield Claim(text=f"Its average effect is below {least} either way.", probability=reading.p_same)


def findings(reading: Reading) -> Iterator[Finding]:
    """List what is odd about the days or the fit."""
    yield from _days(reading)
    yield from _fit(reading)
    short = reading.posterior.constants["too_few"]
    if short:
        named = join([repr(label[:60]) for label in list(short)[:5]])
        yield Finding(
            code="too-few-days", severity="warning",
            text=f"{len(short)} series with fewer than {reading.config.min_days} observed days "
            f"before or after the change are left out, among them {named}.",
        )  # fmt: skip


def _days(reading: Reading) -> Iterator[Finding]:
    window, series = reading.fit.window, reading.fit.series
    before = len(series.between(window.first, window.change).days)
    after = len(series.between(window.change, window.over).days)
    least, missing, seen = min(before, after), sum(reading.missing), before + after
    if least < RECOMMENDED:
        yield Finding(
            code="few-days", severity="warning",
            text=f"A phase has only {least} observed days; {RECOMMENDED} to 30 are recommended.",
        )  # fmt: skip
    if missing:
        share = missing / (missing + seen)
        yield Finding(
            code="missing-days", severity="warning" if share > _MISSING_BAR else "note",
            text=f"{missing} of {missing + seen} days have no row ({percent(share)}): they "
            "are skipped, not taken as 0. It matters why they are missing.",
        )  # fmt: skip

    dropped = reading.posterior.constants["uncontrolled"].get(reading.label, 0)
    if dropped:
        yield Finding(
            code="no-control", severity="note",
            text=f"{dropped} days or parts of days without a value of every control are left out.",
        )  # fmt: skip


def _fit(reading: Reading) -> Iterator[Finding]:
    yield from left_over(reading.left_over)
    if reading.config.correlation == "independent" or reading.config.engine == "segmented":
        yield independent_days("changes")
    rank = reading.placebo_rank
    if rank is not None and rank > _RANK_BAR and reading.tone in {"higher", "lower"}:
        yield Finding(
            code="placebo", severity="warning",
            text=f"Counting the real date, {percent(rank)} of all dates look this much like a "
            "change.",
        )  # fmt: skip
    tones = {
        alternative.low > 0 or alternative.high < 0
        for alternative in reading.alternatives
        if alternative.name != "independent days"  # narrower than it ought to be
    }
    if len(tones) > 1:
        yield Finding(
            code="sensitive", severity="note",
            text="Whether the interval excludes 0 depends on the model: see the table of other "
            "models.",
        )  # fmt: skip
