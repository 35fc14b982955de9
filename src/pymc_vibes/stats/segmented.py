"""The days before alone, with independent errors: what CausalPy's interrupted series does.

A regression of the days before the change is carried on; an effect is what was observed beyond it.
Only observed days count, and the intervals hold if days do not depend on each other, which daily
data rarely fulfill. It is here to be compared with. Priors are ten times as wide as elsewhere, so
that it is nearly least squares.

Reference: CausalPy (PyMC Labs), `InterruptedTimeSeries`: impact is observed minus the conditional
mean.
"""

from dataclasses import replace

import numpy as np

from pymc_vibes.stats.autoregression import mean_noise, regress
from pymc_vibes.stats.interrupted import Effect, Fit, prior_of, whitened_rows
from pymc_vibes.stats.marginals import Marginals
from pymc_vibes.stats.series import Series, Standard, Window
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.terms import Model

_WIDER = 10.0
_LEAST_FREE = 2  # days beyond the columns from which a variance of effects exists


class Segmented(Fit):
    """The posterior of one series by its days before; effects are observed minus expected."""

    def days_of(self, effect: Effect, days: int) -> Array:
        """Give the observed days that an effect is the mean of."""
        seen = self._seen(self.window.after)
        return {"immediate": seen[:days], "sustained": seen[-days:], "average": seen}[effect]

    def effect_on(self, days: Array) -> Marginals:
        """Give observed minus expected on each of those days that was observed, in order."""
        return self._beyond(np.eye(len(self._seen(days))), self._seen(days))

    def days_with_effect(self, days: Array) -> Array:
        """Give those of the days that were observed."""
        return self._seen(days)

    def effect(self, effect: Effect, days: int) -> Marginals:
        """Give the mean of observed minus expected."""
        seen = self.days_of(effect, days)
        return self._beyond(np.full((1, len(seen)), 1 / len(seen)), seen)

    def effect_seen(self, effect: Effect, days: int) -> Marginals:
        """Give the same with the noise that the mean of so many days has."""
        seen = self.days_of(effect, days)
        noise = mean_noise(seen, np.ones(len(seen)), self.regression.grid, 1.0)
        return self._beyond(np.full((1, len(seen)), 1 / len(seen)), seen, noise[None, :])

    def summed(self, days: Array) -> Marginals:
        """Give the sum of observed minus expected over those days that were observed."""
        seen = self._seen(days)
        return self._beyond(np.ones((1, len(seen))), seen)

    def cumulative(self, days: Array, shown: Array) -> Marginals:
        """Give the sums up to the days at the positions `shown`; 0 before the change."""
        seen = self._seen(days)
        counted = (seen >= self.window.change) & (seen < self.window.over)
        return self._beyond((seen <= days[shown][:, None]) * counted.astype(float), seen)

    def afterwards(self) -> Marginals:
        """Give the mean of observed minus expected on the days after the change was over."""
        seen = self._seen(self.window.afterwards)
        return self._beyond(np.full((1, len(seen)), 1 / len(seen)), seen)

    def rows_of(self, effect: Effect, days: int) -> Array:
        """Refuse: an effect is no product with the coefficients here."""
        raise TypeError(f"the {effect} effect (window {days}) is observed minus expected")

    def relative(
        self, level: float, effect: Effect = "average", days: int = 1
    ) -> tuple[float, float, float] | None:
        """Give median, low and high of a mean effect over the level that was to be expected.

        Observed over expected falls as the expected rises, so quantiles turn into each other.
        None where the level is not clearly away from 0.
        """
        seen = self.days_of(effect, days)
        known = self.functional(self.expected_rows(seen).mean(axis=0))
        if min(known.below(0.0)[0], known.above(0.0)[0]) > 1e-6:
            return None
        observed = float(self._observed(seen).mean())
        ends = [known.quantile(q)[0] for q in (0.5, (1 - level) / 2, (1 + level) / 2)]
        median, *others = [float((observed - base) / abs(base)) for base in ends]
        return median, min(others), max(others)

    def draw(self, effect: Effect, days: int, n: int, rng: np.random.Generator) -> Array:
        """Draw a mean effect, `(n,)`: with one `rng` all effects are drawn together."""
        seen = self.days_of(effect, days)
        row = self.expected_rows(seen).mean(axis=0)
        level = self.standard.center + self.standard.spread * self.regression.draw(n, rng) @ row
        return np.asarray(self._observed(seen).mean() - level)

    def innovations(self) -> Array:
        """Give the standardized residuals of the days before."""
        before = self.series.between(self.window.first, self.window.change)
        return Fit.innovations(replace(self, series=before))

    @property
    def summed_over(self) -> str:
        """Say over which days effects are added up."""
        return f"{len(self._seen(self.window.after))} observed days"

    def _seen(self, days: Array) -> Array:
        return self.series.days[np.isin(self.series.days, days)]

    def _observed(self, days: Array) -> Array:
        daily = self.series.daily()
        return np.asarray(daily.mean[np.isin(daily.day, days)])

    def _beyond(self, weights: Array, days: Array, noise: Array | None = None) -> Marginals:
        """Give weighted sums `(labels, days)` of observed minus expected."""
        expected = self.functional(-weights @ self.expected_rows(days), noise)
        return expected.moved(1.0, weights @ self._observed(days))


def fit_segmented(series: Series, window: Window, model: Model, standard: Standard) -> Segmented:
    """Fit the rows before the change; they lie in the window."""
    wide = replace(model.scaled(_WIDER), level_sd=_WIDER * model.level_sd)
    bare = replace(wide, has_effect=False, errors="independent")
    before = series.between(window.first, window.change)
    whitened = whitened_rows(before, window, bare, standard, bare.grid(len(before.days)))
    prior = prior_of(bare, standard)
    found = regress(whitened, prior)
    free = len(before) - len(bare.columns)
    if free > _LEAST_FREE:  # sigma as least squares has it: no guess, and a day less per column
        left = found.df * found.variance - prior.weight * prior.spread**2
        found = replace(found, df=float(free), variance=np.maximum(left, 0.0) / free)
    return Segmented(series, window, bare, standard, found)
