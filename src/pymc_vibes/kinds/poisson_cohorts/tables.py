"""The tables of an answer about rates."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Table
from pymc_vibes.kinds.poisson_cohorts.pooling import pull
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.view import Rates

if TYPE_CHECKING:
    import numpy as np

TABLE_ROWS = 200
_KNOWN = ("cohort", "event", "count", "exposure")
_NUMBERS = ("mean", "median", "sd", "eti low", "eti high", "hdi low", "hdi high")


def rate_table(rates: Rates, cells: "np.ndarray", config: RateConfig) -> Table:
    """List the cells in the given order, the first 200 of them.

    Of a hierarchy the raw rate stands beside the pooled one, with the pull towards the others.
    """
    shown = cells[:TABLE_ROWS]
    chosen = rates.distribution.take(shown)
    known = rates.cells.take(shown)
    tail = (1 - config.level) / 2
    low, high = chosen.hdi(config.level)
    numbers = [
        chosen.mean(), chosen.quantile(0.5), chosen.sd(),
        chosen.quantile(tail), chosen.quantile(1 - tail), low, high,
    ]  # fmt: skip
    per = rates.variable.unit
    texts = [known[name].to_pylist() for name in ("cohort", "event", "k", "exposure")]
    further = (
        _pooled_columns(rates, shown) if rates.is_pooled else _own_columns(rates, shown, config)
    )
    return Table(
        name="rates",
        title=f"Rates, {'lowest' if config.direction == 'lower' else 'highest'} first",
        columns=(*_KNOWN, *_NUMBERS, *(name for name, _, _ in further)),
        units=("", "", "events", config.pers, *[per] * len(_NUMBERS), *(u for _, u, _ in further)),
        rows=tuple(
            zip(
                *texts,
                *(column.tolist() for column in (*numbers, *(values for *_, values in further))),
                strict=True,
            )
        ),
        total=len(cells),
    )


def _own_columns(
    rates: Rates, cells: "np.ndarray", config: RateConfig
) -> "tuple[tuple[str, str, np.ndarray], ...]":
    own = rates.distribution.take(cells).parameters()
    return ("alpha", "", own["alpha"]), ("beta", config.pers, own["beta"])


def _pooled_columns(rates: Rates, cells: "np.ndarray") -> "tuple[tuple[str, str, np.ndarray], ...]":
    return ("raw", rates.variable.unit, rates.raw(cells)), ("pull", "share", pull(rates, cells))


def event_table(rates: Rates) -> tuple[Table, ...]:
    """List the events, where there are several."""
    import pyarrow.compute as pc

    totals = rates.posterior.cells.group_by("event").aggregate([("k", "sum"), ("rows", "sum")])
    if totals.num_rows < 2:
        return ()
    order = pc.sort_indices(totals, [("k_sum", "descending"), ("event", "ascending")])
    top = totals.take(order.slice(0, TABLE_ROWS))
    columns = (top[name].to_pylist() for name in ("event", "k_sum", "rows_sum"))
    return (
        Table(
            name="events",
            title="Events, most frequent first",
            columns=("event", "count", "rows"),
            units=("", "events", "rows"),
            rows=tuple(zip(*columns, strict=True)),
            total=totals.num_rows,
        ),
    )
