"""How likely a count is in one more window: of an entity by its data, or of one not seen yet.

The negative-binomial tail is averaged over the rate given total and windows, by the same rule that
integrates the rate out, and over nodes of the lattice. For a window that is among the data ask by
the others: total and windows without it. A new entity has total 0 and no windows.
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.entity_hierarchy import EntityHierarchy
from pymc_vibes.stats.entity_integral import (
    Hypers,
    Peak,
    count_terms,
    extent,
    peaks,
    spread_over_cores,
)
from pymc_vibes.stats.special import Array

_NODES = 56  # keep all moments of the hyperparameters to degree 5
_DROP = 18.0  # rates whose density is below exp(-18) of the top do not matter here
_STEP_SD, _STEP = 0.9, 0.38
_BATCH = 32  # triples at a time


@dataclass(frozen=True, eq=False)
class Chances:
    """The place of counts in their predictive distributions; arrays of one length."""

    above: Array
    """P(Y > y)"""
    at: Array
    """P(Y = y)"""
    below: Array
    """P(Y < y)"""
    mean: Array
    """E[Y]"""

    @property
    def middle(self) -> Array:
        """Give the mid-p place `P(Y < y) + P(Y = y) / 2`."""
        return np.asarray(self.below + self.at / 2)

    @property
    def two_sided(self) -> Array:
        """Give twice the smaller mid-p tail: small for a surprising count on either side."""
        return np.asarray(2 * np.minimum(self.middle, self.above + self.at / 2))

    def place(self, rng: np.random.Generator) -> Array:
        """Give the randomized place, uniform where the model is right."""
        return np.asarray(self.below + rng.random(len(self.at)) * self.at)


def predictive(hierarchy: EntityHierarchy, sums: Array, windows: Array, counts: Array) -> Chances:
    """Give the chances of `counts (T,)` in one more window of entities with totals and windows.

    Equal triples are worked out once; a distinct one takes about a millisecond.
    """
    triples = np.stack([np.asarray(part, dtype=float) for part in (sums, windows, counts)])
    unique, where = np.unique(triples, axis=1, return_inverse=True)
    few = hierarchy.lattice.thin(_NODES)
    hypers, weights = hierarchy.prior.hypers(few.nodes), few.weights
    batches = [unique[:, i : i + _BATCH] for i in range(0, unique.shape[1], _BATCH)]
    found = spread_over_cores(lambda batch: _chances(hypers, weights, *batch), batches)
    return Chances(*np.concatenate([np.empty((4, 0)), *found], axis=1)[:, where.ravel()])


def _chances(hypers: Hypers, weights: Array, sums: Array, windows: Array, counts: Array) -> Array:
    """Give above, at, below and mean, `(4, T)`."""
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        # far out the density is 0
        rate, weight = _rates(peaks(hypers.column(), sums[None, :], windows[None, :]))
    weight = weight * weights[:, None, None]
    size, y = hypers.phi[:, None, None], counts[None, :, None]
    mean = np.sum(weight * rate, axis=(0, 2))
    at = np.sum(weight * _mass(y, rate, hypers.phi, counts), axis=(0, 2))
    # the smaller tail is summed, the other is what remains: both keep their digits
    is_high = counts >= mean
    far = np.empty(len(counts))
    for rows, tail in ((is_high, _above), (~is_high, _below)):
        found = tail(counts[None, rows, None], rate[:, rows], size)
        far[rows] = np.sum(weight[:, rows] * found, axis=(0, 2))
    near = np.clip(1 - far - at, 0.0, 1.0)
    return np.stack([np.where(is_high, far, near), at, np.where(is_high, near, far), mean])


def _rates(peak: Peak) -> tuple[Array, Array]:
    """Give rates and their probabilities, `(G, T, points)`; the first takes the left tail."""
    left, right = extent(peak, _DROP)
    step = np.minimum(_STEP_SD * peak.sd, _STEP)
    first = np.floor(left / step)
    places = first[..., None] + np.arange(np.max(np.ceil(right / step) - first) + 1.0)
    away = places * step[..., None]
    weight = np.exp(-peak[..., None].fall(away))
    # what lies further left are rates at which every count is 0
    weight[..., 0] += peak.below(first * step, lambda exponent: np.expm1(exponent * step))
    return np.exp(peak.mode[..., None] + away), weight / weight.sum(axis=-1, keepdims=True)


def _mass(y: Array, rate: Array, phi: Array, counts: Array) -> Array:
    from scipy.special import gammaln, xlogy

    ways = (count_terms(counts, phi) - gammaln(counts + 1))[:, :, None]
    size = phi[:, None, None]
    with np.errstate(under="ignore"):
        return np.asarray(np.exp(ways + xlogy(y, rate) - (size + y) * np.log1p(rate / size)))


def _above(y: Array, rate: Array, size: Array) -> Array:
    from scipy.special import betainc

    return np.asarray(betainc(y + 1, size, rate / (rate + size)))


def _below(y: Array, rate: Array, size: Array) -> Array:
    from scipy.special import betaincc

    some = betaincc(np.maximum(y, 1.0), size, rate / (rate + size))
    return np.where(y > 0, some, 0.0)
