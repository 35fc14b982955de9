"""Integrate one entity's rate out of the negative-binomial hierarchy, many times at once.

For an entity with `n` windows and a total of `S` events the likelihood of its rate is, up to terms
without it, `t^S (1 + t/phi)^-(S + n phi)`, and its prior is `Gamma(mu alpha, alpha)`. Per unit of
`x = log t` their product is strictly log-concave. Its mode is the root of a quadratic, and the
trapezoid rule over the whole line converges exponentially. Where the shape `mu alpha + S` is tiny
the left tail is flat for thousands of log units; there the integrand is `t^shape` times a short
power series, and its sum over the endless lattice is geometric.

Everything is taken relative to the mode, so that neither a near-Poisson size of 1e14 nor a shape
of 1e12 costs digits.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array

DROP = 26.0
"""The window of an integral ends where the integrand is below exp(-26) = 5e-12 of its top."""

_STEP_SD = 0.72  # worst near a shape of 6, where the trapezoid error is 1e-9
_STEP = 0.28  # for t^s exp(-t), s -> 0, the error is exp(-pi^2 / 0.28) = 5e-16
_CUT = 0.05  # six terms of the power series then leave 2e-11
_TERMS = 6
_BELOW_ONE = 1 - 2.0**-53
_BATCH = 49_152  # integrals at a time: enough work for a thread, 10 MB of points
_THREADS = 4


@dataclass(frozen=True, eq=False)
class Hypers:
    """Values of the three hyperparameters, arrays of one shape."""

    mu: Array
    alpha: Array
    phi: Array

    def __len__(self) -> int:
        return len(self.mu)

    def __getitem__(self, index: object) -> "Hypers":
        return Hypers(*(getattr(self, name)[index] for name in ("mu", "alpha", "phi")))

    def column(self) -> "Hypers":
        """Give them as columns, to meet entities in rows."""
        return Hypers(self.mu[:, None], self.alpha[:, None], self.phi[:, None])


@dataclass(frozen=True, eq=False)
class Peak:
    """The integrand of an entity's rate around its mode, per unit of log rate; any shape."""

    mode: Array
    """Log rate at the top."""
    top: Array
    """Log density of rate and counts there."""
    shape: Array
    """`mu alpha + S`: the slope of the left tail."""
    pull: Array
    """`alpha t` at the mode: what the prior's rate holds back."""
    power: Array
    """`S + n phi`: the exponent of `1 + t/phi`."""
    share: Array
    """`t / (phi + t)` at the mode, in [0, 1)."""
    sd: Array
    """Of the normal with the same curvature."""

    def __getitem__(self, index: object) -> "Peak":
        return Peak(*(getattr(self, name)[index] for name in _FIELDS))

    def ravel(self) -> "Peak":
        """Give all as one row."""
        return Peak(*(getattr(self, name).ravel() for name in _FIELDS))

    def fall(self, away: Array) -> Array:
        """Tell how far the log density lies below its top, `away` log units from the mode."""
        grown = np.expm1(away)
        return np.asarray(
            self.pull * (grown - away)
            + self.power * (np.log1p(self.share * grown) - self.share * away)
        )

    def steepness(self, away: Array) -> Array:
        """Give the derivative of `fall`."""
        grown = np.expm1(away)
        late = self.power * self.share * (1 - self.share) * grown / (1 + self.share * grown)
        return np.asarray(self.pull * grown + late)

    def below(self, away: Array, divide: Callable[[Array], Array]) -> Array:
        """Sum the power series of the left tail, its terms divided by a function of the exponent.

        Relative to the top, and 0 where the series does not hold: `away` is too far right, or the
        tail is steep and long negligible.
        """
        odds = self.share / (1 - self.share)
        v = np.exp(away)
        # f' (1 + odds v) = -(pull (1 + odds v) + power odds) f for f without its t^shape
        first, second, ratio = (
            (self.pull + self.power * odds) * v,
            self.pull * odds * v * v,
            odds * v,
        )
        before, term = np.zeros_like(v), np.ones_like(v)
        total = term / divide(self.shape)
        for k in range(_TERMS - 1):
            before, term = term, -((first + ratio * k) * term + second * before) / (k + 1)
            total = total + term / divide(self.shape + k + 1)
        level = self.shape * away + self.pull + self.power * np.log1p(odds)
        holds = (np.maximum(first, ratio) <= 1.001 * _CUT) & (level > -DROP - 14)
        return np.where(holds, total * np.exp(np.minimum(level, 700.0)), 0.0)


_FIELDS = tuple(Peak.__dataclass_fields__)


