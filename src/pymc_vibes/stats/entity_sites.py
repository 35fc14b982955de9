"""Stand in for many entities by few: functions of `(S, n)` are smooth, so they are interpolated.

Entities with one total `S` over one number of windows `n` are the same to the likelihood. Beyond a
few dozen of such pairs, everything asked of them is interpolated between *sites*: Chebyshev points
in `log S` and `log n`. All functions in question are analytic off the negative half-axes, so that
in log coordinates the nearest singularity is `pi` away whatever the hyperparameters, and the error
falls like `rho^-k` with a `rho` that the range alone decides (Trefethen, *Approximation theory and
approximation practice*, theorem 8.2).

Totals of 0 to 3 keep rows of their own: near 0 shapes are small and nothing is smooth in `S`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.special import Array

type Rows = NDArray[np.int64]

_SMALL = 4  # totals below this are not interpolated over
_FEW = 64  # numbers of windows that are not interpolated over there
_DECAY = 21.0  # exp(-21) = 8e-10 of the function
_EXTRA = 3
_CHUNK = 4_096  # pairs at a time: 20 MB of weights


@dataclass(frozen=True, eq=False)
class Axis:
    """Chebyshev points on an interval, and the way from them to any place in it."""

    low: float
    high: float
    size: int

    @property
    def points(self) -> Array:
        """Give the points, falling from `high` to `low`."""
        angles = np.pi * np.arange(self.size) / max(self.size - 1, 1)
        return np.asarray((self.low + self.high) / 2 + (self.high - self.low) / 2 * np.cos(angles))

    def matrix(self, places: Array) -> Array:
        """Give the weights of the points at every place, `(places, size)`: barycentric."""
        if self.size == 1:
            return np.ones((len(places), 1))
        signs = np.where(np.arange(self.size) % 2, -1.0, 1.0)
        signs[[0, -1]] /= 2
        away = places[:, None] - self.points[None, :]
        exact = away == 0
        with np.errstate(divide="ignore", invalid="ignore"):  # at a point itself: see below
            weights = signs / away
            weights = weights / weights.sum(axis=1, keepdims=True)
        hit = exact.any(axis=1)
        weights[hit] = exact[hit]
        return weights


def axis(places: Array) -> Axis:
    """Choose the points for logarithms in `places`: as many as their range needs."""
    low, high = float(places.min()), float(places.max())
    if high - low < 1e-12:
        return Axis(low, high, 1)
    reach = 2 * np.pi / (high - low)
    rate = np.log(reach + np.sqrt(reach * reach + 1))
    return Axis(low, high, int(np.ceil(_DECAY / rate)) + _EXTRA)


@dataclass(frozen=True, eq=False)
class Block:
    """Some pairs and the sites they are interpolated from."""

    rows: Rows
    """Which pairs."""
    sums: Array
    windows: Array
    """The sites."""
    inner: Array | None = None
    """Weights over the first factor of the sites, `(rows, a)`; None where pairs are sites."""
    outer: Array | None = None
    """Weights over the second factor, `(rows, b)`; sites are ordered `a` by `b`."""

    def spread(self, values: Array) -> Array:
        """Carry values at the sites `(a b, ...)` to the pairs `(rows, ...)`."""
        if self.inner is None or self.outer is None:
            return values
        shape = (len(self.rows), *values.shape[1:])
        spread = np.empty((len(self.rows), int(np.prod(shape[1:]))))
        table = values.reshape(len(values), -1)
        for start in range(0, len(self.rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            weights = self.inner[part, :, None] * self.outer[part, None, :]
            spread[part] = weights.reshape(len(weights), -1) @ table
        return spread.reshape(shape)

    def gather(self, counts: Array) -> Array:
        """Carry multiplicities of the pairs to weights of the sites: the transpose of `spread`."""
        if self.inner is None or self.outer is None:
            return counts
        return np.asarray((self.inner.T @ (counts[:, None] * self.outer)).ravel())


@dataclass(frozen=True, eq=False)
class Sites:
    """All pairs of a fit, in blocks."""

    blocks: tuple[Block, ...]
    pairs: int

    @property
    def sums(self) -> Array:
        """Give the totals at the sites; not all are whole."""
        return np.concatenate([block.sums for block in self.blocks])

    @property
    def windows(self) -> Array:
        """Give the numbers of windows at the sites; not all are whole."""
        return np.concatenate([block.windows for block in self.blocks])

    @property
    def is_interpolated(self) -> bool:
        """Tell whether some pair is not a site itself."""
        return any(block.inner is not None for block in self.blocks)

    def spread(self, values: Array) -> Array:
        """Interpolate functions known at the sites, `(C, ...)`, at every pair, `(U, ...)`."""
        spread = np.empty((self.pairs, *values.shape[1:]))
        for block, part in self._parts():
            spread[block.rows] = block.spread(values[part])
        return spread

    def gather(self, counts: Array) -> Array:
        """Give weights with `weights @ at_sites == counts @ spread(at_sites)`."""
        return np.concatenate([block.gather(counts[block.rows]) for block in self.blocks])

    def _parts(self) -> Iterator[tuple[Block, slice]]:
        start = 0
        for block in self.blocks:
            yield block, slice(start, start + len(block.sums))
            start += len(block.sums)


def place_sites(sums: Array, windows: Array) -> Sites:
    """Choose sites for distinct pairs of a total and a number of windows."""
    blocks: list[Block] = []
    is_small = (sums < _SMALL) | (windows == 0)
    for total in np.unique(sums[is_small]):
        blocks += _over_windows(sums, windows, np.flatnonzero(is_small & (sums == total)))
    rest = np.flatnonzero(~is_small)
    if len(rest):
        choices = (_by_windows(sums, windows, rest), [_tensor(sums, windows, rest)])
        blocks += min(choices, key=lambda choice: sum(len(block.sums) for block in choice))
    return Sites(tuple(blocks), len(sums))


def _over_windows(sums: Array, windows: Array, rows: Rows) -> list[Block]:
    none, some = rows[windows[rows] == 0], rows[windows[rows] > 0]
    blocks = [Block(none, sums[none], windows[none])] if len(none) else []
    if len(some):
        points = axis(np.log(windows[some])) if len(some) > _FEW else Axis(0.0, 0.0, _FEW)
        blocks.append(_line(sums, windows, some, points, over_windows=True))
    return blocks


def _by_windows(sums: Array, windows: Array, rows: Rows) -> list[Block]:
    blocks = []
    for n in np.unique(windows[rows]):
        own = rows[windows[rows] == n]
        points = axis(np.log(sums[own]))
        blocks.append(_line(sums, windows, own, points, over_windows=False))
    return blocks


def _line(sums: Array, windows: Array, rows: Rows, points: Axis, *, over_windows: bool) -> Block:
    if len(rows) <= points.size:
        return Block(rows, sums[rows], windows[rows])
    known, varied = (sums, windows) if over_windows else (windows, sums)
    places = np.exp(points.points)
    fixed = np.full(points.size, known[rows[0]])
    weights = points.matrix(np.log(varied[rows]))
    alone = np.ones((len(rows), 1))
    if over_windows:
        return Block(rows, fixed, places, weights, alone)
    return Block(rows, places, fixed, weights, alone)


def _tensor(sums: Array, windows: Array, rows: Rows) -> Block:
    high, wide = np.log(sums[rows]), np.log(windows[rows])
    outer = axis(wide)
    bottom = _line_under(wide, high, floor=np.log(_SMALL))
    top = -_line_under(wide, -high, floor=-np.inf)
    ends = np.polynomial.polynomial.polyval(
        np.array([outer.low, outer.high]), np.array([bottom, top]).T
    )
    length = float(np.max(ends[1] - ends[0]))
    if length < 1e-9 or outer.size == 1:
        length = max(length, 1e-9)
    inner = axis(np.array([0.0, length]))
    unit = Axis(0.0, 1.0, inner.size)
    low, tall = (np.polynomial.polynomial.polyval(wide, line) for line in (bottom, top))
    share = (high - low) / np.maximum(tall - low, 1e-12)
    sites_n = np.exp(outer.points)
    low, tall = (np.polynomial.polynomial.polyval(outer.points, line) for line in (bottom, top))
    sites_s = np.exp(low[None, :] + unit.points[:, None] * (tall - low)[None, :])
    return Block(
        rows,
        sites_s.ravel(),
        np.tile(sites_n, inner.size),
        unit.matrix(share),
        outer.matrix(wide),
    )


def _line_under(x: Array, y: Array, *, floor: float) -> Array:
    """Give the line `(intercept, slope)` under all points that is highest in the middle."""
    slopes = np.linspace(-1.0, 2.0, 31)
    intercepts = np.array([np.min(y - slope * x) for slope in slopes])
    lines = np.stack([intercepts, slopes], axis=1)
    ends = lines[:, :1] + lines[:, 1:] * np.array([[x.min(), x.max()]])
    lines = lines[ends.min(axis=1) >= floor - 1e-12]
    middle = lines[:, 0] + lines[:, 1] * (x.min() + x.max()) / 2
    return np.asarray(lines[np.argmax(middle)])
