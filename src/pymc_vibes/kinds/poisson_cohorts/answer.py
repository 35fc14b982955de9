"""The answer about rates: headline, numbers, tables and pictures."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, Decision, Estimate, Finding, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.change_answer import summarize_change
from pymc_vibes.kinds.poisson_cohorts.checks import check_findings
from pymc_vibes.kinds.poisson_cohorts.compare import (
    Comparison,
    chances_of_best,
    compare_two,
    equally_likely,
    pair,
)
from pymc_vibes.kinds.poisson_cohorts.estimates import estimates_from
from pymc_vibes.kinds.poisson_cohorts.findings import context_of, findings_of
from pymc_vibes.kinds.poisson_cohorts.numbers import rates_of
from pymc_vibes.kinds.poisson_cohorts.piecewise_answer import summarize_piecewise
from pymc_vibes.kinds.poisson_cohorts.pooling import hyper_estimates, pooling_findings
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.standing import standing_of
from pymc_vibes.kinds.poisson_cohorts.tables import event_table, rate_table
from pymc_vibes.kinds.poisson_cohorts.view import Rates

if TYPE_CHECKING:
    import numpy as np

ESTIMATES = 12


def summarize(posterior: Posterior, config: RateConfig) -> Summary:
    """Say the rates of one event, highest first, and who stands out."""
    if config.model == "piecewise":
        return summarize_piecewise(posterior, config)
    if config.model == "change-point":
        return summarize_change(posterior, config)
    from pymc_vibes.stats.sampler_views import parameter_tables

    rates = rates_of(posterior)
    event = rates.event(config.event)
    cells = rates.ordered(event, config.direction)
    comparison = compare_two(rates, *pair(cells), config) if len(cells) == 2 else None
    headline, claims, decision = _say(rates, event, cells, config, comparison)
    further = comparison.estimates if comparison else ()
    if rates.is_pooled:
        further = (*further, *hyper_estimates(rates, config))
    return Summary(
        headline=headline,
        decision=decision,
        estimates=(*estimates_of(rates, cells[:ESTIMATES], config), *further),
        claims=claims,
        findings=(
            *findings_of(rates, rates.cells, config),
            *_pooling(rates, cells, config),
            *check_findings(rates),
        ),
        tables=(
            rate_table(rates, cells, config),
            *_rank_table(rates, cells, config),
            *event_table(rates),
            *parameter_tables(posterior),
        ),
        context=context_of(rates, config) | {"event": event, "cohorts": len(cells)},
    )


def _pooling(rates: Rates, cells: "np.ndarray", config: RateConfig) -> tuple[Finding, ...]:
    return pooling_findings(rates, cells, config) if rates.is_pooled else ()


def _rank_table(rates: Rates, cells: "np.ndarray", config: RateConfig) -> tuple[Table, ...]:
    is_contest = rates.is_pooled and len(cells) > 1
    return (standing_of(rates, cells, config).table(),) if is_contest else ()


def _say(
    rates: Rates,
    event: str,
    cells: "np.ndarray",
    config: RateConfig,
    comparison: Comparison | None,
) -> tuple[str, tuple[Claim, ...], Decision | None]:
    if comparison is not None:
        return comparison.claim.text, (comparison.claim,), comparison.decision()
    if len(cells) == 0:
        return f"No cohort has measured exposure for {event} in the window.", (), None
    if len(cells) == 1:
        estimate = estimates_of(rates, cells, config)[0]
        cohort = rates.cohort(int(cells[0]))
        return f"{event} of {cohort}: {rate_words(estimate)}.", (), None
    return _say_best(rates, event, cells, config)


def _say_best(
    rates: Rates, event: str, cells: "np.ndarray", config: RateConfig
) -> tuple[str, tuple[Claim, ...], None]:
    from pymc_vibes.stats.decide import best_tone, chance

    direction = config.direction or "higher"
    most = "highest" if direction == "higher" else "lowest"
    chances = chances_of_best(rates.distribution, cells, direction)
    if chances is None:
        return f"{event}: no one of {len(cells):,} cohorts stands out as the {most}.", (), None
    top = int(chances.argmax())
    cohort, probability = rates.cohort(int(cells[top])), float(chances[top])
    estimate = estimates_of(rates, cells[top : top + 1], config)[0]
    tone = best_tone(probability, config.level, direction)
    claim = Claim(
        text=f"{cohort} has the {most} rate of {event} of {len(cells):,} cohorts.",
        probability=probability,
        tone=tone,
    )
    if tone == direction:
        lead = f"{cohort} has the {most} rate of {event} of {len(cells):,} cohorts"
    else:
        equals = equally_likely(chances)
        lead = f"It is open which of {len(cells):,} cohorts has the {most} rate of {event}; " + (
            f"{cohort} is the likeliest" if equals == 1 else f"{equals:,} are equally likely"
        )
    words = f"{lead} ({chance(probability)} chance): {rate_words(estimate)}."
    return words, (claim,), None


def rate_words(estimate: Estimate) -> str:
    """Say a rate with its interval."""
    from pymc_vibes.stats.describe import plain

    interval = estimate.interval
    if estimate.mean is None or interval is None:
        raise TypeError("a rate always has a mean and an interval")
    per = estimate.unit.removeprefix("events ")
    span = f"{plain(interval.low or 0)} to {plain(interval.high or 0)}"
    return f"about {plain(estimate.mean)} {per} ({100 * interval.prob:g} % interval {span})"


def estimates_of(rates: Rates, cells: "np.ndarray", config: RateConfig) -> tuple[Estimate, ...]:
    """Give the rate of each cell."""
    from pymc_vibes.kinds.poisson_cohorts.chained import conditional_means
    from pymc_vibes.stats.describe import monte_carlo_errors

    told = estimates_from(
        "rate",
        [rates.variable.labels[int(cell)] for cell in cells],
        rates.distribution.take(cells),
        level=config.level,
        unit=rates.variable.unit,
    )
    if rates.posterior.method != "nuts":
        return told
    means = conditional_means(rates.posterior, rates.cells.take(cells))
    errors = monte_carlo_errors(means, len(told))
    return tuple(
        one.model_copy(update={"mcse": error}) for one, error in zip(told, errors, strict=True)
    )
