"""The pictures of entities: raw against pooled rates, the population, predictive checks, chains."""

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.entity_rates.checks import posterior_check, prior_check
from pymc_vibes.kinds.entity_rates.reading import Entities, entities_of
from pymc_vibes.kinds.entity_rates.settings import EntityConfig

_DRAWABLE = 400
_POINTS = 161
_BAND_DRAWS = 300


def figures(posterior: Posterior, config: EntityConfig) -> tuple[Figure, ...]:
    """Draw the rates, the population they come from, both predictive checks, and the chains."""
    from pymc_vibes.stats.count_checks import check_figure
    from pymc_vibes.stats.sampler_views import chain_figures

    entities = entities_of(posterior, config.seed)
    return (
        rate_forest(entities, config),
        population_figure(entities, config),
        check_figure(posterior_check(posterior, config), "posterior", config.level),
        check_figure(prior_check(posterior, config), "prior", config.level),
        *chain_figures(posterior),
    )


def rate_forest(entities: Entities, config: EntityConfig) -> Figure:
    """Draw one interval per entity, raw and pooled; of very many only the two ends."""
    import numpy as np

    from pymc_vibes.stats.chart import FOREST_ENDS, forest
    from pymc_vibes.stats.describe import plain, spread_title

    order = entities.ordered(config.direction)
    ends = np.concatenate([order[:FOREST_ENDS], order[-FOREST_ENDS:]])
    drawn = ends if len(order) > _DRAWABLE else order
    chosen, tail = entities.rates.take(drawn), (1 - config.level) / 2
    labels = [entities.labels[int(i)] for i in drawn]
    means = chosen.mean().tolist()
    total = f"{len(order):,} entities" + (", the two ends" if len(drawn) < len(order) else "")
    return forest(
        "rates",
        spread_title("rate", labels, means, lambda x: f"{plain(x)} {entities.per}"),
        f"Rates with intervals for {total}, pooled and raw. The first is {labels[0]} with about "
        f"{means[0]:.3g} {entities.per}.",
        labels=labels,
        mean=means,
        low=chosen.quantile(tail).tolist(),
        high=chosen.quantile(1 - tail).tolist(),
        raw=[None if np.isnan(x) else float(x) for x in entities.raw[drawn]],
        center=float(np.median(entities.scalars["mu"])),
        center_label="mean of the population",
        x_label="rate",
        unit=entities.unit,
        level=config.level,
        interval="eti",
    )


def population_figure(entities: Entities, config: EntityConfig) -> Figure:
    """Draw the share of entities below a rate, with the uncertainty of the population."""
    import numpy as np
    from scipy.special import gammainc

    from pymc_vibes.stats.chart import lines_with_bands
    from pymc_vibes.stats.describe import plain

    mu, alpha = (entities.scalars[name][:_BAND_DRAWS, None] for name in ("mu", "alpha"))
    x = np.linspace(0, _far(entities), _POINTS)
    with np.errstate(over="ignore"):
        below = gammainc(mu * alpha, alpha * x)
    tail = (1 - config.level) / 2
    low, high = np.quantile(below, [tail, 1 - tail], axis=0)
    seen = np.array([(entities.mean <= value).mean() for value in x])
    spread = float(np.median(entities.spread))
    return lines_with_bands(
        "population",
        f"Rates vary between entities by about {plain(100 * spread)} % of their mean",
        f"Share of entities with a rate below a value: the population with its uncertainty, and "
        f"the {len(entities.labels):,} entities at their means.",
        lines=(
            ("population", x, below.mean(axis=0), low, high),
            ("entities, pooled means", x, seen, None, None),
        ),
        x_label=f"rate ({entities.unit})",
        y_label="share of entities below",
        level=config.level,
        y_format="percent",
        y_domain=(0.0, 1.08),  # room between the highest tick and the name of the axis
    )


def _far(entities: Entities) -> float:
    import numpy as np

    return float(np.quantile(entities.mean, 0.995) * 1.5 + entities.mean.max() * 0.02) or 1.0


def rate_curve(entities: Entities, index: int, config: EntityConfig) -> Figure:
    """Draw the posterior of one rate, and the population's as it is expected."""
    import numpy as np

    from pymc_vibes.stats.chart import density_overlay
    from pymc_vibes.stats.describe import plain

    one, tail = entities.rates.take([index]), (1 - config.level) / 2
    ends = [float(one.quantile(q)[0]) for q in (0.001, 0.999, tail, 1 - tail)]
    x = np.linspace(ends[0], ends[1], _POINTS)
    label, mean = entities.labels[index], float(one.mean()[0])
    return density_overlay(
        "rate",
        f"The rate of {label} is about {plain(mean)} {entities.per}",
        f"Posterior density of the rate of {label}, with a mean of {mean:.3g} {entities.per}.",
        curves=[(label, x, one.pdf(0, x), ends[2], ends[3])],
        means=[mean],
        x_label="rate",
        unit=entities.unit,
        level=config.level,
        interval="eti",
    )
