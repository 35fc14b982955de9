"""Hierarchies without sampling: rates or chances of many labels that borrow strength.

The labels' own parameters are integrated out exactly, which leaves a likelihood of two
hyperparameters that separates into sums over counts and over exposures (`collapse`). Their
posterior is integrated on a lattice; given them every label is conjugate (`mixture`). Draws are
exact too: hyperparameters from the lattice's density, then every label given them.

Raises `QuadratureRefused` where the lattice cannot be had.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from pymc_vibes.core.posterior import stream
from pymc_vibes.stats import collapse
from pymc_vibes.stats.lattice import Lattice, integrate
from pymc_vibes.stats.marginal import Marginal
from pymc_vibes.stats.mixrows import Nodes
from pymc_vibes.stats.mixture import BetaMixture, GammaMixture
from pymc_vibes.stats.special import LOG_TWO_PI, Array, alone

_REACH = 300.0  # hyperparameters beyond e^300 are impossible

type LogPrior = Callable[[Array, Array], Array]
"""Log density over the two coordinates of a hierarchy, `(nodes,)` each."""


@dataclass(frozen=True)
class LogNormalPrior:
    """A log-normal prior: `log x ~ Normal(log(median), log_sd)`."""

    median: float
    log_sd: float

    def log_density(self, log_x: Array) -> Array:
        """Give the log density of `log x`."""
        score = (log_x - np.log(self.median)) / self.log_sd
        return np.asarray(-(score**2) / 2 - np.log(self.log_sd) - LOG_TWO_PI / 2)


@dataclass(frozen=True)
class ChancePrior:
    """A proper prior of a Beta population: mean `~ Beta(a, b)`, size `a + b` log-normal."""

    size: LogNormalPrior
    a: float = 1.0
    b: float = 1.0

    def log_density(self, logit_mean: Array, log_size: Array) -> Array:
        """Give the log density of logit mean and log size."""
        from scipy.special import betaln

        mean = -self.a * np.logaddexp(0, -logit_mean) - self.b * np.logaddexp(0, logit_mean)
        return np.asarray(mean - betaln(self.a, self.b) + self.size.log_density(log_size))


@dataclass(frozen=True)
class DiffusePrior:
    """The prior `p(a, b) = (a + b)^(-5/2)` of BDA3, section 5.3; improper."""

    def log_density(self, logit_mean: Array, log_size: Array) -> Array:
        """Give the log density of logit mean and log size, up to a constant."""
        # a b (a + b)^(-5/2), with a = size * mean and b = size * (1 - mean)
        product = -np.logaddexp(0, -logit_mean) - np.logaddexp(0, logit_mean)
        return np.asarray(product - log_size / 2)


class PopulationPrior(Protocol):
    """A prior of a Beta population."""

    def log_density(self, logit_mean: Array, log_size: Array) -> Array:
        """Give the log density of logit mean and log size."""
        ...


@dataclass(frozen=True, eq=False)
class HierarchyJoint:
    """Exact joint draws: hyperparameters from the lattice, then every label given them."""

    labels: GammaMixture | BetaMixture
    name: str
    """The variable of the labels: `rate` or `chance`."""
    hyper: dict[str, Marginal]

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> Array:
        """Draw `n` values of some labels of one variable, shape `(n, len(indices))`."""
        if name != self.name:
            one = self._values(name, n, seed)[:, None]
            return np.repeat(one, len(indices), axis=1)
        columns = [self._label(int(index), n, seed) for index in indices]
        return np.column_stack(columns) if columns else np.empty((n, 0))

    def _values(self, name: str, n: int, seed: int) -> Array:
        return self.hyper[name].place(self._points(n, seed))

    def _label(self, index: int, n: int, seed: int) -> Array:
        rng = stream(seed, self.name, str(index))
        first, second = (self._values(hyper, n, seed) for hyper in ("alpha", "beta"))
        if isinstance(self.labels, GammaMixture):
            exposure = self.labels.exposure[index]
            return np.asarray(
                rng.standard_gamma(first + self.labels.k[index]) / (second + exposure)
            )
        k, trials = self.labels.k[index], self.labels.n[index]
        return np.asarray(rng.beta(first + k, second + trials - k))

    @cached_property
    def _points(self) -> Callable[[int, int], Array]:
        lattice = self.hyper["alpha"].lattice

        def draw(n: int, seed: int) -> Array:
            return lattice.sample(n, stream(seed, "hyperparameters"))

        return lru_cache(maxsize=4)(draw)


@dataclass(frozen=True, eq=False)
class RateHierarchy:
    """`k_i ~ Poisson(rate_i T_i)`, `rate_i ~ Gamma(alpha, beta)`, `beta = alpha / mean`."""

    lattice: Lattice
    """Over log alpha and the log of the mean, in units of the overall rate."""
    alpha: Marginal
    mean: Marginal
    beta: Marginal
    rates: GammaMixture

    @property
    def joint(self) -> HierarchyJoint:
        """Draw `rate`, `alpha`, `beta` and `mean` together."""
        hyper = {"alpha": self.alpha, "beta": self.beta, "mean": self.mean}
        return HierarchyJoint(self.rates, "rate", hyper)

    @property
    def error_estimate(self) -> float:
        """Tell how far the two interleaved lattices are apart."""
        return self.lattice.error_estimate

    @property
    def shrinkage(self) -> Array:
        """Give the weight of the pooled mean in every cohort's posterior mean, `(n,)`."""
        return self.rates.shrinkage()