def peaks(hypers: Hypers, sums: Array, windows: Array) -> Peak:
    """Find the top of every integrand; hyperparameters and entities broadcast."""
    base = hypers.mu * hypers.alpha
    inverse = 1 / hypers.phi
    shape = base + sums
    # alpha/phi t^2 + b t - shape = 0; of the two forms of the root the one without cancellation
    b = hypers.alpha + windows - base * inverse
    square = hypers.alpha * inverse
    root = np.sqrt(b * b + 4 * shape * square)
    t = np.where(b > 0, 2 * shape / (b + root), (root - b) / (2 * square))
    # a size 1e-16 of the rate leaves only zeros anyway; 1 itself would end in infinities
    share = np.minimum(t / (hypers.phi + t), _BELOW_ONE)
    power = sums + windows * hypers.phi
    pull = hypers.alpha * t
    away = np.log(t / hypers.mu)
    level = np.log(base / (2 * np.pi)) / 2 - special.stirling_error(base)
    mode = np.log(t)
    top = level - base * (np.expm1(away) - away) + sums * mode - power * np.log1p(t * inverse)
    sd = 1 / np.sqrt(pull + power * share * (1 - share))
    arrays = np.broadcast_arrays(mode, top, shape, pull, power, share, sd)
    return Peak(*arrays)


def extent(peak: Peak, drop: float = DROP) -> tuple[Array, Array]:
    """Give the log units from the mode to both ends of the window, the left one maybe > 0.

    Newton's method on a concave function lands outside, wherever it starts, and stays there: the
    ends are never too near. The left end is where the density has fallen or its series holds.
    """
    left, right = ends(peak, drop)
    return np.maximum(left, series_limit(peak)), right


def ends(peak: Peak, drop: float) -> tuple[Array, Array]:
    """Give the log units from the mode to where the density has fallen by `drop`, or a bit more."""
    ratio = 2 * (drop + peak.pull + peak.shape * np.log(2 * peak.shape / peak.pull)) / peak.pull
    cap = np.log(ratio)
    right = np.minimum(np.sqrt(2 * drop) * peak.sd, cap)
    left = -1.2 * np.sqrt(2 * drop) * peak.sd
    for _ in range(4):
        right = right - (peak.fall(right) - drop) / peak.steepness(right)
        right = np.minimum(right, cap)
    for _ in range(3):
        left = left - (peak.fall(left) - drop) / peak.steepness(left)
    return left, right


def series_limit(peak: Peak) -> Array:
    """Give the log units from the mode below which the left tail is its power series."""
    odds = peak.share / (1 - peak.share)
    return np.asarray(np.log(_CUT / np.maximum(peak.pull + peak.power * odds, odds)))


def log_integrals(hypers: Hypers, sums: Array, windows: Array) -> Array:
    """Integrate the rate of every entity `(U,)` out under every hyperparameter `(G,)`: `(G, U)`.

    The log of `INT Gamma(t; mu alpha, alpha) t^S (1 + t/phi)^-(S + n phi) dt`.
    """
    each = max(1, _BATCH // max(1, len(sums)))
    batches = [hypers[i : i + each] for i in range(0, len(hypers), each)]
    rows = spread_over_cores(lambda batch: _integrate(batch, sums, windows), batches)
    return np.concatenate(rows) if rows else np.empty((0, len(sums)))


def spread_over_cores[T, R](work: Callable[[T], R], parts: list[T]) -> list[R]:
    """Map over parts in a few threads; numpy leaves the interpreter free while it computes."""
    workers = min(_THREADS, os.cpu_count() or 1, len(parts))
    if workers < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, parts))


def _integrate(hypers: Hypers, sums: Array, windows: Array) -> Array:
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        # far right the integrand is exp(-inf); the unused branches of `below` may be anything
        peak = peaks(hypers.column(), sums[None, :], windows[None, :])
        flat = peak.ravel()
        left, right = extent(flat)
        step = np.minimum(_STEP_SD * flat.sd, _STEP)
        first = np.floor(left / step)
        count = np.ceil(right / step) - first + 1
        total = np.empty_like(step)
        for rows in np.array_split(np.argsort(count), 6):  # like lengths share a rectangle
            total[rows] = _trapezoid(flat[rows], step[rows], first[rows], count[rows])
        return (flat.top + np.log(total)).reshape(peak.top.shape)


def _trapezoid(peak: Peak, step: Array, first: Array, count: Array) -> Array:
    if not len(step):
        return step
    places = np.arange(int(count.max()))[None, :] + first[:, None]
    column = peak[:, None]
    body = np.exp(-column.fall(places * step[:, None])).sum(axis=1)
    tail = peak.below(first * step, lambda exponent: np.expm1(exponent * step))
    return np.asarray(step * (body + tail))


def count_terms(values: Array, phi: Array) -> Array:
    """Give `lgamma(y + phi) - lgamma(phi) - y log phi`: counts `(V,)`, sizes `(G,)`, `(G, V)`.

    In Stirling's form, without a difference of large numbers: at `phi` = 1e14 it is about 0.
    """
    size = phi[:, None]
    ratio = values[None, :] / size
    grown = size * special.log1p_minus(ratio) + (values - 0.5) * np.log1p(ratio)
    return np.asarray(grown + special.stirling_error(size + values) - special.stirling_error(size))
