"""Simulation-based calibration: a right posterior puts the truth at a uniform place.

Draw a world from the prior, simulate its events, fit, and note the posterior probability below the
true value. Over many worlds these places are uniform if, and in practice only if, simulation,
reduction and fit describe one model (Talts et al. 2018, *Validating Bayesian inference algorithms
with simulation-based calibration*).

The check is `distance(places) <= dkw_bound(len(places))`. Its false-alarm rate is at most `alpha`
for any number of worlds (Dvoretzky-Kiefer-Wolfowitz with Massart's constant). What it can see is
bounded too: an error moves the distribution of places by some distance, and only above the bound
is it seen for sure. A posterior that is off by `d` of its sd moves it by about 0.4 d, one whose sd
is wrong by a factor `c` by about 0.24 |log c|: with 1 000 worlds, d = 0.21 and c = 1.43.
"""

from collections.abc import Callable
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.marginal import Marginal
from pymc_vibes.stats.mixture import BetaMixture, GammaMixture
from pymc_vibes.stats.normal import StudentT
from pymc_vibes.stats.special import Array

if TYPE_CHECKING:
    import xarray as xr

    from pymc_vibes.core.posterior import Posterior, Variable

_DRAWS = 1_000

_KNOWS_ITS_CDF = (Beta, Gamma, BetaMixture, GammaMixture, Marginal, StudentT)


def sbc_ranks(
    truth: Callable[[np.random.Generator], "xr.Dataset"],
    learn: Callable[["xr.Dataset", np.random.Generator], "Posterior"],
    *,
    worlds: int,
    seed: int,
) -> dict[str, Array]:
    """Give the place of the truth in its posterior, `(worlds,)` in [0, 1], for every variable.

    `truth` draws a world from the prior; `learn` simulates its events, reduces and fits them.
    A variable counts where the world knows it by name, with the same labels along its dimension.
    One label of each is taken per world, at random: labels of one world may be dependent, and
    the bound wants independent places.
    """
    places: dict[str, list[float]] = {}
    for source in np.random.SeedSequence(seed).spawn(worlds):
        rng = np.random.default_rng(source)
        world = truth(rng)
        posterior = learn(world, rng)
        known = [variable for variable in posterior.variables if variable.name in world]
        if not known:
            raise ValueError(f"the world knows none of {[v.name for v in posterior.variables]}")
        for variable in known:
            index = int(rng.integers(len(variable.labels)))
            at = {} if variable.dim is None else {variable.dim: variable.labels[index]}
            value = float(world[variable.name].sel(at))
            places.setdefault(variable.name, []).append(_place(variable, index, value, rng))
    return {name: np.array(values) for name, values in places.items()}


def distance(places: Array) -> float:
    """Give the largest gap between the distribution of `places` and the uniform one."""
    ordered = np.sort(places)
    n = len(ordered)
    above = np.arange(1, n + 1) / n - ordered
    below = ordered - np.arange(n) / n
    return float(max(above.max(), below.max()))


def dkw_bound(n: int, alpha: float = 1e-6) -> float:
    """Give the distance that `n` independent uniform places exceed with probability <= `alpha`.

    >>> round(dkw_bound(1_000), 4)
    0.0852
    """
    return sqrt(log(2 / alpha) / (2 * n))


def _place(variable: "Variable", index: int, value: float, rng: np.random.Generator) -> float:
    distribution = variable.distribution
    if isinstance(distribution, _KNOWS_ITS_CDF):
        return float(distribution.cdf(index, np.array([value]))[0])
    below = int(np.sum(distribution.sample(index, _DRAWS, rng) < value))
    return float((below + rng.uniform()) / (_DRAWS + 1))
