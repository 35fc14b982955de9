"""Worlds of entities: tables of counts drawn from known populations."""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.entity_hierarchy import EntityHierarchy, EntityPrior, entity_rates


@dataclass(frozen=True)
class World:
    """Counts in windows of entities, in sufficient statistics, and the rates behind them."""

    sums: np.ndarray
    windows: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    theta: np.ndarray

    def fit(self, prior: EntityPrior | None = None, **options: float) -> EntityHierarchy:
        return entity_rates(self.sums, self.windows, self.values, self.counts, prior, **options)


def table(counts: list[list[int]]) -> World:
    """Make a world of given counts, one list per entity."""
    values, often = np.unique(np.concatenate(counts), return_counts=True)
    return World(
        np.array([float(sum(own)) for own in counts]),
        np.array([float(len(own)) for own in counts]),
        values.astype(float),
        often.astype(float),
        np.full(len(counts), np.nan),
    )


def world(
    entities: int,
    windows: int | np.ndarray,
    mu: float,
    alpha: float,
    phi: float,
    rng: np.random.Generator,
) -> World:
    """Draw a world from the model; an infinite `alpha` or `phi` means no variation."""
    n = np.broadcast_to(windows, (entities,))
    theta = np.full(entities, mu)
    if np.isfinite(alpha):
        theta = rng.gamma(mu * alpha, 1 / alpha, entities)
    who = np.repeat(np.arange(entities), n)
    rate = theta[who]
    if np.isfinite(phi):
        rate = rate * rng.gamma(phi, 1 / phi, len(who))
    y = rng.poisson(rate)
    values, counts = np.unique(y, return_counts=True)
    sums = np.bincount(who, weights=y, minlength=entities)
    return World(sums, n.astype(float), values.astype(float), counts.astype(float), theta)
