"""Tabulate the posterior of the rate at every site: one density per log rate, summed over nodes.

The density of the log rate is smooth, so sums over an even grid are spectrally accurate and the
six-point rule between knots keeps nine digits; in between, the Hermite cubic of mass and density
is good to 1e-6. Below the first knot the density is a sum of powers of the rate, one for each
node: where shapes are tiny that is where most of the mass lies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats import special
from pymc_vibes.stats.entity_integral import (
    Hypers,
    Peak,
    extent,
    log_integrals,
    peaks,
    series_limit,
    spread_over_cores,
)
from pymc_vibes.stats.special import Array

type Rows = NDArray[np.int64]

_PANEL = np.array([11.0, -93.0, 802.0, 802.0, -93.0, 11.0]) / 1440  # the six-point panel rule
_PAD = 2
_PER_SD = 3.0  # knots per sd of the narrowest component that matters
_FEWEST, _MOST = 96, 256
_NARROW = 0.05  # the narrowest components, of this weight in all, do not set the step
_BLUR = 0.7  # knots that the sd of any component must span: narrower ones are widened to it
_DEEP = 20.0  # components below exp(-20) of the heaviest do not stretch the table
_HEAVY = 1e-9  # a left tail with less mass is left out
_STARTS = 33


@dataclass(frozen=True, eq=False)
class Tail:
    """The left tail of one site: `sum(exp(log_mass + slope * (x - start)))`."""

    log_mass: Array
    slope: Array

    def log_below(self, away: float) -> tuple[float, float]:
        """Give the log of the mass below and its derivative, `away <= 0` from the first knot."""
        logs = self.log_mass + self.slope * away
        top = logs.max()
        parts = np.exp(logs - top)
        return float(top + np.log(parts.sum())), float(parts @ self.slope / parts.sum())

    def place(self, log_mass: float) -> float:
        """Find where that mass lies below: Newton on a convex function from the right."""
        away = 0.0
        for _ in range(100):
            value, slope = self.log_below(away)
            step = (value - log_mass) / slope
            away -= step
            if abs(step) <= 1e-10 * (1 + abs(away)):
                break
        return min(away, 0.0)


@dataclass(frozen=True, eq=False)
class Table:
    """Posteriors of positive quantities by site: knots, masses below them, densities there."""

    start: Array
    """Log rate of the first knot, `(C,)`."""
    step: Array
    mass: Array
    """Probability below each knot, `(C, J)`."""
    height: Array
    """Density per log unit at the knots, `(C, J)`."""
    means: Array
    sds: Array
    tails: Mapping[int, Tail]
    miss: float
    """How far the largest total mass is from 1 before it is set to 1."""

    def quantile(self, q: Array) -> Array:
        """Give the log of a quantile of every site; one `q` each or `(C, k)`."""
        q = np.broadcast_to(np.asarray(q, dtype=float), (len(self.start), *np.shape(q)[1:]))
        rows = np.arange(len(q)).reshape(-1, *([1] * (q.ndim - 1)))
        rows = np.broadcast_to(rows, q.shape)
        flat_rows, flat = rows.ravel(), q.ravel()
        # one sorted array of all rows: row r holds its masses plus 2 r
        ladder = (self.mass + 2.0 * np.arange(len(self.mass))[:, None]).ravel()
        found = np.searchsorted(ladder, flat + 2.0 * flat_rows, side="right") - 1
        knots = self.mass.shape[1]
        cells = np.clip(found - flat_rows * knots, 0, knots - 2)
        share = self._share(flat_rows, cells, flat)
        places = self.start[flat_rows] + (cells + share) * self.step[flat_rows]
        for k in np.flatnonzero(flat < self.mass[flat_rows, 0]):
            places[k] = self._deep(int(flat_rows[k]), float(flat[k]))
        return np.asarray(places.reshape(q.shape))

    def below(self, log_x: Array) -> Array:
        """Give the probability below the log rate of every site `(C,)`."""
        rows = np.arange(len(self.start))
        last = self.mass.shape[1] - 1
        place = (log_x - self.start) / self.step
        cells = np.clip(np.floor(np.clip(place, 0, last)), 0, last - 1).astype(int)
        inside = self._cell(rows, cells, np.clip(place - cells, 0.0, 1.0))
        for row in np.flatnonzero((place < 0) & (self.mass[:, 0] > _HEAVY)):
            tail = self.tails.get(int(row))
            away = float(log_x[row] - self.start[row])
            known = tail is not None and np.isfinite(away)
            inside[row] = np.exp(tail.log_below(away)[0]) if tail is not None and known else 0.0
        return np.clip(inside, 0.0, 1.0)

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the logs of the shortest interval that holds `mass`; minus infinity for 0."""
        rows = np.arange(len(self.start))
        low, high = np.zeros(len(rows)), np.full(len(rows), 1 - mass)
        for _ in range(3):
            first = np.linspace(low, high, _STARTS, axis=1)
            floor = np.maximum(first, 1e-300)
            starts, stops = self.quantile(floor), self.quantile(np.minimum(first + mass, 1.0))
            starts = np.where(first == 0, -np.inf, starts)
            width = np.exp(stops) - np.exp(starts)
            best = np.argmin(width, axis=1)
            low = first[rows, np.maximum(best - 1, 0)]
            high = first[rows, np.minimum(best + 1, _STARTS - 1)]
        return starts[rows, best], stops[rows, best]

    def pdf(self, row: int, log_x: Array) -> Array:
        """Give the density per log unit of one site."""
        place = (log_x - self.start[row]) / self.step[row]
        last = self.mass.shape[1] - 1
        cells = np.clip(np.floor(np.clip(place, 0, last)), 0, last - 1).astype(int)
        value = self._slope(row, cells, np.clip(place - cells, 0.0, 1.0))
        tail = self.tails.get(row)
        value = np.where(place > last, 0.0, value)
        for k in np.flatnonzero(place < 0):
            value[k] = 0.0
            if tail is not None:
                log_mass, slope = tail.log_below(float(log_x[k] - self.start[row]))
                value[k] = np.exp(log_mass) * slope
        return np.maximum(value, 0.0)

    def _deep(self, row: int, q: float) -> float:
        tail = self.tails.get(row)
        if tail is None or q <= 0:
            return -np.inf if tail is not None else float(self.start[row])
        return float(self.start[row] + tail.place(float(np.log(q))))

    def _share(self, rows: Rows, cells: Rows, q: Array) -> Array:
        zero, one = np.zeros(q.shape), np.ones(q.shape)
        low, high = self.mass[rows, cells], self.mass[rows, cells + 1]
        target = np.clip(q, low, high)
        share = special.find_roots(
            lambda s: self._cell(rows, cells, s) - target, zero, one, close=1e-13
        )
        return np.where(target <= low, 0.0, np.where(target >= high, 1.0, share))

    def _cell(self, rows: Rows, cells: Rows, share: Array) -> Array:
        left, gain, up, down = self._ends(rows, cells)
        rest = 1 - share
        bend = (up - gain) * rest - (down - gain) * share
        return np.asarray(left + share * gain + share * rest * bend)

    def _slope(self, row: int, cells: Rows, share: Array) -> Array:
        # the quintic of mass, density and slope is not needed: curves are drawn from it
        height = self.height[row]
        return np.asarray(height[cells] * (1 - share) + height[cells + 1] * share)

    def _ends(self, rows: Rows, cells: Rows) -> tuple[Array, Array, Array, Array]:
        left, rise = self.mass[rows, cells], self.step[rows]
        gain = self.mass[rows, cells + 1] - left
        return left, gain, self.height[rows, cells] * rise, self.height[rows, cells + 1] * rise


