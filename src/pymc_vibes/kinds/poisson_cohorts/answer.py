"""The answer about rates: headline, numbers, tables and pictures."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Claim, Decision, Estimate, Finding, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.compare import Comparison, chances_of_best, compare_two, pair
from pymc_vibes.kinds.poisson_cohorts.model import (
    Rates,
    dispersion_of,
    is_overdispersed,
)
from pymc_vibes.kinds.poisson_cohorts.numbers import rates_of
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

TABLE_ROWS = 200
ESTIMATES = 12
_COLUMNS = (
    "cohort", "event", "count", "exposure", "mean", "median", "sd",
    "eti low", "eti high", "hdi low", "hdi high", "alpha", "beta",
)  # fmt: skip


def summarize(posterior: Posterior, config: RateConfig) -> Summary:
    """Say the rates of one event, highest first, and who stands out."""
    rates = rates_of(posterior)
    event = rates.event(config.event)
    cells = rates.ordered(event, config.direction)
    comparison = compare_two(rates, *pair(cells), config) if len(cells) == 2 else None
    headline, claims, decision = _say(rates, event, cells, config, comparison)
    further = comparison.estimates if comparison else ()
    return Summary(
        headline=headline,
        decision=decision,
        estimates=(*estimates_of(rates, cells[:ESTIMATES], config), *further),
        claims=claims,
        findings=findings_of(rates, rates.cells, config),
        tables=(rate_table(rates, cells, config), *_event_table(rates)),
        context=context_of(rates, config) | {"event": event, "cohorts": len(cells)},
    )


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
    chances = chances_of_best(rates.gamma, cells, direction)
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
        lead = (
            f"It is open which of {len(cells):,} cohorts has the {most} rate of {event}; "
            f"{cohort} is the likeliest"
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
    """Give the rate of each cell: HDI first, because nothing is decided from a single rate."""
    from pymc_vibes.stats.describe import estimate

    chosen = rates.gamma.take(cells)
    return tuple(
        estimate(
            "rate",
            rates.variable.labels[int(cell)],
            chosen,
            position,
            level=config.level,
            unit=rates.variable.unit,
            kind="hdi",
        )
        for position, cell in enumerate(cells)
    )


def rate_table(rates: Rates, cells: "np.ndarray", config: RateConfig) -> Table:
    """List the cells in the given order, the first 200 of them."""
    shown = cells[:TABLE_ROWS]
    chosen = rates.gamma.take(shown)
    known = rates.cells.take(shown)
    tail = (1 - config.level) / 2
    low, high = chosen.hdi(config.level)
    numbers = [
        known["exposure"].to_numpy(), chosen.mean(), chosen.quantile(0.5), chosen.sd(),
        chosen.quantile(tail), chosen.quantile(1 - tail), low, high,
        chosen.shape, chosen.rate,
    ]  # fmt: skip
    texts = [known[name].to_pylist() for name in ("cohort", "event", "k")]
    per = rates.variable.unit
    exposure = config.pers
    return Table(
        name="rates",
        title=f"Rates, {'lowest' if config.direction == 'lower' else 'highest'} first",
        columns=_COLUMNS,
        units=("", "", "events", exposure, per, per, per, per, per, per, per, "", exposure),
        rows=tuple(zip(*texts, *(column.tolist() for column in numbers), strict=True)),
        total=len(cells),
    )


def _event_table(rates: Rates) -> tuple[Table, ...]:
    import pyarrow.compute as pc

    totals = rates.posterior.cells.group_by("event").aggregate([("k", "sum"), ("rows", "sum")])
    if totals.num_rows < 2:
        return ()
    order = pc.sort_indices(totals, [("k_sum", "descending"), ("event", "ascending")])
    top = totals.take(order.slice(0, TABLE_ROWS))
    columns = (top[name].to_pylist() for name in ("event", "k_sum", "rows_sum"))
    return (
        Table(
            name="events",
            title="Events, most frequent first",
            columns=("event", "count", "rows"),
            units=("", "events", "rows"),
            rows=tuple(zip(*columns, strict=True)),
            total=totals.num_rows,
        ),
    )


def context_of(rates: Rates, config: RateConfig) -> dict[str, Any]:
    """Say what the numbers refer to."""
    known = rates.constants
    measured = known["exposure"] == "measured"
    prior = f"Gamma(shape {known['alpha0']:g}, rate {known['beta0']:g} {config.pers})"
    return {
        "window": rates.window,
        "start": known["start"],
        "end": known["end"],
        "unit": known["per"],
        "exposure": known["exposure"],
        "exposure_in_words": (
            f"measured: the sum of the rows' own exposure, in {config.pers}"
            if measured
            else f"not measured: every cohort counts for the whole window, in {config.pers}"
        ),
        "prior": f"{prior}, Jeffreys" if config.prior == (0.5, 0.0) else prior,
        "level": config.level,
    }


def findings_of(rates: Rates, cells: "pa.Table", config: RateConfig) -> tuple[Finding, ...]:
    """Say what is odd about the counts: too much variation, no exposure, no event at all."""
    return (*_overdispersion(cells, config), *_without_exposure(rates), *_silence(cells))


def _overdispersion(cells: "pa.Table", config: RateConfig) -> tuple[Finding, ...]:
    import numpy as np

    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    found = dispersion_of(cells)
    if not is_overdispersed(found):
        return ()
    pooled, alone = found.pooled(), int(np.argmin(found.chance()))
    together = pooled.chance()[0] <= found.chance()[alone]
    factor = float(pooled.factor()[0] if together else found.factor()[alone])
    unlikely = float(pooled.chance()[0] if together else found.chance()[alone])
    worst = cells.slice(alone, 1).to_pylist()[0]
    where = "" if together else f" of {worst['event']} in {worst['cohort']}"
    return (
        Finding(
            code="overdispersed",
            severity="warning",
            text=(
                f"The counts{where} vary more between {config.bucket[0]} than a constant rate "
                f"allows: variance {plain(factor)} times the mean "
                f"(chance {chance(unlikely)} if the rate were constant). The intervals are too "
                f"narrow by a factor of about {plain(factor**0.5)}; "
                "the kind entity-rates models such counts."
            ),
        ),
    )


def _without_exposure(rates: Rates) -> tuple[Finding, ...]:
    total, answered = rates.posterior.cells.num_rows, rates.cells.num_rows
    if total == answered:
        return ()
    text = (
        f"{total - answered:,} of {total:,} pairs of cohort and event have no measured exposure "
        "in the window and therefore no rate."
    )
    return (Finding(code="no-exposure", severity="warning", text=text),)


def _silence(cells: "pa.Table") -> tuple[Finding, ...]:
    import pyarrow.compute as pc

    if pc.sum(cells["k"]).as_py():
        return ()
    text = "None of these rates has an event in the window: they say only how rare events must be."
    return (Finding(code="no-events", severity="note", text=text),)
