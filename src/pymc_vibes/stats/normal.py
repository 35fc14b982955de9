"""Means of normal data with unknown mean and variance: exact Student-t posteriors.

With the normal-inverse-gamma prior the posterior of each mean is a Student-t, so means, intervals,
the chance of being the best and expected losses need no draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pymc_vibes.stats.best import Best
    from pymc_vibes.stats.decide import Direction

    type Array = NDArray[np.float64]

_PANELS = 1500  # for 300 labels this keeps nine digits; more break points add time
_NODES = 8
_FINEST = 1e-12  # share of a mean below which doubles cannot tell its neighbors apart
_LEAST = 1e-150  # a spread whose square is not yet 0
_FLOOR = 1e-300  # keeps logs finite where a tail underflows


@dataclass(frozen=True)
class StudentT:
    """Independent Student-t posteriors, one per label; arrays of shape `(labels,)`."""

    df: "Array"
    loc: "Array"
    scale: "Array"

    def __len__(self) -> int:
        return len(self.loc)

    def take(self, indices: "Array | list[int]") -> "StudentT":
        """Give the posteriors of some labels, in that order."""
        return StudentT(self.df[indices], self.loc[indices], self.scale[indices])

    def parameters(self) -> Mapping[str, "Array"]:
        """Give `df`, `loc` and `scale`."""
        return {"df": self.df, "loc": self.loc, "scale": self.scale}

    def mean(self) -> "Array":
        """Give the means; they exist for more than one degree of freedom."""
        return self.loc

    def sd(self) -> "Array":
        """Give the standard deviations; they exist for more than two degrees of freedom."""
        return self.scale * np.sqrt(self.df / (self.df - 2))

    def quantile(self, q: float) -> "Array":
        """Give the quantile of every label."""
        from scipy.special import stdtrit

        # the lower half is the accurate one
        score = stdtrit(self.df, min(q, 1 - q)) if q != 0.5 else 0.0
        return np.asarray(self.loc + self.scale * (score if q < 0.5 else -score))

    def hdi(self, mass: float) -> "tuple[Array, Array]":
        """Give the shortest interval that holds `mass`; here it is the central one."""
        return self.quantile((1 - mass) / 2), self.quantile((1 + mass) / 2)

    def pdf(self, index: int, x: "Array") -> "Array":
        """Give the density of one label at `x`."""
        return np.asarray(np.exp(_log_density(self.take([index]), np.asarray(x, dtype=float)))[0])

    def cdf(self, index: int, x: "Array") -> "Array":
        """Give the probability of one label lying at or below `x`."""
        from scipy.special import stdtr

        score = (np.asarray(x, dtype=float) - self.loc[index]) / self.scale[index]
        return np.asarray(stdtr(self.df[index], score))

    def sample(self, index: int, n: int, rng: np.random.Generator) -> "Array":
        """Draw `n` independent values of one label."""
        return np.asarray(self.loc[index] + self.scale[index] * rng.standard_t(self.df[index], n))

    def density(self, index: int, points: int = 201) -> "tuple[Array, Array]":
        """Give a curve `(x, y)` over the central 99.8 % of one label."""
        one = self.take([index])
        x = np.linspace(one.quantile(0.001)[0], one.quantile(0.999)[0], points)
        return x, one.pdf(0, x)


def mean_posterior(
    n: "Array",
    mean: "Array",
    squares: "Array",
    *,
    prior_mean: float,
    prior_spread: float,
    mean_weight: float,
    spread_weight: float,
) -> StudentT:
    """Update a normal-inverse-gamma prior and give the posterior of each mean.

    `squares` are sums of squared deviations from the sample means. The prior says: the mean is
    `prior_mean` with the weight of `mean_weight` observations, the standard deviation of one
    observation is `prior_spread` with the weight of `spread_weight`. No mean is known better than
    to a share of 1e-12.
    """
    weight = mean_weight + n
    df = spread_weight + n
    pull = mean_weight * n / weight * (mean - prior_mean) ** 2
    variance = (spread_weight * prior_spread**2 + squares + pull) / df
    loc = (mean_weight * prior_mean + n * mean) / weight
    least = np.maximum(_FINEST * np.abs(loc), _LEAST)
    return StudentT(df=df, loc=loc, scale=np.maximum(np.sqrt(variance / weight), least))


def best_mean(distribution: StudentT, direction: "Direction" = "higher") -> "Best":
    """Compute P(each is the best) and what choosing each is expected to lose, by quadrature.

    P(i is best) is the integral of f_i times the product of the others' F; the expected loss of i
    is that of F_i (1 - product of the others' F), which cancels nothing. The panels lie between
    quantiles of all labels, so that a narrow posterior beside a wide one is not missed.
    """
    from scipy.special import stdtr

    from pymc_vibes.stats.best import Best

    sign = 1.0 if direction == "higher" else -1.0
    one = StudentT(distribution.df, sign * distribution.loc, distribution.scale)
    probability, loss = np.zeros(len(one)), np.zeros(len(one))
    if len(one) == 1:
        return Best(np.ones(1), loss, float(distribution.loc[0]))
    for x, weights in _panels(one):
        score = (x - one.loc[:, None]) / one.scale[:, None]
        below = np.maximum(stdtr(one.df[:, None], score), _FLOOR)
        above = stdtr(one.df[:, None], -score)
        log_below = np.where(score < 0, np.log(below), np.log1p(-np.minimum(above, 0.5)))
        others = log_below.sum(axis=0) - log_below
        with np.errstate(under="ignore"):
            probability += np.exp(_log_density(one, x) + others) @ weights
            loss -= (below * np.expm1(others)) @ weights
    top = int(np.argmin(loss))
    return Best(probability / probability.sum(), loss, sign * float(one.loc[top] + loss[top]))


def _panels(distribution: StudentT) -> "list[tuple[Array, Array]]":
    tails = [1e-13, 1e-11, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.07, 0.13, 0.2]
    inner = [0.3, 0.4, 0.5, 0.6, 0.7]
    cuts = np.unique([distribution.quantile(q) for q in (*tails, *inner, *(1 - t for t in tails))])
    if len(cuts) > _PANELS:
        cuts = cuts[np.unique(np.linspace(0, len(cuts) - 1, _PANELS).astype(int))]
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    half, middle = np.diff(cuts)[:, None] / 2, (cuts[1:] + cuts[:-1])[:, None] / 2
    x, w = (middle + half * node).ravel(), (half * weight).ravel()
    size = max(1, 2_000_000 // len(distribution))  # 16 MB per matrix of labels and nodes
    return [(x[i : i + size], w[i : i + size]) for i in range(0, len(x), size)]


def _log_density(distribution: StudentT, x: "Array") -> "Array":
    from scipy.special import betaln

    df, scale = distribution.df[:, None], distribution.scale[:, None]
    score = (x - distribution.loc[:, None]) / scale
    constant = -betaln(df / 2, 0.5) - np.log(df) / 2 - np.log(scale)
    return np.asarray(constant - (df + 1) / 2 * np.log1p(score * score / df))