def tabulate(hypers: Hypers, weights: Array, sums: Array, windows: Array) -> Table:
    """Tabulate the posterior of the rate at sites `(C,)` over nodes `(G,)` with weights."""
    logs = log_integrals(hypers, sums, windows)
    depth = np.log(np.maximum(weights, 1e-300) / weights.max())
    matters = depth > -_DEEP
    hypers, depth = hypers[matters], depth[matters]
    level = np.log(weights[matters])[:, None] - logs[matters]

    def at(c: int) -> Peak:
        return peaks(hypers, sums[c : c + 1], windows[c : c + 1])

    sites = list(range(len(sums)))
    low, high, sd = np.array(spread_over_cores(lambda c: _window(at(c), depth), sites)).T
    knots = int(np.clip(np.max(np.ceil((high - low) / sd * _PER_SD)), _FEWEST, _MOST))
    step = (high - low) / knots
    rows = spread_over_cores(
        lambda c: _tabulate_one(at(c), level[:, c], float(low[c]), float(step[c]), knots), sites
    )
    mass = np.array([row.mass for row in rows])
    total = mass[:, -1:]
    return Table(
        start=low,
        step=step,
        mass=np.maximum.accumulate(mass / total, axis=1),
        height=np.array([row.height for row in rows]) / total,
        means=np.array([row.mean for row in rows]),
        sds=np.array([row.sd for row in rows]),
        tails={c: row.tail for c, row in enumerate(rows) if row.tail is not None},
        miss=float(np.max(np.abs(total - 1))),
    )


