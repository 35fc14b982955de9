"""Posteriors of single hyperparameters, tabulated from the nodes of the lattice.

Every node is smeared by a kernel of order twelve, which leaves mean and variance alone:
probabilities are right to about 2e-4. It is done in the coordinate in which the density is nearly
normal: the normal score where the prior is of the parameter itself, else the log.

Seen along a diagonal of the lattice, nodes of both halves lie in common planes, 0.7 steps apart. A
kernel that is narrower than that shows the planes, a wider one of low order rounds the density.
"""

import numpy as np

from pymc_vibes.stats.entity_prior import EntityPrior
from pymc_vibes.stats.entity_scale import Scale
from pymc_vibes.stats.lattice import Lattice
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.tabulated import Tabulated

_POINTS = 513
_SMEAR = 0.68  # sd of the kernel in steps: bias and ripple are then equally small
_REACH = 7.5
_TWO_PI = 2 * np.pi
# Laguerre's polynomial L_5^(1/2): times a normal density in u, at u^2 / 2, a kernel of order 12
_LAGUERRE = (693 / 256, -1155 / 128, 231 / 32, -33 / 16, 11 / 48, -1 / 120)


def along_axis(lattice: Lattice, axis: int, scale: Scale, power: float = 1.0) -> Tabulated:
    """Tabulate `value ** power` of one coordinate's quantity; a power of -2 leaves no mean."""
    scores = lattice.nodes[:, axis]
    width = np.full(len(scores), _SMEAR * np.linalg.norm(lattice.cells.shape.basis[axis]))
    ends = np.array([scores.min() - 2 * width[0], scores.max() + 2 * width[0]])
    start, stop = np.sort(power * scale.log_value(ends))
    places = np.linspace(start, stop, _POINTS)
    z = np.clip(scale.score(places / power), *ends)
    height = _smeared(lattice, scores, width, z) * np.exp(-scale.log_slope(z))
    values = np.exp(power * scale.log_value(scores))
    return _table(lattice, places, height, values, has_mean=power > -1)


def across(lattice: Lattice, prior: EntityPrior, *, of_alpha: bool) -> Tabulated:
    """Tabulate what depends on two coordinates.

    That is `alpha` where the prior is of the variation, else the variation; `alpha` has no mean.
    """
    mean, other = prior.scales[0], prior.scales[1]
    first, second = lattice.nodes[:, 0], lattice.nodes[:, 1]
    powers = (-1.0, -2.0) if of_alpha else (-0.5, -0.5)
    logs = powers[0] * mean.log_value(first) + powers[1] * other.log_value(second)
    slopes = np.stack(
        [
            powers[0] * np.exp(mean.log_slope(first)),
            powers[1] * np.exp(other.log_slope(second)),
            np.zeros_like(first),
        ],
        axis=1,
    )
    width = _SMEAR * np.linalg.norm(slopes @ lattice.cells.shape.basis, axis=1)
    places = np.linspace(np.min(logs - 2 * width), np.max(logs + 2 * width), _POINTS)
    height = _smeared(lattice, logs, width, places)
    return _table(lattice, places, height, np.exp(logs), has_mean=not of_alpha)


def _smeared(lattice: Lattice, nodes: Array, width: Array, places: Array) -> Array:
    u = (places[:, None] - nodes) / width
    half = np.minimum(u * u, _REACH**2) / 2
    kernel = np.where(np.abs(u) < _REACH, np.exp(-half), 0.0)
    kernel *= np.polynomial.polynomial.polyval(half, _LAGUERRE)
    return np.asarray(np.maximum(kernel @ (lattice.weights / width), 0.0) / np.sqrt(_TWO_PI))


def _table(
    lattice: Lattice, places: Array, height: Array, values: Array, *, has_mean: bool
) -> Tabulated:
    mean, sd = np.inf, np.inf
    if has_mean:
        mean = float(lattice.weights @ values)
        sd = float(np.sqrt(lattice.weights @ (values - mean) ** 2))
    return Tabulated(
        start=places[:1],
        step=np.diff(places[:2]),
        height=height[None, :],
        means=np.array([mean]),
        sds=np.array([sd]),
    )
