"""A log rate that wanders: one pass forward and one back over a grid, for one speed.

x_t = x_{t-1} + sigma eps_t with counts k_t ~ Poisson(e_t exp(x_t)) and a flat prior on the level:
no unit of time or of exposure enters, and time may run either way. For sigma -> 0 the rate is
constant with posterior Gamma(K, E).

Each period has a grid of its own, around the joint mode, several sd wide, and finer than what one
period knows given its neighbors. Sums over such grids of smooth densities are trapezoid rules,
whose error falls like exp(-c/h^2): two grids of different h tell the error.
"""

from dataclasses import dataclass, replace

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array

_REACH = 7.0  # sd of a window on either side: 2e-11 of a normal density lies at its end
_FARTHEST = 120.0  # half square of a jump in sd; what lies farther counts as there: exp(-120)
_BAND = 11.0  # reach of a jump in sd where a window is much wider: exp(-60) is beyond
_LEAST = 1e-130  # masses below it are zero: numbers near underflow cost a hundredfold
_RARE = 1e-13  # share of a first node that cannot matter
_CUT = 1e-7  # density at the end of a window, over its top, that is too much
_WIDENINGS = 12
_FLOOR = -200.0  # log of what underflows: low enough, and not so low that splines ring
_STEPS = 60  # of Newton's method; fewer than 20 in any case seen
_NODES_AT_MOST = 6_000
_COARSEST = 0.5  # step in log units where there is exposure: events bend a density at scale 1


class GridTooLarge(Exception):
    """A window needs more values than are affordable."""


@dataclass(frozen=True, eq=False)
class Series:
    """Counts and exposures of periods in order; arrays `(periods,)`."""

    counts: Array
    exposure: Array

    def constant(self) -> float:
        """Give the log of events over exposure."""
        return float(np.log(self.counts.sum()) - np.log(self.exposure.sum()))

    def information(self, x: Array) -> Array:
        """Give the curvature of the log likelihood at log rates."""
        return np.asarray(self.exposure * np.exp(x))


@dataclass(frozen=True, eq=False)
class Mode:
    """The joint mode of the log rates for one speed; arrays `(periods,)`."""

    sigma: float
    x: Array
    low: Array
    """Spread below the mode, wider where few events leave a long tail."""
    high: Array
    """Spread above it."""
    narrow: Array
    """Spread of one period given all others."""
    log_evidence: float
    """By Laplace's approximation: good enough to see which speeds matter."""


def settle(series: Series, sigma: float, start: Array) -> Mode:
    """Find the joint mode from a start nearby, by damped Newton steps."""
    from scipy.linalg.lapack import dptsv, dpttrf

    precision = sigma**-2
    ties = _ties(len(start)) * precision
    off = np.full(len(start) - 1, -precision)
    x = start
    for _ in range(_STEPS):
        expected = series.information(x)
        pull = np.diff(x, prepend=x[0], append=x[-1]) * precision
        step = dptsv(ties + expected, off, series.counts - expected + np.diff(pull))[2]
        largest = np.abs(step).max()
        x = x + step * min(1.0, 1.5 / max(largest, 1e-300))
        if (np.abs(step) * np.sqrt(ties + expected)).max() < 1e-4:
            break
    expected = series.information(x)
    pivots = dpttrf(ties + expected, off)[0]
    walked = np.sum(np.diff(x) ** 2) * precision / 2 + np.log(sigma) * (len(x) - 1)
    level = np.sum(series.counts * x - expected) - walked
    spread = _spread(ties + expected, off)
    low = spread
    for _ in range(4):  # where few events leave a long tail below, the window must reach its end
        low = _spread(ties + expected * _curvature(-_REACH * low), off)
    high = spread
    for _ in range(5):  # and above the events end it early: a decreasing map, so half steps in log
        high = np.sqrt(high * _spread(ties + expected * _curvature(_REACH * high), off))
    narrow = (ties + expected) ** -0.5
    evidence = float(level - np.log(pivots).sum() / 2 + special.LOG_TWO_PI / 2)
    return Mode(sigma, x, low, high, narrow, evidence)


def _curvature(gap: Array) -> Array:
    """Give the curvature of a parabola that falls as `exp` bends away by `gap`, over that at 0."""
    near = np.abs(gap) < 1e-3
    safe = np.where(near, 1.0, np.clip(gap, -700, 700))
    return np.where(near, 1.0, 2 * (np.expm1(safe) - safe) / (safe * safe))


def _ties(periods: int) -> Array:
    ties = np.full(periods, 2.0)
    ties[[0, -1]] = 1.0
    return ties


def _spread(diagonal: Array, off: Array) -> Array:
    """Give the roots of the diagonal of the inverse of a tridiagonal matrix, from its pivots."""
    from scipy.linalg.lapack import dpttrf

    forward = dpttrf(diagonal, off)[0]
    backward = dpttrf(diagonal[::-1], off)[0][::-1]
    return np.asarray((forward + backward - diagonal) ** -0.5)


