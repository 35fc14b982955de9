"""Importance weights whose largest ones are smoothed, and the shape of their tail.

References: Vehtari, Simpson, Gelman, Yao & Gabry (2024), *Pareto smoothed importance sampling*,
JMLR 25(72); Zhang & Stephens (2009), Technometrics 51, 316-325, for the fit of the tail.
"""

import numpy as np

from pymc_vibes.stats.special import Array

_LEAST_TAIL = 5  # weights; fewer say nothing of a tail
_PRIOR_POINTS = 30
_PRIOR_SCALE = 3.0  # of the quarter of the tail
_PULL = 10.0  # observations that say k is 1/2


def smooth(log_weight: Array) -> tuple[Array, float]:
    """Replace the largest weights by what their Pareto tail expects; give its shape k too.

    Weights that are all alike have no tail: their k is minus infinity.
    """
    shifted = log_weight - log_weight.max()
    many = int(min(0.2 * len(shifted), 3 * np.sqrt(len(shifted))))
    order = np.argsort(shifted, kind="stable")
    tail, cut = order[-many:], shifted[order[-many - 1]] if many >= _LEAST_TAIL else 0.0
    if many < _LEAST_TAIL or shifted[tail[0]] >= -1e-12:
        return shifted, -np.inf
    base = np.exp(cut)
    shape, scale = _pareto(np.exp(shifted[tail]) - base)
    at = (np.arange(many) + 0.5) / many
    expected = scale * np.expm1(-shape * np.log1p(-at)) / shape if shape else -scale * np.log1p(-at)
    smoothed = shifted.copy()
    smoothed[tail] = np.minimum(np.log(base + expected), 0.0)
    return smoothed, shape


def _pareto(excess: Array) -> tuple[float, float]:
    """Fit a generalized Pareto distribution to sorted excesses: shape and scale."""
    many = len(excess)
    excess = np.maximum(excess, 1e-300)
    points = _PRIOR_POINTS + int(np.sqrt(many))
    quarter = excess[int(many / 4 + 0.5) - 1]
    spread = 1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))
    theta = 1 / excess[-1] + spread / (_PRIOR_SCALE * quarter)
    shapes = np.log1p(-theta[:, None] * excess).mean(axis=1)
    profile = many * (np.log(-theta / shapes) - shapes - 1)
    weight = np.exp(profile - profile.max())
    best = float(theta @ weight / weight.sum())
    shape = float(np.log1p(-best * excess).mean())
    return (many * shape + _PULL * 0.5) / (many + _PULL), -shape / best
