"""What media do to an outcome, draw by draw: the part of a fitted model that plans stand on.

    v[s, t, c] = effect[s, c] S(sum_l weight[s, c, l] x[t - l, c]; s, c)
    identity:  y = scale (mu + sum_c v)        log:  y = scale exp(mu + sum_c v)

x is activity in units of the channels' scale. mu is everything that is not media, on the model's
scale. Only differences of y are asked for, so with the identity link mu cancels. With the log link
y is the median of the outcome; who wants its mean under log-normal noise adds sigma^2 / 2 to mu.

Arrays are `(draws, periods, channels)`. Those made here lie in memory with draws innermost, which
makes operations with one value per draw and channel several times quicker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.media_effects import Link, MediaDraws
from pymc_vibes.stats.media_transforms import LOGISTIC_RATE, MediaSpec, lag_weights, saturated
from pymc_vibes.stats.special import Array, alone

type Indices = Sequence[int] | NDArray[np.intp]

_NEAR_NOTHING = 1e-12  # of the half-saturation: where the slope at nothing is taken, to be finite


@dataclass(frozen=True, kw_only=True, eq=False)
class MediaResponse:
    """The media part of a model: one row per posterior draw."""

    spec: MediaSpec
    params: Mapping[str, Array]
    """`effect`, the coefficient, and what `spec` names, each `(draws, channels)`."""
    link: Link = "identity"
    scale: float = 1.0
    """Outcome units per unit of the model's outcome."""

    def __post_init__(self) -> None:
        inner = {name: np.asfortranarray(given, dtype=float) for name, given in self.params.items()}
        object.__setattr__(self, "params", inner)

    @classmethod
    def of(cls, media: MediaDraws) -> "MediaResponse":
        """Take the media part of a fitted series; `expected_log` makes the `mu` beside it."""
        return cls(spec=media.spec, params=media.params, link=media.link, scale=media.unit)

    @property
    def effect(self) -> Array:
        """Give the coefficients, `(draws, channels)`."""
        return self.params["effect"]

    @property
    def lags(self) -> int:
        """Count the periods after its own that activity still reaches."""
        return self.spec.lags

    @cached_property
    def weights(self) -> Array:
        """Give what activity leaves after each lag, `(channels, draws, lags + 1)`."""
        weights = lag_weights(self.spec, self.params)
        return np.ascontiguousarray(weights.transpose(1, 0, 2))

    def take(self, draws: Indices) -> "MediaResponse":
        """Give the response of some draws."""
        params = {name: given[draws] for name, given in self.params.items()}
        return MediaResponse(spec=self.spec, params=params, link=self.link, scale=self.scale)

    def only(self, channel: int) -> "MediaResponse":
        """Give the response to one channel."""
        one = slice(channel, channel + 1)
        params = {name: given[:, one] for name, given in self.params.items()}
        return MediaResponse(spec=self.spec, params=params, link=self.link, scale=self.scale)

    def exposure(self, behind: Array) -> Array:
        """Carry activity over: `(periods, channels, lags + 1)`, as `lagged` lays it out."""
        draws, channels = self.effect.shape
        carried = np.empty((channels, len(behind), draws))
        for channel, weights in enumerate(self.weights):
            carried[channel] = alone(weights, behind[:, channel].T).T
        return carried.transpose(2, 1, 0)

    def media(self, exposure: Array) -> Array:
        """Give the media terms of the linear predictor."""
        return saturated(self.spec, exposure, self.params) * self.effect[:, None, :]

    def difference(self, behind: Array, other: Array, mu: Array | None) -> Array:
        """Give the outcome with some activity less that with another, `(draws, periods)`.

        Activity is `(periods, channels, lags + 1)`. `mu` is `(draws, periods)`; the log link needs
        it.
        """
        first = self.media(self.exposure(behind)).sum(axis=2)
        second = self.media(self.exposure(other)).sum(axis=2)
        if self.link == "identity":
            return np.asarray(self.scale * (first - second))
        return np.asarray(self.scale * np.exp(needed(mu) + second) * np.expm1(first - second))

    def tangent(self, exposure: Array) -> tuple[Array, Array]:
        """Give what exposures amount to before the coefficient, and its slope, finite at zero."""
        spec, params = self.spec, self.params
        if spec.saturation == "none":
            return exposure, np.ones_like(exposure)
        half = params["half"][:, None, :]
        if spec.saturation == "logistic":
            value = saturated(spec, exposure, params)
            return value, (1 - value * value) * (LOGISTIC_RATE / 2 / half)
        if spec.saturation == "michaelis-menten":
            rest = half / (half + exposure)
            return 1 - rest, rest * rest / half
        amount = np.maximum(exposure, _NEAR_NOTHING * half)
        value = saturated(spec, amount, params)
        slope = value * (1 - value) / amount * params["slope"][:, None, :]
        return value * (exposure > 0), slope


def needed(mu: Array | None) -> Array:
    """Give `mu`, which a log link cannot do without."""
    if mu is None:
        raise ValueError("With a log link, what media do depends on the rest: mu is needed.")
    return mu


def expected_log(media: MediaDraws, baseline: Array) -> Array:
    """Turn the rest of a linear predictor into one whose exponential is the expected outcome."""
    return np.asarray(baseline + np.log(media.factor / media.unit))
