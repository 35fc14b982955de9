"""Conjugate posteriors as arrays of parameters: Beta for a chance, Gamma for a rate.

Every number comes from the distribution itself, never from draws. Many labels are one array
operation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array


@dataclass(frozen=True, eq=False)  # the same only as itself, so that one can be a key
class Beta:
    """Independent `Beta(a, b)` posteriors of chances, one per label; arrays `(labels,)`."""

    a: Array
    b: Array

    def __post_init__(self) -> None:
        _settle(self, "a", "b")

    def __len__(self) -> int:
        return len(self.a)

    def take(self, indices: Array | list[int]) -> "Beta":
        """Give the posteriors of some labels, in that order."""
        return Beta(self.a[indices], self.b[indices])

    def parameters(self) -> Mapping[str, Array]:
        """Give `alpha` and `beta`."""
        return {"alpha": self.a, "beta": self.b}

    def mean(self) -> Array:
        """Give the means."""
        return self.a / (self.a + self.b)

    def sd(self) -> Array:
        """Give the standard deviations."""
        n = self.a + self.b
        return np.sqrt(self.a / n * (self.b / n) / (n + 1))

    def quantile(self, q: float) -> Array:
        """Give the quantile of every label."""
        from scipy.special import betaincinv

        return np.asarray(betaincinv(self.a, self.b, q), dtype=float)

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`.

        It starts at exactly 0 where the density falls from there, ends at exactly 1 where it rises
        to there. Where the density is flat it is the central interval; where it is U-shaped the
        shorter of the two that touch an end, 0 on a tie.
        """
        low = np.where(self.a < self.b, 0.0, self.quantile(1 - mass))
        high = np.where(self.a < self.b, self.quantile(mass), 1.0)
        touches_zero = (self.a <= 1) & (self.b <= 1) & (self.a == self.b)
        high = np.where(touches_zero, self.quantile(mass), high)
        low = np.where(touches_zero, 0.0, low)
        flat = (self.a == 1) & (self.b == 1)
        low, high = np.where(flat, (1 - mass) / 2, low), np.where(flat, (1 + mass) / 2, high)
        inner = np.flatnonzero((self.a > 1) & (self.b > 1))
        if inner.size:
            low[inner], high[inner] = _beta_hdi(self.a[inner], self.b[inner], mass)
        return low, high

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one label at `x`; 0 outside [0, 1], infinite at a pole."""
        x = np.asarray(x, dtype=float)
        a, b = self.a[index], self.b[index]
        inside = (x > 0) & (x < 1)
        safe = np.where(inside, x, 0.5)
        with np.errstate(over="ignore", under="ignore"):  # far out the density is 0
            value = np.exp(
                special.beta_log_density(a, b, safe, 1 - safe) - np.log(safe) - np.log1p(-safe)
            )
        ends = np.where(x == 0, _end(a, b), np.where(x == 1, _end(b, a), 0.0))
        return np.where(inside, value, ends)

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one label lying at or below `x`."""
        from scipy.special import betainc

        bounded = np.clip(np.asarray(x, dtype=float), 0.0, 1.0)
        return np.asarray(betainc(self.a[index], self.b[index], bounded))

    def above(self, x: float) -> Array:
        """Give the probability of every label lying above `x`."""
        from scipy.special import betaincc

        return np.asarray(betaincc(self.a, self.b, min(max(x, 0.0), 1.0)))

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one label."""
        return rng.beta(self.a[index], self.b[index], n)

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label; finite everywhere."""
        return _curve(self, index, points)


