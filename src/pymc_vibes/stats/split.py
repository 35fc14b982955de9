"""Two rates on either side of a boundary: the integral over their ratio, at any size of counts.

With u = log(lambda2/lambda1), w = expit(u) and s = expit(u + log(e2/e1)) the integrand is
w^a (1-w)^a s^k2 (1-s)^k1: log-concave, so its top and its ends are found safely. It is written
relative to its top from the smaller of s and 1 - s, so that a million events cost no digits.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array

if TYPE_CHECKING:
    from collections.abc import Callable

_NODES = 32  # per panel
_PANEL = 3.5  # its width in log units, as in `special`
_CHUNK = 4_000  # boundaries at once: about 16 MB per array


@dataclass(frozen=True)
class Split:
    """One boundary each: its integrand over u, the log of the factor; arrays `(n,)`.

    With `power` p the integrand is multiplied by exp(p u), for moments of the factor.
    """

    k1: Array
    k2: Array
    e1: Array
    e2: Array
    shape: float
    power: int = 0

    @cached_property
    def tilt(self) -> Array:
        """Give logit s - logit w."""
        return np.asarray(np.log(self.e2) - np.log(self.e1))

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """Give how fast the integrand falls far to the left and to the right, in log per log."""
        return self.k2 + self.shape + self.power, self.k1 + self.shape - self.power

    @cached_property
    def mode(self) -> Array:
        """Find the top: there the two shares take what the two tails give."""
        from scipy.special import expit, logit

        total, prior = np.maximum(self.k1 + self.k2, 1e-300), 2 * self.shape
        left, right = self.ends

        def descent(u: Array) -> Array:
            return np.asarray(total * expit(u + self.tilt) + prior * expit(u) - left)

        def place(rest: Array, tilt: Array) -> Array:
            by_prior = logit(np.minimum(rest / (2 * prior), 0.5))
            by_events = logit(np.minimum(rest / (2 * total), 0.5)) + tilt
            return np.asarray(np.minimum(by_prior, by_events))

        low, high = place(left, -self.tilt), -place(right, self.tilt)
        return special.find_roots(descent, low, high)

    def fall(self, distance: Array) -> Array:
        """Give the log integrand relative to its top, at distances `(n, m)` from it."""
        events = _tilted(self.k2, self.k1, self.mode + self.tilt, distance)
        prior = _tilted(self.shape + self.power, self.shape - self.power, self.mode, distance)
        return events + prior

    def fall_of(self, chosen: "np.ndarray", distance: Array) -> Array:
        """Give the same for some boundaries, one distance each."""
        u, shape, at = self.mode[chosen], self.shape, distance[:, None]
        events = _tilted(self.k2[chosen], self.k1[chosen], u + self.tilt[chosen], at)
        prior = _tilted(shape + self.power, shape - self.power, u, at)
        return np.asarray((events + prior)[:, 0])

    @cached_property
    def top(self) -> Array:
        """Give the log integrand at its top, over the likelihood of a constant rate."""
        from scipy.special import betaln, expit, log_expit

        u, total = self.mode, self.k1 + self.k2
        prior = (self.shape + self.power) * log_expit(u)
        prior = prior + (self.shape - self.power) * log_expit(-u) - betaln(self.shape, self.shape)
        s, rest = expit(u + self.tilt), expit(-u - self.tilt)
        q, kept = expit(self.tilt), expit(-self.tilt)
        constant = _deviance(self.k1, total * kept) + _deviance(self.k2, total * q)
        return prior + constant - _deviance(self.k1, total * rest) - _deviance(self.k2, total * s)

    @cached_property
    def reach(self) -> tuple[Array, Array]:
        """Give the distances left and right of the top beyond which nothing matters."""
        return self._reach(-1.0), self._reach(1.0)

    def _reach(self, sign: float) -> Array:
        def excess(distance: Array) -> Array:
            return -self.fall(sign * distance[:, None])[:, 0] - special.DROP

        far = np.full(self.mode.shape, 1e-3)
        while (short := excess(far) < 0).any():
            far = np.where(short, 2 * far, far)
        return special.find_roots(excess, np.zeros_like(far), far, close=0.5)

    @cached_property
    def panels(self) -> int:
        """Say how many panels the longest side needs."""
        longest = max(side.max() for side in self.reach)
        return max(1, int(np.ceil(longest / _PANEL)))

    def between(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Give nodes and weights `(n, m)` that integrate over distances from `low` to `high`."""
        nodes, weights = special.rule(self.panels, _NODES)
        width = (high - low)[:, None]
        return low[:, None] + width * nodes, width * weights

    def nodes(self) -> tuple[Array, Array]:
        """Give distances `(n, m)` from the top, and the weights of the normalized density."""
        zero, (left, right) = np.zeros(self.mode.shape), self.reach
        parts = (self.between(-left, zero), self.between(zero, right))
        distance = np.concatenate([part[0] for part in parts], axis=1)
        weights = np.concatenate([part[1] for part in parts], axis=1) * np.exp(self.fall(distance))
        return distance, weights / weights.sum(axis=1, keepdims=True)

    def log_area(self) -> Array:
        """Integrate, relative to the top."""
        zero, (left, right) = np.zeros(self.mode.shape), self.reach
        return np.asarray(np.log(self.area(-left, zero) + self.area(zero, right)))

    def area(self, low: Array, high: Array) -> Array:
        """Integrate between distances from the top, relative to the top."""
        nodes, weights = self.between(low, high)
        return np.asarray((weights * np.exp(self.fall(nodes))).sum(axis=1))

    def log_bayes_factor(self) -> Array:
        """Give the log of the integral over the likelihood of a constant rate, in chunks."""
        pieces = [self.take(slice(i, i + _CHUNK)) for i in range(0, len(self.k1), _CHUNK)]
        return np.concatenate([piece.top + piece.log_area() for piece in pieces])

    def take(self, chosen: "slice | np.ndarray") -> "Split":
        """Give some boundaries."""
        k1, k2, e1, e2 = (side[chosen] for side in (self.k1, self.k2, self.e1, self.e2))
        return Split(k1, k2, e1, e2, self.shape, self.power)

    def powered(self, power: int) -> "Split":
        """Give the integrand for a moment of the factor."""
        return Split(self.k1, self.k2, self.e1, self.e2, self.shape, power)


