"""Rates of entities that borrow strength from each other, from overdispersed counts in windows.

    mu, alpha, phi ~ prior
    theta_i ~ Gamma(mu alpha, alpha)                mean mu, variance mu / alpha
    y_ij ~ NegativeBinomial(mean theta_i, size phi)  variance theta + theta^2 / phi

No sampling: each rate is integrated out by one-dimensional quadrature, the three hyperparameters
on a lattice over their logs. The likelihood knows the data by the total `S` and the number of
windows `n` of each entity and by one histogram of counts, so that neither rows nor windows cost
anything; entities with one `(S, n)` are computed once, and many pairs are interpolated between few.

The coefficient of variation between entities is `1 / sqrt(mu alpha)`, within one `1 / sqrt(phi)`.
Raises `QuadratureRefused` where the lattice cannot be had.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pymc_vibes.stats.entity_draws import EntityJoint
from pymc_vibes.stats.entity_hyper import across, along_axis
from pymc_vibes.stats.entity_integral import count_terms, log_integrals
from pymc_vibes.stats.entity_prior import ByValue, ByVariation, EntityPrior
from pymc_vibes.stats.entity_rates import EntityRates, Pairs, Pooled
from pymc_vibes.stats.entity_sites import place_sites
from pymc_vibes.stats.lattice import Lattice, LogDensity, integrate
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.tabulated import Tabulated

__all__ = ["EntityHierarchy", "EntityPrior", "entity_rates"]

_CHECKED = 4_096  # pairs whose interpolation is checked
_CHECKS = 8  # nodes it is checked at


@dataclass(frozen=True, eq=False)
class EntityHierarchy:
    """The posterior of all rates and of the three hyperparameters."""

    lattice: Lattice
    """Over log mu, log alpha and log phi."""
    prior: EntityPrior
    pairs: Pairs
    interpolation_error: float
    """By how much interpolation changes the log likelihood between nodes."""

    @property
    def error_estimate(self) -> float:
        """Tell the larger of both errors: of the lattice, and of interpolation."""
        return max(self.lattice.error_estimate, self.interpolation_error)

    @cached_property
    def mu(self) -> Tabulated:
        """Give the posterior of the mean rate of the population, in events per window."""
        return along_axis(self.lattice, 0, self.prior.mu)

    @cached_property
    def alpha(self) -> Tabulated:
        """Give the posterior of the population's rate; it has no mean under a scale-free prior."""
        if isinstance(self.prior.alpha, ByValue):
            return along_axis(self.lattice, 1, self.prior.scales[1])
        return across(self.lattice, self.prior, of_alpha=True)

    @cached_property
    def phi(self) -> Tabulated:
        """Give the posterior of the size of the noise; no mean under a scale-free prior."""
        power = 1 if isinstance(self.prior.phi, ByValue) else -2
        return along_axis(self.lattice, 2, self.prior.scales[2], power)

    @cached_property
    def spread(self) -> Tabulated:
        """Give the posterior of the coefficient of variation between entities."""
        if isinstance(self.prior.alpha, ByVariation):
            return along_axis(self.lattice, 1, self.prior.scales[1])
        return across(self.lattice, self.prior, of_alpha=False)

    @cached_property
    def noise(self) -> Tabulated:
        """Give the posterior of the coefficient of variation within an entity, beyond Poisson."""
        power = 1 if isinstance(self.prior.phi, ByVariation) else -0.5
        return along_axis(self.lattice, 2, self.prior.scales[2], power)

    @cached_property
    def rates(self) -> EntityRates:
        """Give the posteriors of the entities' rates."""
        return EntityRates(Pooled(self.lattice, self.prior, self.pairs), self.pairs.pair)

    @cached_property
    def joint(self) -> EntityJoint:
        """Draw `theta`, `mu`, `alpha`, `phi` and the two variations together."""
        return EntityJoint(self.lattice, self.prior, self.pairs)


def entity_rates(
    sums: Array,
    windows: Array,
    values: Array,
    counts: Array,
    prior: EntityPrior | None = None,
    *,
    tolerance: float = 1e-3,
) -> EntityHierarchy:
    """Fit the hierarchy to totals and numbers of windows `(E,)` and the histogram of counts.

    `counts[v]` windows, of all entities, have the count `values[v]`; zeros may be left out.
    """
    pairs = Pairs.of(np.asarray(sums, dtype=float), np.asarray(windows, dtype=float))
    values, counts = np.asarray(values, dtype=float), np.asarray(counts, dtype=float)
    if not np.isclose(values @ counts, sums.sum()):
        raise ValueError("the histogram of counts does not add up to the totals")
    prior = prior or EntityPrior.scale_free()
    log_density = _log_density(pairs, values[values > 0], counts[values > 0], prior)
    mean = (float(np.sum(sums)) + 0.5) / max(float(np.sum(windows)), 1.0)
    lattice = integrate(log_density, prior.start(mean), tolerance=tolerance)
    return EntityHierarchy(lattice, prior, pairs, _interpolation_error(pairs, lattice, prior))


def _log_density(pairs: Pairs, values: Array, counts: Array, prior: EntityPrior) -> LogDensity:
    sites = pairs.sites
    sums, windows, weights = sites.sums, sites.windows, sites.gather(pairs.multiplicity)
    # the terms of single counts are as smooth in the count as integrals are in the total
    known, often = values, counts
    if len(values):
        own = place_sites(values, np.ones_like(values))
        known, often = own.sums, own.gather(counts)

    def log_density(points: Array) -> Array:
        found = prior.log_density(points)
        inside = np.flatnonzero(np.isfinite(found))
        hypers = prior.hypers(points[inside])
        found[inside] += log_integrals(hypers, sums, windows) @ weights
        found[inside] += count_terms(known, hypers.phi) @ often
        return found

    return log_density


def _interpolation_error(pairs: Pairs, lattice: Lattice, prior: EntityPrior) -> float:
    if not pairs.sites.is_interpolated:
        return 0.0
    few = lattice.thin(_CHECKS * 5)
    nodes = few.nodes[np.argsort(few.weights)[-_CHECKS:]]
    some = np.unique(np.linspace(0, len(pairs.sums) - 1, _CHECKED).astype(int))
    hypers, sites = prior.hypers(nodes), pairs.sites
    exact = log_integrals(hypers, pairs.sums[some], pairs.windows[some])
    known = log_integrals(hypers, sites.sums, sites.windows)
    off = np.array([sites.spread(row)[some] for row in known]) - exact
    total = off @ pairs.multiplicity[some] * (len(pairs.sums) / len(some))
    return float(np.ptp(total))
