"""An interrupted series of counts: rates with and without the change, on the scale of rates.

    y_t ~ NegativeBinomial(exposure_t rate_t)
    log rate_t = x_t' b + a_t     a_t the AR(1) state of `latent_counts`, or none

Coefficients multiply rates. An effect is a difference of expected rates (per unit of exposure), a
relative one their ratio, a sum one of expected counts; all are functions of joint draws. The mean
over what the state may do, exp(tau^2 / 2), is part of an expected rate; there tau is its posterior
median, because its mean over draws has a tail that nothing bounds.
"""

from dataclasses import dataclass, replace

import numpy as np

from pymc_vibes.core.posterior import stream
from pymc_vibes.stats.autoregression import Grid, fixed_grid, whiten
from pymc_vibes.stats.interrupted import Effect, Fit, details_of, fit_series
from pymc_vibes.stats.latent_counts import (
    CountModel,
    CountPrior,
    CountRegression,
    CountSeries,
    Family,
    regress_counts,
)
from pymc_vibes.stats.marginals import Drawn
from pymc_vibes.stats.series import Series, Standard, Window, standard_of
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.terms import LOG_SDS, Model, design

DRAWS = 4000
_FEW = 500  # of other models, of which a table shows three digits
_MOST_SIMULATED = 2_000_000  # numbers that are drawn for one mean of days