@dataclass(frozen=True, eq=False)
class Gamma:
    """Independent `Gamma(shape, rate)` posteriors of rates, one per label; arrays `(labels,)`."""

    shape: Array
    rate: Array

    def __post_init__(self) -> None:
        _settle(self, "shape", "rate")

    def __len__(self) -> int:
        return len(self.shape)

    def take(self, indices: Array | list[int]) -> "Gamma":
        """Give the posteriors of some labels, in that order."""
        return Gamma(self.shape[indices], self.rate[indices])

    def parameters(self) -> Mapping[str, Array]:
        """Give `alpha` (the shape) and `beta` (the rate)."""
        return {"alpha": self.shape, "beta": self.rate}

    def mean(self) -> Array:
        """Give the means."""
        return self.shape / self.rate

    def sd(self) -> Array:
        """Give the standard deviations."""
        return np.sqrt(self.shape) / self.rate

    def quantile(self, q: float) -> Array:
        """Give the quantile of every label."""
        from scipy.special import gammaincinv

        return np.asarray(gammaincinv(self.shape, q) / self.rate, dtype=float)

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`; it starts at 0 where the shape is <= 1."""
        low, high = np.zeros(len(self)), self.quantile(mass)
        inner = np.flatnonzero(self.shape > 1)
        if inner.size:
            ends = _gamma_hdi(self.shape[inner], mass)
            low[inner], high[inner] = ends[0] / self.rate[inner], ends[1] / self.rate[inner]
        return low, high

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one label at `x`; 0 below 0, infinite at a pole."""
        x = np.asarray(x, dtype=float)
        shape, rate = self.shape[index], self.rate[index]
        inside = (x > 0) & np.isfinite(x)
        safe = np.where(inside, x, 1.0)
        with np.errstate(over="ignore", under="ignore"):  # far out the density is 0
            value = np.exp(special.gamma_log_density(shape, rate * safe) - np.log(safe))
        pole = np.inf if shape < 1 else rate if shape == 1 else 0.0
        return np.where(inside, value, np.where(x == 0, pole, 0.0))

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one label lying at or below `x`."""
        from scipy.special import gammainc

        bounded = np.maximum(np.asarray(x, dtype=float), 0.0)
        with np.errstate(over="ignore"):  # an infinite argument has probability 1
            return np.asarray(gammainc(self.shape[index], self.rate[index] * bounded))

    def above(self, x: float) -> Array:
        """Give the probability of every label lying above `x`."""
        from scipy.special import gammaincc

        with np.errstate(over="ignore"):  # an infinite argument has probability 0
            return np.asarray(gammaincc(self.shape, self.rate * max(x, 0.0)))

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one label."""
        return np.asarray(rng.standard_gamma(self.shape[index], n) / self.rate[index])

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label; finite everywhere."""
        return _curve(self, index, points)


def _settle(record: Beta | Gamma, *names: str) -> None:
    arrays = [np.atleast_1d(np.asarray(getattr(record, name), dtype=float)) for name in names]
    for name, array in zip(names, np.broadcast_arrays(*arrays), strict=True):
        if array.ndim != 1 or not (np.isfinite(array) & (array > 0)).all():
            raise ValueError(f"{type(record).__name__}.{name} must be positive and finite numbers")
        object.__setattr__(record, name, np.ascontiguousarray(array))


def _end(a: float, b: float) -> float:
    return np.inf if a < 1 else b if a == 1 else 0.0


def _curve(distribution: Beta | Gamma, index: int, points: int) -> tuple[Array, Array]:
    one = distribution.take([index])
    x = np.linspace(one.quantile(0.001)[0], one.quantile(0.999)[0], points)
    return x, one.pdf(0, x)


def _beta_hdi(a: Array, b: Array, mass: float) -> tuple[Array, Array]:
    from scipy.special import betainc, expit

    center = np.log(a - 1) - np.log(b - 1)

    def ends(width: Array) -> tuple[Array, Array]:
        low, high = special.beta_drop(a - 1, b - 1, width * width / 2)
        return expit(center + low), expit(center + high)

    def missing(width: Array) -> Array:
        low, high = ends(width)
        return np.asarray(betainc(a, b, high) - betainc(a, b, low) - mass)

    return ends(_settle_width(missing, a))


def _gamma_hdi(shape: Array, mass: float) -> tuple[Array, Array]:
    from scipy.special import gammainc

    top = shape - 1

    def ends(width: Array) -> tuple[Array, Array]:
        low, high = special.gamma_drop(top, width * width / 2)
        return top * np.exp(low), top * np.exp(high)

    def missing(width: Array) -> Array:
        low, high = ends(width)
        return np.asarray(gammainc(shape, high) - gammainc(shape, low) - mass)

    return ends(_settle_width(missing, shape))


def _settle_width(missing: Callable[[Array], Array], like: Array) -> Array:
    # The drop in log density is width**2 / 2, so that for a normal the width counts sd; the
    # narrowest holds a mass of 0.0008, far below any level.
    return special.find_roots(missing, np.full(like.shape, 1e-3), np.full(like.shape, 40.0))
