"""Where the correlation, the spread of the states and the overdispersion are looked at.

The posterior of a long series fills a small part of the prior, so coarse grids close in on it
first; their evidence need not be exact. The coordinates are u = 1 - sqrt(1 - phi), the angle
between both spreads, and their total r with tau = r cos(angle), extra = r sin(angle): counts tell
the total well and its parts badly. Along each line of equal (u, angle) r has bounds of its own,
because a state that hardly forgets may spread far. Nodes are Gauss-Legendre ones, which also cope
with a density that ends at 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.latent_counts_mode import Nodes
from pymc_vibes.stats.special import Array

type Height = Callable[[Nodes], Array]
type Side = tuple[float, float]

_DROP = 9.0  # bounds lie where the density is e^9 below its top
_LOW = 13.0  # lines so far below the top are left out of the last grid
_SETTLED = 0.6  # share of the widths that must go for another coarse grid to be worth it
_ROUNDS = 9
_COARSE = (6, 4, 6)
_FINE = (9, 5, 8)
_FAR = 18.0  # means of an exponential prior: e^-18 of it lies beyond


@dataclass(frozen=True)
class Spreads:
    """Means of exponential priors of tau and of extra; 0 keeps the spread itself at 0."""

    tau: float
    extra: float

    def log_density(self, nodes: Nodes) -> Array:
        """Give the log prior density of phi, tau and extra, where they vary."""
        total = np.zeros(len(nodes))
        for value, mean in ((nodes.tau, self.tau), (nodes.extra, self.extra)):
            if mean > 0:
                total -= value / mean + np.log(mean)
        return total


@dataclass(frozen=True)
class _Bounds:
    """A box of u and angle, and the bounds of r on a lattice in it."""

    u: Side
    angle: Side
    at: tuple[Array, Array]
    low: Array
    high: Array

    def along(self, u: Array, angle: Array) -> tuple[Array, Array]:
        """Give the bounds of r on lines of a lattice, `(u, angle)`."""
        low, high = (_bilinear(self.at, values, u, angle) for values in (self.low, self.high))
        return low, high


@dataclass(frozen=True)
class _Lattice:
    """Nodes on lines of (u, angle), all arrays `(u, angle, r)`."""

    u: Array
    angle: Array
    total: Array
    log_weight: Array

    def nodes(self) -> Nodes:
        """Give the nodes in the model's terms."""
        u, angle = np.broadcast_to(self.u[:, None, None], self.total.shape), self.angle[:, None]
        return Nodes(
            (1 - (1 - u) ** 2).ravel(),
            (self.total * np.cos(angle)).ravel(),
            (self.total * np.sin(angle)).ravel(),
        )


def place_nodes(spreads: Spreads, height: Height) -> tuple[Nodes, Array]:
    """Give nodes where the density is, and the log of their quadrature weights.

    `height` is the log density at nodes; the weights have all Jacobians in them.
    """
    bounds, varies = _prior_bounds(spreads), bool(spreads.tau and spreads.extra)
    settled = False  # tops of lines are rough until their own bounds are, so they wait
    for _ in range(_ROUNDS):
        lattice = _lattice(bounds, _COARSE, polar=varies)
        found = height(lattice.nodes()).reshape(lattice.total.shape)
        old, bounds = bounds, _close_in(bounds, lattice, found, lines_only=not settled)
        if settled and _shrinkage(old, bounds) > _SETTLED:
            break
        settled = settled or _narrowed(old, bounds) > _SETTLED
    fine = _lattice(bounds, _FINE, polar=varies)
    tops = found.max(axis=2)
    high = _bilinear((lattice.u, lattice.angle), tops, fine.u, fine.angle) > tops.max() - _LOW
    kept = np.broadcast_to(high[:, :, None], fine.total.shape).ravel()
    return fine.nodes().take(kept), fine.log_weight.ravel()[kept]


def _prior_bounds(spreads: Spreads) -> _Bounds:
    """Give all that the prior allows; what does not vary has no width."""
    u = (0.0, 1.0 if spreads.tau else 0.0)
    right = np.pi / 2
    angle = (0.0 if spreads.tau else right, right if spreads.extra else 0.0)
    if not spreads.tau and not spreads.extra:
        angle = (0.0, 0.0)
    far = np.full((1, 1), _FAR * np.hypot(spreads.tau, spreads.extra))
    return _Bounds(u, angle, (np.zeros(1), np.zeros(1)), 0 * far, far)