@dataclass(frozen=True, eq=False)
class RateDraws:
    """Joint draws of coefficients `(chain, draw, coefficient)` and spreads `(chain, draw)`."""

    coefficients: Array
    phi: Array
    tau: Array
    """Stationary sd of the state."""
    extra: Array
    """Relative sd of a count beyond Poisson; 0 is Poisson."""
    tail_shape: float | None = None
    """Pareto's k of the weights that made the draws exact; None of chains."""

    @property
    def mean(self) -> Array:
        """Give the coefficients of every draw, `(draws, coefficients)`."""
        return self.coefficients.reshape(-1, self.coefficients.shape[2])

    @property
    def grid(self) -> Grid:
        """Give the correlation of every draw; all of the state lasts."""
        return Grid(self.phi.ravel(), np.ones(self.phi.size), np.zeros(self.phi.size))

    @property
    def variance(self) -> Array:
        """Give the variance of the state, of every draw."""
        return self.tau.ravel() ** 2

    @property
    def weights(self) -> Array:
        """Give each draw the same weight."""
        return np.full(self.phi.size, 1 / self.phi.size)

    def functional(self, rows: Array, noise: Array | None = None) -> Drawn:
        """Give `rows @ coefficients` on the scale of logs; counts have no noise there."""
        if noise is not None:
            raise TypeError("the noise of counts is not on the scale of logs")
        return Drawn(self.coefficients @ rows.T)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw coefficients jointly, `(n, coefficients)`."""
        return np.asarray(self.mean[rng.integers(len(self.mean), size=n)])


@dataclass(frozen=True)
class CountFit(Fit):
    """The posterior of one series of counts; `mean` of a row is its rate, `count` its exposure."""

    regression: RateDraws
    family: Family = "negative-binomial"

    def functional(self, rows: Array, noise: Array | None = None) -> Drawn:
        """Give expected rates, `exp(rows @ coefficients)`, per unit of exposure."""
        if noise is not None:
            raise TypeError("counts have noise of their own: see `predicted`")
        return Drawn(self._rates(np.atleast_2d(rows)))

    def effect_on(self, days: Array) -> Drawn:
        """Give the difference of expected rates on each day."""
        return Drawn(self._differences(days))

    def effect(self, effect: Effect, days: int) -> Drawn:
        """Give the mean difference of expected rates."""
        return Drawn(_mean(self._differences(self.days_of(effect, days))))

    def predicted(self, days: Array) -> Drawn:
        """Give the rate that a typical day may show without the change."""
        exposure = np.full(len(days), self.series.typical)
        return Drawn(self._counted(self.expected_rows(days), exposure, "predicted"))

    def effect_seen(self, effect: Effect, days: int) -> Drawn:
        """Give the mean difference that so many days may show: counts and state included."""
        those = self.days_of(effect, days)
        thin = -(-self.regression.phi.size * len(those) // _MOST_SIMULATED)
        few = replace(self, regression=_thinned(self.regression, thin))
        expected = few._rates(few.expected_rows(those)).mean(axis=2, keepdims=True)  # noqa: SLF001
        rows = few.expected_rows(those) + few.effect_rows(those)
        exposure = np.full(len(those), self.series.typical)
        seen = few._counted(rows, exposure, effect, is_path=True)  # noqa: SLF001  # one of ours
        return Drawn(seen.mean(axis=2, keepdims=True) - expected)

    def summed(self, days: Array) -> Drawn:
        """Give the sum of expected counts more (or fewer) on those days."""
        return Drawn((self._differences(days) * self._exposures(days)).sum(axis=2, keepdims=True))

    def cumulative(self, days: Array, shown: Array) -> Drawn:
        """Give sums of expected counts of the change's days, up to the positions `shown`."""
        counts = self._differences(days) * self._exposures(days) * (days < self.window.over)
        return Drawn(np.cumsum(counts, axis=2)[:, :, shown])

    def afterwards(self) -> Drawn:
        """Give the mean difference of rates on the days after the change was over."""
        return Drawn(_mean(self._differences(self.window.afterwards)))

    def replicated(self) -> Drawn:
        """Give the rate that each observed day would show if it came again."""
        rows = design(self.series.day, self.window, self.model, self.details)
        daily = self.series.daily()
        counted = self._counted(rows, self.series.count, "replicated")
        return Drawn(self._by_day(counted)[:, :, : len(daily)])

    def differences(self) -> Array:
        """Give observed minus expected rate of each observed day."""
        rows = design(self.series.day, self.window, self.model, self.details)
        rows[:, self.model.expected :] = 0.0
        expected = self._by_day(self._rates(rows)).mean(axis=(0, 1))
        return np.asarray(self.series.daily().mean - expected)

    def relative(
        self, level: float, effect: Effect = "average", days: int = 1
    ) -> tuple[float, float, float] | None:
        """Give median, low and high of the ratio of mean rates, minus 1."""
        those = self.days_of(effect, days)
        base = self._rates(self.expected_rows(those)).mean(axis=2)
        ratio = (self._differences(those).mean(axis=2) / base).ravel()
        median, low, high = np.quantile(ratio, [0.5, (1 - level) / 2, (1 + level) / 2])
        return float(median), float(low), float(high)

    def _deviations(self, first: str, rows: Array) -> Drawn:
        wide = np.zeros((len(rows), len(self.model.columns)))
        start = self.model.at(first)
        wide[:, start : start + rows.shape[1]] = rows
        return Drawn(np.expm1(self.regression.coefficients @ wide.T))

    def coefficient(self, column: str) -> Drawn:
        """Give what a column does to rates, as a share of them."""
        at = self.model.at(column)
        return Drawn(np.expm1(self.regression.coefficients[:, :, at : at + 1]))

    def draw(self, effect: Effect, days: int, n: int, rng: np.random.Generator) -> Array:
        """Draw a mean effect, `(n,)`: with one `rng` all effects are drawn together."""
        known = self.effect(effect, days).rows[:, 0]
        return np.asarray(known[rng.integers(len(known), size=n)])

    @property
    def effect_is_relative(self) -> bool:
        """Say whether what terms do is told as a share."""
        return True

    @property
    def noise_sd(self) -> float:
        """Give the sd of the rate of a typical day around what is expected."""
        regression = self.regression
        rate = self._rates(self.expected_rows(self.series.days)).mean(axis=2)
        known = float(np.average(self.series.mean, weights=self.series.count))
        rate = np.maximum(rate, known)  # where nothing happened before, days still vary later
        relative = np.exp(regression.tau**2) * (1 + regression.extra**2) - 1
        return float(np.sqrt(np.median(rate**2 * relative + rate / self.series.typical)))

    def correlations(self) -> dict[str, float]:
        """Give what is known of how days depend on each other and vary, by name."""
        regression = self.regression
        return {
            "correlation_of_next_days": float(regression.phi.mean()),
            "sd_of_the_log_rate": float(regression.tau.mean()),
            "sd_beyond_poisson": float(regression.extra.mean()),
        }

    def innovations(self) -> Array:
        """Give the one-step errors of log rates, standardized by state and counts: about normal."""
        regression, series = self.regression, self.series
        rows = design(series.day, self.window, self.model, self.details)
        total = series.mean * series.count
        away = np.log((total + 0.5) / series.count) - rows @ regression.mean.mean(axis=0)
        known = np.exp(rows @ regression.mean.mean(axis=0)) * series.count
        white = 1 / (known + 0.5) + float(regression.extra.mean()) ** 2
        state = float(np.mean(regression.tau) ** 2)
        share = state / (state + float(np.mean(white)))
        grid = fixed_grid([float(regression.phi.mean())], [share])
        left = whiten(series.day, 1 / white, away[:, None], grid).values[0, :, 0]
        return np.asarray(left / left.std())

    def for_placebos(self) -> Fit:
        """Give the fit of the logs of rates, which is fast enough for many dates."""
        total = self.series.mean * self.series.count
        logs = replace(self.series, mean=np.log((total + 0.5) / self.series.count))
        before = logs.between(self.window.first, self.window.change)
        standard = standard_of(before) or Standard(float(logs.mean.mean()), 1.0)
        usual = Model()
        model = self.model.with_sds({name: getattr(usual, name) for name in LOG_SDS})
        return fit_series(logs, self.window, model, standard)

    def others(self) -> dict[str, Fit]:
        """Fit other models to the same days."""
        model = self.model
        changed = {  # few: each takes as long as the answer
            "with a trend": replace(model, trend=True),
            "without a trend": replace(model, trend=False),
            "priors twice as wide": model.scaled(2.0),
            "independent days": replace(model, errors="independent"),
        }
        fits: dict[str, Fit] = {
            name: self.refit(self.series, self.window, other)
            for name, other in changed.items()
            if other != model
        }
        return fits | {"Poisson noise only": self._poisson()}

    def refit(self, series: Series, window: Window, model: Model) -> "CountFit":
        """Fit other rows, or other terms."""
        return fit_counts(series, window, model, self.standard, family=self.family, draws=_FEW)

    def _poisson(self) -> "CountFit":
        bare = replace(self.model, errors="independent")
        return fit_counts(
            self.series, self.window, bare, self.standard, family="poisson", draws=_FEW
        )

    def _rates(self, rows: Array) -> Array:
        known = self.regression
        state = float(np.median(known.tau)) ** 2 / 2
        return np.asarray(np.exp(known.coefficients @ rows.T + state))

    def _differences(self, days: Array) -> Array:
        expected = self.expected_rows(days)
        return self._rates(expected + self.effect_rows(days)) - self._rates(expected)

    def _exposures(self, days: Array) -> Array:
        daily = self.series.daily()
        known = dict(zip(daily.day, daily.count, strict=True))
        return np.array([known.get(day, self.series.typical) for day in days])

    def _by_day(self, values: Array) -> Array:
        averaged = self.series.by_day(np.moveaxis(values, 2, 0))
        return np.moveaxis(averaged, 0, 2)

    def _counted(
        self, rows: Array, exposure: Array, purpose: str, *, is_path: bool = False
    ) -> Array:
        """Draw counts of those rows, over their exposure; the state as a path, or each anew."""
        known, rng = self.regression, stream(0, "counts", purpose)
        state = rng.standard_normal((*known.phi.shape, len(rows)))
        if is_path:
            for t in range(1, len(rows)):
                fresh = np.sqrt(1 - known.phi**2) * state[:, :, t]
                state[:, :, t] = known.phi * state[:, :, t - 1] + fresh
        spread = np.maximum(known.extra[:, :, None] ** 2, 1e-9)
        with np.errstate(over="ignore"):  # a prior may expect the absurd
            mean = np.exp(known.coefficients @ rows.T + known.tau[:, :, None] * state) * exposure
        mixed = mean * rng.gamma(1 / spread, spread, size=mean.shape)
        return np.asarray(rng.poisson(np.minimum(mixed, 1e15)) / exposure)


