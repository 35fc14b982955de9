"""What happens to media activity before it meets sales, and the columns that stand beside it.

    activity / scale  ──► adstock (carry-over) ──► saturation ──► times a coefficient

Rules: activity is scaled and never centered, so nothing in gives exactly nothing out; the first
`max_lag` rows of an activity are carry-in from before the window; adstock comes before saturation;
`half` is, for every family, where saturation reaches one half. Draws come first in every array.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array

type Adstock = Literal["geometric", "delayed", "weibull", "none"]
type Saturation = Literal["hill", "logistic", "michaelis-menten", "none"]

ADSTOCK_PARAMETERS: Mapping[Adstock, tuple[str, ...]] = {
    "geometric": ("decay",),
    "delayed": ("decay", "peak"),
    "weibull": ("shape", "spread"),
    "none": (),
}
SATURATION_PARAMETERS: Mapping[Saturation, tuple[str, ...]] = {
    "hill": ("half", "slope"),
    "logistic": ("half",),
    "michaelis-menten": ("half",),
    "none": (),
}
LOGISTIC_RATE = log(3.0)
"""(1 - e^-u) / (1 + e^-u) is one half at u = log 3."""
TINY = 1e-300
"""Has a logarithm, where nothing has none."""
MOST_LOG = 300.0
"""Of a power whose products with powers of lags are still numbers."""


@dataclass(frozen=True, kw_only=True)
class MediaSpec:
    """The form of the response to media."""

    adstock: Adstock = "geometric"
    saturation: Saturation = "logistic"
    max_lag: int = 8
    """Periods after which activity is forgotten."""
    normalized: bool = True
    """Whether weights of lags sum to 1, so that scale means the same before and after adstock."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the parameters that every channel has, without its coefficient."""
        return ADSTOCK_PARAMETERS[self.adstock] + SATURATION_PARAMETERS[self.saturation]

    @property
    def lags(self) -> int:
        """Count the rows of carry-in: none without adstock."""
        return 0 if self.adstock == "none" else self.max_lag


def lag_weights(spec: MediaSpec, params: "Mapping[str, Array]") -> "Array":
    """Weigh lags 0 to `max_lag`, `(..., channels, lags + 1)`.

    Geometric: decay^l. Delayed: decay^((l - peak)^2). Weibull: the density at l + 1 of shape
    `shape` and scale `spread`. Without adstock there is one weight, of 1, per channel: `params`
    must then hold any array of shape `(..., channels)`.
    """
    lag = np.arange(spec.lags + 1.0)
    if spec.adstock == "none":
        shape = next(iter(params.values())).shape
        return np.ones((*shape, 1))
    weights = _plain_weights(spec, lag, params)
    return weights / weights.sum(-1, keepdims=True) if spec.normalized else weights


def _plain_weights(spec: MediaSpec, lag: "Array", params: "Mapping[str, Array]") -> "Array":
    """Give weights; those that will be normalized only up to a factor, so that 1 is the largest."""
    needed = ADSTOCK_PARAMETERS[spec.adstock]
    known = {n: np.asarray(params[n], dtype=float)[..., None] for n in needed}
    if spec.adstock == "geometric":
        return np.asarray(known["decay"] ** lag)
    if spec.adstock == "delayed":
        per_step = np.log(np.maximum(known["decay"], TINY))
        log_weight = (lag - known["peak"]) ** 2 * per_step
    else:
        shape, log_spread = known["shape"], np.log(known["spread"])
        reach = np.exp(np.minimum(-shape * log_spread, MOST_LOG))
        log_weight = (shape - 1) * (np.log(lag + 1) - log_spread) - reach * (lag + 1) ** shape
    if spec.normalized:  # all may be too small to be told from nothing
        log_weight = log_weight - log_weight.max(-1, keepdims=True)
    return np.asarray(np.exp(log_weight))


def lagged(activity: "Array", lags: int) -> "Array":
    """View activity as `(rows - lags, channels, lags + 1)`; the last axis goes back in time."""
    windows = np.lib.stride_tricks.sliding_window_view(activity, lags + 1, axis=0)
    return np.asarray(windows[..., ::-1])


