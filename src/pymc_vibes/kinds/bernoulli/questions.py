"""Further questions to fitted proportions: what comes next, thresholds, two groups."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Claim, Estimate, Interval, QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.bernoulli.answer import (
    TABLE_ROWS,
    by_rate,
    context_of,
    estimates_of,
    exceeding,
)
from pymc_vibes.kinds.bernoulli.compare import Pair, compare
from pymc_vibes.kinds.bernoulli.model import beta_of
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig

if TYPE_CHECKING:
    import numpy as np


class Next(Parameters):
    """How many trials come next."""

    n: int = setting(100, "Number of further trials.", unit="trials", ge=1, le=1_000_000)
    group: str | None = setting(
        None, "The group; the one with the most trials by default.", max_length=2000
    )
    at_least: int | None = setting(
        None,
        "Report the chance of at least so many successes.",
        unit="successes",
        ge=0,
        le=1_000_000,
    )


class Threshold(Parameters):
    """What to exceed."""

    threshold: float | None = setting(
        None, "The success rate to exceed; the setting of the experiment by default.", gt=0, lt=1
    )


def predict(posterior: Posterior, config: ProportionConfig, parameters: Next) -> QueryAnswer:
    """Give the beta-binomial predictive distribution of the successes in the next trials."""
    from pymc_vibes.stats.describe import plain
    from pymc_vibes.stats.predictive import beta_binomial, count_quantile

    group = _one_group(posterior, parameters.group)
    one = beta_of(posterior).take([group])
    a, b, n = float(one.a[0]), float(one.b[0]), parameters.n
    mass = beta_binomial(n, a, b)
    tail = (1 - config.level) / 2
    low, high = count_quantile(mass, tail), count_quantile(mass, 1 - tail)
    label = posterior["theta"].labels[group]
    estimate = _predicted(mass, (a, b), label, (low, high), config.level)
    claims = () if parameters.at_least is None else (_at_least(mass, parameters.at_least, n),)
    data: dict[str, Any] = {
        "group": label,
        "n": n,
        "mean": estimate.mean,
        "sd": estimate.sd,
        "median": estimate.median,
        "interval": [low, high],
        "level": config.level,
        "at_least": parameters.at_least,
        "p_at_least": claims[0].probability if claims else None,
    }
    headline = (
        f"Of the next {n:,} trials of {label} about {plain(estimate.mean)} succeed "
        f"({100 * config.level:g} % interval {low:,} to {high:,})."
    )
    context = context_of(config) | {"group": label, "n": n}
    return QueryAnswer(
        summary=Summary(headline=headline, estimates=(estimate,), claims=claims, context=context),
        figures=(_predictive_figure(mass, label, (low, high), config.level),),
        data=data,
    )


def _predicted(
    mass: "np.ndarray",
    shapes: tuple[float, float],
    label: str,
    interval: tuple[int, int],
    level: float,
) -> Estimate:
    from pymc_vibes.stats.predictive import count_quantile

    (a, b), n = shapes, len(mass) - 1
    return Estimate(
        name="successes",
        label=label,
        unit="successes",
        mean=n * a / (a + b),
        sd=(n * a * b * (a + b + n) / ((a + b) ** 2 * (a + b + 1))) ** 0.5,
        median=count_quantile(mass, 0.5),
        interval=Interval(low=interval[0], high=interval[1], prob=level, kind="eti"),
    )


def _one_group(posterior: Posterior, name: str | None) -> int:
    import numpy as np

    if name is not None:
        return posterior["theta"].index(name)
    return int(np.argmax(posterior.cells["trials"].to_numpy()))


def _at_least(mass: "np.ndarray", wanted: int, n: int) -> Claim:
    probability = min(1.0, max(0.0, float(mass[wanted:].sum())))
    text = f"At least {wanted:,} of the next {n:,} trials succeed."
    return Claim(text=text, probability=probability)


def _predictive_figure(
    mass: "np.ndarray", label: str, interval: tuple[int, int], level: float
) -> Figure:
    import numpy as np

    from pymc_vibes.stats.chart import lines_with_bands
    from pymc_vibes.stats.predictive import count_quantile

    low, high = interval
    first, last = count_quantile(mass, 0.001), count_quantile(mass, 0.999)
    n = len(mass) - 1
    first, last = max(first - 1, 0), min(last + 1, n)  # a single count is drawn with its neighbors
    x = np.unique(np.linspace(first, last, 201).round().astype(int))
    return lines_with_bands(
        "predictive",
        f"{label}: {low:,} to {high:,} successes are expected in {n:,} trials",
        f"Chance of each number of successes in the next {n:,} trials of {label}; "
        f"{100 * level:g} % of it lies between {low:,} and {high:,}.",
        lines=[("chance", x.astype(float), mass[x], None, None)],
        x_label=f"successes in the next {n:,} trials",
        y_label="chance of each count",
        y_format="chance",
        y_zero=True,
        at=[(f"{100 * level:g} % interval, {low:,} to {high:,}", low), ("", high)],
    )


def exceeds(posterior: Posterior, config: ProportionConfig, parameters: Threshold) -> QueryAnswer:
    """Give the chance of every group that its success rate is above a threshold."""
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import percent

    threshold = parameters.threshold or config.threshold
    if threshold is None:
        raise BadConfig(
            "There is no threshold to exceed.",
            hint="Set threshold, such as 0.1 for 10 %.",
            fields=[{"field": "threshold", "reason": "must be given"}],
        )
    labels = posterior["theta"].labels
    chances = beta_of(posterior).above(threshold).tolist()
    groups = [int(group) for group in by_rate(posterior)]
    shown = groups[:TABLE_ROWS]
    table = Table(
        name="exceeds",
        title=f"Chance of a success rate above {percent(threshold, 6)}",
        columns=("group", "chance"),
        rows=tuple((labels[group], chances[group]) for group in shown),
        total=len(groups),
    )
    likely = chance(chances[groups[0]])
    lead = "The success rate" if len(groups) == 1 else f"The success rate of {labels[groups[0]]}"
    return QueryAnswer(
        summary=Summary(
            headline=f"{lead} is above {percent(threshold, 6)} with a chance of {likely}.",
            estimates=estimates_of(posterior, shown[:12], config),
            claims=tuple(exceeding(posterior, g, threshold, config.level) for g in shown[:12]),
            tables=(table,),
            context=context_of(config) | {"threshold": threshold},
        ),
        data={
            "threshold": threshold,
            "groups": [labels[group] for group in shown],
            "p_above": [chances[group] for group in shown],
            "total": len(groups),
        },
    )


QUERIES = (
    PosteriorQuery(
        slug="predict",
        title="What comes next",
        about="The number of successes in the next trials, with its uncertainty.",
        parameters=Next,
        answer=predict,
    ),
    PosteriorQuery(
        slug="exceeds",
        title="Above a threshold",
        about="The chance that the success rate is above a threshold, for every group.",
        parameters=Threshold,
        answer=exceeds,
    ),
    PosteriorQuery(
        slug="compare",
        title="Two groups",
        about="Which of two success rates is higher: chance, difference, ratio, expected loss.",
        parameters=Pair,
        answer=compare,
    ),
)
