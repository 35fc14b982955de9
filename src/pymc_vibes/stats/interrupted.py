"""One interrupted series: what its days would have been without the change, and the effect.

The regression of `autoregression` on the columns of `terms`. Everything is computed in units of the
baseline's own center and spread, so that neither unit nor zero of the outcome matters. An effect is
a difference of expectations, exactly a mixture of Student-t, for any mean or sum of days.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from pymc_vibes.stats.autoregression import Grid, Prior, Whitened, mean_noise, regress, whiten
from pymc_vibes.stats.marginals import Marginals
from pymc_vibes.stats.series import Series, Standard, Window
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.terms import Details, Model, contrasts, design

type Effect = Literal["immediate", "sustained", "average"]

EFFECTS: tuple[Effect, ...] = ("immediate", "sustained", "average")


class Coefficients(Protocol):
    """What is known of the coefficients: by quadrature, or by draws; `(nodes, ...)` each."""

    @property
    def grid(self) -> Grid:
        """Correlation and share of the state at every node."""
        ...

    @property
    def weights(self) -> Array:
        """How much each node counts; they sum to 1."""
        ...

    @property
    def variance(self) -> Array:
        """Variance of a day at every node, in standard units."""
        ...

    @property
    def mean(self) -> Array:
        """Means of the coefficients, `(nodes, coefficients)`."""
        ...

    def functional(self, rows: Array, noise: Array | None = None) -> Marginals:
        """Give `rows @ coefficients`; `noise` `(labels, nodes)` is in units of the variance."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw coefficients jointly, `(n, coefficients)`."""
        ...


