"""Whether experiments agree with a fitted marketing mix, and what they would make of it.

Weighting the draws by the likelihood of experiments is exact in the limit and needs no refit, as
long as the draws cover where the experiments point. The tail of the weights says whether they do
(Vehtari et al. 2024); where they do not, only a fit with the experiments inside answers.
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.media_experiments import Evidence
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.tail_shape import smooth

LARGEST_SHAPE = 0.7
"""Above it, or above 1 - 1 / log10(draws), weighted means are not to be trusted."""
LEAST_EFFECTIVE = 100.0
"""Draws that the weighted ones must be worth."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Conflict:
    """Where readouts fall in what the model predicted before it knew of them."""

    position: Array
    """P(a readout like this lies below the one seen), `(readouts,)`."""
    p_value: Array
    """Chance of a readout as far out on either side, `(readouts,)`; at least 1 / (draws + 1)."""
    together: float
    """The same for all readouts at once, as if predictions were normal."""


def find_conflict(evidence: Evidence, lifts: Array) -> Conflict:
    """Compare readouts with predictions, `(draws, readouts)`, of a model that does not know them.

    Predictions include the errors of the readouts, widened by grade.
    """
    from scipy.special import chdtrc, ndtr, stdtr

    score = (evidence.lift - lifts) / evidence.scale
    is_heavy = np.isfinite(evidence.freedom)
    heavy = stdtr(np.where(is_heavy, evidence.freedom, 1.0), score)
    position = np.where(is_heavy, heavy, ndtr(score)).mean(axis=0)
    least = 1 / (len(lifts) + 1)  # draws know nothing of rarer events
    tail = 2 * np.minimum(position, 1 - position)
    away = evidence.lift - lifts.mean(axis=0)
    spread = np.atleast_2d(np.cov(lifts, rowvar=False)) + np.diag(evidence.sd**2)
    together = float(chdtrc(len(away), away @ np.linalg.solve(spread, away)))
    return Conflict(
        position=position, p_value=np.clip(tail, least, 1.0), together=max(together, least)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Weighted:
    """Draws after experiments: what each of them now counts."""

    weights: Array
    """They sum to 1."""
    shape: float
    """Pareto k of the tail of the raw weights."""

    @property
    def effective(self) -> float:
        """Give the number of equal draws with as much to say."""
        return float(1 / (self.weights**2).sum())

    @property
    def is_trusted(self) -> bool:
        """Say whether the draws cover where the experiments point; else refit."""
        limit = min(1 - 1 / np.log10(len(self.weights)), LARGEST_SHAPE)
        return bool(self.shape < limit and self.effective >= LEAST_EFFECTIVE)


def reweigh(log_weight: Array) -> Weighted:
    """Weigh draws by a log likelihood, `(draws,)`, with the largest weights smoothed."""
    smoothed, shape = smooth(log_weight)
    weights = np.exp(smoothed - smoothed.max())
    return Weighted(weights=weights / weights.sum(), shape=shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Summary:
    """Mean, sd and equal-tailed interval per column."""

    mean: Array
    sd: Array
    low: Array
    high: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Shift:
    """What experiments do to some quantities, such as the return of every channel."""

    before: Summary
    after: Summary

    @property
    def moved(self) -> Array:
        """Give by how many of its former sds each mean moved."""
        return np.asarray((self.after.mean - self.before.mean) / self.before.sd)

    @property
    def narrowed(self) -> Array:
        """Give the width of each interval after, as a share of that before."""
        before, after = self.before, self.after
        return np.asarray((after.high - after.low) / (before.high - before.low))


def shift(values: Array, weighted: Weighted, *, prob: float = 0.9) -> Shift:
    """Compare draws, `(draws, columns)`, as they are and weighted."""
    equal = np.full(len(values), 1 / len(values))
    return Shift(
        before=summarize(values, equal, prob=prob),
        after=summarize(values, weighted.weights, prob=prob),
    )


def summarize(values: Array, weights: Array, *, prob: float) -> Summary:
    """Sum up weighted draws, `(draws, columns)`; weights sum to 1."""
    share = weights[:, None]
    mean = (share * values).sum(axis=0)
    low, high = (
        weighted_quantile(values, weights, level) for level in ((1 - prob) / 2, (1 + prob) / 2)
    )
    sd = np.sqrt((share * (values - mean) ** 2).sum(axis=0))
    return Summary(mean=mean, sd=sd, low=low, high=high)


def weighted_quantile(values: Array, weights: Array, level: float) -> Array:
    """Give a quantile of every column, interpolated between the middles of the draws' weights."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    shares = weights[order]
    middle = np.cumsum(shares, axis=0) - shares / 2
    columns = range(values.shape[1])
    return np.array([np.interp(level, middle[:, i], ordered[:, i]) for i in columns])
