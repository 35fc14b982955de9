"""The pictures of rates: curves of a few, a forest of many, the difference of two."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.change_answer import change_figures
from pymc_vibes.kinds.poisson_cohorts.checks import check_figures
from pymc_vibes.kinds.poisson_cohorts.compare import Comparison, compare_two, pair
from pymc_vibes.kinds.poisson_cohorts.numbers import rates_of
from pymc_vibes.kinds.poisson_cohorts.piecewise_answer import piecewise_figures
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.view import Rates

if TYPE_CHECKING:
    import numpy as np

CURVES = 6
POINTS = 101  # of the curve of a difference, whose every point is an integral
_DRAWABLE = 400  # rows whose intervals are computed for a forest; it draws fewer


def figures(posterior: Posterior, config: RateConfig) -> tuple[Figure, ...]:
    """Draw the rates of one event: curves of a few cohorts, a forest of many."""
    if config.model == "piecewise":
        return piecewise_figures(posterior, config)
    if config.model == "change-point":
        return change_figures(posterior, config)
    from pymc_vibes.stats.sampler_views import chain_figures

    rates = rates_of(posterior)
    sampled = (*check_figures(rates, config), *chain_figures(posterior))
    event = rates.event(config.event)
    cells = rates.ordered(event, config.direction)
    if len(cells) == 0:
        return ()
    if len(cells) > CURVES or (rates.is_pooled and len(cells) > 2):
        return (rate_forest(rates, event, cells, config), *sampled)
    overlay = rate_curves(rates, event, cells, config)
    if len(cells) != 2:
        return (overlay, *sampled)
    difference = difference_figure(compare_two(rates, *pair(cells), config))
    return (overlay, difference, *sampled)


def rate_curves(rates: Rates, event: str, cells: "np.ndarray", config: RateConfig) -> Figure:
    """Overlay the posterior densities of a few rates."""
    from pymc_vibes.stats.chart import density_overlay

    chosen = rates.distribution.take(cells)
    low, high = chosen.hdi(config.level)
    labels = [rates.cohort(int(cell)) for cell in cells]
    curves = [
        (label, *chosen.density(i), float(low[i]), float(high[i])) for i, label in enumerate(labels)
    ]
    return density_overlay(
        "rates",
        _spread(rates, event, labels, chosen.mean().tolist()),
        f"Posterior densities of the rate of {event} for {', '.join(labels)}. Means: "
        + "; ".join(
            f"{label} {mean:.3g}" for label, mean in zip(labels, chosen.mean(), strict=True)
        )
        + f" {_per(rates)}.",
        curves=curves,
        means=chosen.mean().tolist(),
        x_label="rate",
        unit=rates.variable.unit,
        level=config.level,
    )


def difference_figure(comparison: Comparison) -> Figure:
    """Draw the posterior of a difference with the interval that decides."""
    from pymc_vibes.stats.chart import difference_curve
    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import difference_title, plain

    first, second = comparison.labels
    x, y = comparison.difference.density(POINTS)
    low, high = comparison.difference.interval(comparison.level)
    return difference_curve(
        "difference",
        difference_title(first, second, low, high, plain, comparison.unit),
        f"Posterior density of the rate of {first} minus that of {second}; "
        f"{chance(comparison.probability)} of it lies above 0.",
        x=x,
        y=y,
        low=low,
        high=high,
        mean=comparison.difference.mean,
        x_label=f"{first} minus {second}",
        unit=comparison.unit,
        level=comparison.level,
        sides=(f"{second} higher", f"{first} higher"),
        colors=(1, 0),
    )


def rate_forest(rates: Rates, event: str, cells: "np.ndarray", config: RateConfig) -> Figure:
    """Draw one interval per cohort; of very many only the two ends."""
    import numpy as np

    from pymc_vibes.stats.chart import FOREST_ENDS, forest

    ends = np.concatenate([cells[:FOREST_ENDS], cells[-FOREST_ENDS:]])
    drawn = ends if len(cells) > _DRAWABLE else cells
    chosen = rates.distribution.take(drawn)
    low, high = chosen.hdi(config.level)
    labels = [rates.cohort(int(cell)) for cell in drawn]
    of = f"{len(cells):,} cohorts" + (", the two ends" if len(drawn) < len(cells) else "")
    figure = forest(
        "rates",
        _spread(rates, event, labels, chosen.mean().tolist()),
        f"Rates of {event} with intervals for {of}. The first is {rates.cohort(int(cells[0]))} "
        f"with about {chosen.mean()[0]:.3g} {_per(rates)}.",
        labels=labels,
        mean=chosen.mean().tolist(),
        low=low.tolist(),
        high=high.tolist(),
        x_label="rate",
        unit=rates.variable.unit,
        level=config.level,
        **_shrinkage(rates, drawn),
    )
    return figure if len(drawn) == len(cells) else _with_hidden(figure, len(cells))


def _with_hidden(figure: Figure, total: int) -> Figure:
    """Say how many rows lie between the two ends, of which nothing was computed."""
    from pymc_vibes.stats.chart import FOREST_ENDS

    hidden = (
        f"The {FOREST_ENDS} highest and {FOREST_ENDS} lowest of {total:,} are drawn; "
        f"{total - 2 * FOREST_ENDS:,} between them are hidden: find them by name."
    )
    spec = figure.spec.model_copy(update={"note": f"{figure.spec.note} {hidden}"})
    return figure.model_copy(update={"spec": spec})


def _shrinkage(rates: Rates, drawn: "np.ndarray") -> dict[str, Any]:
    """Of a hierarchy show what was pulled, and to where."""
    if not rates.is_pooled:
        return {}
    center = float(rates.posterior["mean"].distribution.quantile(0.5)[0])
    label = "median of the mean rate of all cohorts"
    return {"raw": rates.raw(drawn).tolist(), "center": center, "center_label": label}


def _spread(rates: Rates, event: str, labels: list[str], means: list[float]) -> str:
    from pymc_vibes.stats.describe import plain, spread_title

    return spread_title(f"rate of {event}", labels, means, lambda x: f"{plain(x)} {_per(rates)}")


def _per(rates: Rates) -> str:
    return rates.variable.unit.removeprefix("events ")