@dataclass(frozen=True)
class Fit:
    """The posterior of one series."""

    series: Series
    window: Window
    model: Model
    standard: Standard
    regression: Coefficients

    @cached_property
    def details(self) -> Details:
        """Give the contrasts of parts and the controls of every row."""
        return details_of(self.series, self.model)

    def effect_rows(self, days: Array) -> Array:
        """Give the rows whose product with the coefficients is the effect on those days."""
        rows = design(days, self.window, self.model)
        rows[:, : self.model.expected] = 0.0
        return rows

    def expected_rows(self, days: Array) -> Array:
        """Give the rows of the level that was to be expected without the change.

        Days have the usual mix of their parts; controls of days without rows lie between those of
        the days around them.
        """
        rows = design(days, self.window, self.model, self._usual(days))
        rows[:, self.model.expected :] = 0.0
        return rows

    def _usual(self, days: Array) -> Details:
        weights = self.series.count / self.series.count.sum()
        mix = np.broadcast_to(weights @ self.details.parts, (len(days), self.model.parts - 1))
        known = self.series.by_day(self.details.controls)
        between = [np.interp(days, self.series.days, column) for column in known.T]
        controls = np.array(between).T.reshape(len(days), len(self.model.controls))
        return Details(mix, controls)

    def rows_of(self, effect: Effect, days: int) -> Array:
        """Give the row of a mean effect: of the first or last `days` of the change, or all."""
        return self.effect_rows(self.days_of(effect, days)).mean(axis=0)

    def days_of(self, effect: Effect, days: int) -> Array:
        """Give the days that an effect is the mean of."""
        after = self.window.after
        return {"immediate": after[:days], "sustained": after[-days:], "average": after}[effect]

    def functional(self, rows: Array, noise: Array | None = None) -> Marginals:
        """Give `rows @ coefficients` in the outcome's unit; rows of a level hold its center."""
        plain = self.regression.functional(np.atleast_2d(rows), noise)
        return plain.moved(self.standard.spread, self.standard.center * np.atleast_2d(rows)[:, 0])

    def expected(self, days: Array) -> Marginals:
        """Give the level on each day without the change: an expectation, without noise."""
        return self.functional(self.expected_rows(days))

    def predicted(self, days: Array) -> Marginals:
        """Give a typical day's value without the change: the level and the noise of a day."""
        return self.functional(self.expected_rows(days), np.ones((len(days), 1)))

    def effect_on(self, days: Array) -> Marginals:
        """Give the effect on each day."""
        return self.functional(self.effect_rows(days))

    def days_with_effect(self, days: Array) -> Array:
        """Give those of the days whose effect `effect_on` tells: all."""
        return days

    def effect(self, effect: Effect, days: int) -> Marginals:
        """Give a mean effect: an expectation, without the noise of those days."""
        return self.functional(self.rows_of(effect, days))

    def effect_seen(self, effect: Effect, days: int) -> Marginals:
        """Give the same with the noise that the mean of so many days has: what may be seen."""
        many = len(self.days_of(effect, days))
        noise = mean_noise(np.arange(many, dtype=float), np.ones(many), self.regression.grid, 1.0)
        return self.functional(self.rows_of(effect, days), noise[None, :])

    def summed(self, days: Array) -> Marginals:
        """Give the sum of the effects of those days."""
        return self.functional(self.effect_rows(days).sum(axis=0))

    @property
    def summed_over(self) -> str:
        """Say over which days effects are added up."""
        return f"{self.window.days_after} calendar days"

    def cumulative(self, days: Array, shown: Array) -> Marginals:
        """Give the sums of effects of the change's days, up to those at the positions `shown`."""
        rows = self.effect_rows(days) * (days < self.window.over)[:, None]
        return self.functional(np.cumsum(rows, axis=0)[shown])

    def afterwards(self) -> Marginals:
        """Give the mean effect on the days after the change was over."""
        return self.functional(self.effect_rows(self.window.afterwards).mean(axis=0))

    def replicated(self) -> Marginals:
        """Give what each observed day would show if it came again: level, effect and noise."""
        series, grid = self.series, self.regression.grid
        daily = series.daily()
        white = (series.typical / daily.count)[:, None]
        rows = series.by_day(design(series.day, self.window, self.model, self.details))
        return self.functional(rows, grid.share + (1 - grid.share) * white)

    def differences(self) -> Array:
        """Give observed minus expected of each observed day, for the rows that it has."""
        rows = design(self.series.day, self.window, self.model, self.details)
        rows[:, self.model.expected :] = 0.0
        expected = self.functional(self.series.by_day(rows)).mean()
        return np.asarray(self.series.daily().mean - expected)

    def relative(
        self, level: float, effect: Effect = "average", days: int = 1
    ) -> tuple[float, float, float] | None:
        """Give median, low and high of a mean effect over the level of its days without the change.

        P(effect / level < r) is P(effect - r level < 0) where the level cannot be 0: exact.
        None where the level is not clearly away from 0.
        """
        base = self.expected_rows(self.days_of(effect, days)).mean(axis=0)
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

    def weekdays(self) -> Marginals:
        """Give each weekday's deviation from the week's mean, Monday first."""
        return self._deviations("weekday_1", contrasts(7))

    def parts(self) -> Marginals:
        """Give each part's deviation from the mean of the parts."""
        return self._deviations("part_1", contrasts(self.model.parts))

    def _deviations(self, first: str, rows: Array) -> Marginals:
        wide = np.zeros((len(rows), len(self.model.columns)))
        start = self.model.at(first)
        wide[:, start : start + rows.shape[1]] = rows
        return self.functional(wide)

    def coefficient(self, column: str) -> Marginals:
        """Give one coefficient in the outcome's unit."""
        row = np.zeros((1, len(self.model.columns)))
        row[0, self.model.at(column)] = 1.0
        return self.functional(row)

    def draw(self, effect: Effect, days: int, n: int, rng: np.random.Generator) -> Array:
        """Draw a mean effect, `(n,)`: with one `rng` all effects are drawn together."""
        coefficients = self.regression.draw(n, rng)
        return np.asarray(self.standard.spread * coefficients @ self.rows_of(effect, days))

    @property
    def effective_nodes(self) -> float:
        """Say over how many nodes the weight is spread."""
        return float(1 / np.sum(self.regression.weights**2))

    def near_unit_root(self, phi: float = 0.99) -> float:
        """Give the probability that the state hardly forgets: a correlation above that value."""
        return float(self.regression.weights[self.regression.grid.phi > phi].sum())

    @property
    def noise_sd(self) -> float:
        """Give the sd of a day around its level, in the outcome's unit."""
        variance = float(self.regression.weights @ self.regression.variance)
        return self.standard.spread * float(variance**0.5)

    def correlations(self) -> dict[str, float]:
        """Give what is known of how days depend on each other, by name."""
        regression = self.regression
        return {
            "correlation_of_next_days": float(regression.weights @ regression.grid.phi),
            "share_of_lasting_noise": float(regression.weights @ regression.grid.share),
        }

    def innovations(self) -> Array:
        """Give the standardized one-step prediction errors of rows, averaged over the nodes."""
        regression = self.regression
        whitened = whitened_rows(self.series, self.window, self.model, self.standard, self.grid)
        left = whitened.values[:, :, -1] - np.einsum(
            "gti,gi->gt", whitened.values[:, :, :-1], regression.mean
        )
        return np.asarray(regression.weights @ left)

    @property
    def grid(self) -> Grid:
        """Give the nodes that hold weight."""
        return self.regression.grid

    @property
    def effect_is_relative(self) -> bool:
        """Say whether what terms do is told as a share, not in the outcome's unit."""
        return False

    def for_placebos(self) -> "Fit":
        """Give the fit that pretended dates are compared with."""
        return self

    def others(self) -> "dict[str, Fit]":
        """Fit other models to the same days, exactly."""
        whole = replace(self.model, has_effect=True)
        changed = {name: change(whole) for name, change in ALTERNATIVES.items()}
        return {
            name: self.refit(self.series, self.window, model)
            for name, model in changed.items()
            if model != self.model
        }

    def refit(self, series: Series, window: Window, model: Model) -> "Fit":
        """Fit other rows, or other terms, exactly."""
        return fit_series(series, window, model, self.standard)