@dataclass(frozen=True, eq=False)
class ChanceHierarchy:
    """`k_i ~ Binomial(n_i, chance_i)`, `chance_i ~ Beta(alpha, beta)`."""

    lattice: Lattice
    """Over log alpha and log beta."""
    alpha: Marginal
    mean: Marginal
    beta: Marginal
    chances: BetaMixture

    @property
    def joint(self) -> HierarchyJoint:
        """Draw `chance`, `alpha`, `beta` and the population's `mean` together."""
        hyper = {"alpha": self.alpha, "beta": self.beta, "mean": self.mean}
        return HierarchyJoint(self.chances, "chance", hyper)

    @property
    def error_estimate(self) -> float:
        """Tell how far the two interleaved lattices are apart."""
        return self.lattice.error_estimate

    @property
    def shrinkage(self) -> Array:
        """Give the weight of the pooled mean in every group's posterior mean, `(n,)`."""
        return self.chances.shrinkage()


def gamma_poisson(
    k: Array, exposure: Array, *, shape: LogNormalPrior, mean: LogNormalPrior
) -> RateHierarchy:
    """Fit `rate_i ~ Gamma(shape alpha, rate alpha / mean)` to counts and exposures `(n,)`.

    The prior of the mean is in events per unit of exposure.
    """

    def log_prior(log_alpha: Array, log_mean: Array) -> Array:
        return shape.log_density(log_alpha) + mean.log_density(log_mean)

    return gamma_poisson_under(log_prior, k, exposure)


def gamma_poisson_under(log_prior: LogPrior, k: Array, exposure: Array) -> RateHierarchy:
    """Fit the same model under any prior density of `(log alpha, log mean)`."""
    k, exposure = _checked(k, exposure, "exposure")
    unit = (k.sum() + 0.5) / exposure.sum()  # rates are measured in it: of order one
    likelihood = _rate_likelihood(k, exposure * unit)

    def log_density(x: Array) -> Array:
        return likelihood(x) + log_prior(x[:, 0], x[:, 1] + np.log(unit))

    lattice = integrate(log_density, np.array([_log_shape(k, exposure * unit), 0.0]))
    level = float(np.log(unit))
    alpha = Marginal(lattice, np.array([1.0, 0.0]))
    middle = Marginal(lattice, np.array([0.0, 1.0]), shift=level)
    beta = Marginal(lattice, np.array([1.0, -1.0]), shift=-level)
    nodes = Nodes(lattice.weights, alpha.values, beta.values)
    return RateHierarchy(lattice, alpha, middle, beta, GammaMixture(nodes, k, exposure))


