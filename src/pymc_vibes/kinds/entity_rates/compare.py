"""Two entities against each other, from joint draws of their rates."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Estimate, QueryAnswer, Summary
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.entity_rates.answer import context_of, drawn_estimate, estimates_of
from pymc_vibes.kinds.entity_rates.reading import Entities, entities_of
from pymc_vibes.kinds.entity_rates.settings import EntityConfig

if TYPE_CHECKING:
    import numpy as np

DRAWS = 20_000  # the chance of being higher is then known to 0.004


class Pair(Parameters):
    """Which two entities."""

    a: str = setting(..., "The first entity.", max_length=2000)
    b: str = setting(..., "The second entity.", max_length=2000)


def compare(posterior: Posterior, config: EntityConfig, parameters: Pair) -> QueryAnswer:
    """Compare the rates of two entities, which depend on each other through the population."""
    import numpy as np

    from pymc_vibes.stats.decide import compare_decision, compare_sentence, decide
    from pymc_vibes.stats.describe import estimate_data

    entities = entities_of(posterior, config.seed)
    labels = _distinct(parameters)
    indices = np.array([entities.theta.index(label) for label in labels])
    first, second = entities.draws(indices, _available(posterior)).T
    greater = _greater(first, second)
    claim = compare_sentence(*labels, greater, config.level)
    estimates = _contrasts(labels, entities, config)
    return QueryAnswer(
        summary=Summary(
            headline=claim.text,
            decision=compare_decision(*labels, greater, config.level),
            estimates=(*estimates, *estimates_of(entities, indices, config)),
            claims=(claim,),
            context=context_of(entities, config),
        ),
        figures=(_difference_figure(entities, labels, first - second, estimates[0], config),),
        data={
            "a": parameters.a,
            "b": parameters.b,
            "p_a_gt_b": greater,
            "mcse": float(np.sqrt(greater * (1 - greater) / len(first))),
            "level": config.level,
            **{estimate.name: estimate_data(estimate) for estimate in estimates},
            "decision": decide(greater, config.level),
        },
    )


def _distinct(parameters: Pair) -> tuple[str, str]:
    if parameters.a == parameters.b:
        raise BadConfig(
            "An entity cannot be compared with itself.",
            hint="Name two entities.",
            fields=[{"field": "b", "reason": "must differ from a"}],
        )
    return parameters.a, parameters.b


def _contrasts(
    labels: tuple[str, str], entities: Entities, config: EntityConfig
) -> tuple[Estimate, Estimate]:
    import numpy as np

    minus, over = " minus ".join(labels), " over ".join(labels)
    first, second = np.moveaxis(entities.chains("theta", labels, DRAWS), 2, 0)
    ratio = first / np.maximum(second, 1e-300)
    return (
        drawn_estimate("difference", minus, first - second, config.level, entities.unit),
        drawn_estimate("ratio", over, ratio, config.level, "times"),
    )


def _available(posterior: Posterior) -> int:
    if posterior.samples is None:
        return DRAWS
    sizes = posterior.samples["posterior"].sizes
    return int(min(DRAWS, sizes["chain"] * sizes["draw"]))


def _greater(first: "np.ndarray", second: "np.ndarray") -> float:
    """Give P(first > second); half a draw either way, for draws never prove a certainty."""
    count = float((first > second).sum() + (first == second).sum() / 2)
    return (count + 0.5) / (len(first) + 1)


def _difference_figure(
    entities: Entities,
    labels: tuple[str, str],
    draws: "np.ndarray",
    estimate: Estimate,
    config: EntityConfig,
) -> Figure:
    import numpy as np

    from pymc_vibes.stats.chart import difference_curve
    from pymc_vibes.stats.describe import difference_title, plain
    from pymc_vibes.stats.draws import Draws

    known = Draws(draws[None, :, None])
    x = np.linspace(np.quantile(draws, 0.001), np.quantile(draws, 0.999), 201)
    low, high = (estimate.interval.low, estimate.interval.high) if estimate.interval else (0.0, 0.0)
    return difference_curve(
        "difference",
        difference_title(*labels, low, high, plain, entities.unit),
        f"Posterior density of the rate of {labels[0]} minus that of {labels[1]}.",
        x=x,
        y=known.pdf(0, x),
        low=low,
        high=high,
        mean=estimate.mean,
        x_label=" minus ".join(labels),
        unit=entities.unit,
        level=config.level,
        sides=(f"{labels[1]} higher", f"{labels[0]} higher"),
        colors=(1, 0),
    )
