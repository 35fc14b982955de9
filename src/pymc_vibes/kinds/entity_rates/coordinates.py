"""Coordinates in which a sampler sees rates and drifts; the posterior is the same in all of them.

In the standardized form every rate is measured in sds from where it is expected, given the
population, what the extensions know and the entity's own counts: log rate =
location + scale x coordinate.
Location and scale are rough, but any will do, because the density is divided by the exact Jacobian.
So a coordinate is about standard normal whatever the population is: no funnel where the spread goes
to 0, nor where it is large and the counts say almost all. Drifts are treated the same way, in
frequencies (a cosine transform), in which an autoregression is about independent.
"""

from dataclasses import dataclass, replace
from math import pi
from typing import Any, Protocol

STIRLING = 64.0  # from here on three terms of Stirling's series are exact to 1e-15
_HALF = 0.5  # added to counts whose logarithm is taken, so that 0 has one


def tensor() -> Any:
    """Give `pytensor.tensor`, whose functions carry no types."""
    import pytensor.tensor as pt

    return pt


class Evidence(Protocol):
    """What counts say of the rates: events and exposure of every entity, as if Poisson's."""

    def totals(self) -> tuple[Any, Any]:
        """Give all events and all exposure."""

    def at(self, rate: Any, phi: Any) -> tuple[Any, Any]:
        """Give them as much as windows say that vary more than Poisson's, at about these rates."""


@dataclass(frozen=True, eq=False)
class Population:
    """The population that rates come from: Gamma with shape `mu alpha` and rate `alpha`."""

    mu: Any
    alpha: Any
    phi: Any

    @property
    def shape(self) -> Any:
        """Give the shape of the rates' distribution, which is 1 / spread^2."""
        return self.mu * self.alpha

    def rough(self, evidence: Evidence) -> Any:
        """Give a rate for every entity, between the population's and its own."""
        events, exposure = evidence.totals()
        return (self.shape + events) / (self.alpha + exposure)


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of every entity's counts: of events, of windows, of windows without an event."""

    total: Any
    windows: Any
    zeros: Any
    share: Any
    """The share of windows that are empty whatever the rate; None where there is none."""

    def totals(self) -> tuple[Any, Any]:
        """Give all events, and all windows but those that are empty whatever the rate."""
        return self.total, self.windows * (1 if self.share is None else 1 - self.share)

    def at(self, rate: Any, phi: Any) -> tuple[Any, Any]:
        """Give events and windows as `Evidence` says."""
        weight = 1 / (1 + rate / phi)
        if self.share is None:
            return self.total * weight, self.windows * weight
        full = self.windows - self.zeros * (1 - _active(self.share, rate, phi))
        return self.total * weight, full * weight


@dataclass(frozen=True, eq=False)
class Windows:
    """Counts window by window, and what is known to multiply the rate of their entity."""

    who: Any
    count: Any
    share: Any
    """The share of windows that are empty whatever the rate; None where there is none."""
    nothing: Any
    """A zero for every entity."""
    log_factor: Any

    @property
    def factor(self) -> Any:
        """Give what multiplies the rate in every window."""
        pt = tensor()

        return pt.exp(self.log_factor + pt.zeros_like(self.count))

    def times(self, log_factor: Any) -> "Windows":
        """Give the same windows with one factor more."""
        return replace(self, log_factor=self.log_factor + log_factor)

    def totals(self) -> tuple[Any, Any]:
        """Give all events and all exposure but that of windows that are empty anyway."""
        active = 1 if self.share is None else 1 - self.share
        return self._per_entity(self.count), self._per_entity(self.factor) * active

    def at(self, rate: Any, phi: Any) -> tuple[Any, Any]:
        """Give events and exposure as `Evidence` says."""
        factor = self.factor
        mean = rate[self.who] * factor
        weight = 1 / (1 + mean / phi)
        exposure = factor * weight * self._active(mean, phi)
        return self._per_entity(self.count * weight), self._per_entity(exposure)

    def seen(self, population: Population, place: Any, steps: Any) -> tuple[Any, Any]:
        """Give what every window says of its drift: a precision, and that times the drift."""
        pt = tensor()

        mean = population.rough(self)[self.who] * self.factor
        known = mean / (1 + mean / population.phi) * self._active(mean, population.phi)
        off = pt.log((self.count + _HALF) / (mean + _HALF))
        grid = (self.nothing[:, None] * steps[None, :])[self.who, place]
        return pt.inc_subtensor(grid, known), pt.inc_subtensor(grid, known * off)

    def _per_entity(self, values: Any) -> Any:
        return tensor().inc_subtensor(self.nothing[self.who], values)

    def _active(self, mean: Any, phi: Any) -> Any:
        if self.share is None:
            return 1.0
        return tensor().where(self.count > 0, 1.0, _active(self.share, mean, phi))


