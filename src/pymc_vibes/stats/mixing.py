"""Quantiles and shortest intervals of many mixtures at once, by root finding on their cdf.

A mixture resembles the conjugate posterior of the same mean and sd. On the scale of that one's
normal scores its own cdf is nearly a straight line, so that the secant method needs three or four
evaluations; what it does not settle is bracketed by the quantiles of the components.

Roots are found on a thin lattice first and then on an ample one, where one or two evaluations are
left to do: the result is that of the full lattice, to 1e-7 in normal scores.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.exact import Beta, Gamma
from pymc_vibes.stats.special import Array, alone

_THREADS = 4
_VALUES = 1 << 16  # of pairs times nodes that a thread takes at once
_FEW_VALUES = 1 << 15  # which threads would not make faster
_STEPS = 10
_SETTLED = 1e-7  # in normal scores; the last step leaves far less
_CLOSE = 1e-5  # what no step improves is searched in a bracket from here on
_FARTHEST = 37.0
_ROUGH = 1e-3  # in normal scores, where intervals are only compared
_FAIR = 1e-5  # where their ends are balanced
_COARSE = 13  # intervals that are compared before one is searched for
_PEAKED = 3.0  # shape, or smaller of a and b, from which a posterior has one mode, and inside
_EVEN = 1e-5  # what a shortest interval may miss of its mass before the last step, which squares it
_FLAT = 1e-3  # how far the log densities at its ends may be apart then
_LEAST = 1e-4  # share of the free probability that a shortest interval leaves at least below it


type _Found = tuple[Array, Array, Array, Array]
"""Near quantiles, their scores under the matched posterior, d score / d excess, and excess."""


class Rows(Protocol):
    """Mixtures over the nodes of one lattice, one per row."""

    def __len__(self) -> int: ...

    @property
    def nodes(self) -> object:
        """Give the nodes, which are the same only as themselves."""
        ...

    @property
    def matched(self) -> Gamma | Beta:
        """Give conjugate posteriors of the same means and sds."""
        ...

    def take(self, indices: NDArray[np.int64]) -> "Rows":
        """Give some rows."""
        ...

    def lean(self) -> "Rows":
        """Give the same rows over few nodes."""
        ...

    def ample(self) -> "Rows":
        """Give the same rows over as many nodes as quantiles need."""
        ...

    def below(self, x: Array) -> Array:
        """Give every row's probability below its `x`."""
        ...

    def above(self, x: Array) -> Array:
        """Give every row's probability above its `x`."""
        ...

    def log_density(self, x: Array) -> Array:
        """Give every row's log density at its `x`, per unit of `x`."""
        ...

    def reach(self, q: Array) -> tuple[Array, Array]:
        """Give the least and the greatest quantile of any component, row by row."""
        ...


def average(function: Callable[..., Array], weights: Array, *columns: Array) -> Array:
    """Average over nodes, in chunks of rows and in threads; `function` gives `(rows, nodes)`."""
    count = len(columns[0])  # `weights` are `(nodes,)`, or `(nodes, sums)` for several at once
    size = max(1, min(_VALUES // len(weights), -(-count // _THREADS)))
    if count * len(weights) <= _FEW_VALUES:
        return alone(function(*(c[:, None] for c in columns)), weights)
    starts = range(0, count, size)

    def part(start: int) -> Array:
        chosen = (c[start : start + size, None] for c in columns)
        return alone(function(*chosen), weights)

    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(part, starts)))


def quantile(rows: Rows, q: Array) -> Array:
    """Give the quantile `q` `(rows,)` of every row."""
    lean, ample = rows.lean(), rows.ample()
    found = _secant(lean, rows.matched, q)
    if ample.nodes is not lean.nodes:
        found = _secant(ample, rows.matched, q, found[1:3])
    return _finished(ample, q, found)


