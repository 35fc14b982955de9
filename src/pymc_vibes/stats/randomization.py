"""A test that rests on nothing but the drawing of lots, and the interval that goes with it.

Had the treatment no effect at all, the outcome would be what it was under every schedule that could
have been drawn. The observed statistic is therefore one of those that the admissible schedules give
to the same outcome, each equally likely: autocorrelation, trends and odd distributions do no harm
(Fisher 1935, *The Design of Experiments*; Edgington and Onghena 2007, *Randomization Tests*, 4th
ed.). It holds only if the schedule was drawn uniformly from those rules.

* Two-sided means: the absolute statistic is at least that of the observed schedule. One-sided means
  the statistic itself is. Ties count against the effect.
* With all schedules at hand p is their share, the observed one included. With n drawn ones, b of
  them as extreme, it is (1 + b) / (1 + n), which errs at most as often as it says (Phipson and
  Smyth 2010, *Stat Appl Genet Mol Biol* 9, 39).
* A schedule that leaves a treatment without any analyzed data has no statistic. It counts as
  extreme, which can only make p larger.
* The interval holds every constant effect that the test at `1 - level` does not refuse. It is
  exact: with the effect t taken away, the statistic of a schedule is a line in t, so the effects
  under which it is as extreme as the observed one are an interval.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.stats.schedules import Schedules, Treatments, analyzed_days
from pymc_vibes.stats.special import Array, alone

type Alternative = Literal["two-sided", "greater", "less"]

type Weighting = Callable[[Treatments, Array], Array]
"""Schedules and the weights of their days in, what each day counts out, `(schedules, days)` all."""

MAX_EXACT = 10_000
"""Up to so many admissible schedules all of them are tried."""

_TIE = 1e-10  # of the largest outcome: rounding must not decide between equal statistics
_FLAT = 1e-12  # a slope that is 1 but for rounding


@dataclass(frozen=True, kw_only=True)
class RandomizationTest:
    """How the observed schedule compares with all that could have been drawn."""

    statistic: float
    """Mean with treatment 1 minus mean with treatment 0, in the unit of the outcome."""
    p: float
    low: float
    high: float
    """The effects that are not refused, in the unit of the outcome; infinite where no outcome could
    refuse any."""
    level: float
    alternative: Alternative
    admissible: int
    """How many schedules could have been drawn."""
    compared: int
    """With how many the observed one was compared, itself included."""
    is_exact: bool
    """They are all admissible ones; else they were drawn."""
    least_p: float
    """The smallest p that any outcome could give; above `1 - level` the test is of no use."""


def every_day(schedules: Treatments, weights: Array) -> Array:
    """Let every analyzed day count by its weight: the difference of the two means."""
    del schedules
    return weights


def every_run(schedules: Treatments, weights: Array) -> Array:
    """Let every run of one treatment count the same, its days by their weight within it."""
    rows, days = schedules.shape
    changed = np.zeros((rows, days), dtype=np.int64)
    changed[:, 1:] = schedules[:, 1:] != schedules[:, :-1]
    run = changed.cumsum(axis=1) + days * np.arange(rows)[:, None]
    totals = np.bincount(run.ravel(), weights.ravel(), minlength=rows * days)[run]
    return np.asarray(np.divide(weights, totals, np.zeros((rows, days)), where=totals > 0))


def last_days(days: int) -> Weighting:
    """Let only the last `days` days of every run count: those where a slow effect is there."""

    def weighting(schedules: Treatments, weights: Array) -> Array:
        is_last = np.zeros(schedules.shape, dtype=bool)
        is_last[:, -days:] = True
        changed = schedules[:, 1:] != schedules[:, :-1]
        for lag in range(min(days, changed.shape[1])):
            is_last[:, : changed.shape[1] - lag] |= changed[:, lag:]
        return weights * is_last

    return weighting


def randomization_test(
    outcome: Array,
    observed: Treatments,
    schedules: Schedules,
    *,
    weights: Array | None = None,
    weighting: Weighting = every_day,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    draws: int = 9_999,
    seed: int = 0,
) -> RandomizationTest:
    """Test treatment 1 against 0 over the schedules that could have been drawn.

    `outcome` `(days,)` has NaN on days without data; `weights` `(days,)`, 0 or more, say how often
    a day counts; `observed` `(days,)` is the schedule that was drawn. The statistic is the
    difference of two means of the analyzed days, weighted as `weighting` says. Above 10 000
    admissible schedules, `draws` of them with `seed` stand for all.

    Raises `BadConfig` for a schedule that could not have been drawn or for more than two
    treatments, and `InsufficientData` where one has no analyzed day with data.
    """
    _check(observed, schedules)
    clean, masses = _clean(outcome, weights, schedules.rules.days)
    drawn = schedules.draw(draws, seed) if schedules.count > MAX_EXACT else schedules.listed()
    every = np.concatenate([np.asarray(observed, dtype=np.int8)[None], drawn])
    counted = weighting(every, masses * analyzed_days(every, schedules.rules.washout_days))
    return _judged(_contrasts(every, counted), clean, every[0], schedules.count, alternative, level)


def _judged(
    contrasts: Array,
    outcome: Array,
    observed: Treatments,
    admissible: int,
    alternative: Alternative,
    level: float,
) -> RandomizationTest:
    """Compare the observed schedule, whose contrast is the first, with the others."""
    values, slopes = alone(contrasts, outcome), alone(contrasts, observed.astype(float))
    tie = _TIE * float(np.abs(outcome).max())
    is_exact = admissible <= MAX_EXACT
    # among all schedules the observed one is already; drawn ones it joins
    first = int(is_exact)
    lows, highs = (ends[first:] for ends in _as_extreme(values, slopes, alternative, tie))
    low, high = _not_rejected(lows, highs, level)
    return RandomizationTest(
        statistic=float(values[0]),
        p=float(np.mean((lows <= 0) & (highs >= 0))),
        low=low,
        high=high,
        level=level,
        alternative=alternative,
        admissible=admissible,
        compared=len(lows),
        is_exact=is_exact,
        least_p=_least_p(contrasts, alternative, first),
    )


def _not_rejected(lows: Array, highs: Array, level: float) -> tuple[float, float]:
    """Give the ends of the effects that the test does not reject at that level."""
    spare = floor((1 - level) * len(lows) + 1e-9)
    return float(np.sort(lows)[spare]), float(np.sort(highs)[-1 - spare])


def _check(observed: Treatments, schedules: Schedules) -> None:
    if schedules.rules.treatments != 2:
        raise BadConfig("A randomization test compares two treatments; the rules have more.")
    if schedules.number_of(observed) is None:
        raise BadConfig(
            "The observed schedule is not one of those that could have been drawn.",
            hint="Test with the rules that the schedule was drawn from.",
        )


def _clean(outcome: Array, weights: Array | None, days: int) -> tuple[Array, Array]:
    """Give outcomes around their mean and weights, 0 both where there are no data."""
    masses = np.ones(days) if weights is None else np.asarray(weights, dtype=float)
    if not len(outcome) == len(masses) == days:
        raise ValueError(f"there must be {days} outcomes and weights, one for each day")
    if not np.all(np.isfinite(masses) & (masses >= 0)) or np.any(np.isinf(outcome)):
        raise ValueError("weights must be finite and not negative, outcomes finite or NaN")
    masses = np.where(np.isnan(outcome), 0.0, masses)
    if not masses.sum() > 0:
        raise InsufficientData("There is no day with data.")
    seen = np.where(masses > 0, outcome, 0.0)
    middle = seen @ masses / masses.sum()
    return np.where(masses > 0, seen - middle, 0.0), masses


def _contrasts(every: Treatments, counted: Array) -> Array:
    """Give what each day adds to the statistic, `(schedules, days)`.

    Rows of NaN have no statistic; the observed schedule, the first, must have one.
    """
    contrasts = np.zeros(every.shape)
    for treatment, sign in ((1, 1.0), (0, -1.0)):
        share = counted * (every == treatment)
        total = share.sum(axis=1, keepdims=True)
        contrasts += sign * np.divide(share, total, np.full(every.shape, np.nan), where=total > 0)
    if np.isnan(contrasts[0, 0]):
        raise InsufficientData(
            "One of the two treatments has no analyzed day with data.",
            hint="Go on until both have been given and measured.",
        )
    return contrasts


def _as_extreme(
    values: Array, slopes: Array, alternative: Alternative, tie: float
) -> tuple[Array, Array]:
    """Give the least and the largest effect under which each schedule is as extreme as the first.

    With the effect t taken away the statistics are `values - slopes t`; the first slope is 1, and
    no other is beyond -1 or 1. They are equal at t = (top - value) / (1 - slope), and opposite at
    t = (top + value) / (1 + slope); in between a schedule is as extreme as the first, on both sides
    taken together. Schedules without a statistic are so under every effect.
    """
    top = values[0]
    equal, is_always = _ratio(top - values, 1 - slopes, tie)
    if alternative == "two-sided":
        opposite, is_opposite = _ratio(top + values, 1 + slopes, tie)
        is_always = is_always | is_opposite
        lows, highs = np.minimum(equal, opposite), np.maximum(equal, opposite)
    elif alternative == "greater":
        lows, highs = equal, np.full(len(values), inf)
    else:
        lows, highs = np.full(len(values), -inf), equal
    is_always = is_always | np.isnan(values)
    return np.where(is_always, -inf, lows - tie), np.where(is_always, inf, highs + tie)


def _ratio(above: Array, below: Array, tie: float) -> tuple[Array, NDArray[np.bool_]]:
    """Divide; by 0 it is infinite with the sign of `above`, or anything where that is 0 too."""
    is_flat = below < _FLAT
    infinite = np.where(above > 0, inf, -inf)
    return np.divide(above, below, infinite, where=~is_flat), is_flat & (np.abs(above) <= tie)


def _least_p(contrasts: Array, alternative: Alternative, first: int) -> float:
    """Give the share of schedules that no outcome can tell from the observed one."""
    own = contrasts[0]
    is_like = np.abs(contrasts - own).max(axis=1) < _FLAT
    if alternative == "two-sided":
        is_like |= np.abs(contrasts + own).max(axis=1) < _FLAT
    return float(np.mean((is_like | np.isnan(contrasts[:, 0]))[first:]))
