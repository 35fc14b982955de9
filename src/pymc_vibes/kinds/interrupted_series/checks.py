"""Two further figures of an interrupted series: do its days come again, and is the grid fine."""

from pymc_vibes.core.figure import Figure
from pymc_vibes.kinds.interrupted_series.model import day_of
from pymc_vibes.kinds.interrupted_series.reading import Reading

_MOST_NODES = 100
_BINS = 25
_MOST_POINTS = 400  # days that are drawn at most


def predictive_check(reading: Reading) -> Figure:
    """Show each observed day beside what the model says that such a day shows."""
    from pymc_vibes.stats.chart_interruption import Band, Words, predictive_days

    fit, config = reading.fit, reading.config
    found = fit.replicated().light()
    low, high = found.interval(config.level)
    daily = fit.series.daily()
    seen, many = daily.mean, len(daily)
    inside = int(((seen >= low) & (seen <= high)).sum())
    step = -(-many // _MOST_POINTS)
    days = [day_of(day) for day in daily.day[::step]]
    share = f"{100 * config.level:g} %"
    return predictive_days(
        Words(
            "posterior_predictive_check",
            f"{inside} of {many} observed days lie in their {share} predictive intervals",
            f"Daily {config.outcome_name}{reading.whose} as dots over the model's band; "
            f"{inside} of {many} lie in it.",
        ),
        observed=(days, seen[::step]),
        replicated=Band(days, found.mean()[::step], low[::step], high[::step]),
        change=reading.dates, label=config.outcome_name, unit=config.outcome_unit,
        level=config.level,
    )  # fmt: skip


def grid_check(reading: Reading) -> Figure:
    """Show over which nodes of the quadrature the posterior is spread."""
    import numpy as np

    from pymc_vibes.stats.chart_interruption import Words, grid_mass

    regression = reading.fit.regression
    phi, share = regression.grid.phi, regression.grid.share
    is_fixed = len(np.unique(phi)) == 1
    places = share if is_fixed else phi
    if len(np.unique(places)) > _MOST_NODES:  # draws, not nodes
        places = (np.floor(places * _BINS) + 0.5) / _BINS
    nodes, at = np.unique(places, return_inverse=True)
    label = "share of lasting noise" if is_fixed else "correlation of the state with the next day's"
    spread = f"{reading.fit.effective_nodes:.0f} of {len(phi)} nodes"
    return grid_mass(
        Words(
            "quadrature_grid",
            f"The weight is spread over {spread} of the quadrature",
            f"Posterior mass at {len(nodes)} values of the {label}; the weight is worth {spread}.",
        ),
        nodes=nodes, mass=np.bincount(at, weights=regression.weights), label=label,
    )  # fmt: skip
