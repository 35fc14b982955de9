"""The ranks of independent labels: a Poisson-binomial count of the better ones, integrated.

A label's rank is one plus the number of better labels. Given its own value that number is a sum of
independent coin tosses, whose distribution is built once for all labels and each label taken out
of it again. The work is kept to values that a label can have at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.special import Array

IMPOSSIBLE = 1e-13
"""Share of a label's probability at a node below which the node is not looked at."""


@dataclass(frozen=True)
class Race:
    """Each label's mass at every node of a grid, and its chance of being better than that."""

    mass: Array
    """`(labels, nodes)`; rows sum to 1."""
    better: Array

    def expected(self) -> Array:
        """Give the expected number of better labels."""
        others = self.better.sum(axis=0) - self.better
        return np.asarray(np.sum(self.mass * others, axis=1))


def rank_chances(race: Race) -> Array:
    """Give P(label has rank r + 1), `(labels, labels)`.

    A label is taken out of the count of all upwards where its chance is below a half and downwards
    elsewhere, which keeps rounding from growing.
    """
    mass, better = race.mass, race.better
    count = _counts(better)
    chances = np.zeros((len(better), len(better)))
    is_rare = better < 0.5
    is_alive = mass > IMPOSSIBLE
    _take_out(count, better, mass, is_alive & is_rare, chances)
    _take_out(count[::-1], 1 - better, mass, is_alive & ~is_rare, chances[:, ::-1])
    return chances


def _counts(better: Array) -> Array:
    """Give the distribution of the number of better labels at every node."""
    labels, nodes = better.shape
    count = np.zeros((labels + 1, nodes))
    count[0] = 1.0
    one_more = np.empty_like(better)
    for done, p in enumerate(better):
        np.multiply(count[: done + 1], p, out=one_more[: done + 1])
        count[: done + 1] *= 1 - p
        count[1 : done + 2] += one_more[: done + 1]
    return count


def _take_out(
    count: Array, chance: Array, mass: Array, chosen: NDArray[np.bool_], chances: Array
) -> None:
    """Add what the chosen places give: with c of the others, c_r = (all_r - p c_(r-1)) / (1 - p).

    The recursion runs on (1 - p) c, which saves a division at every step.
    """
    label, node = np.nonzero(chosen)
    if not len(label):
        return
    p = chance[chosen]
    odds, weight = p / (1 - p), mass[chosen] / (1 - p)
    rows, starts = np.unique(label, return_index=True)
    part = np.empty((len(count) - 1, len(rows)))
    left, taken = np.zeros_like(p), np.empty_like(p)
    for r in range(len(part)):
        left *= odds
        np.take(count[r], node, out=taken, mode="clip")  # "raise" would copy
        np.subtract(taken, left, out=left)
        np.multiply(left, weight, out=taken)
        np.add.reduceat(taken, starts, out=part[r])
    chances[rows] += part.T


def rank_quantile(chances: Array, level: float) -> NDArray[np.int64]:
    """Give the least rank that is reached with probability `level`."""
    cumulative = np.cumsum(chances, axis=1)
    return np.minimum((cumulative < level - 1e-12).sum(axis=1) + 1, len(chances))


@dataclass(frozen=True)
class Crowd:
    """The number of better labels given the own value, taken as normal."""

    mass: Array
    mean: Array
    sd: Array

    @staticmethod
    def of(race: Race) -> "Crowd":
        """Match mean and sd of that number."""
        better = race.better
        noise = better * (1 - better)
        sd = np.sqrt(np.maximum(noise.sum(axis=0) - noise, 1e-12))
        return Crowd(race.mass, better.sum(axis=0) - better, sd)

    def below(self, rank: NDArray[np.int64]) -> Array:
        """Give P(rank of label <= its `rank`)."""
        from scipy.special import ndtr

        score = (rank[:, None] - 0.5 - self.mean) / self.sd
        return np.asarray(np.sum(self.mass * ndtr(score), axis=1))


def mixed(parts: list[Array], weights: Array) -> Array:
    """Average what several races say."""
    return np.asarray(sum(weight * part for part, weight in zip(parts, weights, strict=True)))


def crowd_quantile(crowds: list[Crowd], weights: Array, level: float) -> NDArray[np.int64]:
    """Give the least rank that is reached with probability `level`, averaged over the crowds."""
    labels = len(crowds[0].mass)
    low, high = np.zeros(labels, dtype=np.int64), np.full(labels, labels, dtype=np.int64)
    while (high - low > 1).any():  # P(rank <= low) < level <= P(rank <= high)
        middle = (low + high) // 2
        below = mixed([crowd.below(middle) for crowd in crowds], weights)
        low, high = np.where(below < level, middle, low), np.where(below < level, high, middle)
    return high
