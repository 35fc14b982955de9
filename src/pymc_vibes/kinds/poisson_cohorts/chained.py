"""The rates of a sampled hierarchy, from the chains of its hyperparameters."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.core.posterior import Posterior
    from pymc_vibes.stats.mixture import GammaMixture

_NODES = 2000
"""Draws of the hyperparameters that a sampled hierarchy is averaged over; what they leave to chance
is a fraction of the noise of as many draws of the rates themselves."""


def mixture_of_chains(posterior: "Posterior", cells: "pa.Table") -> "GammaMixture":
    """Give the rates of a sampled hierarchy as Gammas, averaged over its hyperparameters."""
    import numpy as np

    from pymc_vibes.stats.mixrows import Nodes
    from pymc_vibes.stats.mixture import GammaMixture

    if posterior.samples is None:
        raise TypeError("a hierarchy is either integrated or sampled")
    chains = posterior.samples["posterior"]
    alpha, beta = (chains[name].to_numpy().ravel() for name in ("alpha", "beta"))
    kept = np.linspace(0, len(alpha) - 1, min(_NODES, len(alpha))).round().astype(int)
    return GammaMixture(
        Nodes(np.full(len(kept), 1 / len(kept)), alpha[kept], beta[kept]),
        k=cells["k"].to_numpy().astype(float),
        exposure=cells["exposure"].to_numpy(),
    )
