"""What channels did: answers from joint draws of a marketing mix, one draw at a time.

    identity:  sales = unit (mu + sum_c v_c) - offset
    log:       sales = unit exp(mu + sum_c v_c) - offset, times exp(sigma^2 / 2) if log-normal

v_c is a channel's term and mu the rest. Two answers to "how much did it do", never mixed up:

* lost: what would be lost without a channel, all else as it was. Under the log link these overlap,
  so they add up to more than what is lost without all channels at once.
* parts: a division of what happened, by the logarithmic mean Lam(p, q) = (p - q) / (ln p - ln q):
  v_c Lam(sales, rest). It is the Aumann-Shapley value along the straight path, and adds up exactly.

Where the noise is Student-t on the log scale there is no mean: sales are then medians.
Sums over periods are taken in each draw, and quantiles of the sums last.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from pymc_vibes.stats.media_transforms import MOST_LOG, MediaSpec, lag_weights, respond, saturated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pymc_vibes.stats.special import Array

type Link = Literal["identity", "log"]
type Noise = Literal["normal", "student", "lognormal", "log-student"]

_NEAR = 1e-4  # of the logarithms: below, the mean's series is exact to 1e-17
STEP = 0.01
"""The share by which activity is raised for a marginal return."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MediaDraws:
    """One series: what was drawn, and what is needed to turn it into sales."""

    spec: MediaSpec
    link: Link
    noise: Noise
    channels: tuple[str, ...]
    scale: "Array"
    """Activity of which the model says 1, `(channels,)`."""
    params: "Mapping[str, Array]"
    """`effect`, the coefficient, and what `spec` names, each `(draws, channels)`."""
    baseline: "Array"
    """mu without media, `(draws, periods)`."""
    sigma: "Array"
    """Scale of the noise, `(draws,)`: in units of `unit`, or of log points."""
    nu: "Array | None" = None
    unit: float = 1.0
    """Sales of which the model says 1, or of whose logarithm it says 0."""
    offset: float = 0.0
    """What was added to sales before their logarithm was taken."""

    @property
    def is_median(self) -> bool:
        """Whether sales are medians, for their mean does not exist."""
        return self.noise == "log-student"

    @cached_property
    def factor(self) -> "Array":
        """Give expected sales per `exp(mu)` or `mu`, `(draws, 1)`."""
        log_normal = self.noise == "lognormal"
        spread = self.sigma if log_normal else np.zeros_like(self.sigma)
        return np.asarray(self.unit * np.exp(spread**2 / 2)[:, None])

    def terms(self, activity: "Array") -> "Array":
        """Give the terms of channels, `(draws, periods, channels)`; activity as it was measured.

        `activity` begins with its carry-in, as that of `respond`.
        """
        return respond(self.spec, activity / self.scale, self.params)

    def term(self, activity: "Array", channel: int) -> "Array":
        """Give the term of one channel, `(draws, periods)`, from its activity alone."""
        one = slice(channel, channel + 1)
        params = {name: values[:, one] for name, values in self.params.items()}
        return respond(self.spec, activity[:, None] / self.scale[channel], params)[:, :, 0]

    def sales(self, mu: "Array") -> "Array":
        """Turn `(draws, periods)` of mu into expected sales."""
        level = np.exp(mu) if self.link == "log" else mu
        return np.asarray(self.factor * level - self.offset)

    def thinned(self, every: int) -> "MediaDraws":
        """Keep every so many-th draw."""
        kept = slice(None, None, every)
        return replace(
            self,
            params={name: values[kept] for name, values in self.params.items()},
            baseline=self.baseline[kept],
            sigma=self.sigma[kept],
            nu=None if self.nu is None else self.nu[kept],
        )

    def within(self, periods: int) -> "MediaDraws":
        """Keep the first periods."""
        return replace(self, baseline=self.baseline[:, :periods])

    def gain(self, mu: "Array", change: "Array") -> "Array":
        """Give by how much sales grow from `mu` to `mu + change`, without cancellation."""
        if self.link == "log":
            return np.asarray(self.factor * np.exp(mu) * np.expm1(change))
        return np.asarray(self.factor * change)