def _lattice(bounds: _Bounds, many: tuple[int, int, int], *, polar: bool) -> _Lattice:
    (u, on_u), (angle, on_angle) = _rule(bounds.u, many[0]), _rule(bounds.angle, many[1])
    low, high = bounds.along(u, angle)
    at, on_r = special.rule(1, many[2]) if high.max() > 0 else (np.zeros(1), np.ones(1))
    width = (high - low)[:, :, None]
    total = low[:, :, None] + width * at
    log = np.log(on_u)[:, None, None] + np.log(on_angle)[:, None] + np.log(on_r)
    if high.max() > 0:
        log = log + np.log(width)
    if bounds.u[1] > 0:
        log = log + np.log(2 * (1 - u))[:, None, None]
    return _Lattice(u, angle, total, log + np.log(total) if polar else log + 0 * total)


def _close_in(bounds: _Bounds, lattice: _Lattice, found: Array, *, lines_only: bool) -> _Bounds:
    low, high = bounds.along(lattice.u, lattice.angle)
    points = np.concatenate([low[:, :, None], lattice.total, high[:, :, None]], axis=2)
    many = points.shape[2]
    ends = np.array(
        [
            _hull(line, top)
            for line, top in zip(points.reshape(-1, many), found.reshape(-1, many - 2), strict=True)
        ]
    ).reshape(*low.shape, 2)
    u, angle = bounds.u, bounds.angle
    if not lines_only:
        jacobian = np.log(2 * (1 - lattice.u))[:, None] if u[1] > 0 else 0.0
        tops = found.max(axis=2) + jacobian
        u = _hull(np.concatenate([[u[0]], lattice.u, [u[1]]]), tops.max(axis=1))
        angle = _hull(np.concatenate([[angle[0]], lattice.angle, [angle[1]]]), tops.max(axis=0))
    return _Bounds(u, angle, (lattice.u, lattice.angle), ends[:, :, 0], ends[:, :, 1])


def _narrowed(old: _Bounds, new: _Bounds) -> float:
    """Give the share of the bounds of r that is left, of the line that lost most."""
    before = old.high - old.low if old.high.shape == new.high.shape else old.high.max()
    return (
        float(((new.high - new.low) / np.maximum(before, 1e-300)).min()) if new.high.any() else 1.0
    )


def _shrinkage(old: _Bounds, new: _Bounds) -> float:
    """Give the smallest share of a width that is left."""
    left = [
        (now[1] - now[0]) / (was[1] - was[0])
        for was, now in ((old.u, new.u), (old.angle, new.angle))
        if was[1] > was[0]
    ]
    return float(min([*left, _narrowed(old, new)]))


def _hull(points: Array, height: Array) -> Side:
    """Give where a curve is high: it is known at all points but the first and the last.

    Between a high point and a low one the root of the drop is about linear, as a normal's is; with
    fewer than three high points the top may be anywhere beside them.
    """
    drop = np.sqrt(height.max() - height)
    high = np.flatnonzero(drop < np.sqrt(_DROP))
    first, last = int(high[0]), int(high[-1])
    low_end, high_end = points[first], points[last + 2]
    if len(high) > 2:
        limit = np.sqrt(_DROP)
        if first > 0:
            share = (limit - drop[first]) / (drop[first - 1] - drop[first])
            low_end = points[first + 1] - share * (points[first + 1] - points[first])
        if last < len(height) - 1:
            share = (limit - drop[last]) / (drop[last + 1] - drop[last])
            high_end = points[last + 1] + share * (points[last + 2] - points[last + 1])
    return float(low_end), float(high_end)


def _rule(side: Side, many: int) -> tuple[Array, Array]:
    width = side[1] - side[0]
    if width == 0:
        return np.array([side[0]]), np.ones(1)
    at, weight = special.rule(1, many)
    return side[0] + width * at, width * weight


def _bilinear(at: tuple[Array, Array], values: Array, u: Array, angle: Array) -> Array:
    """Interpolate on a lattice; beyond its ends the last values hold."""
    rows = np.array([np.interp(u, at[0], column) for column in values.T])
    return np.array([np.interp(angle, at[1], column) for column in rows.T])
