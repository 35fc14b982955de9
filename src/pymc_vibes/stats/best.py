"""Which of many is best, and where each one ranks: exact quadrature, nothing drawn.

All labels share one grid over the log rate or the logit: panels of Gauss-Legendre nodes, each
narrow beside the narrowest posterior that is alive there. Given a value of one label the others are
independent, so that a chance of being best is an integral of a product, and a rank is one plus a
Poisson-binomial count.

The labels of a hierarchy are independent given its hyperparameters: its answers are averages of the
exact ones over some nodes of its lattice. That leaves an error below 1e-4 in a probability and
below 1e-3 in an expected rank.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.compare import Posteriors, gamma_greater
from pymc_vibes.stats.decide import Direction
from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.mixrows import Nodes
from pymc_vibes.stats.overlap import BetaSide, GammaSide
from pymc_vibes.stats.pairing import Points
from pymc_vibes.stats.race import (
    IMPOSSIBLE,
    Crowd,
    Race,
    crowd_quantile,
    mixed,
    rank_chances,
    rank_quantile,
)
from pymc_vibes.stats.special import Array

_EXACT_RANKS = 400
"""Beyond this many labels the count is taken as normal given the value: its sd is then large."""

_SOME_NODES = ((0.25, 10), (0.4, 15), (np.inf, 36))
"""Nodes of a hierarchy that keep moments of its log hyperparameters up to degree 3, 4 and 7, by the
greatest sd that those have: the better they are known, the fewer are needed."""
_CROWD_NODES = 6  # where ranks are taken as normal, and their tables are large
_CROWD = 150  # labels of a hierarchy from which they are
_ROUGH = 6  # nodes of a panel where answers are averaged: seven digits
_THREADS = 4
_WORTH_THREADS = 150
"""Labels below which threads would wait for the interpreter more than they work."""

_TINY = 1e-300  # keeps the log of an impossible value finite

_NODES = 16
_SPAN = 2.0
"""Width of a panel in sd of the narrowest posterior alive there."""


@dataclass(frozen=True)
class Best:
    """Chances of being best, and what choosing each label is expected to lose."""

    probability: Array
    """P(label is best), shape `(labels,)`; sums to 1."""
    expected_loss: Array
    """How far each label is expected to fall short of the best, `(labels,)`; never negative."""
    expected_max: float
    """Expected value of the best: the maximum, or the minimum where lower is better."""


@dataclass(frozen=True)
class Ranks:
    """Rank of each label, 1 is best: expectation and equal-tailed interval."""

    expected: Array
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    level: float
    is_exact: bool
    """Whether the interval comes from the exact distribution of the rank."""


@dataclass(frozen=True)
class _Grid:
    """Values with quadrature weights of the natural coordinate, one row of nodes."""

    at: Points
    weight: Array
    spread: Array
    """d value / d coordinate."""


def best_of(distribution: Posteriors, direction: Direction = "higher") -> Best:
    """Compute P(best), expected losses and the expected best value of all labels at once."""
    parts, weights = _at_nodes(distribution, lambda one: _best_of(one, direction))
    probability = mixed([part.probability for part in parts], weights)
    loss = mixed([part.expected_loss for part in parts], weights)
    top = float(weights @ np.array([part.expected_max for part in parts]))
    return Best(probability / probability.sum(), loss, top)


def ranks(distribution: Posteriors, direction: Direction = "higher", level: float = 0.95) -> Ranks:
    """Compute every label's expected rank (exact) and the equal-tailed interval of its rank.

    Up to 400 labels the interval comes from the exact Poisson-binomial distribution of the number
    of better labels given the value, integrated over the value; beyond, that count is taken as
    normal given the value.
    """
    tail = (1 - level) / 2
    is_alone = isinstance(distribution, Beta | Gamma)
    is_exact = len(distribution) <= (_EXACT_RANKS if is_alone else _CROWD)
    fineness = _NODES if is_alone else _ROUGH
    if is_exact:
        races, weights = _at_nodes(distribution, lambda one: _race(one, direction, fineness))
        chances = mixed(_each(rank_chances, races, len(distribution)), weights)
        low, high = (rank_quantile(chances, q) for q in (tail, 1 - tail))
    else:
        races, weights = _at_nodes(
            distribution, lambda one: _race(one, direction, fineness), _CROWD_NODES
        )
        crowds = [Crowd.of(race) for race in races]
        low, high = (crowd_quantile(crowds, weights, q) for q in (tail, 1 - tail))
    expected = 1 + mixed([race.expected() for race in races], weights)
    return Ranks(expected, low, high, level, is_exact)


def pairwise(distribution: Posteriors) -> Array:
    """Compute the matrix of P(row > column); its diagonal is 0.5."""
    return mixed(*_at_nodes(distribution, _pairwise))


def _at_nodes[T](
    distribution: Posteriors,
    answer: Callable[[Beta | Gamma], T],
    limit: int | None = None,
) -> tuple[list[T], Array]:
    """Answer for independent labels, or at some nodes of a hierarchy, with their weights."""
    if isinstance(distribution, Beta | Gamma):
        return [answer(distribution)], np.ones(1)
    nodes = distribution.nodes.thin(_enough(distribution.nodes) if limit is None else limit)
    given = [distribution.given(nodes, node) for node in range(len(nodes.weights))]
    return _each(answer, given, len(distribution)), nodes.weights


def _enough(nodes: Nodes) -> int:
    return next(enough for limit, enough in _SOME_NODES if nodes.spread <= limit)


def _each[S, T](work: Callable[[S], T], parts: list[S], labels: int) -> list[T]:
    if labels < _WORTH_THREADS:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, parts))


def _best_of(distribution: Beta | Gamma, direction: Direction) -> Best:
    side, unit = _side(distribution)
    means = distribution.mean()
    if len(distribution) == 1:
        return Best(np.ones(1), np.zeros(1), float(means[0]))
    is_higher = direction == "higher"
    grid, edge = _contest(side, is_higher=is_higher)
    worse = side.below(grid.at) if is_higher else side.above(grid.at)
    logs = np.log(np.maximum(worse, _TINY))
    rivals = np.sum(logs, axis=0) - logs
    probability = np.sum(_mass(side, grid) * np.exp(np.maximum(rivals, -700.0)), axis=1)
    loss = (worse * -np.expm1(rivals)) @ (grid.spread * grid.weight)
    # Beyond the edge of the grid the best is surely still ahead.
    loss = loss + (side.deficit(edge) if is_higher else side.surplus(edge))[:, 0]
    loss = np.maximum(loss, 0.0) * unit
    top = int(np.argmax(probability))
    gain = loss[top] if is_higher else -loss[top]
    return Best(probability / probability.sum(), loss, float(means[top] + gain))


def _pairwise(distribution: Beta | Gamma) -> Array:
    count = len(distribution)
    if isinstance(distribution, Gamma):
        rows, columns = np.triu_indices(count, 1)
        shape, rate = distribution.shape, distribution.rate
        upper = gamma_greater(shape[rows], rate[rows], shape[columns], rate[columns])
        matrix = np.full((count, count), 0.5)
        matrix[rows, columns], matrix[columns, rows] = upper, 1 - upper
        return matrix
    side, _ = _side(distribution)
    grid = _whole(side)
    matrix = _mass(side, grid) @ side.below(grid.at).T
    matrix = np.clip((matrix + 1 - matrix.T) / 2, 0.0, 1.0)
    np.fill_diagonal(matrix, 0.5)
    return matrix


def _side(distribution: Beta | Gamma) -> tuple[BetaSide | GammaSide, float]:
    if isinstance(distribution, Beta):
        return BetaSide(distribution.a[:, None], distribution.b[:, None]), 1.0
    unit = float(distribution.mean().max())
    with np.errstate(over="ignore"):  # a rate 1e300 times another's is as good as 1e250
        rate = np.minimum(distribution.rate * unit, 1e250)
    return GammaSide(distribution.shape[:, None], rate[:, None]), unit


def _coordinate(at: Points, side: BetaSide | GammaSide) -> Array:
    value = np.log(at.value)
    return value - np.log(at.rest) if isinstance(side, BetaSide) else value


def _points(v: Array, side: BetaSide | GammaSide) -> Points:
    from scipy.special import expit

    if isinstance(side, BetaSide):
        return Points(expit(v), expit(-v))
    return Points(np.exp(v), np.zeros_like(v))


def _spans(side: BetaSide | GammaSide) -> tuple[Array, Array, Array]:
    """Give where each label lives and the width it needs resolved, in the coordinate."""
    low, high = side.window
    if isinstance(side, BetaSide):
        scale = np.sqrt(1 / (side.a + 1) + 1 / (side.b + 1))
    else:
        scale = 1 / np.sqrt(side.shape + 1)
    start, stop = _coordinate(low, side)[:, 0], _coordinate(high, side)[:, 0]
    return start, stop, np.minimum(scale[:, 0], 1.0)


def _contest(side: BetaSide | GammaSide, *, is_higher: bool) -> tuple[_Grid, Points]:
    """Lay the grid where the contest for best is decided; give it and its losing edge."""
    start, stop, scale = _spans(side)
    low, high = float(start.min()), float(stop.max())
    if is_higher:
        low = _settled(side, float(start.max()), high, is_higher=True)
    else:
        high = _settled(side, float(stop.min()), low, is_higher=False)
    edge = _points(np.array([[low if is_higher else high]]), side)
    return _fill(side, _panels(start, stop, scale, low, high)), edge


def _settled(side: BetaSide | GammaSide, sure: float, far: float, *, is_higher: bool) -> float:
    """Move from `sure` towards `far` as long as the best is surely (e^-42) not passed."""
    for _ in range(10):
        middle = (sure + far) / 2
        at = _points(np.array([[middle]]), side)
        worse = side.below(at) if is_higher else side.above(at)
        if float(np.sum(np.log(np.maximum(worse, _TINY)))) <= -special.DROP:
            sure = middle
        else:
            far = middle
    return sure


def _whole(side: BetaSide | GammaSide, fineness: int = _NODES) -> _Grid:
    start, stop, scale = _spans(side)
    cuts = _panels(start, stop, scale, float(start.min()), float(stop.max()))
    return _fill(side, cuts, fineness)


def _panels(start: Array, stop: Array, scale: Array, low: float, high: float) -> Array:
    """Cut [low, high] so that no panel is wider than what lives there can bear."""
    cuts, at = [low], low
    widths = _SPAN * scale
    while at < high:
        alive = (start <= at) & (stop > at)
        ends = np.where(alive, at + widths, np.maximum(start, at + widths))
        at = min(float(ends[stop > at].min()), high)
        cuts.append(at)
    return np.array(cuts)


def _fill(side: BetaSide | GammaSide, cuts: Array, fineness: int = _NODES) -> _Grid:
    fractions, weights = special.rule(1, fineness)
    lengths = np.diff(cuts)[:, None]
    at = _points((cuts[:-1, None] + lengths * fractions).ravel()[None, :], side)
    spread = at.value * at.rest if isinstance(side, BetaSide) else at.value
    return _Grid(at, (lengths * weights).ravel(), spread[0])


def _mass(side: BetaSide | GammaSide, grid: _Grid) -> Array:
    """Give every label's share of probability at every node, shape `(labels, nodes)`."""
    log_density = np.maximum(side.log_density(grid.at), -700.0)  # no underflow far from a label
    return np.exp(log_density) * grid.weight


def _race(distribution: Beta | Gamma, direction: Direction, fineness: int) -> Race:
    side, _ = _side(distribution)
    grid = _whole(side, fineness)
    mass = _mass(side, grid)
    mass = mass / mass.sum(axis=1, keepdims=True)
    below = _below(side, grid, mass)
    return Race(mass, 1 - below if direction == "higher" else below)


def _below(side: BetaSide | GammaSide, grid: _Grid, mass: Array) -> Array:
    """Give every label's probability below every node, computed where the label can be."""
    alive = mass > IMPOSSIBLE
    first, last = alive.argmax(axis=1), alive.shape[1] - 1 - alive[:, ::-1].argmax(axis=1)
    place = np.arange(alive.shape[1])
    below = (place > last[:, None]).astype(float)
    inside = (place >= first[:, None]) & (place <= last[:, None])  # panels differ: alive has gaps
    label, node = np.nonzero(inside)
    at = Points(grid.at.value[0, node], grid.at.rest[0, node])
    if isinstance(side, GammaSide):
        below[inside] = GammaSide(side.shape[label, 0], side.rate[label, 0]).below(at)
    else:
        below[inside] = BetaSide(side.a[label, 0], side.b[label, 0]).below(at)
    return np.asarray(below)
