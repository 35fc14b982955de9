"""The answer of an n-of-1 trial: sentence, decision, numbers."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from pymc_vibes.core.answer import Estimate, Interval, Summary
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1 import words
from pymc_vibes.kinds.n_of_1.config import EstimatedCarryOver, NOf1Config
from pymc_vibes.kinds.n_of_1.findings import findings
from pymc_vibes.kinds.n_of_1.model import day_of
from pymc_vibes.kinds.n_of_1.reading import Reading, reading_of
from pymc_vibes.kinds.n_of_1.tables import tables
from pymc_vibes.stats.describe import estimate


def summarize(posterior: Posterior, config: NOf1Config) -> Summary:
    """Say whether the treatment helps, by how much, and what that rests on."""
    reading = reading_of(posterior, config)
    return Summary(
        headline=words.headline(reading),
        decision=words.decide_treatment(reading),
        estimates=tuple(_estimates(reading)),
        claims=tuple(words.claims(reading)),
        findings=tuple(findings(reading)),
        tables=tuple(tables(reading)),
        context=_context(reading),
    )


def _estimates(reading: Reading) -> Iterator[Estimate]:
    unit, level = reading.config.outcome_unit, reading.config.level
    drug, other = reading.treatment, reading.comparator
    together = reading.found.population
    if together is None:
        yield estimate(
            "effect", f"Effect of {drug} against {other}", reading.effect, level=level, unit=unit
        )
    else:
        label = f"Mean effect of {drug} against {other}"
        yield estimate("population_effect", label, reading.effect, level=level, unit=unit)
        label = "Effect on the next person like these"
        yield estimate("next_effect", label, together.effect_of_next, level=level, unit=unit)
        label = "How much people differ (sd of their effects)"
        yield estimate("between_sd", label, together.spread, level=level, unit=unit)
    if isinstance(reading.config.half_life, EstimatedCarryOver):
        yield _half_life(reading)


def _half_life(reading: Reading) -> Estimate:
    fit, level = reading.fit, reading.config.level
    quantiles = [fit.half_life_quantile(q) for q in (0.5, (1 - level) / 2, (1 + level) / 2)]
    ends = Interval(low=quantiles[1], high=quantiles[2], prob=level, kind="eti")
    return Estimate(
        name="half_life", label=f"Half-life of the carry-over{reading.whose}", unit="days",
        mean=None, median=quantiles[0], interval=ends, intervals=(ends,),
    )  # fmt: skip


def _context(reading: Reading) -> Mapping[str, JsonValue]:
    config, trial, regression = reading.config, reading.trial, reading.fit.regression
    return {
        "comparator": reading.found.treatments[0],
        "treatment": reading.found.treatments[1],
        "better": config.direction,
        "level": config.level,
        "effect": "expected outcome under the treatment minus that under the comparator",
        "smallest_effect": config.smallest_effect,
        "people": reading.people,
        "days_shown_of": reading.label,
        "first_day": day_of(trial.first).isoformat(),
        "last_day": day_of(trial.end - 1).isoformat(),
        "periods": len(trial.periods),
        "periods_that_may_deviate": len(reading.fit.model.deviating(trial)),
        "correlation_of_next_days": float(regression.weights @ regression.grid.phi),
        "share_of_lasting_noise": float(regression.weights @ regression.grid.share),
        "width_in_sds_of_a_day": reading.width,
        "ljung_box_p_value": reading.left_over,
        "standard_error": float(reading.effect.sd()[0]),
    }
