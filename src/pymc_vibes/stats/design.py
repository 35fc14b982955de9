"""What a schedule can show before its first day: interval width, power, the least visible effect.

    outcome_t = intercept + trend + weekdays + effect * exposure_t + a_t + e_t
    a_t is AR(1) with a stationary sd, e_t is white: measurement_sd / sqrt(observations of the day)

The effect's variance is that of generalized least squares. The regressors are whitened by the
Kalman filter of the noise, day by day, and days without data skip the update: exact, without any
matrix of days by days (Harvey 1989, *Forecasting, Structural Time Series Models and the Kalman
Filter*, chapter 3). Widths and power take the correlation as known and the scale as estimated,
with Student's t on the remaining degrees of freedom: who must learn the correlation too gets
somewhat wider intervals, so this is the best that can be hoped for.

Carry-over: the exposure is 1 while a treatment is given, and then halves every half-life. An
analysis without that term estimates only a share of the effect; washing out days keeps more of it.
Power then leaves out that the misfit also inflates the residuals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.stats.schedules import Rules, Schedules, Treatments, analyzed_days
from pymc_vibes.stats.special import Array

_SINGULAR = 1e12  # condition of the information beyond which the effect is not identified
_FARTHEST = 1e5  # standard errors: an effect that is not found out there is hidden


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What is assumed of the outcome without any effect, in its own unit."""

    sd: float
    """Stationary sd of what carries over from day to day."""
    autocorrelation: float = 0.0
    """Of one day with the next, between -1 and 1."""
    measurement_sd: float = 0.0
    """Sd of a single observation around its day."""
    observations_per_day: float = 1.0
    half_life_days: float = 0.0
    """Time after which half of an effect is left once the treatment has ended; 0 for none."""

    def __post_init__(self) -> None:
        refused = [field for field, is_bad in self._checks() if is_bad]
        if refused:
            raise BadConfig(
                f"These assumptions make no sense: {', '.join(refused)}.",
                hint="There must be some noise, no sd below 0, and a correlation between -1 and 1.",
                fields=[{"field": field, "reason": "is out of bounds"} for field in refused],
            )

    @property
    def measurement_variance(self) -> float:
        """Give the white variance of a day's mean."""
        return self.measurement_sd**2 / self.observations_per_day

    @property
    def _fresh(self) -> float:
        """Give the variance that no earlier day tells; an sd may be too small to have a square."""
        by_day = self.observations_per_day if self.observations_per_day > 0 else inf
        return self.sd**2 * (1 - self.autocorrelation**2) + self.measurement_sd**2 / by_day

    def _checks(self) -> list[tuple[str, bool]]:
        return [
            ("sd", not (0 <= self.sd < inf and self._fresh > 0)),
            ("autocorrelation", not -1 < self.autocorrelation < 1),
            ("measurement_sd", not 0 <= self.measurement_sd < inf),
            ("observations_per_day", not 0 < self.observations_per_day < inf),
            ("half_life_days", not 0 <= self.half_life_days < inf),
        ]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """How the outcome will be analyzed."""

    has_trend: bool = True
    has_weekdays: bool = False
    has_carry_over: bool = True
    """The carry-over is a term of the model, with its half-life known."""
    washout_days: int = 0
    """Days after every change of treatment that are left out."""
    level: float = 0.95
    """Of the interval, equal-tailed."""


