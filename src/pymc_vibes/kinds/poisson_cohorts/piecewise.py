"""Rates that wander: one rate per period of each cohort followed, alike in neighboring periods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import InferenceFailed
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.tracks import (
    Tracks,
    a_period,
    constants_over_time,
    tracks_of,
    usable,
)
from pymc_vibes.kinds.poisson_cohorts.view import SEPARATOR

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.stats.piecewise import PiecewiseRates
    from pymc_vibes.stats.tabulated import Tabulated


@dataclass(frozen=True, eq=False)
class Paths:
    """The posterior of the rates of several cohorts, and their joint draws.

    Labels of `rate` are cohorts times periods, those of `sigma` cohorts.
    """

    tracks: Tracks
    places: tuple[int, ...]
    """Where each cohort stands in the tracks."""
    found: "tuple[PiecewiseRates, ...]"

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> "np.ndarray":
        """Draw rates or speeds; those of one cohort belong together."""
        import numpy as np

        from pymc_vibes.stats.piecewise import WalkJoint

        each = len(self.tracks.starts) if name == "rate" else 1
        drawn = np.empty((n, len(indices)))
        owners = np.array([index // each for index in indices])
        for owner in np.unique(owners):
            here = np.flatnonzero(owners == owner)
            joint = WalkJoint(self.found[int(owner)], name=self.cohort(int(owner)))
            own = [indices[int(i)] % each for i in here]
            drawn[:, here] = joint.draw(name, own, n, seed)
        return drawn

    def cohort(self, index: int) -> str:
        """Name a cohort."""
        return self.tracks.cohorts[self.places[index]]


def fit_piecewise(cells: "pa.Table", config: RateConfig, watch: Watch) -> Posterior:
    """Fit the rates over time of every cohort followed."""
    import numpy as np

    watch.stage("rates over time")
    tracks = tracks_of(cells, config)
    places = tuple(int(i) for i in np.flatnonzero(usable(tracks)))
    fits = []
    for done, place in enumerate(places):
        watch.progress(done, len(places))
        fits.append(_fit_one(tracks, place, config))
    paths = Paths(tracks, places, tuple(fits))
    names = [paths.cohort(i).replace("·", "··") for i in range(len(places))]
    moments = [tracks.when(period) for period in range(len(tracks.starts))]
    rate = Variable(
        name="rate",
        dim="period",
        labels=tuple(f"{name}{SEPARATOR}{moment}" for name in names for moment in moments),
        unit=f"events per {config.per}",
        distribution=_joined([fit.rates for fit in fits]),
    )
    sigma = Variable(
        name="sigma",
        dim="cohort",
        labels=tuple(paths.cohort(i) for i in range(len(places))),
        unit=f"log per root of {a_period(tracks)}",
        distribution=_joined([fit.sigma for fit in fits]),
    )
    error = max(fit.error_estimate for fit in fits)
    why = f"rates are summed over on grids, with an error of about {error:.1g} posterior sd"
    return Posterior(
        method="quadrature",
        variables=(rate, sigma),
        cells=cells,
        constants=constants_over_time(tracks, config),
        diagnostics=Diagnostics(method="quadrature", error_estimate=error, why=why),
        joint=paths,
    )


def _fit_one(tracks: Tracks, place: int, config: RateConfig) -> "PiecewiseRates":
    from pymc_vibes.stats.piecewise import fit_rates
    from pymc_vibes.stats.refused import QuadratureRefused
    from pymc_vibes.stats.speeds import SmoothingPrior

    prior = SmoothingPrior(scale=config.speed)
    try:
        return fit_rates(tracks.counts[place], tracks.exposure[place], prior)
    except QuadratureRefused as refusal:
        raise InferenceFailed(
            f"The rate of {tracks.cohorts[place][:80]!r} over time cannot be computed accurately "
            f"enough: {refusal.reason}",
            hint="Set a longer period, or a shorter window.",
        ) from refusal


def _joined(tables: "list[Tabulated]") -> "Tabulated":
    import numpy as np

    from pymc_vibes.stats.tabulated import Tabulated

    names = ("start", "step", "height", "means", "sds")
    return Tabulated(*(np.concatenate([getattr(one, name) for one in tables]) for name in names))


def paths_of(posterior: Posterior) -> Paths:
    """Give the rates over time that a posterior is about."""
    if not isinstance(posterior.joint, Paths):
        raise TypeError("a posterior of rates over time is expected")
    return posterior.joint
