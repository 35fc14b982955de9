"""The rate of every period when rates of neighboring periods are alike: without a sampler.

Counts k_t ~ Poisson(e_t exp(x_t)); the log rate wanders, x_t = x_{t-1} + sigma eps_t, with
sigma ~ HalfNormal(scale) per root of a period. The level has a flat prior, d lambda / lambda: no
unit of time or exposure enters, and the past and the future are treated alike. A period without
exposure says nothing and is bridged. sigma = 0 is one constant rate, Gamma(K, E).

Given sigma, `walk` is exact up to its grid. sigma itself is integrated by the trapezoid rule in
u = asinh(sigma / unit): the likelihood is even in sigma and changes on a log scale where it is
large, so both ends are smooth. Both grids are compared with coarser ones; `error_estimate` says
by how much means and spreads differ, in posterior sd.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.stats.refused import QuadratureRefused
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.speeds import SmoothingPrior, Speeds, choose_speeds, steps_away
from pymc_vibes.stats.walk import GridTooLarge, Mode, Series, Walk, stand, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymc_vibes.stats.tabulated import Tabulated

_FINE, _COARSE = 0.9, 0.7  # nodes per narrowest spread
_ROUNDS = 4
_POINTS = 401  # of the table of each rate
_SPEED_POINTS = 1001
_NEGLIGIBLE = 1e-10  # share of the posterior whose window a table need not hold


def fit_rates(
    counts: "Array | Sequence[float]",
    exposure: "Array | Sequence[float]",
    prior: SmoothingPrior | None = None,
    *,
    tolerance: float = 2e-3,
) -> "PiecewiseRates":
    """Give the posterior of the rates of all periods of one cohort.

    Raises `InsufficientData` without events or with fewer than two periods that have exposure,
    `QuadratureRefused` where no affordable grid keeps `tolerance` (in posterior sd).
    """
    series = _series(counts, exposure)
    prior = prior or SmoothingPrior()
    speeds = choose_speeds(series, prior)
    fineness, error = 1.0, np.inf
    for _ in range(_ROUNDS):
        try:
            found, error, by_grid = _integrate(series, prior, speeds, fineness)
        except GridTooLarge:
            break
        if error <= tolerance:
            return found
        fineness = fineness * 1.5 if by_grid else fineness
        speeds = speeds if by_grid else replace(speeds, step=speeds.step / 2)
    reached = f"it is about {error:.2g}" if np.isfinite(error) else "no grid of that size is enough"
    raise QuadratureRefused(
        "The rates of the periods need a finer grid than is affordable: an error of at most "
        f"{tolerance:g} posterior sd is wanted, {reached}."
    )


def _series(counts: "Array | Sequence[float]", exposure: "Array | Sequence[float]") -> Series:
    counts, exposure = np.asarray(counts, dtype=float), np.asarray(exposure, dtype=float)
    if counts.shape != exposure.shape or counts.ndim != 1:
        raise ValueError("counts and exposures must be of one length")
    fine = np.isfinite(counts) & np.isfinite(exposure) & (counts >= 0) & (exposure >= 0)
    if not fine.all():
        raise ValueError("counts and exposures must be finite and not negative")
    if (counts[exposure == 0] > 0).any():
        raise ValueError("a period without exposure cannot have events")
    if counts.sum() <= 0:
        raise InsufficientData("There are no events, so how their rate changes cannot be said.")
    used = int((exposure > 0).sum())
    if used < 2:
        raise InsufficientData(
            f"Need 2 periods with exposure to see a rate over time, have {used}.", need=2, have=used
        )
    return Series(counts, exposure)


def _integrate(
    series: Series, prior: SmoothingPrior, speeds: Speeds, fineness: float
) -> "tuple[PiecewiseRates, float, bool]":
    """Integrate, and say the error and whether it is the grid of the rates that makes it."""
    u = speeds.nodes()
    modes = [speeds.nearby(series, float(sigma)) for sigma in speeds.sigma(u)]
    fine = [_walk(series, mode, _FINE * fineness) for mode in modes]
    coarse = [_walk(series, mode, _COARSE * fineness) for mode in modes[::2]]
    found = _mixture(series, prior, speeds, u, fine)
    thin = _mixture(series, prior, speeds, u[::2], fine[::2])
    by_grid = thin.distance(_mixture(series, prior, speeds, u[::2], coarse))
    by_speed = found.distance(thin)
    error = max(by_grid, by_speed)
    return replace(found, error_estimate=error), error, by_grid >= by_speed


def _walk(series: Series, mode: Mode | None, fineness: float) -> Walk:
    return stand(series, fineness) if mode is None else walk(series, mode, fineness)


def _mixture(
    series: Series, prior: SmoothingPrior, speeds: Speeds, u: Array, walks: list[Walk]
) -> "PiecewiseRates":
    logs = np.array([one.log_evidence for one in walks])
    logs = logs + prior.log_density(speeds.sigma(u)) + speeds.log_jacobian(u)
    ends = np.ones(len(u))
    ends[[0, -1]] = 0.5  # the trapezoid rule; at 0 because the integrand is even there
    top = logs.max()
    weights = ends * np.exp(logs - top)
    evidence = float(top + np.log(weights.sum() * (u[1] - u[0])))
    return PiecewiseRates(
        series=series,
        prior=prior,
        walks=tuple(walks),
        weights=weights / weights.sum(),
        log_evidence=evidence,
        places=u,
        unit=speeds.unit,
        error_estimate=0.0,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class PiecewiseRates:
    """The posterior of the rates of all periods of one cohort, and of their speed."""

    series: Series
    prior: SmoothingPrior
    walks: tuple[Walk, ...]
    """One per speed."""
    weights: "np.ndarray"
    """Posterior weight of each speed."""
    log_evidence: float
    places: "np.ndarray"
    """Places u of the speeds: sigma = unit sinh(u)."""
    unit: float
    error_estimate: float
    """How far means and spreads of log rates are from those on coarser grids, in posterior sd."""

    @cached_property
    def log_rates(self) -> "tuple[np.ndarray, np.ndarray]":
        """Give mean and sd of the log rates, `(periods,)`."""
        grids = [one.grid() for one in self.walks]
        pairs = list(zip(self.walks, grids, strict=True))
        first = self.weights @ np.array([(one.share * x).sum(axis=1) for one, x in pairs])
        spread = [(one.share * (x - first[:, None]) ** 2).sum(axis=1) for one, x in pairs]
        return first, np.sqrt(self.weights @ np.array(spread))

    def distance(self, other: "PiecewiseRates") -> float:
        """Say how much means and spreads of log rates differ, in posterior sd."""
        (mean, sd), (mean2, sd2) = self.log_rates, other.log_rates
        return float(max((np.abs(mean - mean2) / sd).max(), np.abs(sd2 / sd - 1).max()))

    @cached_property
    def rates(self) -> "Tabulated":
        """Give the posteriors of the rates, one label per period.

        The mean and the sd of a period far from any exposure may not exist: then they are infinite.
        """
        from pymc_vibes.stats.tabulated import Tabulated

        moments = np.array([one.moments() for one in self.walks])
        mean, square = np.einsum("w,wmt->mt", self.weights, moments)
        variance = steps_away(self.series) * self.prior.scale**2
        sd = np.where(4 * variance < 1, np.sqrt(np.maximum(square - mean**2, 0)), np.inf)
        low, high = self._reach()
        step = (high - low) / (_POINTS - 1)
        at = low[:, None] + step[:, None] * np.arange(_POINTS)
        height = sum(
            weight * one.density(at)
            for one, weight in zip(self.walks, self.weights, strict=True)
            if weight > _NEGLIGIBLE
        )
        return Tabulated(low, step, np.asarray(height), np.where(variance < 1, mean, np.inf), sd)

    def _reach(self) -> "tuple[np.ndarray, np.ndarray]":
        """Give the log rates between which each table runs."""
        kept = [
            (one, np.sqrt(np.log(weight / _NEGLIGIBLE) / np.log(1 / _NEGLIGIBLE)))
            for one, weight in zip(self.walks, self.weights, strict=True)
            if weight > _NEGLIGIBLE
        ]
        centers = [(one.share * one.grid()).sum(axis=1) for one, _ in kept]
        last = kept[0][0].step.shape
        low, high = np.full(last, np.inf), np.full(last, -np.inf)
        for (one, part), center in zip(kept, centers, strict=True):
            end = one.start + one.step * (one.told.shape[1] - 1)
            low = np.minimum(low, center + part * (one.start - center))
            high = np.maximum(high, center + part * (end - center))
        return low, high

    @cached_property
    def sigma(self) -> "Tabulated":
        """Give the posterior of sigma, per root of a period."""
        from scipy.interpolate import CubicSpline

        from pymc_vibes.stats.tabulated import Tabulated

        u, logs = self.places, np.array([one.log_evidence for one in self.walks])
        if u[0] == 0:  # even: the mirror image makes the spline flat there
            u, logs = np.concatenate([-u[:0:-1], u]), np.concatenate([logs[:0:-1], logs])
        curve = CubicSpline(u, logs - logs.max())
        speeds = self.unit * np.sinh(self.places)
        mean = float(self.weights @ speeds)
        sd = float(np.sqrt(self.weights @ (speeds - mean) ** 2))
        lowest = max(speeds[0], mean * np.exp(-16.0))  # below lies less than exp(-16) of the mass
        at = np.linspace(np.log(lowest), np.log(speeds[-1]), _SPEED_POINTS)
        sigma = np.exp(at)
        height = curve(np.arcsinh(sigma / self.unit)) + self.prior.log_density(sigma) + at
        height = np.exp(height - height.max())[None, :]
        return Tabulated(at[:1], at[1:2] - at[:1], height, np.array([mean]), np.array([sd]))

    @cached_property
    def rise(self) -> float:
        """Give P(rate of the last period > rate of the first)."""
        rises = [0.5 if one.sigma == 0 else one.rise() for one in self.walks]
        return float(min(self.weights @ np.array(rises), 1.0))

    @property
    def log_bayes_factor(self) -> float:
        """Give the log Bayes factor of a wandering rate against a constant one."""
        return self.log_evidence - stand(self.series, 1.0).log_evidence

    def draws(self, n: int, rng: np.random.Generator) -> "tuple[np.ndarray, np.ndarray]":
        """Draw rates `(n, periods)` and sigma `(n,)` together, by sampling backward."""
        from pymc_vibes.stats.retrace import drift, retrace

        place = rng.uniform(size=n)
        sigma = self.sigma.at(np.zeros(n, dtype=int), place)
        chosen = np.searchsorted(np.cumsum(self.weights), place, side="right")
        chosen = np.minimum(chosen, len(self.walks) - 1)
        rates = np.empty((n, len(self.series.counts)))
        for i in np.unique(chosen):
            here = np.flatnonzero(chosen == i)
            own = self.walks[i]
            rates[here] = (
                drift(self.series, sigma[here], rng)
                if own.sigma == 0
                else retrace(own, len(here), rng)
            )
        return rates, sigma


@dataclass(frozen=True, eq=False)
class WalkJoint:
    """Joint draws of one cohort: variables `rate`, one label per period, and `sigma`."""

    found: PiecewiseRates
    name: str = "piecewise"
    """Cohorts of different names have streams of their own."""

    def draw(self, name: str, indices: "Sequence[int]", n: int, seed: int) -> "np.ndarray":
        """Draw `n` values of some periods' rates, or of sigma; row `i` belongs together."""
        from pymc_vibes.core.posterior import stream

        rates, sigma = self.found.draws(n, stream(seed, self.name))
        return {"rate": rates, "sigma": sigma[:, None]}[name][:, list(indices)]