@dataclass(frozen=True, eq=False)
class Walk:
    """The posterior of all log rates for one speed, on grids `start + step * j` per period."""

    sigma: float
    start: Array
    step: Array
    told: Array
    """Likelihood of each period's own count times step, `(periods, nodes)`, up to factors."""
    ahead: Array
    """Mass by all counts up to each period, `(periods, nodes)`, up to factors."""
    share: Array
    """Posterior mass, `(periods, nodes)`."""
    log_evidence: float

    def grid(self) -> Array:
        """Give the log rates of all nodes, `(periods, nodes)`."""
        return _grid(self.start, self.step, self.told.shape[1])

    def moments(self) -> tuple[Array, Array]:
        """Give mean and mean square of the rates, `(periods,)`."""
        rate = np.exp(self.grid())
        return (self.share * rate).sum(axis=1), (self.share * rate**2).sum(axis=1)

    def log_density(self) -> Array:
        """Give the log of the posterior density of each log rate at its nodes."""
        return safe_log(self.share) - np.log(self.step)[:, None]

    def density(self, at: Array) -> Array:
        """Give the posterior density of each log rate at `(periods, points)`; 0 off its window."""
        from scipy.interpolate import CubicSpline

        nodes = self.share.shape[1]
        curve = CubicSpline(np.arange(nodes), self.log_density(), axis=1)
        place = (at - self.start[:, None]) / self.step[:, None]
        inside = (place >= 0) & (place <= nodes - 1)
        return np.where(inside, np.exp(cubic(curve.c, place, np.arange(len(at))[:, None])), 0.0)

    def rise(self) -> float:
        """Give P(last rate > first rate)."""
        grid = self.grid()
        share = self.share[0]
        sd = np.sqrt(share @ (grid[0] - share @ grid[0]) ** 2)
        stride = max(1, int(0.4 * sd / self.step[0]))  # as fine as its own density needs
        first = np.flatnonzero(share > _RARE)[::stride]
        linked = np.eye(grid.shape[1])[:, first]
        for period in range(1, len(grid)):
            carried = _carry(linked, grid[period - 1], grid[period], self.sigma)
            linked = self.told[period][:, None] * carried
            linked = linked / linked.max(axis=0)
            linked[linked < _LEAST] = 0.0
        above = _areas_above(safe_log(linked.T).T, grid[-1], grid[0, first])
        return float(min(above @ share[first] / share[first].sum(), 1.0))


def walk(series: Series, mode: Mode, fineness: float) -> Walk:
    """Pass forward and back on grids whose steps are the narrowest spread over `fineness`.

    Where a window cuts off what matters it is widened: without events a mode says little.
    """
    for _ in range(_WIDENINGS):
        found = _pass(series, mode, fineness)
        ends = found.share[:, [0, -1]] > _CUT * found.share.max(axis=1, keepdims=True)
        if not ends.any():
            return found
        low, high = (np.where(ends, 1.5, 1.0) * np.stack([mode.low, mode.high], axis=1)).T
        mode = replace(mode, low=low, high=high)
    raise GridTooLarge


def _pass(series: Series, mode: Mode, fineness: float) -> Walk:
    start, step, nodes = _window(series, mode, fineness)
    grid = _grid(start, step, nodes)
    gap = grid - mode.x[:, None]
    expected = series.information(mode.x)
    told = series.counts[:, None] * gap - expected[:, None] * np.expm1(gap)
    told = np.where(told > np.log(_LEAST), np.exp(told), 0.0) * step[:, None]
    level = float(np.sum(series.counts * mode.x - expected))
    ahead, log_scale = _forward(grid, told, mode.sigma)
    behind = _backward(grid, told, mode.sigma)
    share = ahead * behind
    share = share / share.sum(axis=1, keepdims=True)
    spread = (special.LOG_TWO_PI / 2 + np.log(mode.sigma)) * (len(start) - 1)
    return Walk(mode.sigma, start, step, told, ahead, share, level + log_scale - spread)


def stand(series: Series, fineness: float) -> Walk:
    """Give the same for a rate that does not change: exactly Gamma(K, E)."""
    total = np.array([series.counts.sum()])
    low, high = special.gamma_drop(total, np.array([_REACH**2 / 2]))
    nodes = int(np.ceil((high - low)[0] * fineness * max(np.sqrt(total[0]), 1 / _COARSEST))) + 1
    distance = np.linspace(low[0], high[0], nodes)
    share = np.exp(total * (distance - np.expm1(distance)))
    share = np.tile(share / share.sum(), (len(series.counts), 1))
    start = np.full(len(share), series.constant() + low[0])
    step = np.full(len(share), distance[1] - distance[0])
    evidence = _constant_evidence(series)
    return Walk(0.0, start, step, share, share, share, evidence)