def hdi(rows: Rows, mass: float) -> tuple[Array, Array]:
    """Give the shortest interval of every row that holds `mass`, to 1e-3 of its width.

    It touches an end of the support where the density falls from there, as conjugate ones do.
    """
    low, high = np.empty(len(rows)), np.empty(len(rows))
    peaked = np.flatnonzero(_peak(rows.matched) > _PEAKED)
    low[peaked], high[peaked], is_found = _followed(rows.take(peaked), mass)
    left = np.setdiff1d(np.arange(len(rows)), peaked[is_found])
    if left.size:
        low[left], high[left] = _searched(rows.take(left), mass)
    return low, high


def _peak(matched: Gamma | Beta) -> Array:
    return matched.shape if isinstance(matched, Gamma) else np.minimum(matched.a, matched.b)


def _followed(rows: Rows, mass: float) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Move both ends of the matched posterior's interval until they hold `mass` at one density.

    Newton's method, with the slopes of the matched posterior's log density, on the thin lattice and
    then on the ample one. Gives also which rows were found.
    """
    if not len(rows):
        return np.empty(0), np.empty(0), np.empty(0, dtype=bool)
    matched, low, high = rows.matched, *rows.matched.hdi(mass)
    for lattice in (rows.lean(), rows.ample()):
        for _ in range(_STEPS):
            logs = lattice.log_density(low), lattice.log_density(high)
            miss = lattice.below(high) - lattice.below(low) - mass
            is_found = (np.abs(miss) < _EVEN) & (np.abs(logs[1] - logs[0]) < _FLAT)
            low, high = _moved(matched, low, high, miss, logs)
            if is_found.all():
                break
    return low, high, is_found


def _moved(
    matched: Gamma | Beta, low: Array, high: Array, miss: Array, logs: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Solve for the mass that is missing and for equal log densities at both ends."""
    rises, falls = _log_slope(matched, low), _log_slope(matched, high)
    tilt, left, right = logs[1] - logs[0], np.exp(logs[0]), np.exp(logs[1])
    scale = right * rises - left * falls  # rises > 0 > falls: it is positive
    most = (high - low) / 4
    with np.errstate(divide="ignore", invalid="ignore"):  # ends without density: not found
        down = np.clip((falls * miss - tilt * right) / scale, -most, most)
        up = np.clip((tilt * left - rises * miss) / scale, -most, most)
    top = _top(matched)
    return np.maximum(low - down, low / 2), np.minimum(high + up, (top + high) / 2)


def _log_slope(matched: Gamma | Beta, x: Array) -> Array:
    if isinstance(matched, Gamma):
        return (matched.shape - 1) / x - matched.rate
    return (matched.a - 1) / x - (matched.b - 1) / (1 - x)


def _searched(rows: Rows, mass: float) -> tuple[Array, Array]:
    """Find it anywhere: the shortest of a few first, so that a pole hides no mode inside."""
    lean, free = rows.lean(), 1 - mass
    least, most = _LEAST * free, free - _LEAST * free
    grid = np.linspace(0, free, _COARSE)
    best = np.argmin([_width(lean, below, mass) for below in grid], axis=0)
    left = np.maximum(grid[np.maximum(best - 1, 0)], least)
    right = np.minimum(grid[np.minimum(best + 1, _COARSE - 1)], most)
    falls, climbs = _rise(lean, left, mass) >= 0, _rise(lean, right, mass) <= 0
    below = grid[best]
    inner = np.flatnonzero(~falls & ~climbs)
    if inner.size:
        some = lean.take(inner)
        ends = left[inner], right[inner]
        below[inner] = special.find_roots(lambda p: _rise(some, p, mass), *ends, close=1e-4)
    low, high = np.zeros(len(rows)), np.full(len(rows), _top(rows.matched))
    lifted = np.flatnonzero(below > 0)
    low[lifted] = quantile(rows.take(lifted), below[lifted])
    capped = np.flatnonzero(best < _COARSE - 1)
    high[capped] = quantile(rows.take(capped), below[capped] + mass)
    return low, high


