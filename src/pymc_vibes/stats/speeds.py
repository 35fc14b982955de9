"""How fast a log rate wanders: the prior, and at which speeds a likelihood must be known."""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.special import Array
from pymc_vibes.stats.walk import Mode, Series, settle

_DROP = 18.0
"""Speeds whose log posterior lies this far below the top do not matter: exp(-18) is 1.5e-8."""
_PILOTS = 48  # speeds at which the evidence is looked at roughly
_THIRD = 0.35
_UNSEEN = 0.01  # wanders by a hundredth of the sd of the level
_STEP = 0.75  # between speeds, in sd of u; at most _WIDEST
_WIDEST = 0.4


@dataclass(frozen=True, kw_only=True)
class SmoothingPrior:
    """How fast a log rate wanders: sigma ~ HalfNormal(`scale`), per root of a period.

    With the default of 0.5 the rate of the next period differs by about 40 % in the middle, and
    by a factor of more than 2.7 for one speed in twenty; the data decide as soon as there are
    some ten periods.
    """

    scale: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.scale < 100:
            raise ValueError("the scale of the speed must be positive, and below 100")

    def log_density(self, sigma: Array) -> Array:
        """Give the log prior density of sigma."""
        level = np.log(2 / np.pi) / 2 - np.log(self.scale)
        return np.asarray(level - (sigma / self.scale) ** 2 / 2)


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """Which speeds are integrated over: sigma = unit * sinh(u) at equal steps of u."""

    unit: float
    low: float
    """0, or where the evidence begins."""
    high: float
    step: float
    modes: tuple[Mode, ...]
    """Modes at speeds nearby, to start from."""

    def nodes(self) -> Array:
        """Give the places u: an odd number, so that every second one is a rule too."""
        count = max(2, int(np.ceil((self.high - self.low) / (2 * self.step)))) * 2
        return np.linspace(self.low, self.high, count + 1)

    def sigma(self, u: Array) -> Array:
        """Give the speeds at places u."""
        return np.asarray(self.unit * np.sinh(u))

    def log_jacobian(self, u: Array) -> Array:
        """Give log d sigma / d u."""
        return np.asarray(np.log(self.unit) + np.logaddexp(u, -u) - np.log(2))

    def nearby(self, series: Series, sigma: float) -> Mode | None:
        """Settle at a speed, from a mode nearby; None where it is too slow for counts to see."""
        if sigma < _UNSEEN * scale_of(series):
            return None
        known = np.array([mode.sigma for mode in self.modes])
        start = self.modes[int(np.argmin(np.abs(np.log(known / sigma))))].x
        return settle(series, sigma, start)


def choose_speeds(series: Series, prior: SmoothingPrior) -> Speeds:
    """Find the speeds that matter by Laplace's approximation, which costs little."""
    drop = _drop(series, prior)
    slowest = 0.03 * scale_of(series)
    fastest = prior.scale * np.sqrt(2 * drop)
    pilots = np.geomspace(min(slowest, fastest / 100), fastest, _PILOTS)
    modes, x = [], np.full(len(series.counts), series.constant())
    for sigma in pilots:
        modes.append(settle(series, float(sigma), x))
        x = modes[-1].x
    evidence = np.array([mode.log_evidence for mode in modes])
    unit = _unit(pilots, evidence, prior)
    low, high, spread = _range_of(pilots, evidence, unit, prior, drop)
    return Speeds(
        unit=unit,
        low=low,
        high=high,
        step=min(_STEP * spread, _WIDEST),
        modes=tuple(modes),
    )


def scale_of(series: Series) -> float:
    """Give the speed at which a rate wanders about as far as its level is known."""
    return float((len(series.counts) * series.counts.sum()) ** -0.5)


def _unit(pilots: Array, evidence: Array, prior: SmoothingPrior) -> float:
    """Give the lower third of the speeds, roughly: what is slower is alike."""
    logs = evidence + prior.log_density(pilots) + np.log(pilots)
    below = np.cumsum(np.exp(logs - logs.max()))
    return float(np.exp(np.interp(_THIRD, below / below[-1], np.log(pilots))))


def _range_of(
    pilots: Array, evidence: Array, unit: float, prior: SmoothingPrior, drop: float
) -> tuple[float, float, float]:
    """Give where u begins and ends to matter, and its posterior sd, all roughly."""
    from scipy.interpolate import CubicSpline

    fine = np.linspace(0, np.arcsinh(pilots[-1] / unit), 4001)
    sigma = unit * np.sinh(fine)
    logs = CubicSpline(np.log(pilots), evidence)(np.log(np.maximum(sigma, pilots[0])))
    logs = logs + prior.log_density(sigma) + np.log(np.cosh(fine))
    weights = np.exp(logs - logs.max())
    kept = np.flatnonzero(logs > logs.max() - drop)
    center = np.average(fine, weights=weights)
    spread = np.sqrt(np.average((fine - center) ** 2, weights=weights))
    low = 0.0 if logs[0] > logs.max() - 2 * drop and fine[kept[0]] < spread else fine[kept[0]]
    return float(low), float(fine[min(kept[-1] + 1, 4000)]), float(spread)


def steps_away(series: Series) -> Array:
    """Give the variance of a log rate per sigma^2, from where there is exposure: 0 there."""
    seen = np.flatnonzero(series.exposure > 0)
    at = np.arange(len(series.exposure))
    behind = np.where(at >= seen[0], at - seen[np.searchsorted(seen, at, side="right") - 1], 0)
    after = np.searchsorted(seen, at)
    ahead = np.where(at <= seen[-1], seen[np.minimum(after, len(seen) - 1)] - at, 0)
    inside = (at >= seen[0]) & (at <= seen[-1])
    bridged = behind * ahead / np.maximum(behind + ahead, 1)
    return np.asarray(np.where(inside, bridged, behind + ahead), dtype=float)


def _drop(series: Series, prior: SmoothingPrior) -> float:
    # moments of a rate without exposure weigh fast speeds more: exp(v sigma^2 / 2)
    variance = steps_away(series) * prior.scale**2
    weighed = np.concatenate([variance, 4 * variance])
    return float(_DROP / max(1 - weighed[weighed < 1].max(), 1 / 8))