def _constant_evidence(series: Series) -> float:
    from scipy.special import gammaln

    total = series.counts.sum()
    return float(gammaln(total) - total * np.log(series.exposure.sum()))


def _window(series: Series, mode: Mode, fineness: float) -> tuple[Array, Array, int]:
    blind = series.exposure == 0
    above = _REACH * mode.high
    above = above + np.where(blind, np.minimum(2 * mode.high**2, above), 0.0)  # for the mean rate
    below = _REACH * mode.low
    finest = np.where(blind, mode.narrow, np.minimum(mode.narrow, _COARSEST)) / fineness
    nodes = int(np.ceil(((above + below) / finest).max())) + 1
    if nodes > _NODES_AT_MOST:
        raise GridTooLarge
    return mode.x - below, (above + below) / (nodes - 1), nodes


def _grid(start: Array, step: Array, nodes: int) -> Array:
    return np.asarray(start[:, None] + step[:, None] * np.arange(nodes))


def _carry(mass: Array, before: Array, after: Array, sigma: float) -> Array:
    """Take masses `(N, …)` on one period's nodes to the next one's, up to one factor."""
    step, nodes = before[1] - before[0], np.arange(len(before))
    band = int(_BAND * sigma / step)
    if 6 * band >= len(nodes):  # what is saved must pay for picking
        return np.asarray(_jump(after[:, None] - before, sigma) @ mass)
    place = (after - before[0]) / step
    near = np.rint(place).astype(int)[:, None] + np.arange(-band, band + 1)
    inside = (near >= 0) & (near < len(nodes))
    weights = _jump((place[:, None] - near) * step, sigma) * inside
    near = np.clip(near, 0, len(nodes) - 1)
    return np.asarray(np.einsum("nb,nb...->n...", weights, mass[near]))


def _jump(gap: Array, sigma: float) -> Array:
    square = gap * (np.sqrt(0.5) / sigma)
    square *= square
    np.minimum(square, _FARTHEST, out=square)
    return np.asarray(np.exp(np.negative(square, out=square), out=square))


def _forward(grid: Array, told: Array, sigma: float) -> tuple[Array, float]:
    ahead = np.empty(grid.shape)
    ahead[0], log_scale = told[0], 0.0
    for period in range(1, len(grid)):
        carried = _carry(ahead[period - 1], grid[period - 1], grid[period], sigma)
        mass = told[period] * carried
        total = mass.sum()
        log_scale += np.log(total)
        ahead[period] = np.where(mass > _LEAST * total, mass / total, 0.0)
    return ahead, float(log_scale + np.log(ahead[-1].sum()))


def _backward(grid: Array, told: Array, sigma: float) -> Array:
    behind = np.ones(grid.shape)
    for period in range(len(grid) - 2, -1, -1):
        later = told[period + 1] * behind[period + 1]
        mass = _carry(later, grid[period + 1], grid[period], sigma)
        behind[period] = np.where(mass > _LEAST * mass.max(), mass / mass.max(), 0.0)
    return behind


def safe_log(mass: Array) -> Array:
    """Take logs row by row, of what has underflowed too: then far below the top."""
    with np.errstate(divide="ignore"):  # underflow far out
        logs = np.log(mass) - np.log(mass.max(axis=-1, keepdims=True))
    total = np.log(mass.max(axis=-1, keepdims=True))
    return np.asarray(np.maximum(logs, _FLOOR) + total)


def cubic(c: Array, place: Array, column: "np.ndarray") -> Array:
    """Evaluate cubic splines over 0, 1, 2, …, each column at places of its own."""
    place = np.clip(place, 0, c.shape[1])
    cells = np.minimum(place.astype(int), c.shape[1] - 1)
    c0, c1, c2, c3 = c[:, cells, column]
    t = place - cells
    return np.asarray(((c0 * t + c1) * t + c2) * t + c3)


def _areas_above(logs: Array, nodes: Array, cuts: Array) -> Array:
    """Give the share of each column's mass above its cut: columns of `(nodes, cuts)`."""
    from scipy.interpolate import CubicSpline

    step = nodes[1] - nodes[0]
    curve = CubicSpline(np.arange(len(nodes)), logs - logs.max(axis=0), axis=0)
    cuts = np.clip(cuts, nodes[0], nodes[-1])
    places, weights = special.rule(4)
    width = nodes[-1] - cuts
    at = (cuts[:, None] + width[:, None] * places - nodes[0]) / step
    density = np.exp(cubic(curve.c, at, np.arange(len(cuts))[:, None]))
    above = (density @ weights) * width
    whole = np.exp(logs - logs.max(axis=0)).sum(axis=0) * step
    return np.asarray(np.clip(above / whole, 0.0, 1.0))