def beta_binomial(k: Array, n: Array, *, prior: PopulationPrior) -> ChanceHierarchy:
    """Fit `chance_i ~ Beta(alpha, beta)` to successes of trials, `(n,)` each."""
    k, n = _checked(k, n, "number of trials")
    if (k > n).any():
        raise ValueError("more successes than trials")
    likelihood = _chance_likelihood(k, n - k)

    def log_density(x: Array) -> Array:
        logit_mean, log_size = x[:, 0] - x[:, 1], np.logaddexp(x[:, 0], x[:, 1])
        return likelihood(x) + prior.log_density(logit_mean, log_size)  # the Jacobian is 1

    share = (k.sum() + 0.5) / (n.sum() + 1)
    size = _size(k, n, share)
    lattice = integrate(log_density, np.log([size * share, size * (1 - share)]))
    alpha = Marginal(lattice, np.array([1.0, 0.0]))
    beta = Marginal(lattice, np.array([0.0, 1.0]))
    middle = Marginal(lattice, np.array([1.0, -1.0]), link="logit")
    nodes = Nodes(lattice.weights, alpha.values, beta.values)
    return ChanceHierarchy(lattice, alpha, middle, beta, BetaMixture(nodes, k, n))


def _checked(k: Array, size: Array, name: str) -> tuple[Array, Array]:
    k, size = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (k, size))
    if k.shape != size.shape or k.ndim != 1 or not len(k):
        raise ValueError(f"counts and {name} must be as many, and at least one")
    if not (np.isfinite(k) & (k >= 0) & (k == np.floor(k))).all():
        raise ValueError("counts must be whole numbers, 0 or more")
    if not (np.isfinite(size) & (size > 0)).all():
        raise ValueError(f"every {name} must be positive and finite")
    return k, size


def _rate_likelihood(k: Array, exposure: Array) -> Callable[[Array], Array]:
    """Give the log likelihood of `(log alpha, log mean)`, up to a constant."""
    counts = _counts(k)
    times = collapse.collapse(exposure, np.ones_like(k), k)
    cohorts, events = times.weights

    def log_likelihood(x: Array) -> Array:
        bounded = np.clip(x, -_REACH, _REACH)
        a, b = np.exp(bounded[:, :1]), np.exp(bounded[:, :1] - bounded[:, 1:])
        # log1p keeps digits on both sides: exposures far below and far above b
        idle = -a[:, 0] * alone(np.log1p(times.points / b), cohorts)
        busy = alone(np.log1p(b / times.points), events)
        return np.asarray(idle - busy + _rising(counts, a))

    return log_likelihood


def _chance_likelihood(k: Array, rest: Array) -> Callable[[Array], Array]:
    """Give the log likelihood of `(log alpha, log beta)`, up to a constant."""
    successes, failures, trials = _counts(k), _counts(rest), _counts(k + rest)

    def log_likelihood(x: Array) -> Array:
        bounded = np.exp(np.clip(x, -_REACH, _REACH))
        a, b = bounded[:, :1], bounded[:, 1:]
        return _rising(successes, a) + _rising(failures, b) - _rising(trials, a + b)

    return log_likelihood


def _counts(k: Array) -> collapse.Summands | None:
    some = k[k > 0]
    return collapse.collapse(some, np.ones_like(some)) if some.size else None


def _rising(counts: collapse.Summands | None, a: Array) -> Array:
    """Sum `log Gamma(k + a) - log Gamma(a) - log Gamma(k)` over all counts, by node."""
    if counts is None:
        return np.zeros(len(a))
    return alone(collapse.negative_log_beta(counts.points, a), counts.weights[0])


def _log_shape(k: Array, expected: Array) -> float:
    """Guess log alpha from how much more the counts vary than Poisson's would."""
    excess = float(np.sum((k - expected) ** 2 - k))
    shape = float(np.sum(expected**2)) / max(excess, 1e-9)
    return float(np.log(np.clip(shape, 0.1, 100.0)))


def _size(k: Array, n: Array, share: float) -> float:
    """Guess `alpha + beta` from how much more the counts vary than a binomial's would."""
    excess = float(np.sum((k - n * share) ** 2) / (share * (1 - share)) - n.sum())
    size = float(np.sum(n * (n - 1))) / max(excess, 1e-9)
    return float(np.clip(size, 1.0, 1000.0))
