"""The fit: from cells to a posterior, by the model that is asked for."""

from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.poisson_cohorts.change import fit_change
from pymc_vibes.kinds.poisson_cohorts.hierarchical import fit_hierarchical
from pymc_vibes.kinds.poisson_cohorts.piecewise import fit_piecewise
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.spread import warned
from pymc_vibes.kinds.poisson_cohorts.view import (
    answered,
    check_known,
    constants_of,
    labels_of,
)

if TYPE_CHECKING:
    import pyarrow as pa


def fit(cells: "pa.Table", config: RateConfig, watch: Watch) -> Posterior:
    """Fit the model of the config to the cells that have exposure."""
    if cells.num_rows == 0 and config.event is None and config.cohort is None:
        raise InsufficientData("There are no events yet.", hint="Upload events first.")
    if config.event is not None:
        check_known("event", config.event, cells)
    _check_measured(cells)
    if config.model == "hierarchical":
        return fit_hierarchical(cells, config, watch)
    if config.model == "piecewise":
        return fit_piecewise(cells, config, watch)
    if config.model == "change-point":
        return fit_change(cells, config, watch)
    return _fit_independent(cells, config, watch)


def _fit_independent(cells: "pa.Table", config: RateConfig, watch: Watch) -> Posterior:
    """Update the prior of every cell: Gamma(alpha0 + k, beta0 + T)."""
    from pymc_vibes.stats.exact import Gamma

    watch.stage("update")
    known = answered(cells)
    alpha0, beta0 = config.prior
    distribution = Gamma(
        alpha0 + known["k"].to_numpy().astype(float), beta0 + known["exposure"].to_numpy()
    )
    rate = Variable(
        name="rate",
        dim="cohort",
        labels=labels_of(known),
        unit=f"events per {config.per}",
        distribution=distribution,
    )
    why = "each rate has a conjugate prior, so its posterior is exact"
    return Posterior(
        method="exact",
        variables=(rate,),
        cells=cells,
        constants=constants_of(config),
        diagnostics=warned(Diagnostics(method="exact", why=why), known),
    )


def _check_measured(cells: "pa.Table") -> None:
    """Raise `BadConfig` where events without exposure would be counted against that of others."""
    import pyarrow.compute as pc

    if bare := pc.sum(cells["bare"]).as_py():
        raise BadConfig(
            f"{bare:,} rows in the window have no exposure, so it cannot be taken as measured.",
            hint="Set exposure to window, or choose a window in which every row has one.",
            fields=[{"field": "exposure", "reason": "the data are not measured throughout"}],
        )
