"""Checks of an interrupted series: dates without a change, other models, what is left over."""

from dataclasses import dataclass, replace

import numpy as np

from pymc_vibes.stats.autoregression import Prior, Whitened, regress, whiten
from pymc_vibes.stats.interrupted import Fit, details_of
from pymc_vibes.stats.series import Series, Window
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.terms import design

_DATES = 40  # placebo dates at most, evenly spread: enough for a rank, few enough for a page
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
    found = [_one(whitened, common.shape[1], len(dates), i, prior) for i in range(len(dates))]
    mean, sd = np.array(found).reshape(-1, 2).T * fit.standard.spread
    return Placebos(dates, mean, sd)


def _admissible(days: Array, least: int) -> Array:
    dates = days[least : len(days) - least + 1]
    if not len(dates):
        return dates
    at = np.unique(np.linspace(0, len(dates) - 1, _DATES).astype(int))
    return np.asarray(dates[at])


def _one(whitened: Whitened, common: int, many: int, at: int, prior: Prior) -> tuple[float, float]:
    others = [common + i for i in range(many) if i != at]
    effect = regress(whitened.without(others), prior).functional(np.eye(common + 1)[-1:])
    return float(effect.mean()[0]), float(effect.sd()[0])


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
