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

A sampler's draws are thinned until they are about independent: the rank of the truth among draws
that repeat each other is not uniform. Where a fit ends as a problem its draws say nothing, so the
truth may be anywhere in that posterior (NaN). Such a world is not left out, because which worlds
fail depends on the truth: the check then is `least_distance`, the least that any places would give.
Its false-alarm rate holds whatever fails; each failure takes away from what can be seen, so their
share is bounded where calibration is tested.
"""

from collections.abc import Callable
from math import ceil, log, nan, sqrt
from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.stats.chains import measure
from pymc_vibes.stats.draws import Draws
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
    the bound wants independent places. A place is NaN where the fit ended as a problem.
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
            failed = posterior.diagnostics.verdict == "problem"
            place = nan if failed else _place(variable, index, value, rng)
            places.setdefault(variable.name, []).append(place)
    return {name: np.array(values) for name, values in places.items()}


def distance(places: Array) -> float:
    """Give the largest gap between the distribution of `places` and the uniform one."""
    return _gap(np.sort(places), len(places))


def least_distance(places: Array) -> float:
    """Give the same where places that are NaN may be anywhere: at least this, wherever they are."""
    return _gap(np.sort(places[~np.isnan(places)]), len(places))


def _gap(ordered: Array, n: int) -> float:
    unknown = n - len(ordered)
    above = np.arange(1, len(ordered) + 1) / n - ordered
    below = ordered - (np.arange(len(ordered)) + unknown) / n
    return float(max(above.max(initial=0.0), below.max(initial=0.0)))


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
    if isinstance(distribution, Draws):
        draws = _thinned(distribution, index)
    else:
        draws = distribution.sample(index, _DRAWS, rng)
    below = int(np.sum(draws < value))
    return float((below + rng.uniform()) / (len(draws) + 1))


def _thinned(distribution: Draws, index: int) -> Array:
    """Give every so many-th draw of all chains: as many as they are worth independent ones."""
    values = distribution.values[:, :, index]
    _, bulk, tail = measure(np.array(values)[:, :, None])
    step = ceil(values.size / max(1.0, min(bulk[0], tail[0])))
    return np.asarray(values[:, ::step].ravel())
