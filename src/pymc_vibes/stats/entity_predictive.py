"""How likely a count is in one more window: of an entity by its data, or of one not seen yet.

The negative-binomial tail is averaged over the rate given total and windows, by the same rule that
integrates the rate out, and over all that is known of the population: the nodes of the lattice, or
draws. For a window that is among the data ask by the others: total and windows without it. A new
entity has total 0 and no windows.

Few nodes with the same low moments are enough for what is likely. Far out a chance is made by the
unlikely populations that such nodes lack, the more so the fewer entities there are. So counts are
averaged over all nodes too, the least likely first, until that is seen to change nothing.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.cubature import compress
from pymc_vibes.stats.entity_integral import (
    Hypers,
    Peak,
    count_terms,
    extent,
    peaks,
    spread_over_cores,
)
from pymc_vibes.stats.entity_prior import EntityPrior
from pymc_vibes.stats.lattice import Lattice
from pymc_vibes.stats.special import Array

_FEW = 56  # keep all moments of the hyperparameters to degree 5
_CLOSE = 0.02  # of every chance: few nodes are then as good as all
_AGAIN = 16  # counts that are averaged over all nodes at a time
_DROP = 18.0  # rates whose density is below exp(-18) of the top do not matter here
_STEP_SD, _STEP = 0.9, 0.38
_ROWS = 2048  # integrals at a time
_GROUPS = 6


@dataclass(frozen=True, eq=False)
class Population:
    """What is known of the population: values of its three parameters, with probabilities."""

    hypers: Hypers
    weights: Array
    places: Array
    """Where they lie in coordinates that are nearly normal, `(nodes, 3)`."""

    @staticmethod
    def of_lattice(lattice: Lattice, prior: EntityPrior) -> "Population":
        """Take one of the two interleaved lattices: both agree to the lattice's own error."""
        half = lattice.cells.places[:, 0] % 2 == 0
        nodes, weights = lattice.nodes[half], lattice.weights[half]
        return Population(prior.hypers(nodes), weights / weights.sum(), nodes)

    @staticmethod
    def of_draws(mu: Array, spread: Array, noise: Array) -> "Population":
        """Take draws of the mean and of both coefficients of variation."""
        hypers = Hypers(mu, 1 / (mu * spread**2), noise**-2.0)
        places = np.column_stack([np.log(mu), spread, noise])
        return Population(hypers, np.full(len(mu), 1 / len(mu)), places)

    @cached_property
    def few(self) -> "Population":
        """Keep few nodes, with the same low moments."""
        if len(self.weights) <= _FEW:
            return self
        chosen, weights = compress(self.places, self.weights, _FEW)
        return Population(self.hypers[chosen], weights, self.places[chosen])


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


def predictive(population: Population, sums: Array, windows: Array, counts: Array) -> Chances:
    """Give the chances of `counts (T,)` in one more window of entities with totals and windows.

    Equal triples are worked out once; a distinct one takes about a millisecond, or ten where few
    nodes are not enough.
    """
    triples = np.stack([np.asarray(part, dtype=float) for part in (sums, windows, counts)])
    unique, where = np.unique(triples, axis=1, return_inverse=True)
    found = _averaged(population.few, unique)
    order = np.argsort(_two_sided(found), kind="stable")
    rounds = range(0, len(order), _AGAIN) if population.few is not population else ()
    for start in rounds:
        part = order[start : start + _AGAIN]
        before = _two_sided(found[:, part])
        found[:, part] = _averaged(population, unique[:, part])
        if np.max(np.abs(np.log(_two_sided(found[:, part]) / before))) < _CLOSE:
            break
    return Chances(*found[:, where.ravel()])


def _two_sided(found: Array) -> Array:
    return np.maximum(Chances(*found).two_sided, 1e-300)


def _averaged(population: Population, triples: Array) -> Array:
    """Give above, at, below and mean, `(4, T)`, averaged over the population."""
    nodes = len(population.weights)
    each = max(1, _ROWS // nodes)
    parts = [triples[:, i : i + each] for i in range(0, triples.shape[1], each)]
    found = spread_over_cores(lambda part: _chances(population, *part), parts)
    return np.concatenate([np.empty((4, 0)), *found], axis=1)


def _chances(population: Population, sums: Array, windows: Array, counts: Array) -> Array:
    hypers = population.hypers.column()
    with np.errstate(all="ignore"):  # far out densities are 0, of powers series those unused too
        peak = peaks(hypers, sums[None, :], windows[None, :])
        # only for the choice of a tail: the smaller one is summed, the other is what remains
        is_high = counts >= population.weights @ np.exp(peak.mode)
        ways = np.broadcast_to(count_terms(counts, population.hypers.phi), peak.mode.shape)
        spread = [np.broadcast_to(part, ways.shape).ravel() for part in (hypers.phi, counts)]
        high = np.broadcast_to(is_high, ways.shape).ravel()
        rows = _rows(peak.ravel(), np.asarray(spread), high, ways.ravel())
    far, at, mean = np.tensordot(population.weights, rows.reshape(3, *peak.mode.shape), (0, 1))
    near = np.clip(1 - far - at, 0.0, 1.0)
    return np.stack([np.where(is_high, far, near), at, np.where(is_high, near, far), mean])


def _rows(peak: Peak, known: Array, high: NDArray[np.bool_], ways: Array) -> Array:
    """Give the far tail, the mass and the mean of every pair of node and triple, `(3, rows)`.

    `known` holds size and count of each pair.
    """
    left, right = extent(peak, _DROP)
    step = np.minimum(_STEP_SD * peak.sd, _STEP)
    first = np.floor(left / step)
    length = np.ceil(right / step) - first + 1
    found = np.empty((3, len(high)))
    for side in (True, False):
        own = np.flatnonzero(high == side)
        for rows in np.array_split(own[np.argsort(length[own])], _GROUPS):
            if not len(rows):
                continue
            rate, weight = _rates(peak[rows], step[rows], first[rows], int(length[rows].max()))
            size, count = known[:, rows, None]
            tail = _above(count, rate, size) if side else _below(count, rate, size)
            mass = _mass(count, rate, size, ways[rows, None])
            found[:, rows] = [(weight * part).sum(axis=1) for part in (tail, mass, rate)]
    return found


def _rates(peak: Peak, step: Array, first: Array, length: int) -> tuple[Array, Array]:
    """Give rates and their probabilities, `(rows, points)`; the first takes the left tail."""
    away = (first[:, None] + np.arange(length)) * step[:, None]
    weight = np.exp(-peak[:, None].fall(away))
    # what lies further left are rates at which every count is 0
    weight[:, 0] += peak.below(first * step, lambda exponent: np.expm1(exponent * step))
    return np.exp(peak.mode[:, None] + away), weight / weight.sum(axis=1, keepdims=True)


def _mass(y: Array, rate: Array, size: Array, ways: Array) -> Array:
    from scipy.special import gammaln, xlogy

    logs = ways - gammaln(y + 1) + xlogy(y, rate) - (size + y) * np.log1p(rate / size)
    return np.asarray(np.exp(logs))


def _above(y: Array, rate: Array, size: Array) -> Array:
    from scipy.special import betainc

    return np.asarray(betainc(y + 1, size, rate / (rate + size)))


def _below(y: Array, rate: Array, size: Array) -> Array:
    from scipy.special import betaincc

    some = betaincc(np.maximum(y, 1.0), size, rate / (rate + size))
    return np.where(y > 0, some, 0.0)
