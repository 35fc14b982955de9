"""The answer of an interrupted series: sentence, decision, numbers, tables."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.answer import Estimate, Interval, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.interrupted_series import words
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.model import day_of
from pymc_vibes.kinds.interrupted_series.reading import Reading, reading_of
from pymc_vibes.kinds.interrupted_series.terms import term_tables
from pymc_vibes.stats.daily_effect import relevant, same, tone_of
from pymc_vibes.stats.describe import estimate

if TYPE_CHECKING:
    from pymc_vibes.stats.interrupted import Effect

_TOLD: "Mapping[Effect, str]" = {
    "average": "Average effect",
    "immediate": "Immediate effect",
    "sustained": "Sustained effect",
}


def summarize(posterior: Posterior, config: InterruptedConfig) -> Summary:
    """Say whether the change helped, by how much, and what that rests on."""
    reading = reading_of(posterior, config)
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
        yield estimate(name, label, reading.effect_of(name), level=level, unit=unit)
    total = reading.fit.summed(reading.fit.window.after)
    label = f"Cumulative effect over {reading.fit.summed_over}"
    yield estimate("cumulative", label, total, level=level, unit=reading.sum_unit)
    if reading.fit.window.has_end:
        left = reading.fit.afterwards()
        yield estimate(
            "afterwards", "Effect that stayed after the end", left, level=level, unit=unit
        )
    found = reading.fit.relative(level)
    if found is not None:
        median, low, high = found
        ends = Interval(low=low, high=high, prob=level, kind="eti")
        yield Estimate(
            name="relative", label="Average effect, relative to the expected level",
            mean=None, median=median, interval=ends, intervals=(ends,), percent=True,
            unit="share of the expected level",
        )  # fmt: skip


def _tables(reading: Reading) -> Iterator[Table]:
    from pymc_vibes.stats.sampler_views import parameter_tables

    yield _effects(reading)
    if len(reading.fits.fits) > 1:
        yield _people(reading)
    yield _calendar(reading)
    yield _models(reading)
    yield from term_tables(reading)
    yield from parameter_tables(reading.posterior)


def _effects(reading: Reading) -> Table:
    config, unit = reading.config, reading.config.outcome_unit
    rows: list[tuple[JsonValue, ...]] = []
    for name in _TOLD:
        effect = reading.effect_of(name)
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
                label, day_of(fit.window.change).isoformat(), len(fit.series.days),
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
    after = fit.series.between(window.change, window.over).days
    observed = float(fit.summed(after).mean()[0])
    total = float(fit.summed(window.after).mean()[0])
    # with nothing missing the sum has no parts, and stands among the estimates
    parts: tuple[JsonValue, ...] = (observed, total - observed) if missing[1] else (None, None)
    late: list[tuple[JsonValue, ...]] = []
    if window.has_end:
        known, many = len(fit.series.between(window.over, window.end).days), len(window.afterwards)
        late = [("after the end", many, known, many - known, None, None)]
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
            ("after", lengths[1], seen[1], missing[1], *parts),
            *late,
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


def _context(reading: Reading) -> Mapping[str, JsonValue]:
    config, fit, window = reading.config, reading.fit, reading.fit.window
    k = config.window_days
    ends: dict[str, JsonValue] = {}
    if window.has_end:
        ends = {"change_over": day_of(window.over).isoformat()}
    return {
        "change": reading.date.isoformat(),
        **ends,
        "first_day": day_of(window.first).isoformat(),
        "last_day": day_of(window.end - 1).isoformat(),
        "better": config.direction,
        "level": config.level,
        "immediate": f"mean effect of the first {k} days after the change",
        "sustained": f"mean effect of the last {k} days of the change"
        if window.has_end
        else f"mean effect of the last {k} days",
        "average": "mean effect of all calendar days of the change, observed or not"
        if window.has_end
        else "mean effect of all calendar days after the change, observed or not",
        "smallest_effect": config.smallest_effect,
        **fit.correlations(),
        "width_in_sds_of_a_day": reading.width,
        "placebo_rank": reading.placebo_rank,
        "placebo_dates": len(reading.placebos.change),
        "ljung_box_p_value": reading.left_over,
        "series": len(reading.fits.fits),
    }