def _mean(values: Array) -> Array:
    return np.asarray(values.mean(axis=2, keepdims=True))


def _thinned(draws: RateDraws, every: int) -> RateDraws:
    if every <= 1:
        return draws
    return replace(
        draws, coefficients=draws.coefficients[:, ::every], phi=draws.phi[:, ::every],
        tau=draws.tau[:, ::every], extra=draws.extra[:, ::every],
    )  # fmt: skip


def fit_counts(
    series: Series,
    window: Window,
    model: Model,
    standard: Standard,
    *,
    family: Family = "negative-binomial",
    seed: int = 0,
    draws: int = DRAWS,
) -> CountFit:
    """Fit rates by row (`mean`) and their exposures (`count`); `center` is a rate to expect."""
    regression = count_regression(series, window, model, standard, family)
    drawn = regression.resample(draws, stream(seed, "counts"))
    joint = RateDraws(
        drawn.coefficients[None], drawn.phi[None], drawn.tau[None], drawn.extra[None],
        tail_shape=drawn.tail_shape,
    )  # fmt: skip
    return CountFit(series, window, model, standard, joint, family)


def count_regression(
    series: Series, window: Window, model: Model, standard: Standard, family: Family
) -> CountRegression:
    """Give the posterior of the coefficients of logs of rates."""
    counted = CountModel(family, "independent" if model.errors == "independent" else "ar1")
    return regress_counts(count_rows(series, window, model), count_prior(model, standard), counted)


def count_prior(model: Model, standard: Standard) -> CountPrior:
    """Give the prior of the coefficients of logs of rates."""
    center = np.zeros(len(model.sds))
    center[0] = np.log(standard.center)
    return CountPrior(model.sds, center)


def count_rows(series: Series, window: Window, model: Model) -> CountSeries:
    """Give counts, exposures and regression columns by row."""
    columns = design(series.day, window, model, details_of(series, model))
    counts = np.round(series.mean * series.count)
    return CountSeries(series.day, counts, series.count, columns)
