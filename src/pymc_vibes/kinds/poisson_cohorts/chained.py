"""The rates of a sampled hierarchy, from the chains of its hyperparameters."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.core.posterior import Posterior
    from pymc_vibes.stats.mixture import GammaMixture

_DRAWS = 4000  # of the hyperparameters that are read, evenly along the chains
_NODES, _NODES_OF_MANY = 45, 28
"""Draws that stand for all of them, with weights that keep every moment of the log hyperparameters
up to degree 8 or 6: as close to the average over all draws as one over half as many, and far closer
from ten cohorts on."""
_MANY = 20  # cohorts from which the fewer leave an error of 1e-4 sd


def mixture_of_chains(posterior: "Posterior", cells: "pa.Table") -> "GammaMixture":
    """Give the rates of a sampled hierarchy as Gammas, averaged over its hyperparameters."""
    import numpy as np

    from pymc_vibes.stats.mixrows import Nodes
    from pymc_vibes.stats.mixture import GammaMixture

    if posterior.samples is None:
        raise TypeError("a hierarchy is either integrated or sampled")
    chains = posterior.samples["posterior"]
    alpha, beta = (chains[name].to_numpy().ravel() for name in ("alpha", "beta"))
    kept = np.linspace(0, len(alpha) - 1, min(_DRAWS, len(alpha))).round().astype(int)
    drawn = Nodes(np.full(len(kept), 1 / len(kept)), alpha[kept], beta[kept])
    return GammaMixture(
        drawn.thin(_NODES if len(cells) < _MANY else _NODES_OF_MANY, is_polished=False),
        k=cells["k"].to_numpy().astype(float),
        exposure=cells["exposure"].to_numpy(),
    )
