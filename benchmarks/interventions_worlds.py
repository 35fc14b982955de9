"""Ninety days without and with an effect, and CausalPy's linear model in closed form.

Its model: y ~ Normal(X b, s^2) on the days before, b ~ Normal(0, 50^2), s ~ HalfNormal(1); its
effect is the mean of observed minus X b on the days after. Given s that is normal, and s is
integrated on a grid: the answer its sampler aims at, for as many series as one likes.
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.special import Array
from pymc_vibes.stats.student import StudentMixture

DAYS, CHANGE = 90, 45
FIRST = 20_094  # 2025-01-06, a Monday, as in `interventions_ways`
_BETA_SD, _SIGMA_SD, _NODES = 50.0, 1.0, 400
_NORMAL_DF = 1e8  # a Student-t that is a normal


@dataclass(frozen=True)
class Interval:
    """Mean and 95 % interval of an average effect."""

    mean: float
    low: float
    high: float

    def holds(self, truth: float) -> bool:
        """Say whether it holds the truth."""
        return self.low <= truth <= self.high

    @property
    def width(self) -> float:
        """Give how wide it is."""
        return self.high - self.low

    @property
    def sd(self) -> float:
        """Give the sd of a normal with this interval."""
        return self.width / (2 * 1.959964)


def series(phi: float, number: int, *, effect: float = 0.0) -> Array:
    """Draw days with a weekday pattern, AR(1) noise of variance 1 and an effect from the change on.

    Sd 1 and mean 0 is the scale at which CausalPy's priors do least harm.
    """
    rng = np.random.default_rng([number, round(100 * phi)])
    noise = rng.standard_normal(DAYS)
    noise[1:] *= np.sqrt(1 - phi**2)
    for day in range(1, DAYS):
        noise[day] += phi * noise[day - 1]
    at = np.arange(DAYS)
    return noise + np.sin(2 * np.pi * at / 7) + effect * (at >= CHANGE)


def closed_form(values: Array, *, trend: bool = True) -> Interval:
    """Give what CausalPy's sampler aims at, for `y ~ 1 + t + C(dow)` or without `t`."""
    at = np.arange(DAYS)
    columns = [np.ones(DAYS), *(at % 7 == np.arange(1, 7)[:, None]).astype(float)]
    x = np.column_stack([*columns, at] if trend else columns)
    before, after = x[:CHANGE], x[CHANGE:].mean(axis=0)
    sigma = np.linspace(0, 6, _NODES + 1)[1:] * _SIGMA_SD
    values_before = values[:CHANGE]
    # in the basis of the Gram matrix's eigenvectors every sigma is a diagonal
    gram, basis = np.linalg.eigh(before.T @ before)
    crossed, row = basis.T @ (before.T @ values_before), basis.T @ after
    variance = 1 / (gram / sigma[:, None] ** 2 + _BETA_SD**-2.0)
    mean = variance * crossed / sigma[:, None] ** 2
    fitted = values_before @ values_before / sigma**2 - (mean * crossed).sum(1) / sigma**2
    log = -CHANGE * np.log(sigma) + np.log(variance).sum(1) / 2 - fitted / 2
    log = log - (sigma / _SIGMA_SD) ** 2 / 2
    weights = np.exp(log - log.max())
    mixture = StudentMixture(
        df=np.array([_NORMAL_DF]),
        weights=(weights / weights.sum())[None, :],
        loc=(values[CHANGE:].mean() - mean @ row)[None, :],
        scale=np.sqrt(variance @ row**2)[None, :],
    )
    low, high = mixture.interval(0.95)
    return Interval(float(mixture.mean()[0]), float(low[0]), float(high[0]))