@dataclass(frozen=True, eq=False)
class _Row:
    mass: Array
    height: Array
    mean: float
    sd: float
    tail: Tail | None


def _window(peak: Peak, depth: Array) -> tuple[float, float, float]:
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        left, right = extent(peak)
        shrink = np.sqrt(np.clip(1 + depth / _DEEP, 0.0, 1.0))
        left = np.where(left <= series_limit(peak) + 1e-9, left, left * shrink)
    low = float(np.min(peak.mode + left))
    high = float(np.max(peak.mode + right * shrink))
    order = np.argsort(peak.sd)
    share = np.cumsum(np.exp(depth[order]))
    narrow = order[np.searchsorted(share, _NARROW * share[-1])]
    return low, high, float(min(peak.sd[narrow], 1.0))


def _tabulate_one(peak: Peak, level: Array, low: float, step: float, knots: int) -> _Row:
    x: Array = low + step * np.arange(-_PAD, knots + 1.0 + _PAD)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        # far out the density is 0, and of the tail's branches only the valid ones are used
        density = _density(peak[:, None], level[:, None], x)
        scale, away = np.exp(level + peak.top), low - peak.mode
        tails = [scale * peak.below(away, partial(np.add, k)) for k in (0, 1, 2)]
        # moments are taken about the rate where most of it is
        center = float(x[np.argmax(density * np.exp(np.minimum(x - x[-1], 0)))])
        unit, off = np.exp(low - center), np.expm1(x - center)
    ground, first, second = (float(tail.sum()) for tail in tails)
    panels = [step * np.convolve(density * off**k, _PANEL, mode="valid") for k in (0, 1, 2)]
    total = ground + panels[0].sum()
    one = (panels[1].sum() + first * unit - ground) / total
    two = (panels[2].sum() + second * unit**2 - 2 * first * unit + ground) / total
    kept = tails[0] > 0
    return _Row(
        mass=ground + np.concatenate([[0.0], np.cumsum(panels[0])]),
        height=density[_PAD:-_PAD],
        mean=float(np.exp(center) * (1 + one)),
        sd=float(np.exp(center) * np.sqrt(max(two - one * one, 0.0))),
        tail=Tail(np.log(tails[0][kept] / total), peak.shape[kept]) if ground > _HEAVY else None,
    )


def _density(peak: Peak, level: Array, x: Array) -> Array:
    wider = np.maximum(1.0, _BLUR * (x[1] - x[0]) / peak.sd)
    height = level + peak.top - np.log(wider)
    return np.asarray(np.exp(height - peak.fall((x[None, :] - peak.mode) / wider)).sum(axis=0))