ALTERNATIVES: Mapping[str, Callable[[Model], Model]] = {
    "with a trend": lambda model: replace(model, trend=True),
    "without a trend": lambda model: replace(model, trend=False),
    "priors half as wide": lambda model: model.scaled(0.5),
    "priors twice as wide": lambda model: model.scaled(2.0),
    "constant effect": lambda model: replace(model, ramp=False),
    "state without noise": lambda model: replace(model, errors="ar1"),
    "wandering level": lambda model: replace(model, errors="level"),
    "independent days": lambda model: replace(model, errors="independent"),
}


def fit_series(series: Series, window: Window, model: Model, standard: Standard) -> Fit:
    """Fit one series; its rows lie in the window. Without noise a day has a single row."""
    if model.errors == "ar1" and model.parts > 1:
        series, model = series.daily(), replace(model, parts=1)
    grid = model.grid(len(series.days))
    whitened = whitened_rows(series, window, model, standard, grid)
    return Fit(series, window, model, standard, regress(whitened, prior_of(model, standard)))


def prior_of(model: Model, standard: Standard) -> Prior:
    """Give the prior of the coefficients and the scale, in standard units."""
    return Prior(model.sds, weight=standard.weight)


def details_of(series: Series, model: Model) -> Details:
    """Give the contrasts of parts, and the controls, of every row."""
    bare = np.zeros((len(series), 0))
    parts = bare if series.part is None else contrasts(model.parts)[series.part.astype(int)]
    return Details(parts, bare if series.controls is None else series.controls)


def whitened_rows(
    series: Series, window: Window, model: Model, standard: Standard, grid: Grid
) -> Whitened:
    """Take the correlation out of the columns and of the series, in standard units."""
    value = (series.mean - standard.center) / standard.spread
    rows = design(series.day, window, model, details_of(series, model))
    return whiten(series.day, series.count, np.column_stack([rows, value]), grid)
