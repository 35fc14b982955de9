"""Integrate a smooth density over a few unbounded coordinates, with a computed error.

Newton's method finds the mode, the Hessian there shapes a lattice, and a flood fill takes every
node whose log density lies within `DROP` of the top. Where the Hessian misjudged the density, the
lattice is shaped again by its own covariance. On an unbounded lattice the trapezoid rule is off by
about exp(-2 pi^2 / h^2) for a Gaussian at spacing `h` sd (Trefethen and Weideman, *The
exponentially convergent trapezoidal rule*, 2014).

Two interleaved lattices, one shifted by half a cell, are two independent answers: how far they are
apart is the error estimate, and both together are the result, whose own error is far smaller. The
spacing shrinks until they agree; where they never do, `QuadratureRefused` says why.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.cubature import compress
from pymc_vibes.stats.mode import LogDensity, Shape, climb
from pymc_vibes.stats.refused import QuadratureRefused
from pymc_vibes.stats.special import Array

__all__ = ["Lattice", "LogDensity", "QuadratureRefused", "integrate"]

type Whole = NDArray[np.int64]

DROP = 16.0
"""A node counts while its log density is within this of the top: beyond lies a mass of 1e-6."""

_MARGIN = 4.0  # the fill walks on this much deeper, so that it finds around a bend
_REFINE = 0.75
_ROUNDS = 6  # the finest spacing is 0.24 sd
_NODES = 20_000  # of one lattice; a well-shaped one has 100 in two dimensions, 760 in three
_EXPLORE = 4_000  # nodes after which a bad shape is corrected first
_SHAPES = 10
_ROUND_ENOUGH = (0.6, 1.6)  # variances in the lattice's own units
_FAR = 1 << 15  # half the number of lattice steps that a key has room for
_RINGS = 150  # layers of the fill beyond its first ball; a well-shaped lattice needs a few
_BATCHES = 400
_PILOT = 512


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells around the nodes of both lattices, from which points are drawn."""

    density: LogDensity
    shape: Shape
    """Center and basis; a unit of the basis is one lattice step."""
    places: Whole
    """Nodes in half steps, `(N, d)`: even ones of one lattice, odd ones of the other."""
    logs: Array
    """Log density at the nodes, `(N,)`."""

    @cached_property
    def bounds(self) -> Array:
        """Bound the log density in every cell, by its node and its corners.

        The corners of one lattice's cells are the nodes of the other. Between them a density of
        unit curvature rises by an eighth of the squared step for each coordinate; half as much
        again is allowed.
        """
        order = np.argsort(_keys(self.places))
        known = _keys(self.places)[order]
        bounds = self.logs.copy()
        for corner in product((-1, 1), repeat=self.places.shape[1]):
            wanted = _keys(self.places + np.array(corner))
            at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            found = np.where(known[at] == wanted, self.logs[order[at]], -np.inf)
            bounds = np.maximum(bounds, found)
        return np.asarray(bounds + 3 * self.places.shape[1] / 16)

    def propose(self, chances: Array, n: int, rng: np.random.Generator) -> tuple[Whole, Array]:
        """Choose `n` cells by `chances` and a uniform point in each."""
        chosen = rng.choice(len(chances), n, p=chances)
        jitter = rng.uniform(-0.5, 0.5, (n, self.places.shape[1]))
        return chosen, self.shape.place(self.places[chosen] / 2 + jitter)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent points by rejection; two to three proposals make a draw."""
        chances = np.exp(self.bounds - self.bounds.max())
        chances = chances / chances.sum()
        kept: list[Array] = []
        missing = n
        for _ in range(_BATCHES):
            chosen, points = self.propose(chances, min(3 * missing + 64, 65_536), rng)
            excess = self.density(points) - self.bounds[chosen]
            kept.append(points[np.log(rng.random(len(points))) < excess][:missing])
            missing -= len(kept[-1])
            if missing == 0:
                return np.concatenate(kept)
        raise QuadratureRefused("the density is too uneven within its lattice cells to draw from")


@dataclass(frozen=True, eq=False)
class Lattice:
    """Nodes with weights: a finite stand-in for the posterior of a few coordinates."""

    nodes: Array
    """Points, shape `(N, d)`."""
    weights: Array
    """Probabilities of the nodes, `(N,)`; they sum to 1."""
    error_estimate: float
    """How far the two interleaved lattices are apart: in log evidence, means (sd), log sds."""
    log_evidence: float
    cells: Cells

    def mean(self, values: Array) -> Array:
        """Average values at the nodes, shape `(N,)` or `(N, ...)`."""
        return np.asarray(np.tensordot(self.weights, values, axes=1))

    def thin(self, limit: int) -> "Lattice":
        """Give a lattice of at most `limit` of these nodes that keeps all low moments.

        The weights are positive and every polynomial up to the highest degree that `limit` affords
        has the same mean as before: in two dimensions 7 for 36 nodes, in three 5 for 56.
        """
        if limit >= len(self.weights):
            return self
        chosen, weights = compress(self.nodes, self.weights, limit)
        return Lattice(
            self.nodes[chosen], weights, self.error_estimate, self.log_evidence, self.cells
        )

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent points, shape `(n, d)`, from the density itself."""
        return self.cells.draw(n, rng)

    def covariance(self) -> Array:
        """Give the covariance of the coordinates, `(d, d)`."""
        away = self.nodes - self.mean(self.nodes)
        return np.asarray((away * self.weights[:, None]).T @ away)

    def project(self, direction: Array) -> tuple[Array, Array]:
        """Give equidistant values of one combination of coordinates, and its log density there.

        A lattice whose planes have constant values of the combination is laid anew; summing a
        plane integrates the other coordinates out.
        """
        covariance, step = self.covariance(), self.cells.shape.step
        spread = np.sqrt(direction @ covariance @ direction)
        first = covariance @ direction / spread
        variances, axes = np.linalg.eigh(covariance - np.outer(first, first))
        others = axes[:, 1:] * np.sqrt(np.maximum(variances[1:], 1e-300))
        basis = np.column_stack([first, others]) * step
        shape = Shape(self.mean(self.nodes), basis, step)
        halves = [_flood(self.cells.density, shape, shift, _NODES) for shift in (0, 1)]
        places = np.concatenate([half[0][:, 0] for half in halves])
        logs = np.concatenate([half[1] for half in halves])
        planes, plane = np.unique(places, return_inverse=True)
        sums = np.bincount(plane, np.exp(logs - logs.max()))
        values = shape.center @ direction + spread * step * planes / 2
        level = np.log(sums.sum() * spread * step / 2)
        return values, np.log(sums) - level

    @cached_property
    def proposal_ess(self) -> float:
        """Tell how even the density is within cells: the relative ESS of cell-wise proposals."""
        cells, rng = self.cells, np.random.default_rng(0)
        chances = np.exp(cells.logs - cells.logs.max())
        chosen, points = cells.propose(chances / chances.sum(), _PILOT, rng)
        share = np.exp(cells.density(points) - cells.logs[chosen])
        return float(share.mean() ** 2 / np.mean(share**2))