def _top(matched: Gamma | Beta) -> float:
    return 1.0 if isinstance(matched, Beta) else np.inf


def _width(rows: Rows, below: float, mass: float) -> Array:
    whole = np.ones(len(rows))
    low = _settled(rows, below * whole, _ROUGH) if below > 0 else 0 * whole
    above = (below + mass) * whole
    high = _settled(rows, above, _ROUGH) if below + mass < 1 else _top(rows.matched) * whole
    return np.asarray(high - low)


def _rise(rows: Rows, below: Array, mass: float) -> Array:
    low, high = (_settled(rows, q, _FAIR) for q in (below, below + mass))
    with np.errstate(invalid="ignore"):  # two poles, or two ends without density
        return np.nan_to_num(rows.log_density(low) - rows.log_density(high))


def _settled(rows: Rows, q: Array, close: float = _SETTLED) -> Array:
    found = _secant(rows, rows.matched, q, close=close)
    return _finished(rows, q, found, max(close, _CLOSE))


def _finished(rows: Rows, q: Array, found: _Found, close: float = _CLOSE) -> Array:
    """Bracket what the secant method left open."""
    x, _, _, excess = found
    with np.errstate(invalid="ignore"):
        left = np.flatnonzero(~(np.abs(excess) < close))
    if left.size:
        x[left] = _bracketed(rows.take(left), q[left])
    return x


def _at(matched: Gamma | Beta, score: Array) -> Array:
    from scipy.special import betaincinv, gammainccinv, gammaincinv, ndtr

    if isinstance(matched, Beta):
        return np.asarray(betaincinv(matched.a, matched.b, ndtr(score)))
    low = score <= 0
    tail = ndtr(-np.abs(score))
    x = np.empty_like(tail)
    x[low] = gammaincinv(matched.shape[low], tail[low])
    x[~low] = gammainccinv(matched.shape[~low], tail[~low])
    return x / matched.rate


def _excess(rows: Rows, x: Array, q: Array) -> Array:
    """Tell by how many normal scores the probability below `x` exceeds `q`."""
    upper = q > 0.5
    if upper.all():
        tail = rows.above(x)
        return special.probit(1 - tail, tail) - special.probit(q, 1 - q)
    tail = rows.below(x)
    return special.probit(tail, 1 - tail) - special.probit(q, 1 - q)


def _secant(
    rows: Rows,
    matched: Gamma | Beta,
    q: Array,
    start: tuple[Array, Array] | None = None,
    close: float = _SETTLED,
) -> _Found:
    score, slope = start or (special.probit(q, 1 - q), np.ones(len(q)))
    x = _at(matched, score)
    excess = _excess(rows, x, q)
    for _ in range(_STEPS):
        if np.all(np.abs(excess) < close):
            break
        move = np.clip(-excess * slope, -2.0, 2.0)
        moved = np.clip(score + move, -_FARTHEST, _FARTHEST)
        x = _at(matched, moved)
        fresh = _excess(rows, x, q)
        with np.errstate(divide="ignore", invalid="ignore"):  # where nothing moved any more
            secant = (moved - score) / (fresh - excess)
        is_sound = np.isfinite(secant) & (secant > 0.02) & (np.abs(move) > 1e-7)
        slope = np.where(is_sound, np.minimum(secant, 50.0), slope)
        score, excess = moved, fresh
    return x, score, slope, excess


def _bracketed(rows: Rows, q: Array) -> Array:
    low, high = rows.reach(q)
    result = low.copy()
    some = np.flatnonzero((low > 0) & (high > low))
    if some.size:
        chosen, wanted = rows.take(some), q[some]

        def excess(v: Array) -> Array:
            return _excess(chosen, np.exp(v), wanted)

        result[some] = np.exp(special.find_roots(excess, np.log(low[some]), np.log(high[some])))
    return result
