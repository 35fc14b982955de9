"""The figures of an n-of-1 trial: its days, its effect, people, cycles, and the checks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1.config import EstimatedCarryOver, NOf1Config
from pymc_vibes.kinds.n_of_1.model import day_of
from pymc_vibes.kinds.n_of_1.people import FOCUS
from pymc_vibes.kinds.n_of_1.reading import Reading, reading_of
from pymc_vibes.kinds.n_of_1.words import subject
from pymc_vibes.stats.daily_effect import amount, span
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pymc_vibes.stats.chart_trial import Dots, Stretch
    from pymc_vibes.stats.special import Array
    from pymc_vibes.stats.student import StudentMixture
    from pymc_vibes.stats.trial_days import Period

_MOST_STRETCHES = 40
_MOST_POINTS = 400  # days of a treatment that are drawn at most


def figures(posterior: Posterior, config: NOf1Config) -> tuple[Figure, ...]:
    """Show the days, the effect, people, cycles, and what the answer rests on."""
    reading = reading_of(posterior, config)
    return tuple(_figures(reading))


def _figures(reading: Reading) -> Iterator[Figure]:
    from pymc_vibes.stats.chart_interruption import left_over_bars

    yield _days(reading)
    yield _distribution(reading)
    if reading.found.population is not None:
        yield _people(reading)
    if len(reading.cycles) > 1 and reading.fit.model.deviating(reading.trial):
        yield _cycles(reading)
    if isinstance(reading.config.half_life, EstimatedCarryOver):
        yield _half_life(reading)
    yield left_over_bars(reading.innovations)


def _days(reading: Reading) -> Figure:
    from pymc_vibes.stats.chart_interruption import Words
    from pymc_vibes.stats.chart_trial import trial_days

    config, trial = reading.config, reading.trial
    what = f"{config.outcome_name}{reading.whose}"
    mean = float(reading.fit.effect(FOCUS).mean()[0])
    side = "above" if mean > 0 else "below"
    size = amount(reading, abs(mean))
    many = len(trial.periods)
    return trial_days(
        Words(
            "trial_days",
            f"The {what} in {many} periods"
            if reading.is_too_wide
            else f"Under {reading.treatment} the {what} is about {size} {side} that under "
            f"{reading.comparator}",
            f"Daily {what} as dots in the color of the treatment, over the expected level with "
            f"bands, in {many} periods. Under {reading.treatment} it is {size} {side} that under "
            f"{reading.comparator}.",
        ),
        treatments=[reading.name_of(k) for k in range(trial.many)],
        observed=[_dots(reading, k) for k in range(trial.many)],
        washed=_washed(reading),
        stretches=list(_stretches(reading)),
        label=config.outcome_name, unit=config.outcome_unit, level=config.level,
    )  # fmt: skip


def _dots(reading: Reading, treatment: int) -> "Dots":
    from pymc_vibes.stats.chart_trial import Dots

    trial = reading.trial
    own = trial.series.where(trial.kept & (trial.treatment == treatment))
    step = _step(len(own))
    return Dots(_dates(own.day[::step]), own.mean[::step])


def _washed(reading: Reading) -> "Dots":
    from pymc_vibes.stats.chart_trial import Dots

    own = reading.trial.series.where(~reading.trial.kept)
    step = _step(len(own))
    return Dots(_dates(own.day[::step]), own.mean[::step])


def _stretches(reading: Reading) -> "Iterator[Stretch]":
    """Give the expected level of each period; of very many, as if one treatment went on."""
    import numpy as np

    trial = reading.trial
    periods = [p for p in trial.periods if p.counted]
    if len(periods) > _MOST_STRETCHES:
        days = trial.calendar[:: _step(len(trial.calendar))]
        for k in range(trial.many):
            yield _stretch(reading, k, days, reading.fit.expected_under(k, days))
        return
    for period in periods:
        days = np.arange(period.first, period.end)
        days = days[trial.counts[trial.days_of(days)]]
        days = days[:: _step(len(days))]
        yield _stretch(reading, period.treatment, days, reading.fit.expected(days))


def _stretch(reading: Reading, treatment: int, days: "Array", found: "StudentMixture") -> "Stretch":
    from pymc_vibes.stats.chart_interruption import Band
    from pymc_vibes.stats.chart_trial import Stretch

    low, high = found.light().interval(reading.config.level)
    return Stretch(treatment, Band(_dates(days), found.mean(), low, high))


def _distribution(reading: Reading) -> Figure:
    from pymc_vibes.stats.chart import difference_curve

    config, effect = reading.config, reading.effect
    x, y = effect.density(0)
    low, high = reading.interval
    least = config.smallest_effect
    what = "mean effect" if reading.people > 1 else "effect"
    return difference_curve(
        "effect_distribution",
        f"The {what} of {reading.treatment} may be anything {span(reading)}"
        if reading.is_too_wide
        else f"The chance that {reading.treatment} is better is {chance(reading.p_benefit)}",
        f"Posterior curve of the {what} of {reading.treatment} on the {subject(reading)}, "
        f"{span(reading)}; {chance(reading.p_higher)} chance that it is above 0.",
        x=x, y=y, low=low, high=high, mean=float(effect.mean()[0]),
        x_label=f"{what} of {reading.treatment} against {reading.comparator}",
        unit=config.outcome_unit, level=config.level,
        rope=None if least is None else (-least, least), sides=("lower", "higher"),
    )  # fmt: skip


def _people(reading: Reading) -> Figure:
    from pymc_vibes.stats.chart import forest

    config, found = reading.config, reading.found
    shrunk = reading.posterior["effect"].distribution
    low, high = shrunk.quantile((1 - config.level) / 2), shrunk.quantile((1 + config.level) / 2)
    together = float(reading.effect.mean()[0])
    return forest(
        "people",
        f"People have a mean effect of about {amount(reading, together)}"
        if not reading.is_too_wide
        else "Each person's effect, with what people have in common",
        f"Effect of {reading.treatment} on each of {reading.people} people with intervals, drawn "
        f"from what the own days alone say towards the mean of {amount(reading, together)}.",
        labels=list(found.fits), mean=shrunk.mean(), low=low, high=high,
        raw=[one.mean for one in found.likelihoods.values()], center=together,
        center_label="mean of people", x_label=f"effect of {reading.treatment}",
        unit=config.outcome_unit, level=config.level, interval="eti",
    )  # fmt: skip


def _cycles(reading: Reading) -> Figure:
    from pymc_vibes.stats.chart import forest

    config = reading.config
    found = [reading.fit.cycle_effect(*pair) for pair in reading.cycles]
    ends = [effect.interval(config.level) for effect in found]
    means = [float(effect.mean()[0]) for effect in found]
    shared = float(reading.fit.effect(FOCUS).mean()[0])
    return forest(
        "cycles",
        f"The effect{reading.whose} in each of {len(found)} pairs of periods",
        f"Effect of {reading.treatment} in {len(found)} pairs of periods with intervals, from "
        f"{plain(min(means))} to {amount(reading, max(means))}; the shared one is "
        f"{plain(shared)}.",
        labels=[_cycle_label(i, *pair) for i, pair in enumerate(reading.cycles, start=1)],
        mean=means, low=[float(low[0]) for low, _ in ends],
        high=[float(high[0]) for _, high in ends],
        raw=[_raw(reading, *pair) for pair in reading.cycles], center=shared,
        center_label="shared effect", x_label=f"effect of {reading.treatment}",
        unit=config.outcome_unit, level=config.level, interval="eti",
    )  # fmt: skip


def _cycle_label(number: int, one: "Period", other: "Period") -> str:
    return f"{number}: from {day_of(min(one.first, other.first)).isoformat()}"


def _raw(reading: Reading, treated: "Period", compared: "Period") -> float | None:
    own, other = reading.observed_mean(treated), reading.observed_mean(compared)
    return None if own is None or other is None else own - other


def _half_life(reading: Reading) -> Figure:
    import numpy as np

    from pymc_vibes.stats.chart import lines_with_bands

    level = reading.config.level
    lives = [reading.fit.half_life_quantile(q) for q in (0.5, (1 - level) / 2, (1 + level) / 2)]
    after = np.linspace(0.0, max(3.0, min(3 * lives[2], 30.0)), 61)
    left, low, high = (0.5 ** (after / life) for life in lives)
    middle = plain(lives[0], 2)
    return lines_with_bands(
        "half_life",
        f"Half of the effect{reading.whose} is gone about {middle} days after its treatment",
        f"Share of the effect that is left against days since the treatment ended, with a band: a "
        f"half after {middle} days, in the interval from {plain(lives[1], 2)} to "
        f"{plain(lives[2], 2)} days.",
        lines=[("left of the effect", after, left, low, high)],
        x_label="days since the treatment ended", y_label="share of the effect that is left",
        y_format="percent", y_domain=(0.0, 1.0), level=level,
    )  # fmt: skip


def _step(days: int) -> int:
    return max(-(-days // _MOST_POINTS), 1)


def _dates(days: "Array") -> "Sequence[date]":
    return [day_of(day) for day in days]