def integrate(log_density: LogDensity, start: Array, *, tolerance: float = 1e-3) -> Lattice:
    """Integrate `exp(log_density)`, which must fall off in every direction, from `start` `(d,)`.

    `log_density` takes points `(nodes, d)` and gives `(nodes,)`; minus infinity is allowed away
    from `start`. Raises `QuadratureRefused` where no bounded lattice reaches `tolerance`.
    """
    shape, half = _settle(log_density, climb(log_density, np.asarray(start, dtype=float)))
    errors = []
    for attempt in range(_ROUNDS):
        fine = shape.scaled(_REFINE**attempt)
        even = half if attempt == 0 else _flood(log_density, fine, 0, _NODES)
        halves = [even, _flood(log_density, fine, 1, _NODES)]
        error = _apart(halves[0], halves[1], fine)
        errors.append(error)
        if error <= tolerance:
            return _merge(log_density, fine, halves, error)
    raise QuadratureRefused(
        f"two interleaved lattices stay {min(errors):.2g} apart at the finest spacing"
    )


type _Half = tuple[Whole, Array]


def _settle(log_density: LogDensity, shape: Shape) -> tuple[Shape, _Half]:
    """Shape the lattice until it sees the density round: variances near 1 in its own units."""
    for _ in range(_SHAPES):
        places, logs = half = _flood(log_density, shape, 0, _EXPLORE, strict=False)
        mean, covariance = _moments(places / 2, logs)
        variances, axes = np.linalg.eigh(covariance)
        is_whole = len(logs) < _EXPLORE
        if is_whole and _ROUND_ENOUGH[0] < variances[0] and variances[-1] < _ROUND_ENOUGH[1]:
            return shape, half
        # one step must see at least a shadow of every direction, and none may run off
        scale = np.sqrt(np.clip(variances, 1 / 16, 64.0 if is_whole else 4096.0))
        shape = Shape(shape.place(mean[None, :])[0], shape.basis @ (axes * scale))
    raise QuadratureRefused(
        "no lattice fits its shape: it falls off too slowly in some direction, or too unevenly"
    )


