"""The answer of an interrupted series: sentence, decision, numbers, tables."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from pymc_vibes.core.answer import Estimate, Interval, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.interrupted_series import words
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.reading import (
    Reading,
    day_of,
    relevant,
    same,
    tone_of,
)

if TYPE_CHECKING:
    from pymc_vibes.stats.interrupted import Effect
    from pymc_vibes.stats.student import StudentMixture

_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TOLD: "Mapping[Effect, str]" = {
    "average": "Average effect",
    "immediate": "Immediate effect",
    "sustained": "Sustained effect",
}


def summarize(posterior: Posterior, config: InterruptedConfig) -> Summary:
    """Say whether the change helped, by how much, and what that rests on."""
    reading = Reading(posterior=posterior, config=config)
    return Summary(
        headline=words.headline(reading),
        decision=words.decide_change(reading),
        estimates=tuple(_estimates(reading)),
        claims=tuple(words.claims(reading)),
        findings=tuple(words.findings(reading)),
        tables=tuple(_tables(reading)),
        context=_context(reading),
    )


def _estimates(reading: Reading) -> Iterator[Estimate]:
    unit, level = reading.config.outcome_unit, reading.config.level
    for name, label in _TOLD.items():
        yield _estimate(name, label, reading.effect(name), level, unit)
    days = reading.fit.window.days_after
    total = reading.fit.functional(days * reading.fit.rows_of("average", 1))
    label = f"Cumulative effect over {days} calendar days"
    yield _estimate("cumulative", label, total, level, reading.sum_unit)
    found = reading.fit.relative(level)
    if found is not None:
        median, low, high = found
        ends = Interval(low=low, high=high, prob=level, kind="eti")
        yield Estimate(
            name="relative", label="Average effect, relative to the expected level",
            mean=None, median=median, interval=ends, intervals=(ends,), percent=True,
            unit="share of the expected level",
        )  # fmt: skip


def _estimate(name: str, label: str, effect: "StudentMixture", level: float, unit: str) -> Estimate:
    def ends(low: float, high: float, kind: Literal["eti", "hdi"]) -> Interval:
        return Interval(low=float(low), high=float(high), prob=level, kind=kind)

    central, shortest = effect.interval(level), effect.hdi(level)
    both = (
        ends(central[0][0], central[1][0], "eti"),
        ends(shortest[0][0], shortest[1][0], "hdi"),
    )
    return Estimate(
        name=name, label=label, unit=unit, mean=float(effect.mean()[0]),
        sd=float(effect.sd()[0]), median=float(effect.quantile(0.5)[0]),
        interval=both[0], intervals=both,
    )  # fmt: skip


def _tables(reading: Reading) -> Iterator[Table]:
    yield _effects(reading)
    if len(reading.fits.fits) > 1:
        yield _people(reading)
    yield _calendar(reading)
    yield _models(reading)
    if reading.config.include_day_of_week:
        yield _weekdays(reading)


def _effects(reading: Reading) -> Table:
    config, unit = reading.config, reading.config.outcome_unit
    rows: list[tuple[JsonValue, ...]] = []
    for name in _TOLD:
        effect = reading.effect(name)
        seen = reading.fit.effect_seen(name, config.window_days).interval(config.level)
        low, high = effect.interval(config.level)
        zone: tuple[JsonValue, JsonValue] = (None, None)
        if config.smallest_effect is not None:
            zone = (relevant(effect, config), same(effect, config))
        rows.append(
            (
                name, float(effect.mean()[0]), float(low[0]), float(high[0]), float(seen[0][0]),
                float(seen[1][0]), float(effect.above(0.0)[0]), *zone,
            )
        )  # fmt: skip
    return Table(
        name="effects",
        title=f"Effects{reading.whose}: the expected difference, and with the noise of those days",
        columns=(
            "effect", "mean", "low", "high", "low_with_noise", "high_with_noise", "chance_above_0",
            "chance_benefit_of_interest", "chance_practically_none",
        ),
        units=("", unit, unit, unit, unit, unit, "", "", ""),
        rows=tuple(rows),
    )  # fmt: skip


def _people(reading: Reading) -> Table:
    config, unit = reading.config, reading.config.outcome_unit
    rows: list[tuple[JsonValue, ...]] = []
    for label, fit in reading.fits.fits.items():
        effect = fit.effect("average", 1)
        low, high = effect.interval(config.level)
        rows.append(
            (
                label, day_of(fit.window.change).isoformat(), len(fit.series),
                float(effect.mean()[0]), float(low[0]), float(high[0]),
                float(effect.above(0.0)[0]), tone_of(effect, config),
            )
        )  # fmt: skip
    return Table(
        name="series",
        title="Average effect of each series, fitted alone",
        columns=("user", "change", "days", "mean", "low", "high", "chance_above_0", "verdict"),
        units=("", "", "days", unit, unit, unit, "", ""),
        rows=tuple(rows),
    )


def _calendar(reading: Reading) -> Table:
    window, fit, unit = reading.fit.window, reading.fit, reading.config.outcome_unit
    missing = reading.missing
    lengths = (int(window.change - window.first), window.days_after)
    seen = [length - gone for length, gone in zip(lengths, missing, strict=True)]
    after = fit.series.between(window.change, window.end)
    observed = float(fit.functional(fit.effect_rows(after.day).sum(axis=0)).mean()[0])
    total = lengths[1] * float(reading.average.mean()[0])
    return Table(
        name="calendar",
        title="Days, and what the cumulative effect is summed over",
        columns=(
            "phase", "calendar_days", "observed_days", "missing_days", "effect_on_observed_days",
            "effect_on_missing_days",
        ),
        units=("", "days", "days", "days", unit, unit),
        rows=(
            ("before", lengths[0], seen[0], missing[0], None, None),
            ("after", lengths[1], seen[1], missing[1], observed, total - observed),
        ),
    )  # fmt: skip


def _models(reading: Reading) -> Table:
    unit = reading.config.outcome_unit
    return Table(
        name="models",
        title="The average effect under other models, and of fewer days",
        columns=("model", "mean", "low", "high", "chance_above_0"),
        units=("", unit, unit, unit, ""),
        rows=tuple((a.name, a.mean, a.low, a.high, a.chance_above) for a in reading.alternatives),
    )


def _weekdays(reading: Reading) -> Table:
    found, unit = reading.fit.weekdays(), reading.config.outcome_unit
    low, high = found.interval(reading.config.level)
    return Table(
        name="weekdays",
        title="Weekdays against the mean of the week",
        columns=("weekday", "mean", "low", "high"),
        units=("", unit, unit, unit),
        rows=tuple(
            (name, float(mean), float(start), float(stop))
            for name, mean, start, stop in zip(_WEEK, found.mean(), low, high, strict=True)
        ),
    )


def _context(reading: Reading) -> Mapping[str, JsonValue]:
    config, window, regression = reading.config, reading.fit.window, reading.fit.regression
    k = config.window_days
    return {
        "change": reading.date.isoformat(),
        "first_day": day_of(window.first).isoformat(),
        "last_day": day_of(window.end - 1).isoformat(),
        "better": config.direction,
        "level": config.level,
        "immediate": f"mean effect of the first {k} days after the change",
        "sustained": f"mean effect of the last {k} days",
        "average": "mean effect of all calendar days after the change, observed or not",
        "smallest_effect": config.smallest_effect,
        "correlation_of_next_days": float(regression.weights @ regression.grid.phi),
        "share_of_lasting_noise": float(regression.weights @ regression.grid.share),
        "width_in_sds_of_a_day": reading.width,
        "placebo_rank": reading.placebo_rank,
        "placebo_dates": len(reading.placebos.change),
        "ljung_box_p_value": reading.left_over,
        "series": len(reading.fits.fits),
    }
