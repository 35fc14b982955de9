"""Say whether a rate changed once, when, and by what factor.

Counts k_t of T periods with exposures e_t are Poisson. Either the rate is constant, or it is
lambda1 before a boundary tau between two periods and lambda2 from there on. Neither knows a scale:
given m, with dm/m, rates are independent Gamma(a, a/m). So the share w = lambda2/(lambda1+lambda2)
is Beta(a, a), log(lambda2/lambda1) = logit w, and the scale integrates out. With k1, e1 before and
k2, e2 after the boundary, K = k1 + k2, the Bayes factor of a change there is

    INT Beta(w; a, a) (1-s)^k1 s^k2 dw / ((1-q)^k1 q^k2),
    s = e2 w / (e1 (1-w) + e2 w),   q = e2 / (e1 + e2):

how the events fall on either side, given their number. No unit of time enters. The integrand is
log-concave in u = logit w; one quadrature per boundary, all boundaries of all cohorts together,
keeps ten digits at a million events. Boundaries are equally likely beforehand.

Rates: lambda1 = G (1-s)/e1 and lambda2 = G s/e2 with G ~ Gamma(K, 1) independent of s.

References: Raftery and Akman (1986), Biometrika 73, 85-89; Carlin, Gelfand and Smith (1992),
Applied Statistics 41, 389-405.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.split import Split, log_factor_draws, mixture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymc_vibes.stats.contrast import Contrast
    from pymc_vibes.stats.exact import Gamma
    from pymc_vibes.stats.tabulated import Tabulated

_AT_ONCE = 2_000_000  # values of one evaluation: 16 MB
_NEGLIGIBLE = 1e-15  # share of the posterior that is left out of mixtures
_RATE_NEGLIGIBLE = 1e-10
_RATE_DROP = 25.0
_POINTS = (400, 4000)  # steps of the table of a rate: at least, at most


@dataclass(frozen=True, kw_only=True)
class ChangePrior:
    """What is believed before seeing data.

    `shape` is a above. The default of 2 puts half of all changes within a factor of 2.06 either
    way and nine in ten within 6.4, which is what changes of real rates look like. 1 is vaguer
    (half within 3, nine in ten within 19) and therefore slower to see small changes.
    """

    chance: float = 0.5
    """P(change)."""
    shape: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.chance < 1:
            raise ValueError("the chance of a change must lie between 0 and 1")
        if not 0.5 <= self.shape <= 1000:
            raise ValueError("the shape must lie between 0.5 and 1000")

    def factor_limit(self, mass: float = 0.9) -> float:
        """Give f such that a change is within [1/f, f] with probability `mass` beforehand."""
        from scipy.special import betaincinv

        share = float(betaincinv(self.shape, self.shape, (1 + mass) / 2))
        return share / (1 - share)


@dataclass(frozen=True, kw_only=True)
class ChangeDraws:
    """Exact joint draws given that there was a change; arrays `(n,)`."""

    boundary: "np.ndarray"
    """The first period of the new rate."""
    factor: "np.ndarray"
    before: "np.ndarray"
    after: "np.ndarray"


def chances_of_change(
    counts: Array, exposure: Array, prior: ChangePrior | None = None
) -> "np.ndarray":
    """Give P(change) of many cohorts, `(cohorts,)`, from `(cohorts, periods)`.

    NaN where it cannot be asked: no events, or fewer than two periods with exposure.
    """
    from scipy.special import expit, logsumexp

    prior = prior or ChangePrior()
    found = log_bayes_factors(counts, exposure, prior)
    possible = np.isfinite(found).sum(axis=1)
    known = (possible > 0) & (np.asarray(counts).sum(axis=1) > 0)
    odds = np.full(len(found), np.nan)
    odds[known] = logsumexp(found[known], axis=1) - np.log(possible[known])
    return np.asarray(expit(odds + np.log(prior.chance) - np.log1p(-prior.chance)))


def log_bayes_factors(counts: Array, exposure: Array, prior: ChangePrior) -> "np.ndarray":
    """Give the log Bayes factor of a change at each boundary against none.

    From `(cohorts, periods)` to `(cohorts, periods - 1)`; minus infinity where a boundary has no
    exposure on one side. `exposure` may be one row for all.
    """
    counts = np.asarray(counts, dtype=float)
    exposure = np.broadcast_to(np.asarray(exposure, dtype=float), counts.shape)
    _check(counts, exposure)
    k1, e1 = np.cumsum(counts, axis=1)[:, :-1], np.cumsum(exposure, axis=1)[:, :-1]
    k2 = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1][:, 1:]
    e2 = np.cumsum(exposure[:, ::-1], axis=1)[:, ::-1][:, 1:]
    possible = (e1 > 0) & (e2 > 0)
    found = np.full(k1.shape, -np.inf)
    if possible.any():
        sides = (k1[possible], k2[possible], e1[possible], e2[possible])
        found[possible] = Split(*sides, prior.shape).log_bayes_factor()
    return found


def find_change(
    counts: "Array | Sequence[float]",
    exposure: "Array | Sequence[float]",
    prior: ChangePrior | None = None,
) -> "ChangePoint":
    """Say whether, when and by what factor one rate changed.

    Raises `InsufficientData` without events, or with fewer than two periods that have exposure.
    """
    prior = prior or ChangePrior()
    counts, exposure = np.asarray(counts, dtype=float), np.asarray(exposure, dtype=float)
    if counts.sum() <= 0:
        raise InsufficientData("There are no events, so whether their rate changed cannot be said.")
    used = int((exposure > 0).sum())
    if used < 2:
        raise InsufficientData(
            f"Need 2 periods with exposure to see a change, have {used}.", need=2, have=used
        )
    found = log_bayes_factors(counts[None, :], exposure[None, :], prior)[0]
    return ChangePoint(counts=counts, exposure=exposure, prior=prior, log_bayes_factors=found)


def _check(counts: Array, exposure: Array) -> None:
    fine = np.isfinite(counts) & np.isfinite(exposure) & (counts >= 0) & (exposure >= 0)
    if not fine.all():
        raise ValueError("counts and exposures must be finite and not negative")
    if (counts[exposure == 0] > 0).any():
        raise ValueError("a period without exposure cannot have events")


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangePoint:
    """The posterior of one change of one rate.

    A boundary is named by the first period of the new rate, 1 to T - 1.
    """

    counts: "np.ndarray"
    exposure: "np.ndarray"
    prior: ChangePrior
    log_bayes_factors: "np.ndarray"
    """Per boundary, `(periods - 1,)`; minus infinity where none is possible."""

    @cached_property
    def log_bayes_factor(self) -> float:
        """Give the log Bayes factor of some change against none."""
        from scipy.special import logsumexp

        possible = np.isfinite(self.log_bayes_factors).sum()
        return float(logsumexp(self.log_bayes_factors) - np.log(possible))

    @property
    def chance(self) -> float:
        """Give P(change)."""
        from scipy.special import expit

        prior = np.log(self.prior.chance) - np.log1p(-self.prior.chance)
        return float(expit(self.log_bayes_factor + prior))

    @cached_property
    def mass(self) -> "np.ndarray":
        """Give the posterior of the boundary given a change; `mass[i]` is of boundary `i + 1`."""
        from scipy.special import softmax

        return np.asarray(softmax(self.log_bayes_factors))

    @property
    def likeliest(self) -> int:
        """Give the likeliest boundary."""
        return int(np.argmax(self.mass)) + 1

    def likely(self, level: float) -> tuple[int, ...]:
        """Give the smallest set of boundaries that holds `level`, in order of time."""
        order = np.argsort(-self.mass, kind="stable")
        enough = int(np.searchsorted(np.cumsum(self.mass[order]), level - 1e-12)) + 1
        return tuple(int(i) + 1 for i in np.sort(order[:enough]))

    def interval(self, level: float) -> tuple[int, int]:
        """Give the first and the last boundary of the equal-tailed interval."""
        below = np.cumsum(self.mass)
        tail = (1 - level) / 2
        first, last = np.searchsorted(below, [tail, 1 - tail - 1e-12])
        return int(first) + 1, min(int(last), len(below) - 1) + 1

    def rate(self) -> "Gamma":
        """Give the rate if it did not change."""
        from pymc_vibes.stats.exact import Gamma

        return Gamma(np.array([self.counts.sum()]), np.array([self.exposure.sum()]))

    @cached_property
    def factor(self) -> "Contrast":
        """Give the posterior of rate after over rate before, given a change.

        Its `greater` is P(factor > 1). Mean and sd are None where they do not exist: where few or
        no events lie before a possible boundary.
        """
        from pymc_vibes.stats.contrast import Contrast

        split, mass, _ = self._split
        tails, slope = mixture(split, mass)
        left, right = split.reach
        first, second = self._moment(1), self._moment(2)
        sd = None if first is None or second is None else max(second - first**2, 0.0) ** 0.5
        return Contrast(
            mean=first,
            sd=sd,
            neutral=1.0,
            greater=float(tails(np.zeros(1))[1][0]),
            reach=(float((split.mode - left).min()), float((split.mode + right).max())),
            tails=tails,
            slope=slope,
            is_log=True,
        )

    @cached_property
    def rates(self) -> "Tabulated":
        """Give the posteriors of the rate before and after, in this order, given a change."""
        from pymc_vibes.stats.tabulated import Tabulated

        total, (weights, scales) = self.counts.sum(), self._scales
        mean = total * (scales @ weights)
        square = total * (total + 1) * (scales**2 @ weights)
        peaks = np.log(scales) + np.log(total)
        own = special.gamma_drop(np.array([total]), np.array([_RATE_DROP]))
        low, high = peaks.min(axis=1) + own[0], peaks.max(axis=1) + own[1]
        fine = (high - low).max() * np.sqrt(total) / 0.2  # fifths of the narrowest sd there can be
        step = (high - low) / int(np.clip(fine, *_POINTS))
        at = low[:, None] + step[:, None] * np.arange(int(np.clip(fine, *_POINTS)) + 1)
        height = np.stack(
            [_log_rate_density(total, *pair, weights) for pair in zip(at, peaks, strict=True)]
        )
        return Tabulated(low, step, height, mean, np.sqrt(np.maximum(square - mean**2, 0.0)))

    def draws(self, n: int, rng: np.random.Generator) -> ChangeDraws:
        """Draw boundary, factor and both rates together, given a change."""
        from scipy.special import expit

        split, mass, boundary = self._split
        chosen = rng.choice(len(mass), size=n, p=mass)
        log_factor = log_factor_draws(split, chosen, rng)
        share = log_factor + split.tilt[chosen]
        scale = rng.standard_gamma(self.counts.sum(), n)
        return ChangeDraws(
            boundary=boundary[chosen],
            factor=np.exp(log_factor),
            before=scale * expit(-share) / split.e1[chosen],
            after=scale * expit(share) / split.e2[chosen],
        )

    @cached_property
    def _every(self) -> Split:
        """Give all possible boundaries."""
        k, e, at = self.counts, self.exposure, np.flatnonzero(np.isfinite(self.log_bayes_factors))
        before = np.cumsum(k)[at], np.cumsum(e)[at]
        after = np.cumsum(k[::-1])[::-1][at + 1], np.cumsum(e[::-1])[::-1][at + 1]
        return Split(before[0], after[0], before[1], after[1], self.prior.shape)

    @cached_property
    def _split(self) -> tuple[Split, Array, "np.ndarray"]:
        """Give the boundaries that matter, their mass, and where they are."""
        at = np.flatnonzero(np.isfinite(self.log_bayes_factors))
        matters = self.mass[at] > _NEGLIGIBLE
        mass = self.mass[at[matters]]
        return self._every.take(matters), mass / mass.sum(), at[matters] + 1

    @cached_property
    def _scales(self) -> tuple[Array, Array]:
        """Give weights `(m,)` and rate per unit of G, `(2, m)`, over boundaries and factors."""
        from scipy.special import expit

        split, mass, _ = self._split
        distance, weights = split.nodes()
        share = (split.mode + split.tilt)[:, None] + distance
        before, after = expit(-share) / split.e1[:, None], expit(share) / split.e2[:, None]
        weights = (mass[:, None] * weights).ravel()
        kept = weights > _RATE_NEGLIGIBLE
        scales = np.stack([before.ravel()[kept], after.ravel()[kept]])
        return weights[kept] / weights[kept].sum(), scales

    def _moment(self, power: int) -> float | None:
        """Give E[factor^power], which exists only if every possible boundary has its own."""
        split = self._every
        if (split.ends[1] - power).min() <= 0:
            return None
        raised = split.powered(power)
        logs = raised.top + raised.log_area() - split.top - split.log_area()
        return float(self.mass[np.isfinite(self.log_bayes_factors)] @ np.exp(logs))


def _log_rate_density(total: float, at: Array, peaks: Array, weights: Array) -> Array:
    """Give the density of a log rate: Gamma densities of one shape around many peaks."""
    density = np.zeros(at.shape)
    size = max(1, _AT_ONCE // len(at))
    for i in range(0, len(peaks), size):
        z = np.exp(np.minimum(at[:, None] - peaks[i : i + size], 300.0))
        logs = special.gamma_log_density(np.array(total), total * z)
        density += np.exp(logs) @ weights[i : i + size]
    return density
