"""Two further figures of an interrupted series: do its days come again, and is the grid fine."""

from typing import TYPE_CHECKING

from pymc_vibes.core.figure import Figure
from pymc_vibes.kinds.interrupted_series.model import day_of
from pymc_vibes.kinds.interrupted_series.reading import Reading
from pymc_vibes.kinds.interrupted_series.sampled import prior_fit

if TYPE_CHECKING:
    from pymc_vibes.stats.marginals import Marginals
    from pymc_vibes.stats.special import Array

_MOST_NODES = 100
_BINS = 25
_PRIOR_DRAWS = 2000
_ROOM = 5  # ranges of what was observed that a band may reach beyond it
_MOST_POINTS = 400  # days that are drawn at most


def predictive_check(reading: Reading) -> Figure:
    """Show each observed day beside what the model says that such a day shows."""
    found = reading.fit.replicated().light()
    return _days_in(reading, found, found.mean(), "posterior_predictive_check", "observed days")


def prior_check(reading: Reading) -> Figure:
    """Show each observed day beside what the priors alone expect; the line is their median."""
    found = prior_fit(reading.posterior, reading.config, _PRIOR_DRAWS).replicated()
    name, which = "prior_predictive_check", "days before the data are known"
    return _days_in(reading, found, found.quantile(0.5), name, which)


def _days_in(
    reading: Reading, found: "Marginals", middle: "Array", name: str, which: str
) -> Figure:
    """Draw observed days over bands, which end far outside of what was observed."""
    import numpy as np

    from pymc_vibes.stats.chart_interruption import Band, Words, predictive_days

    config, daily = reading.config, reading.fit.series.daily()
    seen, many = daily.mean, len(daily)
    low, high = found.interval(config.level)
    inside = int(((seen >= low) & (seen <= high)).sum())
    step = -(-many // _MOST_POINTS)
    days = [day_of(day) for day in daily.day[::step]]
    room = _ROOM * float(np.ptp(seen) or 1.0)
    ends = (float(seen.min()) - room, float(seen.max()) + room)
    rows = (np.clip(values, *ends)[::step] for values in (middle, low, high))
    share = f"{100 * config.level:g} %"
    return predictive_days(
        Words(
            name,
            f"{inside} of {many} {which} lie in their {share} predictive intervals",
            f"Daily {config.outcome_name}{reading.whose} as dots over the model's band; "
            f"{inside} of {many} lie in it.",
        ),
        observed=(days, seen[::step]), replicated=Band(days, *rows), change=reading.dates,
        label=config.outcome_name, unit=config.outcome_unit, level=config.level,
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