def carried(spec: MediaSpec, activity: "Array", params: "Mapping[str, Array]") -> "Array":
    """Spread activity over later periods, `(draws, periods, channels)`.

    Activity is `(lags + periods, channels)`, parameters are `(draws, channels)`. Raises
    `ValueError` without rows beyond the carry-in.
    """
    if len(activity) <= spec.lags:
        raise ValueError(f"Activity needs more than its {spec.lags} rows of carry-in.")
    weights = lag_weights(spec, params)
    windows = lagged(np.asarray(activity, dtype=float), spec.lags)
    found = np.empty((len(weights), *windows.shape[:2]))
    for channel in range(windows.shape[1]):  # one matrix product each, far quicker than einsum
        found[:, :, channel] = weights[:, channel] @ windows[:, channel].T
    return found


def saturated(
    spec: MediaSpec, amount: "Array", params: "Mapping[str, Array]", *, axis: int | None = -2
) -> "Array":
    """Bend amounts, `(draws, periods, channels)`, by parameters `(draws, channels)`.

    `axis` is where parameters lack an axis that amounts have; None if they lack none.
    """
    if spec.saturation == "none":
        return np.asarray(amount, dtype=float)

    def aligned(name: str) -> "Array":
        given = np.asarray(params[name], dtype=float)
        return given if axis is None else np.expand_dims(given, axis)

    if spec.saturation == "logistic":
        return np.asarray(np.tanh(amount * (LOGISTIC_RATE / 2 / aligned("half"))))
    if spec.saturation == "michaelis-menten":
        return np.asarray(amount / (aligned("half") + amount))
    with np.errstate(
        divide="ignore"
    ):  # nothing is infinitely far below one half, and stays nothing
        away = np.log(amount) - np.log(aligned("half"))
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-aligned("slope") * away)))


def respond(spec: MediaSpec, activity: "Array", params: "Mapping[str, Array]") -> "Array":
    """Give every channel's term before the link, `(draws, periods, channels)`.

    `activity` is in units of the channels' scale with its carry-in; `params` hold `effect`, the
    coefficient, and what `spec` names, each `(draws, channels)`. Zero activity gives exactly 0.
    """
    bent = saturated(spec, carried(spec, activity, params), params)
    return np.asarray(bent * params["effect"][:, None, :])


def with_carry_in(before: "Array", window: "Array", lags: int) -> "Array":
    """Put the last `lags` rows known from before in front of a window; what is missing is 0."""
    missing = max(lags - len(before), 0)
    nothing = np.zeros((missing, window.shape[1]))
    return np.concatenate([nothing, before[len(before) - (lags - missing) :], window])


def media_scale(activity: "Array") -> "Array":
    """Give the largest activity of every channel, 1 for a channel without any."""
    largest = np.abs(activity).max(axis=0)
    return np.asarray(np.where(largest > 0, largest, 1.0))


@dataclass(frozen=True, eq=False)
class Scaler:
    """What was taken off columns, and what they were divided by."""

    mean: "Array"
    sd: "Array"

    def scaled(self, columns: "Array") -> "Array":
        """Apply the same to other rows."""
        return np.asarray((columns - self.mean) / self.sd)


def z_scores(columns: "Array") -> "tuple[Array, Scaler]":
    """Standardize columns, and say how; a column that does not vary becomes 0."""
    sd = columns.std(axis=0)
    known = np.abs(columns).max(axis=0, initial=0.0)
    varies = sd > known * np.finfo(float).eps * len(columns)
    scaler = Scaler(columns.mean(axis=0), np.where(varies, sd, 1.0))
    return np.where(varies, scaler.scaled(columns), 0.0), scaler


def fourier(time: "Array", period: float, order: int) -> "Array":
    """Give sin and cos of harmonics 1 to `order` of a season, `(rows, 2 * order)`."""
    angle = 2 * np.pi / period * np.outer(time, np.arange(1, order + 1))
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(len(time), 2 * order)


def trend(rows: int) -> "Array":
    """Give a straight line from 0 to 1, `(rows, 1)`."""
    return np.linspace(0.0, 1.0, rows)[:, None]
