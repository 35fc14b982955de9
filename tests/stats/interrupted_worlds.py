"""Series with known truth, and slow oracles of the regression with correlated days."""

import numpy as np
from scipy import linalg, stats

from pymc_vibes.stats.autoregression import Prior
from pymc_vibes.stats.interrupted import Fit, fit_series
from pymc_vibes.stats.series import Series, Window, standard_of
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.terms import Model

FIRST = 20_000.0


def ar1(days: int, phi: float, rng: np.random.Generator) -> Array:
    """A stationary AR(1) path of variance 1."""
    path = rng.standard_normal(days)
    path[1:] *= np.sqrt(1 - phi**2)
    for day in range(1, days):
        path[day] += phi * path[day - 1]
    return path


def null_series(days: int, phi: float, rng: np.random.Generator, *, missing: float = 0.0) -> Series:
    """Days without any effect: a week's pattern and correlated noise."""
    day = FIRST + np.arange(days)
    value = ar1(days, phi, rng) + np.sin(2 * np.pi * np.arange(days) / 7)
    kept = rng.random(days) >= missing
    kept[[0, -1]] = True
    return Series(day[kept], value[kept], np.ones(int(kept.sum())))


def window(days: int, before: int) -> Window:
    return Window(FIRST, FIRST + before, FIRST + days)


def analyzed(series: Series, study: Window, model: Model | None = None) -> Fit:
    """Fit as the kind does: standardized by the baseline."""
    standard = standard_of(series.between(study.first, study.change))
    assert standard is not None
    return fit_series(series, study, model or Model(), standard)


def covariance(day: Array, count: Array, phi: float, share: float) -> Array:
    """The correlation of days, written down in full."""
    white = (1 - share) * count.mean() / count
    return share * phi ** np.abs(day[:, None] - day[None, :]) + np.diag(white)


def dense_node(
    x: Array, y: Array, whole: Array, prior: Prior
) -> tuple[float, Array, Array, float, float]:
    """Log evidence, mean, covariance, scale of sigma^2 and df, from a covariance in full."""
    marginal = whole + x @ np.diag(prior.sd**2) @ x.T
    inverse = linalg.inv(whole)
    found = linalg.inv(x.T @ inverse @ x + np.diag(prior.sd**-2.0))
    mean = found @ x.T @ inverse @ y
    shape = prior.spread**2 * marginal
    log = stats.multivariate_t(np.zeros(len(y)), shape, df=prior.weight).logpdf(y)
    df = prior.weight + len(y)
    variance = (prior.weight * prior.spread**2 + y @ linalg.solve(marginal, y)) / df
    return float(log), mean, found, float(variance), df
