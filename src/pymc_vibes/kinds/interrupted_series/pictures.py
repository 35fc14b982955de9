"""The figures of an interrupted series: three panels of days, then what the answer rests on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.interrupted_series.checks import grid_check, predictive_check, prior_check
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.model import day_of
from pymc_vibes.kinds.interrupted_series.reading import Reading, reading_of
from pymc_vibes.kinds.interrupted_series.terms import unit_of
from pymc_vibes.stats.daily_effect import amount, span
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import plain

if TYPE_CHECKING:
    from datetime import date

    from pymc_vibes.stats.chart_interruption import Band
    from pymc_vibes.stats.marginals import Marginals
    from pymc_vibes.stats.special import Array

_MOST_POINTS = 400  # days of a line at most; longer series are drawn every so many days


def figures(posterior: Posterior, config: InterruptedConfig) -> tuple[Figure, ...]:
    """Show observed and expected, the effect by day and in sum, its chances, and the checks."""
    from pymc_vibes.stats.chart_interruption import left_over_bars
    from pymc_vibes.stats.sampler_views import chain_figures

    reading = reading_of(posterior, config)
    checks = [left_over_bars(reading.innovations)]
    if len(reading.placebos.change):
        checks = [_placebos(reading), *checks]
    engine = chain_figures(posterior) or (grid_check(reading),)
    if posterior.samples is not None:
        checks = [prior_check(reading), *checks]
    checks = [predictive_check(reading), *checks, *engine]
    return (*_panels(reading), _distribution(reading), *checks)


def _panels(reading: Reading) -> Iterator[Figure]:
    import numpy as np

    window = reading.fit.window
    calendar = np.arange(window.first, window.end, dtype=float)
    days = calendar[:: _step(len(calendar))]
    yield _observed(reading, days)
    yield _by_day(reading, days[days >= window.change])
    yield _cumulative(reading, days, calendar)


def _observed(reading: Reading, days: "Array") -> Figure:
    from pymc_vibes.stats.chart_interruption import Words, observed_and_expected

    config, fit, level = reading.config, reading.fit, reading.config.level
    what, change = f"{config.outcome_name}{reading.whose}", reading.date
    when = "While it lasted" if fit.window.has_end else "Afterwards"
    middle = reading.middle(reading.effect)
    size, side = amount(reading, abs(middle)), "above" if middle > 0 else "below"
    daily = fit.series.daily()
    step = _step(len(daily))
    return observed_and_expected(
        Words(
            "observed_and_expected",
            f"The {what}, and what was to be expected without the change"
            if reading.is_too_wide
            else f"{when} the {what} is about {size} {side} what was to be expected",
            f"Daily {what} as dots over the expected level with bands; the change is on "
            f"{change.isoformat()}. {when} days lie {size} {side} the expected ones on average.",
        ),
        observed=(_dates(daily.day[::step]), daily.mean[::step]),
        expected=_band(days, fit.expected(days), level),
        noisy=fit.predicted(days).light().interval(level),
        change=reading.dates, label=config.outcome_name, unit=config.outcome_unit, level=level,
    )  # fmt: skip


def _by_day(reading: Reading, after: "Array") -> Figure:
    from pymc_vibes.stats.chart_interruption import Words, effect_by_day

    fit, level = reading.fit, reading.config.level
    step = _step(len(fit.series.days))
    return effect_by_day(
        Words(
            "effect_by_day",
            f"The average effect lies {span(reading)}",
            "Observed minus expected per day as dots, and after "
            f"{reading.date.isoformat()} the effect as a line with its band.",
        ),
        differences=(_dates(fit.series.days[::step]), fit.differences()[::step]),
        effect=_band(fit.days_with_effect(after), fit.effect_on(after), level),
        change=reading.dates, unit=reading.config.outcome_unit, level=level,
    )  # fmt: skip


def _cumulative(reading: Reading, days: "Array", calendar: "Array") -> Figure:
    from pymc_vibes.stats.chart_interruption import Words, cumulative_effect

    fit, unit = reading.fit, reading.sum_unit
    total = fit.cumulative(calendar, (days - calendar[0]).astype(int))
    last = plain(reading.middle(fit.summed(fit.window.after)))
    return cumulative_effect(
        Words(
            "cumulative_effect",
            f"The sum of effects over {fit.summed_over} is too uncertain to name"
            if reading.is_too_wide
            else f"The effects add up to about {last} in {fit.summed_over}",
            "The sum of the effects over calendar days with its band: 0 before "
            f"{reading.date.isoformat()}, {last} at the end.",
        ),
        total=_band(days, total, reading.config.level), change=reading.dates, unit=unit,
        level=reading.config.level,
    )  # fmt: skip


def _distribution(reading: Reading) -> Figure:
    from pymc_vibes.stats.chart import difference_curve

    config = reading.config
    x, y = reading.effect.density(0)
    low, high = reading.interval
    least = config.smallest_effect
    return difference_curve(
        "effect_distribution",
        f"The average effect may be anything {span(reading)}"
        if reading.is_too_wide
        else f"The change helped with {chance(reading.p_benefit)} chance",
        f"Posterior curve of the average effect, {span(reading)}; {chance(reading.p_higher)} "
        f"chance that it is above 0.",
        x=x, y=y, low=low, high=high, mean=reading.middle(reading.effect),
        x_label="average effect", unit=config.outcome_unit, level=config.level,
        rope=None if least is None else (-least, least), sides=("lower", "higher"),
    )  # fmt: skip


def _placebos(reading: Reading) -> Figure:
    import numpy as np
    from scipy.special import ndtri

    from pymc_vibes.stats.chart_interruption import Band, Words, placebo_strip

    found, rank, level = reading.placebos, reading.placebo_rank, reading.config.level
    half = float(ndtri((1 + level) / 2)) * found.sd
    ends = (found.mean, found.mean - half, found.mean + half)
    real = reading.compared.effect("average", reading.config.window_days)
    bar = (real.mean(), *real.interval(level))
    if reading.fit.effect_is_relative:  # logs of rates
        ends = (np.expm1(ends[0]), np.expm1(ends[1]), np.expm1(ends[2]))
        bar = (np.expm1(bar[0]), np.expm1(bar[1]), np.expm1(bar[2]))
    many = len(found.change)
    alike = 0 if rank is None else round(rank * (1 + many)) - 1
    title = f"{alike or 'None'} of {many} earlier dates looks as much like a change as the real one"
    return placebo_strip(
        Words(
            "placebo",
            "Too few earlier dates to compare the real one with" if rank is None else title,
            f"Effects at {many} dates before the change, where nothing changed, as a "
            "line with a band, and at the real date as a bar.",
        ),
        pretended=Band(_dates(found.change), *ends), real=Band([reading.date], *bar),
        unit=unit_of(reading), level=level,
    )  # fmt: skip


def _band(days: "Array", values: "Marginals", level: float) -> "Band":
    from pymc_vibes.stats.chart_interruption import Band

    low, high = values.light().interval(level)
    return Band(_dates(days), values.mean(), low, high)


def _step(days: int) -> int:
    return -(-days // _MOST_POINTS)


def _dates(days: "Array") -> "Sequence[date]":
    return [day_of(day) for day in days]