def standardized_rates(population: Population, evidence: Evidence) -> Any:
    """Give `theta` in sds from its conjugate posterior given Poisson counts as informative."""
    import pymc as pm

    pt = tensor()

    mu, shape = population.mu, population.shape
    events, exposure = evidence.at(population.rough(evidence), population.phi)
    size = shape + events
    # the log of size / (alpha + exposure) / mu, with all digits also where it is near 0
    location = pt.log1p((events - mu * exposure) / (mu * (population.alpha + exposure)))
    scale = pt.sqrt(1 / size + 1 / size**2)
    ratio = location - 0.5 / size + scale * pm.Flat("theta_standard", dims="entity")
    density = shape * (ratio - pt.expm1(ratio)) - _log_gamma_rest(shape)
    pm.Potential("rates", pt.sum(density + pt.log(scale)))
    return pm.Deterministic("theta", mu * pt.exp(ratio), dims="entity")


def standardized_drift(
    population: Population, persistence: Any, sd: Any, steps: Any, seen: tuple[Any, Any]
) -> Any:
    """Give the drift of the log rate, `(entity, window)`, in sds from what the counts make likely.

    `seen` holds how much a window says of its drift (a precision), and that times the drift that it
    makes likely.
    """
    import pymc as pm

    pt = tensor()

    precision, push = seen
    count = steps.shape[0]
    norm = pt.sqrt(pt.where(steps > 0, 2.0, 1.0) / count)
    waves = norm[:, None] * pt.cos(pi * steps[:, None] * (steps[None, :] + _HALF) / count)
    cosine = pt.cos(pi * steps / count)
    power = sd**2 * (1 - persistence**2) / (1 - 2 * persistence * cosine + persistence**2)
    each = pt.mean(precision, axis=1)[:, None]
    # the level is the rate's as well, which leaves less to say of it here
    left = population.shape / (population.shape + count * each)
    each = each * pt.where(steps > 0, 1.0, left)
    variance = 1 / (1 / power + each)
    coordinate = pm.Flat("drift_standard", dims=("entity", "window"))
    heard = (push @ waves.T) * pt.where(steps > 0, 1.0, left)
    found = variance * heard + pt.sqrt(variance) * coordinate
    pm.Potential("frequencies", pt.sum(pt.log(variance)) / 2)
    return pm.Deterministic("drift", found @ waves, dims=("entity", "window"))


def log_density_of_drift(drift: Any, persistence: Any, sd: Any, steps: Any) -> Any:
    """Give the log density of a stationary autoregression, but for a constant."""
    pt = tensor()

    fresh = pt.sqrt(1 - persistence**2)
    later = (drift[:, 1:] - persistence * drift[:, :-1]) / fresh
    white = pt.concatenate([drift[:, :1], later], axis=1) / sd
    log_fresh = pt.log(sd) * pt.ones_like(steps) + pt.log(fresh) * (steps > 0)
    return pt.sum(-0.5 * white**2 - log_fresh[None, :])


def stirling(x: Any) -> Any:
    """Give the rest of Stirling's series."""
    return (1 / 12 - (1 / 360 - 1 / (1260 * x * x)) / (x * x)) / x


def _log_gamma_rest(shape: Any) -> Any:
    """Give log Gamma(s) - s log s + s, to all digits also for a huge s."""
    pt = tensor()

    large, small = pt.maximum(shape, STIRLING), pt.minimum(shape, STIRLING)
    series = 0.5 * pt.log(2 * pi / large) + stirling(large)
    return pt.switch(shape > STIRLING, series, pt.gammaln(small) - small * pt.log(small) + small)


def _active(share: Any, rate: Any, phi: Any) -> Any:
    """Give the chance that a window without an event is not one of those that are always empty."""
    pt = tensor()

    return pt.sigmoid(pt.log1p(-share) - phi * pt.log1p(rate / phi) - pt.log(share))
