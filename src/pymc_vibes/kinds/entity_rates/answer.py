"""The answer about entities: who is highest and how sure, how different they are, what is odd."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Claim, Estimate, Summary, Table
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.entity_rates.checks import check_findings, posterior_check
from pymc_vibes.kinds.entity_rates.findings import findings_of
from pymc_vibes.kinds.entity_rates.reading import POPULATION_DRAWS, Entities, entities_of
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from pymc_vibes.kinds.entity_rates.surprise import (
    surprise_findings,
    surprise_table,
    surprises,
)

if TYPE_CHECKING:
    import numpy as np

TABLE_ROWS = 200
ESTIMATES = 8
ALIKE = 0.1
"""Coefficient of variation below which entities are called alike."""


def summarize(posterior: Posterior, config: EntityConfig) -> Summary:
    """Say who has the highest rate, how different the entities are, and which windows are odd."""
    from pymc_vibes.stats.sampler_views import parameter_tables

    entities = entities_of(posterior, config.seed)
    headline, claims = say_best(entities, config)
    found = surprises(entities)
    order = entities.ordered(config.direction)
    return Summary(
        headline=headline,
        estimates=(
            *estimates_of(entities, order[:ESTIMATES], config),
            *population_estimates(entities, config),
        ),
        claims=(*claims, *threshold_claims(entities, order[:ESTIMATES], config)),
        findings=(
            *findings_of(entities, config),
            *surprise_findings(found),
            *check_findings(posterior_check(posterior, config), config),
        ),
        tables=(
            rank_table(entities, config),
            *surprise_table(entities, found),
            *parameter_tables(posterior),
        ),
        context=context_of(entities, config),
    )


def say_best(entities: Entities, config: EntityConfig) -> tuple[str, tuple[Claim, ...]]:
    """Say who comes first, or that the entities do not differ."""
    from pymc_vibes.stats.decide import best_tone, chance

    total = len(entities.labels)
    order = entities.ordered(config.direction)
    if total == 1:
        (only,) = estimates_of(entities, order, config)
        return f"The rate of {entities.labels[0]} is {rate_words(only)}.", ()
    alike = float((entities.spread < ALIKE).mean())
    if alike >= (1 + config.level) / 2:
        return _say_alike(entities, alike)
    most = "highest" if config.direction == "higher" else "lowest"
    standing = entities.standing(config.top, config.direction)
    first = int(standing.best.argmax())
    label, probability = entities.labels[int(standing.index[first])], float(standing.best[first])
    (estimate,) = estimates_of(entities, standing.index[[first]], config)
    tone = best_tone(probability, config.level, config.direction)
    text = f"{label} has the {most} rate of {total:,} entities"
    claim = Claim(text=f"{text}.", probability=probability, tone=tone)
    if tone != config.direction:
        text = f"It is open which of {total:,} entities has the {most} rate; "
        equals = _equals(entities, int(standing.index[first]))
        text += f"{label} is likeliest" if equals == 1 else f"{equals:,} have the same counts"
    return f"{text} ({chance(probability)} chance): {rate_words(estimate)}.", (claim,)


def _equals(entities: Entities, index: int) -> int:
    """Count the entities of which as much is known: none of them is likelier than the others."""
    counts = entities.counts
    if entities.posterior.constants["extensions"]:
        return 1
    same = counts.total == counts.total[index]
    return int((same & (counts.observed == counts.observed[index])).sum())


def _say_alike(entities: Entities, alike: float) -> tuple[str, tuple[Claim, ...]]:
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    typical = float(_median(entities.scalars["mu"]))
    text = f"The rates of the {len(entities.labels):,} entities differ by less than {ALIKE:.0%}"
    claim = Claim(text=f"{text} (sd over mean).", probability=_open(alike, entities), tone="same")
    words = f"{text} ({chance(alike)} chance): all have about {plain(typical)} {entities.per}."
    return words, (claim,)


def _open(share: float, entities: Entities) -> float:
    draws = len(entities.spread)
    return (share * draws + 0.5) / (draws + 1)


def _median(values: "np.ndarray") -> float:
    import numpy as np

    return float(np.median(values))


def rate_words(estimate: Estimate) -> str:
    """Say a rate with its interval."""
    from pymc_vibes.stats.describe import plain

    interval = estimate.interval
    if interval is None:
        raise TypeError("a rate always has an interval")
    per = estimate.unit.removeprefix("events ")
    span = f"{plain(interval.low)} to {plain(interval.high)}"
    return f"about {plain(estimate.mean)} {per} ({100 * interval.prob:g} % interval {span})"


def estimates_of(
    entities: Entities, indices: "np.ndarray", config: EntityConfig
) -> tuple[Estimate, ...]:
    """Give the rate of each entity; equal-tailed first, as a threshold is read from it."""
    from pymc_vibes.stats.describe import estimate

    chosen = entities.rates.take(indices)
    return tuple(
        estimate(
            "rate",
            entities.labels[int(index)],
            chosen,
            position,
            level=config.level,
            unit=entities.unit,
        )
        for position, index in enumerate(indices)
    )


def population_estimates(entities: Entities, config: EntityConfig) -> tuple[Estimate, ...]:
    """Give the population: mean, spread between entities, and what windows vary beside."""
    numbers = {
        "mu": ("mean rate", entities.unit),
        "spread": ("spread between entities", "sd over mean"),
        "noise": ("noise of windows", "sd over mean"),
        "zero_share": ("share of empty windows", ""),
        "drift_sd": ("drift of the log rate", "sd"),
        "persistence": ("persistence of the drift", "correlation"),
        "size_level": ("bytes per event, log", "log bytes"),
        "size_link": ("bytes with the rate", "log per log"),
    }
    plain = tuple(
        drawn_estimate(
            "population",
            label,
            entities.chains(name, [name], POPULATION_DRAWS)[:, :, 0],
            config.level,
            unit,
        )
        for name, (label, unit) in numbers.items()
        if entities.has(name)
    )
    return plain + _effects(entities, config)


def _effects(entities: Entities, config: EntityConfig) -> tuple[Estimate, ...]:
    """Give what one sd more of each covariate multiplies the rate by."""
    import numpy as np

    if not entities.has("effect"):
        return ()
    labels = entities.posterior["effect"].labels
    times = np.exp(entities.chains("effect", labels, POPULATION_DRAWS))
    return tuple(
        drawn_estimate("effect", f"{name}, per sd", times[:, :, at], config.level, "times")
        for at, name in enumerate(labels)
    )


def drawn_estimate(
    name: str, label: str, values: "np.ndarray", level: float, unit: str
) -> Estimate:
    """Give draws of one number, `(chain, draw)`, as an estimate."""
    from pymc_vibes.stats.describe import estimate
    from pymc_vibes.stats.draws import Draws

    return estimate(name, label, Draws(values[:, :, None]), 0, level=level, unit=unit)


def threshold_claims(
    entities: Entities, indices: "np.ndarray", config: EntityConfig
) -> tuple[Claim, ...]:
    """Claim of the first entities that their rate is above the threshold, with the chance."""
    from pymc_vibes.stats.decide import decide
    from pymc_vibes.stats.describe import plain

    if config.threshold is None:
        return ()
    chances = entities.rates.take(indices).above(config.threshold)
    return tuple(
        Claim(
            text=f"The rate of {entities.labels[int(index)]} is above {plain(config.threshold, 6)} "
            f"{entities.per}.",
            probability=min(max(float(p), 0.0), 1.0),
            tone=decide(float(p), config.level),
        )
        for index, p in zip(indices, chances, strict=True)
    )


def rank_table(entities: Entities, config: EntityConfig) -> Table:
    """List the entities, best first, the first 200 of them, with what is known of their ranks."""
    import numpy as np

    standing = entities.standing(config.top, config.direction)
    shown = slice(0, TABLE_ROWS)
    index = standing.index[shown]
    chosen = entities.rates.take(index)
    tail = (1 - config.level) / 2
    low, high = standing.interval(config.level)
    above = [None] * len(index) if config.threshold is None else chosen.above(config.threshold)
    raw = [None if np.isnan(x) else float(x) for x in entities.raw[index]]
    columns: list[Any] = [
        [entities.labels[int(i)] for i in index],
        entities.counts.total[index].astype(int).tolist(),
        entities.counts.exposed[index].tolist(),
        raw,
        chosen.mean().tolist(), chosen.sd().tolist(),
        chosen.quantile(tail).tolist(), chosen.quantile(1 - tail).tolist(),
        standing.top[shown].tolist(), standing.expected[shown].tolist(),
        low[shown].tolist(), high[shown].tolist(),
        list(above), entities.own_weight[index].tolist(),
    ]  # fmt: skip
    per = entities.unit
    return Table(
        name="ranks",
        title=f"Rates, {'highest' if config.direction == 'higher' else 'lowest'} first",
        columns=(
            "entity", "count", "windows", "raw", "mean", "sd", "eti low", "eti high",
            f"chance of top {config.top}", "expected rank", "rank low", "rank high",
            "chance above threshold", "own weight at mean rate",
        ),
        units=("", "events", "", per, per, per, per, per, "", "", "", "", "", ""),
        rows=tuple(zip(*columns, strict=True)),
        total=len(entities.labels),
    )  # fmt: skip


def context_of(entities: Entities, config: EntityConfig) -> dict[str, Any]:
    """Say what the numbers refer to."""
    known = entities.posterior.constants
    return {
        "entities": len(entities.labels),
        "windows": int(entities.counts.windows.sum()),
        "unit": entities.unit,
        "missing": "count 0" if config.fills else "not observed",
        "start": known["start"],
        "end": known["end"],
        "prior": known["prior_in_words"],
        "extensions": ", ".join(known["extensions"]) or "none",
        "method": entities.posterior.method,
        "level": config.level,
        "threshold": config.threshold,
        "top": config.top,
    }
