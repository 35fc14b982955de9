"""Truth, simulation, reduction and the exact fit of a proportion."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig
from pymc_vibes.stats.events import column_or_null, within
from pymc_vibes.stats.prior import describe_prior

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.exact import Beta

UNGROUPED = ""  # stored text is never empty, so this cannot clash with a group's name
_GROUPS = ("basic", "plus", "family")


def truth(config: ProportionConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw a success rate for each of three groups from the prior."""
    import numpy as np
    import xarray as xr

    rates = rng.beta(*config.prior.shapes(), size=len(_GROUPS))
    return xr.Dataset(
        {"theta": ("group", rates, {"unit": ""})},
        coords={"group": np.array(_GROUPS, dtype=object)},
    )


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make `size` trials, groups in random order, one a minute."""
    import numpy as np
    import pyarrow as pa

    groups = truth["group"].to_numpy()
    who = rng.integers(0, len(groups), size=size)
    begin = np.datetime64("2024-01-01T00:00:00", "us")
    return pa.table(
        {
            "timestamp": pa.array(begin + np.arange(size) * np.timedelta64(1, "m")),
            "group": pa.array(groups[who], pa.string()),
            "outcome": pa.array(rng.random(size) < truth["theta"].to_numpy()[who]),
        }
    )


def reduce(events: "ir.Table", roster: "ir.Table | None", config: ProportionConfig) -> "ir.Table":
    """Count trials and successes per group; a known group without a row in the window has none.

    A row with `trials` and `successes` stands for many trials, any other for one.
    """
    inside = within(events, config.start, config.end)
    trials, successes = (column_or_null(inside, n, "int64") for n in ("trials", "successes"))
    outcome = column_or_null(inside, "outcome", "boolean")
    many = trials.notnull() & successes.notnull()
    rows = inside.select(
        group=column_or_null(inside, "group", "string").fill_null(UNGROUPED),
        trials=many.ifelse(trials, outcome.notnull().ifelse(1, 0)),
        successes=many.ifelse(successes, outcome.ifelse(1, 0)),
    )
    counted = rows.group_by("group").agg(
        trials=rows.trials.sum().cast("int64"), successes=rows.successes.sum().cast("int64")
    )
    if roster is None:
        return counted.order_by("group")
    named = roster.select(group=roster.group.fill_null(UNGROUPED))
    # the roster lists names only: rows without one are a group of their own
    known = named.union(counted.select("group")).distinct()
    joined = known.left_join(counted, "group").drop("group_right")
    return joined.mutate(
        trials=joined.trials.fill_null(0), successes=joined.successes.fill_null(0)
    ).order_by("group")


def fit(cells: "pa.Table", config: ProportionConfig, watch: Watch) -> Posterior:
    """Update the prior of every group: Beta(a + successes, b + failures)."""
    import numpy as np

    from pymc_vibes.stats.exact import Beta

    watch.stage("update")
    trials = cells["trials"].to_numpy().astype(float)
    successes = cells["successes"].to_numpy().astype(float)
    if trials.sum() == 0:
        raise InsufficientData(
            "There is no trial in the window.",
            hint="Upload events, or choose a window that overlaps the data; the end is exclusive.",
        )
    a, b = config.prior.shapes()
    theta = Variable(
        name="theta",
        dim="group",
        labels=_labels(cells["group"].to_pylist()),
        unit="",
        distribution=Beta(a + successes, b + np.maximum(trials - successes, 0)),
    )
    return Posterior(
        method="exact",
        variables=(theta,),
        cells=cells,
        constants={"prior": describe_prior(config.prior), "a": a, "b": b},
        diagnostics=Diagnostics(method="exact"),
    )


def _labels(groups: list[str]) -> tuple[str, ...]:
    """Name the ungrouped cell: `all` where it is the only one, else `(no group)`."""
    nameless = "all" if groups == [UNGROUPED] else "(no group)"
    while nameless in groups:
        nameless = f"({nameless})"
    return tuple(group or nameless for group in groups)


def beta_of(posterior: Posterior) -> "Beta":
    """Give the posterior of all groups as the Beta distributions they are."""
    from pymc_vibes.stats.exact import Beta

    found = posterior["theta"].distribution
    if not isinstance(found, Beta):
        raise TypeError(f"success rates are Beta, not {type(found).__name__}")
    return found
