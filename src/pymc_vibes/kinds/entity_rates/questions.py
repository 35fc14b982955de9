"""Further questions to fitted entities: one, two, a ranking, and how odd a count is."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, QueryAnswer, Summary
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.entity_rates.answer import (
    TABLE_ROWS,
    context_of,
    estimates_of,
    rank_table,
    rate_words,
    say_best,
    threshold_claims,
)
from pymc_vibes.kinds.entity_rates.compare import Pair, compare
from pymc_vibes.kinds.entity_rates.findings import findings_of
from pymc_vibes.kinds.entity_rates.pictures import rate_curve, rate_forest
from pymc_vibes.kinds.entity_rates.reading import Entities, entities_of
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from pymc_vibes.kinds.entity_rates.surprise import next_window

if TYPE_CHECKING:
    import numpy as np


class RateOf(Parameters):
    """Which entity."""

    entity: str = setting(..., "The entity.", max_length=2000)


class Ranking(Parameters):
    """How many come first."""

    top: int | None = setting(
        None, "How many entities count as the top; the setting of the experiment by default.",
        ge=1, le=200,
    )  # fmt: skip


class Observed(Parameters):
    """A count to judge."""

    entity: str | None = setting(
        None, "The entity; a new one of the same population by default.", max_length=2000
    )
    count: int | None = setting(
        None, "The count of one window; the highest one so far by default.", ge=0, le=10**9
    )


def rate(posterior: Posterior, config: EntityConfig, parameters: RateOf) -> QueryAnswer:
    """Give the posterior of one entity's rate."""
    import numpy as np

    entities = entities_of(posterior, config.seed)
    index = entities.theta.index(parameters.entity)
    indices = np.array([index])
    (estimate,) = estimates_of(entities, indices, config)
    threshold = config.threshold
    return QueryAnswer(
        summary=Summary(
            headline=f"The rate of {parameters.entity} is {rate_words(estimate)}.",
            estimates=(estimate,),
            claims=threshold_claims(entities, indices, config),
            context=context_of(entities, config) | {"entity": parameters.entity},
        ),
        figures=(rate_curve(entities, index, config),),
        data={
            "entity": parameters.entity,
            **_numbers(entities, index, config),
            "p_above": None if threshold is None else float(entities.rates.above(threshold)[index]),
        },
    )


def _numbers(entities: Entities, index: int, config: EntityConfig) -> dict[str, object]:
    import numpy as np

    one, tail = entities.rates.take([index]), (1 - config.level) / 2
    raw = float(entities.raw[index])
    low, high = one.hdi(config.level)
    return {
        "mean": float(one.mean()[0]),
        "median": float(one.quantile(0.5)[0]),
        "sd": float(one.sd()[0]),
        "interval": [float(one.quantile(q)[0]) for q in (tail, 1 - tail)],
        "hdi": [float(low[0]), float(high[0])],
        "level": config.level,
        "count": int(entities.counts.total[index]),
        "exposure": float(entities.counts.exposed[index]),
        "raw": None if np.isnan(raw) else raw,
        "own_weight": float(entities.own_weight[index]),
        "unit": entities.unit,
    }


def rank(posterior: Posterior, config: EntityConfig, parameters: Ranking) -> QueryAnswer:
    """Rank the entities: chance of the top, expected rank with its interval."""
    import numpy as np

    entities = entities_of(posterior, config.seed)
    asked = config.model_copy(update={"top": parameters.top or config.top})
    if len(entities.labels) < 2:
        raise InsufficientData("A ranking needs 2 entities, there is 1.", have=1, need=2)
    headline, claims = say_best(entities, asked)
    standing = entities.standing(asked.top, asked.direction)
    low, high = standing.interval(asked.level)
    shown = slice(0, TABLE_ROWS)
    return QueryAnswer(
        summary=Summary(
            headline=headline,
            claims=claims,
            findings=findings_of(entities, asked),
            tables=(rank_table(entities, asked),),
            context=context_of(entities, asked),
        ),
        figures=(rate_forest(entities, asked),),
        data={
            "entities": [entities.labels[int(i)] for i in standing.index[shown]],
            "total": len(entities.labels),
            "top": asked.top,
            "p_top": standing.top[shown].tolist(),
            "p_best": standing.best[shown].tolist(),
            "expected_rank": standing.expected[shown].tolist(),
            "rank_interval": np.column_stack([low, high])[shown].tolist(),
        },
    )


def score(posterior: Posterior, config: EntityConfig, parameters: Observed) -> QueryAnswer:
    """Say how far out a count is, for an entity of the data or a new one."""
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    entities = entities_of(posterior, config.seed)
    index = None if parameters.entity is None else entities.theta.index(parameters.entity)
    count = _highest(entities, index) if parameters.count is None else parameters.count
    found = next_window(entities, index, count)
    two_sided, expected = float(found.two_sided[0]), float(found.mean[0])
    name = "a new entity" if parameters.entity is None else parameters.entity
    side = "high" if found.middle[0] > 0.5 else "low"
    at_least, at_most = float(found.above[0] + found.at[0]), float(1 - found.above[0])
    far = min(max(two_sided, 0.0), 1.0)
    return QueryAnswer(
        summary=Summary(
            headline=f"A count of {count:,} in one window of {name}, where about {plain(expected)} "
            f"are expected: one as far out has a chance of {chance(far)}.",
            claims=(
                Claim(
                    text=f"The next window of {name} has at least {count:,} events.",
                    probability=min(max(at_least, 0.0), 1.0),
                ),
            ),
            context=context_of(entities, config) | {"entity": name, "count": count},
        ),
        data={
            "entity": parameters.entity,
            "is_new": parameters.entity is None,
            "count": count,
            "expected": expected,
            "p_at_least": at_least,
            "p_at_most": at_most,
            "p_two_sided": far,
            "side": side,
        },
    )


def _highest(entities: Entities, index: int | None) -> int:
    counts = entities.counts
    kept: np.ndarray = counts.windows > 0
    if index is not None:
        kept = kept & (counts.who == index)
    return int(counts.count[kept].max()) if kept.any() else 0


QUERIES = (
    PosteriorQuery(
        slug="rate",
        title="One entity",
        about="The posterior of one entity's rate: moments, intervals, weight of its own counts.",
        parameters=RateOf,
        answer=rate,
    ),
    PosteriorQuery(
        slug="compare",
        title="Two entities",
        about="Which of two rates is higher: chance, difference and ratio from joint draws.",
        parameters=Pair,
        answer=compare,
    ),
    PosteriorQuery(
        slug="rank",
        title="Top entities",
        about="The chance of every entity to be among the top, and its expected rank.",
        parameters=Ranking,
        answer=rank,
    ),
    PosteriorQuery(
        slug="score",
        title="How odd is a count",
        about="The chance of a count as far out, for an entity of the data or a new one.",
        parameters=Observed,
        answer=score,
    ),
)
