"""One interrupted series: what its days would have been without the change, and the effect.

The regression of `autoregression` with an intercept, six contrasts of weekdays, a trend, and two
effect terms that are 0 before the change: a step, which is the average effect, and a ramp that
rises from -1/2 to 1/2 over the days after it, which adds up to nothing. Everything is computed in
units of the baseline's own center and spread, so that neither unit nor zero of the outcome matters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from pymc_vibes.stats.autoregression import (
    Grid,
    Prior,
    Regression,
    Whitened,
    fixed_grid,
    make_grid,
    mean_noise,
    regress,
    state_grid,
    whiten,
)
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.student import StudentMixture

type Errors = Literal["ar1-white", "ar1", "level", "independent"]
type Effect = Literal["immediate", "sustained", "average"]

EFFECTS: tuple[Effect, ...] = ("immediate", "sustained", "average")
_THURSDAY = 3  # day 0 is 1970-01-01; weekdays count from Monday
_SLOW = 0.999  # a state that forgets within years: a wandering level


@dataclass(frozen=True)
class Series:
    """One value a day: increasing day numbers (0 is 1970-01-01), means, observation counts."""

    day: Array
    mean: Array
    count: Array

    def __len__(self) -> int:
        return len(self.day)

    def between(self, start: float, end: float) -> "Series":
        """Keep the days of `[start, end)`."""
        kept = (self.day >= start) & (self.day < end)
        return Series(self.day[kept], self.mean[kept], self.count[kept])


@dataclass(frozen=True)
class Standard:
    """What the model counts as 0 and 1: `spread` is also the prior's guess of a day's sd."""

    center: float
    spread: float
    weight: float = 2.0
    """How many days the guess of the sd is worth."""


@dataclass(frozen=True)
class Model:
    """Terms of the model, with prior sds in units of a day's sd."""

    day_of_week: bool = True
    trend: bool = True
    ramp: bool = True
    errors: Errors = "ar1-white"
    level_sd: float = 5.0
    weekday_sd: float = 1.0
    trend_sd: float = 1.0
    """Of the change from the first to the last day."""
    effect_sd: float = 3.0
    ramp_sd: float = 1.0
    """Of the change of the effect from the first to the last day after."""

    def scaled(self, factor: float) -> "Model":
        """Make every prior but that of the level wider or narrower."""
        names = ("weekday_sd", "trend_sd", "effect_sd", "ramp_sd")
        return replace(self, **{name: factor * getattr(self, name) for name in names})

    @cached_property
    def columns(self) -> Mapping[str, float]:
        """Name the columns in order, with their prior sds."""
        named = {"level": self.level_sd}
        if self.day_of_week:
            named |= {f"weekday_{i}": self.weekday_sd for i in range(1, 7)}
        if self.trend:
            named["trend"] = self.trend_sd
        named["step"] = self.effect_sd
        return named | ({"ramp": self.ramp_sd} if self.ramp else {})

    def grid(self, days: int) -> Grid:
        """Give the nodes of the correlation model."""
        if self.errors == "independent":
            return fixed_grid([0.0], [0.5])
        if self.errors == "ar1":
            return state_grid(days)
        nodes = make_grid(days)
        if self.errors == "ar1-white":
            return nodes
        share = np.unique(nodes.share)
        return fixed_grid([_SLOW] * len(share), list(share))


@dataclass(frozen=True)
class Window:
    """The days of a study `[first, end)`, and the first day of the change."""

    first: float
    change: float
    end: float

    @property
    def days_after(self) -> int:
        """Count the calendar days after the change, observed or not."""
        return int(self.end - self.change)

    @cached_property
    def after(self) -> Array:
        """List the calendar days after the change."""
        return np.arange(self.change, self.end, dtype=float)


