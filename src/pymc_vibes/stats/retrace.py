"""Draw whole paths of a wandering log rate: from the last period back to the first.

Given the next log rate, a period's density is what all counts so far say, times the step. It is
drawn from the polygon through its nodes and corrected by rejection, so that draws lie between the
nodes too and have the density of the spline through them.
"""

import numpy as np

from pymc_vibes.stats.special import Array
from pymc_vibes.stats.walk import Series, Walk, cubic, safe_log

_EXCESS = 1.25  # a polygon lies at most this factor below a log-concave density at such steps


def drift(series: Series, sigma: Array, rng: np.random.Generator) -> Array:
    """Draw paths of rates, `(n, periods)`, at speeds too slow for counts to see.

    Their level is that of a constant rate, and around it they wander as they do beforehand.
    """
    total, exposure = series.counts.sum(), series.exposure.sum()
    rate = rng.standard_gamma(total, len(sigma)) / exposure
    steps = rng.standard_normal((len(sigma), len(series.counts)))
    wandered = np.cumsum(steps, axis=1)
    wandered = wandered - (wandered @ series.exposure / exposure)[:, None]
    return np.asarray(rate[:, None] * np.exp(sigma[:, None] * wandered))


def retrace(walk: Walk, n: int, rng: np.random.Generator) -> Array:
    """Draw `n` paths of rates, `(n, periods)`, at the speed of the walk."""
    from scipy.interpolate import CubicSpline

    logs = safe_log(walk.ahead)
    curves = CubicSpline(np.arange(logs.shape[1]), logs, axis=1).c
    paths = np.empty((n, len(logs)))
    speed = walk.sigma / walk.step  # in nodes
    after = np.zeros(n)
    for period in range(len(logs) - 1, -1, -1):
        pull = 0.0 if period == len(logs) - 1 else 0.5 / speed[period] ** 2
        place = _draw(logs[period], curves[:, :, period], after, pull, rng)
        paths[:, period] = walk.start[period] + walk.step[period] * place
        after = (paths[:, period] - walk.start[period - 1]) / walk.step[period - 1]
    return np.exp(paths)


def _draw(logs: Array, curve: Array, after: Array, pull: float, rng: np.random.Generator) -> Array:
    """Draw places on a grid with log density `logs - pull (place - after)^2`."""
    nodes = np.arange(len(logs))
    heights = logs - pull * (nodes - after[:, None]) ** 2
    top = heights.max(axis=1)
    heights = np.exp(heights - top[:, None])
    below = np.cumsum(heights[:, :-1] + heights[:, 1:], axis=1)
    drawn = np.empty(len(after))
    left = np.arange(len(after))
    while left.size:
        wanted = rng.uniform(size=left.size) * below[left, -1]
        cells = np.minimum((below[left] <= wanted[:, None]).sum(axis=1), len(logs) - 2)
        low, high = heights[left, cells], heights[left, cells + 1]
        share = _slanted(low, high, rng.uniform(size=left.size))
        place = cells + share
        column = np.zeros(left.size, dtype=int)
        wish = cubic(curve[:, :, None], place, column) - pull * (place - after[left]) ** 2
        level = rng.uniform(size=left.size) * _EXCESS * (low + (high - low) * share)
        accepted = level <= np.exp(wish - top[left])
        drawn[left[accepted]] = place[accepted]
        left = left[~accepted]
    return drawn


def _slanted(low: Array, high: Array, q: Array) -> Array:
    """Give the quantile on [0, 1] of a density that runs straight from `low` to `high`."""
    root = np.sqrt(low**2 + q * (high**2 - low**2))
    return np.asarray(q * (low + high) / (low + root))