def _flood(
    log_density: LogDensity, shape: Shape, shift: int, limit: int, *, strict: bool = True
) -> _Half:
    """Evaluate the lattice outward from the center until everything beyond is negligible."""
    d = len(shape.center)
    reach = int(np.ceil(np.sqrt(2 * DROP) / shape.step))
    grid = np.array(list(product(range(-reach, reach + 1), repeat=d)), dtype=np.int64)
    grid = 2 * grid + shift
    fresh = grid[np.sum((grid * shape.step / 2) ** 2, axis=1) <= 2 * DROP]
    places, logs = np.empty((0, d), dtype=np.int64), np.empty(0)
    seen = np.empty(0, dtype=np.int64)
    steps = np.array([step for step in product((-2, 0, 2), repeat=d) if any(step)])
    for _ in range(_RINGS):
        if not len(fresh):
            break
        values = log_density(shape.place(fresh / 2))
        values = np.where(np.isnan(values), -np.inf, values)
        seen = np.union1d(seen, _keys(fresh))
        places, logs = np.concatenate([places, fresh]), np.concatenate([logs, values])
        kept = logs > logs.max() - DROP
        places, logs = places[kept], logs[kept]
        if len(logs) >= limit or np.abs(places).max() >= _FAR - 4:
            break
        alive = fresh[values > logs.max() - DROP - _MARGIN]
        around = np.unique((alive[:, None, :] + steps).reshape(-1, d), axis=0)
        fresh = around[~np.isin(_keys(around), seen, assume_unique=True)]
    if strict and len(fresh):
        raise QuadratureRefused(f"more than {limit:,} nodes, or {_RINGS} layers, are needed")
    return places, logs


def _keys(places: Whole) -> Whole:
    keys = np.zeros(len(places), dtype=np.int64)
    for column in places.T:
        keys = keys * (2 * _FAR) + (column + _FAR)
    return keys


def _moments(places: Array, logs: Array) -> tuple[Array, Array]:
    weights = np.exp(logs - logs.max())
    weights = weights / weights.sum()
    mean = weights @ places
    away = places - mean
    return mean, (away * weights[:, None]).T @ away


def _apart(first: _Half, second: _Half, shape: Shape) -> float:
    (mean, covariance), (other, spread) = (
        _moments(places / 2 * shape.step, logs) for places, logs in (first, second)
    )
    variances, variances_too = np.diag(covariance), np.diag(spread)
    if min(variances.min(), variances_too.min()) <= 0:
        return float("inf")
    top = max(first[1].max(), second[1].max())
    evidence = np.log(np.sum(np.exp(first[1] - top)) / np.sum(np.exp(second[1] - top)))
    moved = np.abs(mean - other) / np.sqrt(variances)
    widened = np.abs(np.log(variances_too / variances)) / 2
    return float(max(abs(evidence), moved.max(), widened.max()))


def _merge(log_density: LogDensity, shape: Shape, halves: list[_Half], error: float) -> Lattice:
    places = np.concatenate([half[0] for half in halves])
    logs = np.concatenate([half[1] for half in halves])
    top = logs.max()
    weights = np.exp(logs - top)
    cell = np.linalg.slogdet(shape.basis)[1] - np.log(2)
    return Lattice(
        nodes=shape.place(places / 2),
        weights=weights / weights.sum(),
        error_estimate=error,
        log_evidence=float(top + np.log(weights.sum()) + cell),
        cells=Cells(log_density, shape, places, logs),
    )
