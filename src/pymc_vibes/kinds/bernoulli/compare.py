"""Two groups against each other, exactly."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Estimate, QueryAnswer, Summary
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.bernoulli.answer import context_of, estimates_of, group_table
from pymc_vibes.kinds.bernoulli.model import beta_of
from pymc_vibes.kinds.bernoulli.pictures import curves, difference_figure
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig

if TYPE_CHECKING:
    from pymc_vibes.stats.contrast import Contrast
    from pymc_vibes.stats.exact import Beta


class Pair(Parameters):
    """Which two groups."""

    a: str = setting(..., "The first group.", max_length=2000)
    b: str = setting(..., "The second group.", max_length=2000)


def compare(posterior: Posterior, config: ProportionConfig, parameters: Pair) -> QueryAnswer:
    """Compare the success rates of two groups: chance, difference, ratio, expected loss."""
    import numpy as np

    from pymc_vibes.stats import compare as exact
    from pymc_vibes.stats.decide import compare_decision, compare_sentence
    from pymc_vibes.stats.describe import estimate_data

    beta, (i, j) = beta_of(posterior), _indices(posterior, parameters)
    pair = parameters.a, parameters.b
    greater = exact.probability_greater(beta, i, beta, j)
    difference = exact.difference(beta, i, beta, j)
    claim = compare_sentence(*pair, greater, config.level, quantity="success rate")
    level, groups = config.level, np.array([i, j])
    contrasts = _contrasts(difference, exact.ratio(beta, i, beta, j), pair, level)
    decision = compare_decision(*pair, greater, level, quantity="success rate")
    return QueryAnswer(
        summary=Summary(
            headline=claim.text,
            decision=decision,
            estimates=(*contrasts, *estimates_of(posterior, groups, config)),
            claims=(claim,),
            tables=(group_table(posterior, groups, config),),
            context=context_of(config),
        ),
        figures=(
            curves(posterior, groups, config),
            difference_figure(difference, pair, level),
        ),
        data={
            "a": parameters.a,
            "b": parameters.b,
            "p_A_gt_B": greater,
            "level": level,
            **{estimate.name: estimate_data(estimate) for estimate in contrasts},
            "expected_loss": _losses(beta, i, j),
            "decision": decision.tone,
        },
    )


def _contrasts(
    difference: "Contrast", ratio: "Contrast", pair: tuple[str, str], level: float
) -> tuple[Estimate, Estimate]:
    from pymc_vibes.stats.describe import contrast_estimate

    words = " minus ".join(pair), " over ".join(pair)
    return (
        contrast_estimate("difference", words[0], difference, level=level, percent=True),
        contrast_estimate("ratio", words[1], ratio, level=level, unit="times"),
    )


def _losses(beta: "Beta", i: int, j: int) -> dict[str, float]:
    from pymc_vibes.stats.compare import expected_loss

    return {
        "A": expected_loss(beta, i, beta, j, "higher"),
        "B": expected_loss(beta, j, beta, i, "higher"),
    }


def _indices(posterior: Posterior, parameters: Pair) -> tuple[int, int]:
    theta = posterior["theta"]
    if parameters.a == parameters.b:
        raise BadConfig(
            "A group cannot be compared with itself.",
            hint="Name two groups.",
            fields=[{"field": "b", "reason": "must differ from a"}],
        )
    return theta.index(parameters.a), theta.index(parameters.b)
