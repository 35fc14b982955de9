"""The pictures of proportions: curves of a few groups, a forest of many, the difference of two."""

from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.bernoulli.answer import by_rate
from pymc_vibes.kinds.bernoulli.model import beta_of
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.contrast import Contrast

CURVES = 6


def figures(posterior: Posterior, config: ProportionConfig) -> tuple[Figure, ...]:
    """Draw curves of a few groups, with the prior beside a single one; a forest of many."""
    groups = by_rate(posterior)
    if len(groups) > CURVES:
        return (_forest(posterior, groups, config),)
    overlay = curves(posterior, groups, config)
    return (overlay, _difference_of_two(posterior, config)) if len(groups) == 2 else (overlay,)


def _difference_of_two(posterior: Posterior, config: ProportionConfig) -> Figure:
    from pymc_vibes.stats.compare import difference

    first, second = posterior["theta"].labels
    beta = beta_of(posterior)
    return difference_figure(difference(beta, 0, beta, 1), (first, second), config.level)


def curves(posterior: Posterior, groups: "np.ndarray", config: ProportionConfig) -> Figure:
    """Overlay posterior densities, and the prior where it tells something."""
    import numpy as np

    from pymc_vibes.stats.chart import density_overlay
    from pymc_vibes.stats.describe import percent, spread_title
    from pymc_vibes.stats.exact import Beta

    chosen = beta_of(posterior).take(groups)
    low, high = chosen.quantile((1 - config.level) / 2), chosen.quantile((1 + config.level) / 2)
    labels = [posterior["theta"].labels[int(group)] for group in groups]
    drawn = [
        (label, *chosen.density(i), float(low[i]), float(high[i])) for i, label in enumerate(labels)
    ]
    means = chosen.mean().tolist()
    a, b = config.prior.shapes()
    if a + b > 2:  # a prior that is worth more than the flat one
        prior = Beta(np.array([a]), np.array([b]))
        tail = (1 - config.level) / 2
        ends = float(prior.quantile(tail)[0]), float(prior.quantile(1 - tail)[0])
        drawn.append(("prior", *prior.density(0), *ends))
        means.append(float(prior.mean()[0]))
    words = ", ".join(
        f"{label} {100 * mean:.3g} %" for label, mean in zip(labels, means, strict=False)
    )
    finding = spread_title("success rate", labels, chosen.mean().tolist(), percent)
    return density_overlay(
        "rates",
        finding,
        f"Posterior densities of success rates. Means: {words}.",
        curves=drawn,
        means=means,
        x_label="success rate",
        x_format="percent",
        level=config.level,
        interval="eti",
    )


def _forest(posterior: Posterior, groups: "np.ndarray", config: ProportionConfig) -> Figure:
    from pymc_vibes.stats.chart import forest
    from pymc_vibes.stats.describe import percent, spread_title

    chosen = beta_of(posterior).take(groups)
    labels = [posterior["theta"].labels[int(group)] for group in groups]
    return forest(
        "rates",
        spread_title("success rate", labels, chosen.mean().tolist(), percent),
        f"Success rates with intervals; the highest is {labels[0]} with a mean of "
        f"{100 * chosen.mean()[0]:.3g} %.",
        labels=labels,
        mean=chosen.mean().tolist(),
        low=chosen.quantile((1 - config.level) / 2).tolist(),
        high=chosen.quantile((1 + config.level) / 2).tolist(),
        x_label="success rate",
        x_format="percent",
        level=config.level,
        interval="eti",
    )


def difference_figure(difference: "Contrast", pair: tuple[str, str], level: float) -> Figure:
    """Draw the posterior of a difference with the interval that decides."""
    from pymc_vibes.stats.chart import difference_curve
    from pymc_vibes.stats.describe import difference_title, percent

    x, y = difference.density()
    low, high = difference.interval(level)
    return difference_curve(
        "difference",
        difference_title(*pair, low, high, percent),
        f"Posterior density of the success rate of {pair[0]} minus that of {pair[1]}.",
        x=x,
        y=y,
        low=low,
        high=high,
        mean=difference.mean,
        x_label=" minus ".join(pair),
        x_format="percent",
        level=level,
        sides=(f"{pair[1]} higher", f"{pair[0]} higher"),
        colors=(1, 0),
    )