@dataclass(frozen=True, eq=False)
class Contributions:
    """What channels did, draw by draw."""

    fitted: "Array"
    """Expected sales, `(draws, periods)`."""
    lost: "Array"
    """What would be lost without each channel, `(draws, periods, channels)`."""
    lost_jointly: "Array"
    """What would be lost without any, `(draws, periods)`."""
    parts: "Array"
    """Each channel's part of what happened, `(draws, periods, channels)`."""
    rest: "Array"
    """Sales without media, `(draws, periods)`: with the parts, it adds up to `fitted`."""

    @property
    def overlap(self) -> "Array":
        """Give what is counted more than once by `lost`, `(draws, periods)`."""
        return np.asarray(self.lost.sum(2) - self.lost_jointly)

    def __add__(self, other: "Contributions") -> "Contributions":
        """Add what channels did elsewhere, draw by draw."""
        return Contributions(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self))
        )

    def summed(self, firsts: "NDArray[np.intp]", stop: int) -> "Contributions":
        """Add periods up, in each draw: from one of `firsts` to before the next, or to `stop`."""
        return Contributions(
            *(
                np.add.reduceat(getattr(self, one.name)[:, :stop], firsts, axis=1)
                for one in fields(self)
            )
        )


def contributions(draws: MediaDraws, terms: "Array") -> Contributions:
    """Say what channels did, given their terms."""
    total = terms.sum(2)
    mu = draws.baseline + total
    fitted, rest = draws.sales(mu), draws.sales(draws.baseline)
    lost = np.empty_like(terms)
    for channel in range(terms.shape[2]):
        lost[:, :, channel] = -draws.gain(mu, -terms[:, :, channel])
    return Contributions(
        fitted=fitted,
        lost=lost,
        lost_jointly=draws.gain(draws.baseline, total),
        parts=terms * _per_term(draws, draws.baseline, total)[:, :, None],
        rest=rest,
    )


def divided(draws: MediaDraws, reference: "Array", terms: "Array") -> "Array":
    """Divide sales beyond a reference among terms of any kind, `(draws, periods, terms)`.

    `reference` is mu with all terms at their reference, such as controls at their mean and no
    media. The parts add up to sales less those of the reference.
    """
    return np.asarray(terms * _per_term(draws, reference, terms.sum(2))[:, :, None])


def _per_term(draws: MediaDraws, below: "Array", total: "Array") -> "Array":
    """Give sales per unit of mu between `below` and `below + total`: the logarithmic mean."""
    if draws.link == "identity":
        return np.broadcast_to(draws.factor, below.shape)
    near = np.abs(total) < _NEAR
    safe = np.where(near, 1.0, total)
    each = np.where(near, 1 + total / 2 * (1 + total / 3), np.expm1(safe) / safe)
    return np.asarray(draws.factor * np.exp(below) * each)


def predicted(draws: MediaDraws, mu: "Array", rng: "np.random.Generator") -> "Array":
    """Draw sales that might have been seen at `mu`, `(draws, periods)`."""
    if draws.nu is None:
        error = rng.standard_normal(mu.shape)
    else:
        error = rng.standard_t(draws.nu[:, None], mu.shape)
    error *= draws.sigma[:, None]
    if draws.noise in {"lognormal", "log-student"}:
        level = np.exp(np.minimum(mu + error, MOST_LOG))  # a prior may expect the absurd
        return np.asarray(draws.unit * level - draws.offset)
    level = np.exp(mu) if draws.link == "log" else mu
    return np.asarray(draws.unit * (level + error) - draws.offset)


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """Periods whose activity is asked about, and everything around them.

    What happens in the window works on for `spec.lags` periods, which count, also beyond the end
    of what was seen: there the baseline and activity are their averages over `usual` periods.
    """

    activity: "Array"
    """All there is, `(lags + periods, channels)`."""
    start: int
    """First period of the window, counted without carry-in."""
    stop: int
    """First period after the window."""
    usual: int = 52


def window_gain(draws: MediaDraws, window: Window, channel: int, *, factor: float = 0.0) -> "Array":
    """Give what a channel's activity in a window brought beyond `factor` times it, `(draws,)`.

    In sales, with carry-over after the window. A factor of 1.01 gives a loss: what one percent
    more would have brought, negated.
    """
    return _Span.of(draws, window).gain(channel, factor)


def window_gains(draws: MediaDraws, window: Window, *, factor: float = 0.0) -> "Array":
    """Give what `window_gain` gives for every channel, `(draws, channels)`."""
    span = _Span.of(draws, window)
    return np.column_stack([span.gain(c, factor) for c in range(len(draws.channels))])


