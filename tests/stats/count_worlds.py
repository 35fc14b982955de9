"""Series of counts with known truth, and slow oracles of their regression."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from pymc_vibes.stats.latent_counts import CountPrior, CountSeries
from pymc_vibes.stats.special import Array
from tests.stats.interrupted_worlds import ar1

STEP = np.array([[0.0, 1.0]])


def columns(days: int) -> Array:
    """A level, and a step in the middle."""
    return np.column_stack([np.ones(days), (np.arange(days) >= days // 2) - 0.5])


@dataclass(frozen=True)
class Truth:
    """What made a series."""

    b: Array
    phi: float
    tau: float
    extra: float


def from_prior(prior: CountPrior, rng: np.random.Generator) -> Truth:
    """Draw what the prior believes."""
    b = prior.center + prior.sd * rng.standard_normal(len(prior.sd))
    return Truth(
        b, rng.random(), rng.exponential(prior.state_spread), rng.exponential(prior.extra_spread)
    )


def series(truth: Truth, x: Array, rng: np.random.Generator) -> CountSeries:
    """Draw counts, one row a day."""
    days = len(x)
    rate = np.exp(x @ truth.b + truth.tau * ar1(days, truth.phi, rng))
    if truth.extra > 0.01:  # less is Poisson, and its gamma draws underflow
        rate = rate * rng.gamma(truth.extra**-2, truth.extra**2, days)
    return CountSeries(
        np.arange(days, dtype=float), rng.poisson(rate).astype(float), np.ones(days), x
    )


def log_likelihood(count: Array, log_rate: Array, extra: Array) -> Array:
    """The negative binomial as books write it, less log factorials; 0 is Poisson."""
    size = 1 / np.maximum(extra, 1e-4) ** 2
    rate = np.exp(log_rate)
    mixed = (
        special.gammaln(size + count)
        - special.gammaln(size)
        + count * (log_rate - np.log(size + rate))
        + size * np.log(size / (size + rate))
    )
    return np.where(extra < 1e-4, count * log_rate - rate, mixed)


def integrated(
    data: CountSeries, prior: CountPrior, truth: Truth, b: tuple[Array, Array]
) -> tuple[Array, float]:
    """Integrate states out on a lattice, day by day: the density of two coefficients.

    It is given on the lattice of `b`, summing to 1, with the log evidence.
    """
    z = np.linspace(-6.5, 6.5, 131)
    step = z[1] - z[0]
    one, two = (part.ravel() for part in np.meshgrid(*b, indexing="ij"))
    alpha = np.tile(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), (len(one), 1))
    logs = np.zeros(len(one))
    days = np.unique(data.day)
    for at, day in enumerate(days):
        if at:
            fade = truth.phi ** (day - days[at - 1])
            spread = np.sqrt(1 - fade**2)
            kernel = np.exp(-(((z[None, :] - fade * z[:, None]) / spread) ** 2) / 2)
            alpha = alpha @ (kernel / spread / np.sqrt(2 * np.pi)) * step
        for row in np.flatnonzero(data.day == day):
            fixed = np.log(data.exposure[row]) + one * data.columns[row, 0]
            fixed = fixed + two * data.columns[row, 1]
            rates = fixed[:, None] + truth.tau * z
            alpha = alpha * np.exp(log_likelihood(data.count[row], rates, np.array(truth.extra)))
        scale = alpha.sum(axis=1)
        logs += np.log(scale)
        alpha = alpha / scale[:, None]
    away = (np.stack([one, two]).T - prior.center) / prior.sd
    log = logs + np.log(step) - (away**2).sum(axis=1) / 2 - np.log(prior.sd).sum()
    log = log - np.log(2 * np.pi)
    cell = (b[0][1] - b[0][0]) * (b[1][1] - b[1][0])
    density = np.exp(log - log.max())
    evidence = float(log.max() + np.log(density.sum() * cell))
    return (density / density.sum()).reshape(len(b[0]), len(b[1])), evidence


def sampled(
    data: CountSeries, prior: CountPrior, chains: int, rounds: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Sample the posterior with one row a day by plain means; give chains' means, `(chains, ...)`.

    Elliptical slices move standard normal innovations and coefficients; phi and both spreads walk
    at random. The first half of the rounds is forgotten.
    """
    days, width = data.columns.shape
    inner = rng.standard_normal((chains, width + days))
    hyper = np.column_stack([rng.random(chains), *rng.exponential(0.3, (2, chains))])
    scales = np.array([1.0, prior.state_spread, prior.extra_spread])

    def told(inner: Array, hyper: Array) -> Array:
        phi, tau, extra = hyper.T
        state = np.empty((chains, days))
        state[:, 0] = inner[:, width]
        for t in range(1, days):
            state[:, t] = phi * state[:, t - 1] + np.sqrt(1 - phi**2) * inner[:, width + t]
        b = prior.center + prior.sd * inner[:, :width]
        log_rate = np.log(data.exposure) + b @ data.columns.T + tau[:, None] * state
        return log_likelihood(data.count, np.minimum(log_rate, 50.0), extra[:, None]).sum(axis=1)

    height = told(inner, hyper)
    kept = []
    for turn in range(rounds):
        inner, height = _slice(inner, height, lambda new, at=hyper: told(new, at), rng)
        for _ in range(2):
            away = rng.standard_normal((chains, 3)) * 0.4 * scales * rng.random((chains, 1))
            new = hyper + away
            safe = np.clip(new, 0.0, [[1.0, 20.0, 20.0]])
            reached = told(inner, safe)
            gain = reached + _weighed(new, scales) - height - _weighed(hyper, scales)
            taken = np.log(rng.random(chains)) < gain
            hyper = np.where(taken[:, None], new, hyper)
            height = np.where(taken, reached, height)
        if turn >= rounds // 2:
            kept.append(np.hstack([prior.center + prior.sd * inner[:, :width], hyper]))
    draws = np.array(kept)
    return {"mean": draws.mean(axis=0), "square": (draws**2).mean(axis=0), "draws": draws}


def _weighed(hyper: Array, scales: Array) -> Array:
    inside = (hyper > 0).all(axis=1) & (hyper[:, 0] < 1)
    return np.where(inside, -(hyper[:, 1:] / scales[1:]).sum(axis=1), -np.inf)


def _slice(
    inner: Array, height: Array, told: Callable[[Array], Array], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Move every chain along an ellipse (Murray, Adams & MacKay, 2010)."""
    chains = len(inner)
    level = height + np.log(rng.random(chains))
    other = rng.standard_normal(inner.shape)
    angle = rng.random(chains) * 2 * np.pi
    low, high = angle - 2 * np.pi, angle.copy()
    while True:
        new = inner * np.cos(angle)[:, None] + other * np.sin(angle)[:, None]
        reached = told(new)
        bad = reached < level
        if not bad.any():
            return new, reached
        low, high = (
            np.where(bad & (angle < 0), angle, low),
            np.where(bad & (angle >= 0), angle, high),
        )
        angle = np.where(bad, low + rng.random(chains) * (high - low), angle)
