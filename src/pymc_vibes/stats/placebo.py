"""Checks of an interrupted series: dates without a change, other models, what is left over."""

from dataclasses import dataclass, replace

import numpy as np

from pymc_vibes.stats.autoregression import Prior, Whitened, whiten
from pymc_vibes.stats.interrupted import Fit, details_of
from pymc_vibes.stats.series import Series, Window
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.terms import design

_DATES = 120  # placebo dates at most, evenly spread: the filter keeps a column of each
_LAGS = 14
_WEEK = 7
_YEAR = 365


@dataclass(frozen=True)
class Placebos:
    """Effects that were found at dates of the baseline, where nothing changed."""

    change: Array
    """First days of the pretended changes."""
    mean: Array
    sd: Array

    def rank(self, score: float) -> float | None:
        """Give the share of dates with a score as far from 0, counting the real one among them."""
        if not len(self.change):
            return None
        beyond = np.abs(self.mean / self.sd) >= abs(score)
        return float((1 + beyond.sum()) / (1 + len(self.change)))


def placebos(fit: Fit, least_days: int) -> Placebos:
    """Pretend a constant change at each admissible date of the last year before, and fit it there.

    The filter runs once: the steps of all dates are columns of one pass.
    """
    first = max(fit.window.first, fit.window.change - _YEAR)
    window = Window(first, fit.window.change, fit.window.change)
    baseline = fit.series.between(window.first, window.change)
    dates = _admissible(baseline.days, least_days)
    model = replace(fit.model, has_effect=True, ramp=False, after_end=False)
    rows = design(baseline.day, window, model, details_of(baseline, model))
    common, prior_sds = rows[:, :-1], model.sds
    steps = (baseline.day[:, None] >= dates).astype(float)
    value = (baseline.mean - fit.standard.center) / fit.standard.spread
    columns = np.column_stack([common, steps, value])
    grid = model.grid(len(baseline.days))
    whitened = whiten(baseline.day, baseline.count, columns, grid)
    prior = Prior(prior_sds, weight=fit.standard.weight)
    mean, sd = _each_step(whitened, common.shape[1], prior)
    return Placebos(dates, fit.standard.spread * mean, fit.standard.spread * sd)


def _admissible(days: Array, least: int) -> Array:
    dates = days[least : len(days) - least + 1]
    if not len(dates):
        return dates
    at = np.unique(np.linspace(0, len(dates) - 1, _DATES).astype(int))
    return np.asarray(dates[at])


def _each_step(whitened: Whitened, common: int, prior: Prior) -> tuple[Array, Array]:
    """Give mean and sd of each step beside the common columns, as `regress` would, one by one.

    The common columns are eliminated once; what is left of each step is a regression on one column.
    """
    shared, steps, series = np.split(whitened.values, [common, -1], axis=2)
    turned = shared.transpose(0, 2, 1)
    precision = turned @ shared + np.diag(prior.sd[:common] ** -2.0)
    both = np.concatenate([turned @ steps, turned @ series], axis=2)
    solved = np.linalg.solve(precision, both)
    crossed, pushed = both[:, :, :-1], solved[:, :, -1]
    information = (
        (steps**2).sum(axis=1) + prior.sd[-1] ** -2.0 - (crossed * solved[:, :, :-1]).sum(axis=1)
    )
    push = np.einsum("gtd,gt->gd", steps, series[:, :, 0])
    push -= np.einsum("gid,gi->gd", crossed, pushed)
    left = (series[:, :, 0] ** 2).sum(axis=1) - (both[:, :, -1] * pushed).sum(axis=1)
    df = prior.weight + whitened.values.shape[1]
    rest = np.maximum(left[:, None] - push**2 / information, 0.0)
    variance = (prior.weight * prior.spread**2 + rest) / df
    fixed = whitened.log_determinant + np.linalg.slogdet(precision)[1]
    log = (
        whitened.grid.log_weight[:, None]
        - (fixed[:, None] + np.log(information) + df * np.log(variance)) / 2
    )
    weights = np.exp(log - log.max(axis=0))
    weights /= weights.sum(axis=0)
    found = push / information
    mean = (weights * found).sum(axis=0)
    spread = variance / information * df / (df - 2) + (found - mean) ** 2
    return mean, np.sqrt((weights * spread).sum(axis=0))


@dataclass(frozen=True)
class Alternative:
    """The average effect under another model, or of other days."""

    name: str
    mean: float
    low: float
    high: float
    chance_above: float


def alternatives(fit: Fit, level: float, least_days: int) -> tuple[Alternative, ...]:
    """Fit the series under other models, then fewer days under the given one, which comes first."""
    whole = replace(fit.model, has_effect=True)
    fits = {"as given": fit} | fit.others()
    fits |= {
        name: fit.refit(series, window, whole)
        for name, (series, window) in _fewer_days(fit, least_days).items()
    }
    return tuple(_alternative(name, other, level) for name, other in fits.items())


def _fewer_days(fit: Fit, least_days: int) -> dict[str, tuple[Series, Window]]:
    """Leave out a week after the change, then half of the days before; where enough are left."""
    series, window = fit.series, fit.window
    late = (series.day < window.change) | (series.day >= window.change + _WEEK)
    settled = series.where(late)
    middle = window.first + (window.change - window.first) // 2
    named = {
        "without the first week after": (settled, window),
        "without the earlier half before": (
            series.between(middle, window.end),
            replace(window, first=middle),
        ),
    }
    return {
        name: (kept, study)
        for name, (kept, study) in named.items()
        if len(kept.between(study.first, study.change).days) >= least_days
        and len(kept.between(study.change, study.over).days) >= least_days
    }


def _alternative(name: str, fit: Fit, level: float) -> Alternative:
    effect = fit.effect("average", 1)
    low, high = effect.interval(level)
    return Alternative(
        name, float(effect.mean()[0]), float(low[0]), float(high[0]), float(effect.above(0.0)[0])
    )


def autocorrelation(values: Array) -> Array:
    """Give the autocorrelation at lags 1 to 14, fewer where there are fewer values."""
    away = values - values.mean()
    total = float(away @ away)
    lags = range(1, min(_LAGS, len(values) - 2) + 1)
    return np.array([float(away[lag:] @ away[:-lag]) / total for lag in lags])


def ljung_box(values: Array, lags: int = 7) -> float:
    """Give the p-value of no autocorrelation up to that lag (Ljung and Box 1978)."""
    from scipy.special import chdtrc

    found = autocorrelation(values)[:lags]
    n = len(values)
    statistic = n * (n + 2) * float(np.sum(found**2 / (n - 1 - np.arange(len(found)))))
    return float(chdtrc(len(found), statistic))
