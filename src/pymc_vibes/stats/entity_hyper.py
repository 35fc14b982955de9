"""Posteriors of single hyperparameters, tabulated from the lattice.

What depends on one coordinate comes from the lattice's marginal along it, to six digits. What
depends on two (`alpha` where the prior speaks of variation, and the variation where it speaks of
`alpha`) is the sum of the nodes, each smeared over its cell and all drawn together by what that
adds to the variance: right in mean and variance, and in probabilities to about 0.002.
"""

from collections.abc import Callable

import numpy as np

from pymc_vibes.stats.entity_integral import Hypers
from pymc_vibes.stats.entity_scale import Scale
from pymc_vibes.stats.lattice import Lattice
from pymc_vibes.stats.marginal import Marginal
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.tabulated import Tabulated

_POINTS = 513
_BEYOND = 1e-7
_SMEAR = 0.6  # of the spacing between nodes: their sum is smooth to 1e-3
_REACH = 6.0


def along_axis(lattice: Lattice, axis: int, scale: Scale, power: float = 1.0) -> Tabulated:
    """Tabulate `value ** power` of one coordinate's quantity; a power of -2 leaves no mean."""
    own = Marginal(lattice, np.eye(3)[axis])  # of exp(z)
    ends = np.log([own.quantile(at)[0] for at in (_BEYOND, 1 - _BEYOND)])
    logs = power * scale.log_value(np.asarray(ends))
    start, stop = float(logs.min()), float(logs.max())
    places = np.linspace(start, stop, _POINTS)
    z = np.clip(scale.score(places / power), ends[0], ends[1])
    height = own.pdf(0, np.exp(z)) * np.exp(z - scale.log_slope(z)) / abs(power)
    values = np.exp(power * scale.log_value(lattice.nodes[:, axis]))
    mean, sd = _moments(lattice, values) if power > -1 else (np.inf, np.inf)
    return _table(start, stop, height, mean, sd)


def across(
    lattice: Lattice, value: Callable[[Array], Array], *, has_mean: bool = True
) -> Tabulated:
    """Tabulate a function of several coordinates, `(n, 3)` to `(n,)`."""
    logs = np.log(value(lattice.nodes))
    center = float(lattice.weights @ logs)
    variance = float(lattice.weights @ (logs - center) ** 2)
    width = _SMEAR * _spacing(lattice) * np.sqrt(variance)
    shrunk = center + (logs - center) * np.sqrt(max(1 - width**2 / variance, 0.0))
    start, stop = float(shrunk.min() - _REACH * width), float(shrunk.max() + _REACH * width)
    places = np.linspace(start, stop, _POINTS)
    kernel = np.exp(-(((places[:, None] - shrunk[None, :]) / width) ** 2) / 2)
    mean, sd = _moments(lattice, np.exp(logs)) if has_mean else (np.inf, np.inf)
    return _table(start, stop, kernel @ lattice.weights, mean, sd)


def variation(hypers: Hypers) -> Array:
    """Give the coefficient of variation between entities."""
    return np.asarray(1 / np.sqrt(hypers.mu * hypers.alpha))


def _spacing(lattice: Lattice) -> float:
    # nodes of a rotated lattice fall between each other on any one axis; in sd
    return float(min(0.4, 4 / len(lattice.weights) ** (1 / 3)))


def _moments(lattice: Lattice, values: Array) -> tuple[float, float]:
    mean = float(lattice.weights @ values)
    return mean, float(np.sqrt(lattice.weights @ (values - mean) ** 2))


def _table(start: float, stop: float, height: Array, mean: float, sd: float) -> Tabulated:
    return Tabulated(
        start=np.array([start]),
        step=np.array([(stop - start) / (_POINTS - 1)]),
        height=height[None, :],
        means=np.array([mean]),
        sds=np.array([sd]),
    )
