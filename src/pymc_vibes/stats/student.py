"""Mixtures of Student-t distributions: what a linear functional has after a grid of variances.

All components of a label share their degrees of freedom; weights, places and scales are `(labels,
components)`. A component of weight 0 is padding, so that labels may have different numbers of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array

_CLOSE = 1e-11
_COARSE = 33


@dataclass(frozen=True)
class StudentMixture:
    """One mixture per label: `df` is `(labels,)`, the rest `(labels, components)`."""

    df: Array
    weights: Array
    loc: Array
    scale: Array

    def __len__(self) -> int:
        return len(self.df)

    def take(self, indices: Sequence[int]) -> "StudentMixture":
        """Give the mixtures of some labels, in that order."""
        at = list(indices)
        return StudentMixture(self.df[at], self.weights[at], self.loc[at], self.scale[at])

    def light(self, mass: float = 1e-3) -> "StudentMixture":
        """Leave out the lightest components, `mass` in all: enough for what is only drawn."""
        order = np.argsort(-self.weights.max(axis=0))
        enough = np.cumsum(self.weights[:, order], axis=1).min(axis=0) >= 1 - mass
        kept = order[: int(np.argmax(enough)) + 1] if enough.any() else order
        weights = self.weights[:, kept] / self.weights[:, kept].sum(axis=1, keepdims=True)
        return StudentMixture(self.df, weights, self.loc[:, kept], self.scale[:, kept])

    def moved(self, factor: float, shift: Array) -> "StudentMixture":
        """Multiply every label by a positive factor, then add its own shift."""
        loc = factor * self.loc + shift[:, None]
        return StudentMixture(self.df, self.weights, loc, factor * self.scale)

    def parameters(self) -> Mapping[str, Array]:
        """Give degrees of freedom, mean and the scale of one component that varies as much."""
        scale = self.sd() * np.sqrt((self.df - 2) / self.df)
        return {"df": self.df, "loc": self.mean(), "scale": scale}

    def mean(self) -> Array:
        """Give the means; they exist for more than one degree of freedom."""
        return np.asarray((self.weights * self.loc).sum(axis=1))

    def sd(self) -> Array:
        """Give the standard deviations; they exist for more than two degrees of freedom."""
        inner = self.scale**2 * (self.df / (self.df - 2))[:, None]
        away = (self.loc - self.mean()[:, None]) ** 2
        return np.sqrt((self.weights * (inner + away)).sum(axis=1))

    def below(self, x: Array | float) -> Array:
        """Give the probability of every label of lying at or below its own `x`, `(labels,)`."""
        from scipy.special import stdtr

        score = (np.broadcast_to(x, self.df.shape)[:, None] - self.loc) / self.scale
        return np.asarray((self.weights * stdtr(self.df[:, None], score)).sum(axis=1))

    def above(self, x: Array | float) -> Array:
        """Give the probability of every label of lying above its own `x`; exact in the tail."""
        return StudentMixture(self.df, self.weights, -self.loc, self.scale).below(-np.asarray(x))

    def quantile(self, q: float) -> Array:
        """Give the quantile of every label: between the quantiles of its components."""
        from scipy.special import stdtrit

        if q in (0.0, 1.0):
            return np.full(len(self), -np.inf if q == 0 else np.inf)
        places = self.loc + self.scale * stdtrit(self.df, q)[:, None]
        real = self.weights > 0
        low = np.where(real, places, np.inf).min(axis=1)
        high = np.where(real, places, -np.inf).max(axis=1)
        return special.find_roots(lambda x: self.below(x) - q, low, high, close=_CLOSE)

    def interval(self, level: float) -> tuple[Array, Array]:
        """Give the ends of the equal-tailed interval of every label."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the shortest interval that holds `mass`, for every label."""
        from scipy.optimize import minimize_scalar

        ends = []
        for index in range(len(self)):
            one = self.take([index])

            def width(below: float, one: StudentMixture = one) -> float:
                return float(one.quantile(below + mass)[0] - one.quantile(below)[0])

            inside = ((1 - mass) / _COARSE, (1 - mass) * (1 - 1 / _COARSE))
            found = minimize_scalar(width, bounds=inside, method="bounded", options={"xatol": 1e-6})
            low = float(found.x)
            ends.append((one.quantile(low)[0], one.quantile(low + mass)[0]))
        low_ends, high_ends = np.array(ends).reshape(-1, 2).T
        return low_ends, high_ends

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one label at `x`."""
        from scipy.stats import t

        x = np.asarray(x, dtype=float)[..., None]
        dense = t.pdf(x, self.df[index], self.loc[index], self.scale[index])
        return np.asarray(dense @ self.weights[index])

    def cdf(self, index: int, x: Array) -> Array:
        """Give the probability of one label lying at or below `x`."""
        from scipy.special import stdtr

        score = (np.asarray(x, dtype=float)[..., None] - self.loc[index]) / self.scale[index]
        return np.asarray(stdtr(self.df[index], score) @ self.weights[index])

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` independent values of one label."""
        weights = self.weights[index] / self.weights[index].sum()
        which = rng.choice(len(weights), size=n, p=weights)
        noise = rng.standard_t(self.df[index], n)
        return np.asarray(self.loc[index][which] + self.scale[index][which] * noise)

    def density(self, index: int, points: int = 201) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label."""
        one = self.take([index])
        x = np.linspace(one.quantile(0.001)[0], one.quantile(0.999)[0], points)
        return x, one.pdf(0, x)


def stacked(parts: Sequence[StudentMixture]) -> StudentMixture:
    """Put mixtures one below the other; the shorter ones are padded."""
    width = max(part.loc.shape[1] for part in parts)

    def padded(values: Array, filling: float) -> Array:
        missing = width - values.shape[1]
        return np.pad(values, ((0, 0), (0, missing)), constant_values=filling)

    return StudentMixture(
        df=np.concatenate([part.df for part in parts]),
        weights=np.concatenate([padded(part.weights, 0.0) for part in parts]),
        loc=np.concatenate([padded(part.loc, 0.0) for part in parts]),
        scale=np.concatenate([padded(part.scale, 1.0) for part in parts]),
    )
