"""The rates of a sampled hierarchy, from the chains of its hyperparameters."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.core.posterior import Posterior
    from pymc_vibes.stats.draws import Draws
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

    alpha, beta = (each.ravel() for each in _hyperparameters(posterior))
    drawn = Nodes(np.full(len(alpha), 1 / len(alpha)), alpha, beta)
    return GammaMixture(
        drawn.thin(_NODES if len(cells) < _MANY else _NODES_OF_MANY, is_polished=False),
        k=cells["k"].to_numpy().astype(float),
        exposure=cells["exposure"].to_numpy(),
    )


def conditional_means(posterior: "Posterior", cells: "pa.Table") -> "Draws":
    """Give the mean of every rate given the hyperparameters of each draw that is read.

    What these vary by is the error of the rates' means: the Gammas themselves are exact.
    """
    from pymc_vibes.stats.draws import Draws

    alpha, beta = (each[:, :, None] for each in _hyperparameters(posterior))
    k, exposure = cells["k"].to_numpy(), cells["exposure"].to_numpy()
    return Draws((k + alpha) / (exposure + beta), "positive")


def _hyperparameters(posterior: "Posterior") -> "list[np.ndarray]":
    """Read alpha and beta evenly along the chains, `(chain, draw)`."""
    import numpy as np

    if posterior.samples is None:
        raise TypeError("a hierarchy is either integrated or sampled")
    chains = posterior.samples["posterior"]
    draws, many = chains.sizes["draw"], max(_DRAWS // chains.sizes["chain"], 1)
    kept = np.linspace(0, draws - 1, min(many, draws)).round().astype(int)
    return [
        chains[name].transpose("chain", "draw").to_numpy()[:, kept] for name in ("alpha", "beta")
    ]
