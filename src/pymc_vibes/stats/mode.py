"""Climb to the mode of a density of a few coordinates, and read its shape there."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pymc_vibes.stats.refused import QuadratureRefused
from pymc_vibes.stats.special import Array

type LogDensity = Callable[[Array], Array]
"""Takes points `(nodes, d)`, gives log densities `(nodes,)`."""

_CLIMBS = 200
_LONGEST = 3.0  # of one Newton step, in log units
_FLATTEST = 1e-2  # a curvature below it is taken for this: 10 log units are as wide as it gets
_FRACTION = 0.05  # finite differences reach this share of an sd
_CLOSE = 1e-6  # of the Newton decrement, in log density


@dataclass(frozen=True, eq=False)
class Shape:
    """Where a lattice lies: its center `(d,)` and its basis `(d, d)`, one column per step."""

    center: Array
    basis: Array
    step: float = 1.0
    """Length of a step in sd, as far as the shape is right."""

    def place(self, coordinates: Array) -> Array:
        """Turn coordinates in steps, `(n, d)`, into points."""
        return self.center + coordinates @ self.basis.T

    def scaled(self, factor: float) -> "Shape":
        """Give the same shape with shorter steps."""
        return Shape(self.center, self.basis * factor, self.step * factor)


def climb(log_density: LogDensity, start: Array) -> Shape:
    """Find the mode by damped Newton steps and shape a lattice by the Hessian there."""
    x, reach = start, np.full(start.shape, 1e-2)
    if not np.isfinite(log_density(x[None, :])[0]):
        raise QuadratureRefused("the density is not finite where the search for its mode begins")
    for _ in range(_CLIMBS):
        value, gradient, hessian = _quadratic(log_density, x, reach)
        curvatures, axes = _curvatures(hessian)
        move = axes @ (axes.T @ gradient / curvatures)
        if gradient @ move < _CLOSE:
            break
        move = move * min(1.0, _LONGEST / float(np.linalg.norm(move)))
        tries = x + move * 0.5 ** np.arange(12)[:, None]
        values = np.nan_to_num(log_density(tries), nan=-np.inf)
        best = int(np.argmax(values))
        if values[best] <= value:
            break
        x = tries[best]
        reach = np.clip(_FRACTION / np.sqrt(np.maximum(-np.diag(hessian), 0.01)), 1e-6, 0.1)
    curvatures, axes = _curvatures(_quadratic(log_density, x, reach)[2])
    return Shape(x, axes / np.sqrt(curvatures))


def _curvatures(hessian: Array) -> tuple[Array, Array]:
    if not np.isfinite(hessian).all():
        raise QuadratureRefused("the density is not smooth near its mode")
    values, axes = np.linalg.eigh(-hessian)
    return np.maximum(np.abs(values), _FLATTEST), axes


def _quadratic(log_density: LogDensity, x: Array, reach: Array) -> tuple[float, Array, Array]:
    d = len(x)
    steps = np.diag(reach)
    pairs = list(combinations(range(d), 2))
    both = np.array([steps[i] + steps[j] for i, j in pairs]).reshape(-1, d)
    values = log_density(x + np.concatenate([np.zeros((1, d)), steps, -steps, both, -both]))
    center, up, down = values[0], values[1 : d + 1], values[d + 1 : 2 * d + 1]
    hessian = np.diag((up - 2 * center + down) / reach**2)
    across = values[2 * d + 1 :].reshape(2, -1).sum(axis=0)
    for (i, j), sums in zip(pairs, across, strict=True):
        mixed = sums - up[i] - down[i] - up[j] - down[j] + 2 * center
        hessian[i, j] = hessian[j, i] = mixed / (2 * reach[i] * reach[j])
    return float(center), (up - down) / (2 * reach), hessian