@dataclass(frozen=True)
class Precision:
    """What each schedule tells of the effect of treatment 1 against 0; arrays `(schedules,)`."""

    standard_error: Array
    """Of the effect, in the unit of the outcome, were the scale of the noise known."""
    share_seen: Array
    """Expected estimate over the effect: 1 unless a carry-over is left out of the model."""
    degrees: Array
    """Analyzed days minus coefficients."""
    analyzed: Array
    """Days with data that are not washed out."""

    def widths(self, level: float) -> Array:
        """Give the expected widths of the interval, in the unit of the outcome."""
        from scipy.special import gammaln, stdtrit

        half = self.degrees / 2
        scale = np.exp(gammaln(half + 0.5) - gammaln(half)) / np.sqrt(half)
        reach = stdtrit(self.degrees, (1 + level) / 2)
        return np.asarray(2 * reach * scale * self.standard_error)

    def powers(self, effect: float, level: float) -> Array:
        """Give the chances that the interval excludes 0 on the side where the effect is."""
        from scipy.special import nctdtr, stdtrit

        seen = self.share_seen * abs(effect) / self.standard_error
        reach = stdtrit(self.degrees, (1 + level) / 2)
        return np.asarray(1 - nctdtr(self.degrees, seen, reach))


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a design promises, over the schedules that its rules may draw."""

    width: float
    """Mean expected width of the interval, in the unit of the outcome."""
    narrowest: float
    widest: float
    power: float
    """Mean chance that the interval excludes 0 on the side where the effect is."""
    detectable: float
    """The least effect, in the unit of the outcome, that is found with the target power; `inf`
    where a carry-over outside of the model hides it."""
    share_seen: float
    """Mean expected estimate over the effect."""
    analyzed_days: float
    """Mean number of days that count."""
    admissible: int
    """How many schedules the rules admit."""
    compared: int
    """Over how many the means are."""


def carried_over(given: Array, half_life_days: float) -> Array:
    """Give the exposure `(..., days)` of days given a treatment in full (1), in part, or not (0).

    It is the larger of what is given and what is left from the day before.
    """
    exposure = np.array(given, dtype=float)
    kept = 0.5 ** (1 / half_life_days) if half_life_days > 0 else 0.0
    for day in range(1, exposure.shape[-1]):
        exposure[..., day] = np.maximum(exposure[..., day], kept * exposure[..., day - 1])
    return exposure


def precision(
    schedules: Treatments,
    noise: Noise,
    analysis: Analysis,
    *,
    has_data: NDArray[np.bool_] | None = None,
) -> Precision:
    """Give what each of `schedules` `(schedules, days)` can tell, exactly under `noise`.

    Every treatment above 0 has an effect of its own; that of 1 is reported. `has_data` `(days,)`
    says which days will be measured, all without it.
    Raises `InsufficientData` where a schedule cannot tell the effect from the other terms.
    """
    is_counted = analyzed_days(schedules, analysis.washout_days)
    if has_data is not None:
        is_counted &= has_data
    columns, exposure = _columns(schedules, noise, analysis)
    width = columns.shape[-1]
    degrees = is_counted.sum(axis=1) - width
    whitened = _whitened(np.concatenate([columns, exposure], axis=-1), is_counted, noise)
    regressors, wanted = whitened[..., :width], whitened[..., width:]
    information = np.swapaxes(regressors, 1, 2) @ regressors
    if np.any(degrees < 1) or np.any(~(np.linalg.cond(information) < _SINGULAR)):
        raise InsufficientData(
            "A schedule cannot tell the effect of the treatment from the other terms.",
            hint="Plan more days or more changes, or leave trend or weekdays out.",
        )
    covariance = np.linalg.inv(information)
    # the first column is treatment 1; what its coefficient becomes where the truth is the exposure
    share = (covariance @ (np.swapaxes(regressors, 1, 2) @ wanted))[:, 0, 0]
    error = np.sqrt(covariance[:, 0, 0])
    return Precision(error, share, degrees.astype(float), is_counted.sum(axis=1).astype(float))


def expect(
    rules: Rules,
    noise: Noise,
    analysis: Analysis,
    *,
    effect: float,
    target_power: float = 0.8,
    draws: int = 200,
    seed: int = 0,
) -> Expected:
    """Give what a design promises at an `effect` in the unit of the outcome.

    All schedules count where there are at most `draws` of them, else as many are drawn with `seed`.
    Days washed out are those of the rules.
    Raises `BadConfig` where the rules admit no schedule, `InsufficientData` where one is useless.
    """
    schedules = Schedules(rules)
    is_small = schedules.count <= draws
    every = schedules.listed() if is_small else schedules.draw(draws, seed)
    analysis = replace(analysis, washout_days=rules.washout_days)
    found = precision(every, noise, analysis)
    widths = found.widths(analysis.level)
    return Expected(
        width=float(widths.mean()),
        narrowest=float(widths.min()),
        widest=float(widths.max()),
        power=float(found.powers(effect, analysis.level).mean()),
        detectable=detectable_effect(found, analysis.level, target_power),
        share_seen=float(found.share_seen.mean()),
        analyzed_days=float(found.analyzed.mean()),
        admissible=schedules.count,
        compared=len(every),
    )


def compare_designs(
    designs: Mapping[str, Rules],
    noise: Noise,
    analysis: Analysis,
    *,
    effect: float,
    target_power: float = 0.8,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, Expected]:
    """Give what each design promises under the same assumptions, narrowest interval first."""
    found = {
        name: expect(
            rules,
            noise,
            analysis,
            effect=effect,
            target_power=target_power,
            draws=draws,
            seed=seed,
        )
        for name, rules in designs.items()
    }
    return dict(sorted(found.items(), key=lambda item: item[1].width))


def detectable_effect(found: Precision, level: float, target_power: float = 0.8) -> float:
    """Give the least effect whose mean power over schedules is `target_power`.

    It is in the unit of the outcome, and `inf` where no effect has it.
    Raises `BadConfig` for a target that needs no effect.
    """
    from scipy.optimize import brentq

    def excess(effect: float) -> float:
        return float(found.powers(effect, level).mean()) - target_power

    if not excess(0.0) < 0 < 1 - target_power:
        raise BadConfig(f"A target power of {target_power:g} is not between chance and 1.")
    high = float(found.standard_error.max())
    while excess(high) < 0:
        if high > _FARTHEST * found.standard_error.max():
            return inf
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-12 * high))


def _columns(schedules: Treatments, noise: Noise, analysis: Analysis) -> tuple[Array, Array]:
    """Give the regressors `(schedules, days, coefficients)`, and the exposure to treatment 1."""
    count, days = schedules.shape
    levels = range(1, max(2, int(schedules.max()) + 1))
    given = np.stack([schedules == level for level in levels], axis=-1).astype(float)
    exposure = np.moveaxis(carried_over(np.moveaxis(given, -1, 0), noise.half_life_days), 0, -1)
    shared = [np.ones(days)]
    if analysis.has_trend:
        shared.append(np.linspace(-1, 1, days))
    if analysis.has_weekdays:
        weekday = np.arange(days) % 7
        shared += [(weekday == one) - 1 / 7 for one in range(6)]
    common = np.broadcast_to(np.stack(shared, axis=-1), (count, days, len(shared)))
    effects = exposure if analysis.has_carry_over else given
    return np.concatenate([effects, common], axis=-1), exposure[..., :1]


def _whitened(columns: Array, is_counted: NDArray[np.bool_], noise: Noise) -> Array:
    """Give the standardized innovations of every column, 0 on days that do not count."""
    count, days, width = columns.shape
    rho, white = noise.autocorrelation, noise.measurement_variance
    fresh = noise.sd**2 * (1 - rho**2)
    state, variance = np.zeros((count, width)), np.full(count, noise.sd**2)
    found = np.zeros_like(columns)
    for day in range(days):
        is_seen = is_counted[:, day]
        total = variance + white
        innovation = (columns[:, day] - state) * is_seen[:, None]
        found[:, day] = innovation / np.sqrt(total)[:, None]
        gain = np.where(is_seen, variance / total, 0.0)
        state = rho * (state + gain[:, None] * innovation)
        variance = rho**2 * variance * (1 - gain) + fresh
    return found
