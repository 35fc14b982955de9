"""Quadrature panels that are narrow where an integrand bends and grow away from there."""

import numpy as np

from pymc_vibes.stats import special
from pymc_vibes.stats.special import Array

_NOWHERE = 1e9  # a bend beyond all windows
_GROWTH = 1.0  # of a panel's width per distance from where the integrand bends


type Bend = tuple[Array, Array | float]
"""Where an integrand bends, and how wide a panel may be there."""


def place_nodes(start: Array, stop: Array, bends: list[Bend]) -> tuple[Array, Array]:
    """Place nodes on every interval; an empty interval gets weights of 0."""
    real = np.isfinite(start) & np.isfinite(stop) & (stop > start)
    start = np.where(real, start, 0.0)
    stop = np.where(real, stop, 0.0)
    near = [(np.where(np.isfinite(bend), bend, _NOWHERE), width) for bend, width in bends]
    fractions, weights = special.rule(1)
    at, most = stop, (stop - start) / 2  # at least two panels
    cuts = [at]
    while (at > start).any():
        width = most
        for bend, least in near:
            room = np.where(bend < at, (at - bend - least) / 2, bend - at)
            width = np.minimum(width, least + _GROWTH * np.maximum(room, 0.0))
        cut = np.maximum(at - width, start)
        at = np.where(cut < at, cut, start)  # between neighboring doubles there is no step
        cuts.append(at)
    ends = np.concatenate(cuts, axis=-1)
    length = (ends[..., :-1] - ends[..., 1:])[..., None]
    v = ends[..., 1:, None] + length * fractions
    return v.reshape(*at.shape[:-1], -1), (length * weights).reshape(*at.shape[:-1], -1)
