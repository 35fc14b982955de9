"""Interpolate a function of a label's data where there are too many labels to compute it for each.

Quantiles and interval ends of a hierarchy's labels are smooth functions of the label's count and
exposure (or failures). The plane of both logs is cut into patches; each that holds labels gets a
tensor of Chebyshev nodes, and the labels are read off its polynomial. Counts below `_FEW` have
patches of their own without width. What comes out is held against direct answers for some labels,
and dropped where it is not as good.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.mixrows import BetaRows, GammaRows
from pymc_vibes.stats.special import Array, alone

type Rows = GammaRows | BetaRows
type Solve = Callable[[Rows], Array]
"""Gives positive values `(values, rows)` for rows."""

ACCURACY = 1e-6
"""Largest relative error of what is interpolated, in the labels that are checked."""

_MANY = 4_096
_SAVES = 3  # times fewer rows to compute, or it is not worth it
_NODES = 10
_WIDTH = 1.0
_FEW = 6.0
_CHECKED = 200


@dataclass(frozen=True, eq=False)
class _Patch:
    rows: NDArray[np.int64]
    first: tuple[Array, Array]
    """Nodes of the first datum, and the polynomials' values `(rows, nodes)` at the rows."""
    second: tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches over the data of many rows."""

    rows: Rows
    parts: tuple[_Patch, ...]

    @staticmethod
    def over(rows: Rows) -> "Patches | None":
        """Cut the plane, or give None where computing every row costs less."""
        if len(rows) < _MANY:
            return None
        firsts, seconds = _Axis.of(rows.k), _Axis.of(rows.size)
        code = firsts.block * (seconds.block.max() + 1) + seconds.block
        order = np.argsort(code, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
        parts = tuple(_Patch(group, firsts.at(group), seconds.at(group)) for group in groups)
        nodes = sum(len(part.first[0]) * len(part.second[0]) for part in parts)
        return Patches(rows, parts) if nodes * _SAVES < len(rows) else None

    def evaluate(self, solve: Solve) -> Array | None:
        """Give `(values, rows)`, or None where interpolation is not accurate."""
        grids = [np.meshgrid(p.first[0], p.second[0], indexing="ij") for p in self.parts]
        k, size = (np.concatenate([grid[i].ravel() for grid in grids]) for i in (0, 1))
        nodes = type(self.rows)(self.rows.nodes, k, size)
        with np.errstate(divide="ignore", invalid="ignore"):
            known = np.log(solve(nodes))
            found = np.empty((len(known), len(self.rows)))
            start = 0
            for part in self.parts:
                shape = len(part.first[0]), len(part.second[0])
                stop = start + shape[0] * shape[1]
                grid = known[:, start:stop].reshape(-1, *shape)
                found[:, part.rows] = _read(grid, part)
                start = stop
            found = np.exp(found)
        return found if self._is_accurate(found, solve) else None

    def _is_accurate(self, found: Array, solve: Solve) -> bool:
        some = np.unique(np.linspace(0, len(self.rows) - 1, _CHECKED).astype(np.int64))
        truth, read = solve(self.rows.take(some)), found[:, some]
        with np.errstate(invalid="ignore"):
            return bool(np.all((np.abs(read - truth) <= ACCURACY * truth) | (read == truth)))


@dataclass(frozen=True, eq=False)
class _Axis:
    values: Array
    block: NDArray[np.int64]

    @staticmethod
    def of(values: Array) -> "_Axis":
        """Assign blocks: one for each small count, one for each unit of the log beyond."""
        is_count = bool(np.all(values == np.floor(values)))
        few = _FEW if is_count else 0.0
        small = values < few
        with np.errstate(divide="ignore"):
            logs = np.log(values)
        low = logs[~small].min(initial=np.inf)
        block = np.where(small, values, 0).astype(np.int64)
        block[~small] = int(few) + ((logs[~small] - low) / _WIDTH).astype(np.int64)
        return _Axis(values, block)

    def at(self, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        """Give nodes for these rows, and what each contributes to each row."""
        values = self.values[rows]
        low, high = float(values.min()), float(values.max())
        if low == high:
            return np.array([low]), np.ones((len(rows), 1))
        start, width = np.log(low), np.log(high) - np.log(low)
        angles = np.pi * (np.arange(_NODES) + 0.5) / _NODES
        place = np.clip(2 * (np.log(values) - start) / width - 1, -1.0, 1.0)
        basis = np.cos(np.arange(_NODES)[:, None] * angles) * 2 / _NODES
        basis[0] /= 2
        polynomials = np.empty((len(rows), _NODES))
        polynomials[:, 0], polynomials[:, 1] = 1.0, place
        for m in range(2, _NODES):
            polynomials[:, m] = 2 * place * polynomials[:, m - 1] - polynomials[:, m - 2]
        return np.exp(start + width * (np.cos(angles) + 1) / 2), alone(polynomials, basis)


def _read(grid: Array, part: _Patch) -> Array:
    first, second = part.first[1], part.second[1]
    flat = grid.reshape(len(grid), -1)
    if not np.isfinite(flat).all():  # an end of the support, if all over
        same = (flat == flat[:, :1]).all(axis=1)
        constant = np.where(same, flat[:, 0], np.nan)
        finite = np.isfinite(flat).all(axis=1)
        safe = np.where(finite[:, None, None], grid, 0.0)
        return np.where(finite[:, None], _tensor(safe, first, second), constant[:, None])
    return _tensor(grid, first, second)


def _tensor(grid: Array, first: Array, second: Array) -> Array:
    return np.stack([np.einsum("ij,ij->i", first, alone(second, values.T)) for values in grid])