def _tilted(up: Array | float, down: Array | float, logit: Array, distance: Array) -> Array:
    """Give `up log(p/p0) + down log((1-p)/(1-p0))` at logit p = logit p0 + distance.

    Written from the smaller of p0 and 1 - p0, so that nothing cancels.
    """
    from scipy.special import expit

    flip = (logit > 0)[:, None]
    share = expit(-np.abs(logit))[:, None]
    up, down = np.reshape(up, (-1, 1)), np.reshape(down, (-1, 1))
    d = np.where(flip, -distance, distance)
    far = np.minimum(d, 700.0)
    grown = np.log1p(share * np.expm1(far)) + (d - far)
    return np.asarray(np.where(flip, down, up) * d - (up + down) * grown)


def _deviance(k: Array, z: Array) -> Array:
    safe = np.where(k > 0, k, 1.0)
    return np.where(k > 0, special.deviance(safe, np.where(k > 0, z, 1.0)), z)


def mixture(
    split: "Split", mass: Array
) -> "tuple[Callable[[Array], tuple[Array, Array]], Callable[[Array], Array]]":
    """Give both tails and the density of the log factor, averaged over boundaries."""
    weights = mass / np.exp(split.log_area())
    left, right = split.reach

    def tails(at: Array) -> tuple[Array, Array]:
        below, above = np.empty(at.shape), np.empty(at.shape)
        for i, u in enumerate(at):
            cut = np.clip(u - split.mode, -left, right)
            below[i] = weights @ split.area(-left, cut)
            above[i] = weights @ split.area(cut, right)
        return below, above

    def slope(at: Array) -> Array:
        return np.asarray(weights @ np.exp(split.fall(at[None, :] - split.mode[:, None])))

    return tails, slope


def log_factor_draws(split: Split, chosen: "np.ndarray", rng: np.random.Generator) -> Array:
    """Draw exactly from log-concave densities; one of four trials is accepted.

    Devroye (1986), *Non-Uniform Random Variate Generation*, on log-concave densities.
    """
    area = np.exp(split.log_area())[chosen]
    drawn = np.empty(len(chosen))
    open_ = np.arange(len(chosen))
    while open_.size:
        place = rng.uniform(-1, 1, open_.size)
        outside = rng.uniform(size=open_.size) < 0.5
        tail = np.sign(place) * (1 + rng.standard_exponential(open_.size))
        place = np.where(outside, tail, place)
        distance = place * area[open_]
        level = np.log(rng.uniform(size=open_.size)) + np.minimum(0.0, 1 - np.abs(place))
        accepted = level <= split.fall_of(chosen[open_], distance)
        drawn[open_[accepted]] = (split.mode[chosen[open_]] + distance)[accepted]
        open_ = open_[~accepted]
    return drawn
