"""The answer: headline, numbers, findings."""

from collections.abc import Mapping

from pymc_vibes.core.answer import Claim, Estimate, Finding, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes_survival.reading import MOST_DRAWN, Reading
from pymc_vibes_survival.settings import SurvivalConfig

FEW_EVENTS = 10
GREATEST_GAP = 4.0


def summarize(posterior: Posterior, config: SurvivalConfig) -> Summary:
    """Say how long the event takes in every group, and which of two keeps free of it for longer."""
    from pymc_vibes.stats.describe import plain, spread_title

    reading = Reading(posterior, config)
    names, end = reading.lives.groups, reading.horizons[-1]
    found = {name: reading.of_group(name) for name in names}
    means = [each[0].mean or 0.0 for each in found.values()]
    quantity = f"mean time without the event in the first {end:g} {config.unit}"
    headline, decision = f"{spread_title(quantity, names, means, plain)}.", None
    claims: tuple[Claim, ...] = ()
    if len(names) == 2:  # a pair
        claim, decision, *_ = reading.compared(*names, end)
        headline, claims = claim.text, (claim,)
    return Summary(
        headline=headline,
        decision=decision,
        estimates=tuple(e for each in list(found.values())[:MOST_DRAWN] for e in each),
        claims=claims,
        findings=_findings(reading, {name: each[1].median for name, each in found.items()}),
        tables=(_table_of_groups(reading, found),),
        context={
            "model": config.model.kind,
            "unit": config.unit,
            "typical": posterior.constants["typical"],
            "weight": config.weight,
        },
    )


def _table_of_groups(reading: Reading, found: Mapping[str, tuple[Estimate, ...]]) -> Table:
    rows = [
        (
            name, t, int(group.units.sum()), int(group.events.sum()), one.mean,
            *([one.interval.low, one.interval.high] if one.interval else []),
            group.kaplan_meier_at(t),
        )
        for name, group in reading.groups.items()
        for t, one in zip(reading.horizons, found[name][2:], strict=True)
    ]  # fmt: skip
    return Table(
        name="groups",
        title="Survival up to the horizons",
        columns=("group", "until", "units", "events", "survival", "low", "high", "Kaplan-Meier"),
        units=("", reading.config.unit, "units", "events", "share", "share", "share", "share"),
        rows=tuple(rows),
    )


def _findings(reading: Reading, medians: Mapping[str, float | None]) -> tuple[Finding, ...]:
    end, unit, told = reading.horizons[-1], reading.config.unit, []
    for name, group in reading.groups.items():
        events, far = int(group.events.sum()), max(end, medians[name] or 0)
        if events == 0:
            text = "no event was seen: the curve is a lower bound that the prior gives its form."
            told.append(("no-event", "warning", name, text))
        elif events < FEW_EVENTS:
            told.append(("few-events", "warning", name, f"only {events} events; the prior counts."))
        if far > group.last:
            text = f"nobody was followed beyond {group.last:g} {unit}; what is said of later times"
            told.append(("extrapolated", "warning", name, f"{text} (to {far:.4g}) is the model's."))
        if (gap := _misfit(reading, name)) > GREATEST_GAP:
            text = f"the curve is {gap:.1f} standard errors off the Kaplan-Meier estimate; try the "
            told.append(("misfit", "warning", name, f"{text}other model, or other cuts."))
    return tuple(Finding(code=c, severity=s, text=f"{n}: {text}") for c, s, n, text in told)


def _misfit(reading: Reading, name: str) -> float:
    """Give the largest gap to Kaplan-Meier, in Greenwood's standard errors of its log."""
    import numpy as np

    group = reading.groups[name]
    estimate, spread, at_risk = group.kaplan_meier()
    kept = np.flatnonzero((at_risk > FEW_EVENTS) & (spread > 0) & (estimate > 0))
    if len(kept) == 0:
        return 0.0
    kept = kept[:: -(-len(kept) // 50)]
    [hazards] = reading.points(name)
    log = np.log(hazards.survival(group.times[kept])).mean(axis=0)
    return float(np.max(np.abs(log - np.log(estimate[kept])) / spread[kept]))