@dataclass(frozen=True)
class Fit:
    """The posterior of one series."""

    series: Series
    window: Window
    model: Model
    standard: Standard
    regression: Regression

    def effect_rows(self, days: Array) -> Array:
        """Give the rows whose product with the coefficients is the effect on those days."""
        rows = design(days, self.window, self.model)
        rows[:, : _first_effect(self.model)] = 0.0
        return rows

    def expected_rows(self, days: Array) -> Array:
        """Give the rows of the level that was to be expected without the change."""
        rows = design(days, self.window, self.model)
        rows[:, _first_effect(self.model) :] = 0.0
        return rows

    def rows_of(self, effect: Effect, days: int) -> Array:
        """Give the row of a mean effect: of the first or last `days` after the change, or all."""
        return self.effect_rows(self._days_of(effect, days)).mean(axis=0)

    def _days_of(self, effect: Effect, days: int) -> Array:
        after = self.window.after
        return {"immediate": after[:days], "sustained": after[-days:], "average": after}[effect]

    def functional(self, rows: Array, noise: Array | None = None) -> StudentMixture:
        """Give `rows @ coefficients` in the outcome's unit; rows of a level hold its center."""
        plain = self.regression.functional(np.atleast_2d(rows), noise)
        shift = self.standard.center * np.atleast_2d(rows)[:, :1]
        return replace(
            plain,
            loc=self.standard.spread * plain.loc + shift,
            scale=self.standard.spread * plain.scale,
        )

    def expected(self, days: Array) -> StudentMixture:
        """Give the level on each day without the change: an expectation, without noise."""
        return self.functional(self.expected_rows(days))

    def predicted(self, days: Array) -> StudentMixture:
        """Give a typical day's value without the change: the level and the noise of a day."""
        return self.functional(self.expected_rows(days), np.ones((len(days), 1)))

    def effect(self, effect: Effect, days: int) -> StudentMixture:
        """Give a mean effect: an expectation, without the noise of those days."""
        return self.functional(self.rows_of(effect, days))

    def effect_seen(self, effect: Effect, days: int) -> StudentMixture:
        """Give the same with the noise that the mean of so many days has: what may be seen."""
        after = self.window.after
        many = len(after) if effect == "average" else min(days, len(after))
        noise = mean_noise(np.arange(many, dtype=float), np.ones(many), self.regression.grid, 1.0)
        return self.functional(self.rows_of(effect, days), noise[None, :])

    def replicated(self) -> StudentMixture:
        """Give what each observed day would show if it came again: level, effect and noise."""
        count, share = self.series.count, self.grid.share
        white = (np.mean(count) / count)[:, None]
        rows = design(self.series.day, self.window, self.model)
        return self.functional(rows, share + (1 - share) * white)

    def relative(
        self, level: float, effect: Effect = "average", days: int = 1
    ) -> tuple[float, float, float] | None:
        """Give median, low and high of a mean effect over the level of its days without the change.

        P(effect / level < r) is P(effect - r level < 0) where the level cannot be 0: exact.
        None where the level is not clearly away from 0.
        """
        base = self.expected_rows(self._days_of(effect, days)).mean(axis=0)
        known = self.functional(base)
        if min(known.below(0.0)[0], known.above(0.0)[0]) > 1e-6:
            return None
        sign = float(np.sign(known.mean()[0]))
        median, low, high = (
            self._ratio(self.rows_of(effect, days), base, q, sign)
            for q in (0.5, (1 - level) / 2, (1 + level) / 2)
        )
        return (median, low, high) if sign > 0 else (median, min(low, high), max(low, high))

    def _ratio(self, effect: Array, base: Array, q: float, sign: float) -> float:
        from scipy.optimize import brentq

        target = q if sign > 0 else 1 - q

        def gap(ratio: float) -> float:
            return float(self.functional(effect - ratio * base).below(0.0)[0]) - target

        width = 1.0
        while gap(-width) * gap(width) > 0 and width < 1e12:
            width *= 4
        return float(brentq(gap, -width, width, xtol=1e-12 * width, rtol=1e-10))

    def weekdays(self) -> StudentMixture:
        """Give each weekday's deviation from the week's mean, Monday first."""
        monday = np.arange(4.0, 11.0, dtype=float)
        rows = design(monday, self.window, replace(self.model, trend=False, ramp=False))
        wide = np.zeros((7, len(self.model.columns)))
        wide[:, 1:7] = rows[:, 1:7]
        return self.functional(wide)

    def innovations(self) -> Array:
        """Give the standardized one-step prediction errors, averaged over the grid."""
        whitened = _whitened(self.series, self.window, self.model, self.standard, self.grid)
        left = whitened.values[:, :, -1] - np.einsum(
            "gti,gi->gt", whitened.values[:, :, :-1], self.regression.mean
        )
        return np.asarray(self.regression.weights @ left)

    @property
    def grid(self) -> Grid:
        """Give the nodes that hold weight."""
        return self.regression.grid


def fit_series(series: Series, window: Window, model: Model, standard: Standard) -> Fit:
    """Fit one series; its days lie in the window."""
    grid = model.grid(len(series))
    whitened = _whitened(series, window, model, standard, grid)
    regression = regress(whitened, prior_of(model, standard))
    return Fit(series, window, model, standard, regression)


def prior_of(model: Model, standard: Standard) -> Prior:
    """Give the prior of the coefficients and the scale, in standard units."""
    return Prior(np.array(list(model.columns.values())), weight=standard.weight)


def standard_of(baseline: Series) -> Standard | None:
    """Standardize by the baseline's own center and spread; None where it never varies."""
    center = float(np.average(baseline.mean, weights=baseline.count))
    spread = float(np.std(baseline.mean, ddof=1))
    least = 1e-9 * float(np.max(np.abs(baseline.mean), initial=0.0))
    return None if spread <= least else Standard(center, spread)


def design(days: Array, window: Window, model: Model) -> Array:
    """Give the regression columns of those days, `(days, coefficients)`."""
    days = np.asarray(days, dtype=float)
    columns = [np.ones(len(days))]
    if model.day_of_week:
        columns += list(_contrasts()[(days.astype(int) + _THURSDAY) % 7].T)
    if model.trend:
        middle, length = (window.first + window.end - 1) / 2, window.end - 1 - window.first
        columns.append((days - middle) / length)
    treated = (days >= window.change).astype(float)
    columns.append(treated)
    if model.ramp:
        columns.append(treated * ramp(days, window.change, window.end))
    return np.column_stack(columns)


def ramp(days: Array, change: float, end: float) -> Array:
    """Rise from -1/2 to 1/2 over the days after the change; a single day has no slope."""
    return np.asarray((days - change) / max(end - 1 - change, 1.0) - 0.5)


def _whitened(
    series: Series, window: Window, model: Model, standard: Standard, grid: Grid
) -> Whitened:
    value = (series.mean - standard.center) / standard.spread
    columns = np.column_stack([design(series.day, window, model), value])
    return whiten(series.day, series.count, columns, grid)


def _first_effect(model: Model) -> int:
    return list(model.columns).index("step")


def _contrasts() -> Array:
    """Give six orthonormal contrasts of seven days: no day is the reference."""
    helmert = np.zeros((7, 6))
    for i in range(6):
        helmert[: i + 1, i] = 1.0
        helmert[i + 1, i] = -(i + 1.0)
    return helmert / np.sqrt((helmert**2).sum(axis=0))
