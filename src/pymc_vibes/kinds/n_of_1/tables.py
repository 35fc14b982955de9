"""The tables of an n-of-1 trial: treatments, people, periods, cycles, days, other models."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.answer import Table
from pymc_vibes.kinds.n_of_1.config import EstimatedCarryOver
from pymc_vibes.kinds.n_of_1.model import day_of
from pymc_vibes.kinds.n_of_1.reading import Reading
from pymc_vibes.stats.daily_effect import benefit, relevant, same, tone_of

if TYPE_CHECKING:
    from pymc_vibes.stats.student import StudentMixture

type _Rows = list[tuple[JsonValue, ...]]

MOST_ROWS = 60


def tables(reading: Reading) -> Iterator[Table]:
    """Give the tables, the answer's own first."""
    yield _treatments(reading)
    if reading.found.population is not None:
        yield _people(reading)
    yield _periods(reading)
    if reading.cycles:
        yield _cycles(reading)
    yield _calendar(reading)
    yield _models(reading)
    if isinstance(reading.config.half_life, EstimatedCarryOver):
        yield _half_lives(reading)


def _ends(effect: "StudentMixture", level: float) -> tuple[float, float, float]:
    low, high = effect.interval(level)
    return float(effect.mean()[0]), float(low[0]), float(high[0])


def _treatments(reading: Reading) -> Table:
    config, unit = reading.config, reading.config.outcome_unit
    rows: _Rows = []
    for number in range(1, len(reading.found.treatments)):
        days = reading.trial.observed_days(number)
        if days < config.min_days:
            continue
        effect = reading.fit.effect(number)
        zone: tuple[JsonValue, JsonValue] = (None, None)
        if config.smallest_effect is not None:
            zone = (relevant(effect, config), same(effect, config))
        name = reading.found.treatments[number]
        rows.append((name, *_ends(effect, config.level), days, benefit(effect, config), *zone))
    return Table(
        name="effects",
        title=f"Effects{reading.whose} against {reading.comparator}, fitted alone",
        columns=(
            "treatment", "mean", "low", "high", "days", "chance_benefit",
            "chance_benefit_of_interest", "chance_practically_none",
        ),
        units=("", unit, unit, unit, "days", "", "", ""),
        rows=tuple(rows),
    )  # fmt: skip


def _people(reading: Reading) -> Table:
    config, unit, found = reading.config, reading.config.outcome_unit, reading.found
    shrunk = reading.posterior["effect"].distribution
    low, high = shrunk.quantile((1 - config.level) / 2), shrunk.quantile((1 + config.level) / 2)
    rows: _Rows = []
    for i, (label, fit) in enumerate(found.fits.items()):
        alone = found.likelihoods[label]
        effect = shrunk.take([i])  # type: ignore[attr-defined]  # of several people: curves
        rows.append(
            (
                label, len(fit.trial.series.days), alone.mean, alone.variance**0.5,
                float(effect.mean()[0]), float(low[i]), float(high[i]), benefit(effect, config),
                tone_of(effect, config),
            )
        )  # fmt: skip
    return Table(
        name="people",
        title="Each person: what the own days alone say, and with what people have in common",
        columns=(
            "user", "days", "alone", "alone_sd", "mean", "low", "high", "chance_benefit", "verdict",
        ),
        units=("", "days", unit, unit, unit, unit, unit, "", ""),
        rows=tuple(rows),
    )  # fmt: skip


def _periods(reading: Reading) -> Table:
    unit, level, trial = reading.config.outcome_unit, reading.config.level, reading.trial
    rows: _Rows = []
    for period in trial.periods[:MOST_ROWS]:
        expected: tuple[JsonValue, JsonValue, JsonValue] = (None, None, None)
        if period.counted:
            expected = _ends(reading.fit.period_level(period), level)
        inside = trial.kept & (trial.series.day >= period.first) & (trial.series.day < period.end)
        rows.append(
            (
                period.number + 1, reading.found.treatments[period.treatment],
                day_of(period.first).isoformat(), day_of(period.end - 1).isoformat(),
                len(set(trial.series.day[inside])), reading.observed_mean(period), *expected,
            )
        )  # fmt: skip
    return Table(
        name="periods",
        title=f"Periods{reading.whose}: observed mean, and the expected level",
        columns=("period", "treatment", "first_day", "last_day", "days", "observed", "expected",
            "low", "high"),
        units=("", "", "", "", "days", unit, unit, unit, unit),
        rows=tuple(rows),
        total=len(trial.periods),
    )  # fmt: skip


def _cycles(reading: Reading) -> Table:
    unit, level = reading.config.outcome_unit, reading.config.level
    rows: _Rows = []
    for number, (treated, compared) in enumerate(reading.cycles[:MOST_ROWS], start=1):
        raw = [reading.observed_mean(period) for period in (treated, compared)]
        known = None if raw[0] is None or raw[1] is None else raw[0] - raw[1]
        first = min(treated.first, compared.first)
        effect = reading.fit.cycle_effect(treated, compared)
        rows.append((number, day_of(first).isoformat(), known, *_ends(effect, level)))
    return Table(
        name="cycles",
        title=f"{reading.treatment} against {reading.comparator} in each pair of periods"
        f"{reading.whose}",
        columns=("cycle", "first_day", "difference_of_means", "effect", "low", "high"),
        units=("", "", unit, unit, unit, unit),
        rows=tuple(rows),
        total=len(reading.cycles),
    )


def _calendar(reading: Reading) -> Table:
    import numpy as np

    trial = reading.trial
    seen = np.isin(trial.calendar, trial.series.days)
    rows: _Rows = []
    for number, name in enumerate(reading.found.treatments):
        here = trial.main == number
        if not here.any() and not trial.observed_days(number):
            continue
        rows.append(
            (
                name, sum(p.treatment == number for p in trial.periods), int(here.sum()),
                trial.observed_days(number), int((here & ~seen).sum()),
                int((here & ~trial.counts).sum()),
            )
        )  # fmt: skip
    gone = trial.main < 0
    if gone.any():
        rows.append(("wash-out", 0, int(gone.sum()), 0, int((gone & ~seen).sum()), int(gone.sum())))
    return Table(
        name="calendar",
        title=f"Days{reading.whose} under each treatment",
        columns=("treatment", "periods", "calendar_days", "days_that_count", "days_without_rows",
            "washed_out_days"),
        units=("", "", "days", "days", "days", "days"),
        rows=tuple(rows),
    )  # fmt: skip


def _models(reading: Reading) -> Table:
    unit = reading.config.outcome_unit
    return Table(
        name="models",
        title=f"The effect of {reading.treatment} under other models, from the days{reading.whose}",
        columns=("model", "mean", "low", "high", "chance_above_0"),
        units=("", unit, unit, unit, ""),
        rows=tuple((a.name, a.mean, a.low, a.high, a.chance_above) for a in reading.alternatives),
    )


def _half_lives(reading: Reading) -> Table:
    level = reading.config.level
    rows: _Rows = []
    for label, fit in reading.found.fits.items():
        middle, low, high = (
            fit.half_life_quantile(q) for q in (0.5, (1 - level) / 2, (1 + level) / 2)
        )
        rows.append((label, middle, low, high))
    return Table(
        name="carry_over",
        title="Half-life of the carry-over of each person",
        columns=("user", "median", "low", "high"),
        units=("", "days", "days", "days"),
        rows=tuple(rows),
    )