@dataclass(frozen=True, eq=False)
class _Span:
    """The periods that a window's activity can reach, as they were."""

    draws: MediaDraws
    inside: slice
    activity: "Array"
    baseline: "Array"

    @classmethod
    def of(cls, draws: MediaDraws, window: Window) -> "_Span":
        lags, periods = draws.spec.lags, draws.baseline.shape[1]
        if not 0 <= window.start < window.stop <= periods:
            raise ValueError(f"A window lies within {periods} periods and has at least one.")
        beyond = max(window.stop + lags - periods, 0)
        latest = slice(max(periods - window.usual, 0), periods)
        level = draws.baseline[:, latest].mean(1, keepdims=True)
        as_usual = window.activity[lags:][latest].mean(0, keepdims=True)
        baseline = np.concatenate([draws.baseline, np.repeat(level, beyond, axis=1)], axis=1)
        activity = np.concatenate([window.activity, np.repeat(as_usual, beyond, axis=0)])
        end = window.stop + lags
        return cls(
            draws=draws,
            inside=slice(lags, lags + window.stop - window.start),
            activity=activity[window.start : end + lags],
            baseline=baseline[:, window.start : end],
        )

    @cached_property
    def terms(self) -> "Array":
        return self.draws.terms(self.activity)

    @cached_property
    def mu(self) -> "Array":
        return np.asarray(self.baseline + self.terms.sum(2))

    def gain(self, channel: int, factor: float) -> "Array":
        other = self.activity[:, channel].copy()
        other[self.inside] *= factor
        change = self.draws.term(other, channel) - self.terms[:, :, channel]
        return np.asarray(-self.draws.gain(self.mu, change).sum(1))


def returns(draws: MediaDraws, window: Window, spend: "Array") -> "Array":
    """Give sales per money spent in a window, `(draws, channels)`; nan for a channel without spend.

    `spend` is the sum over the window, `(channels,)`; sales include what comes after it.
    """
    return _per_money(draws, window, spend, factor=0.0)


def marginal_returns(draws: MediaDraws, window: Window, spend: "Array") -> "Array":
    """Give sales per additional money, were one percent more spent; else as `returns`."""
    return _per_money(draws, window, STEP * spend, factor=1 + STEP) * -1.0


def _per_money(draws: MediaDraws, window: Window, money: "Array", *, factor: float) -> "Array":
    return per_money(window_gains(draws, window, factor=factor), money)


def per_money(sales: "Array", money: "Array") -> "Array":
    """Divide sales, `(draws, channels)`, by money, `(channels,)`; nan where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(money > 0, sales / money, np.nan)


@dataclass(frozen=True, eq=False)
class ResponseCurve:
    """What a steady activity brings each period."""

    activity: "Array"
    """As it was measured, `(points,)`."""
    gain: "Array"
    """Sales beyond those without the channel, `(draws, points)`."""
    slope: "Array"
    """Sales per additional unit of activity, `(draws, points)`."""
    observed: tuple[float, float]
    """The least and the most that was seen in a period; beyond, the curve extrapolates."""


def response_curve(
    draws: MediaDraws, activity: "Array", channel: int, *, at: "Array", terms: "Array | None" = None
) -> ResponseCurve:
    """Give sales per period at steady activities `at`, all else as it was on average.

    `terms` are those of `activity`, if they are known already.
    """
    one = slice(channel, channel + 1)
    params = {name: values[:, one] for name, values in draws.params.items()}
    reach = _steady(draws.spec, params, at / draws.scale[channel])
    nudged = np.maximum(at, draws.scale[channel]) * 1e-6
    above = _steady(draws.spec, params, (at + nudged) / draws.scale[channel])
    level = np.zeros((len(reach), 1))
    if draws.link == "log":
        known = draws.terms(activity) if terms is None else terms
        without = draws.baseline + known.sum(2) - known[:, :, channel]
        level = np.log(np.exp(without).mean(1, keepdims=True))
    seen = activity[draws.spec.lags :, channel]
    return ResponseCurve(
        activity=at,
        gain=draws.gain(level, reach),
        slope=draws.gain(level + reach, above - reach) / nudged,
        observed=(float(seen.min()), float(seen.max())),
    )


def _steady(spec: MediaSpec, params: "Mapping[str, Array]", amounts: "Array") -> "Array":
    """Give the term of activity that never changes, `(draws, points)`."""
    total = lag_weights(spec, params).sum(2)
    return np.asarray(
        saturated(spec, (total * amounts)[:, :, None], params)[:, :, 0] * params["effect"]
    )
