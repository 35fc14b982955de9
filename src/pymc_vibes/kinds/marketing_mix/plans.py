"""What marketers of simulated worlds plan, and what else happens there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.special import Array

STYLES = ("steady", "bursts", "flights")
SPEND_NOISE = 0.05
"""Sd of the logarithm of what a unit of activity costs."""
_LOCAL = 0.25  # sd of the logarithm of how entities depart from a common plan
_PRICE, _PRICE_SD, _PRICE_MEMORY = 10.0, 0.05, 0.8
_PROMO = 0.15  # share of periods with a promotion
_DAYS = 365.25


def plans(
    entities: int, days: "np.ndarray", styles: Sequence[str], rng: "np.random.Generator"
) -> "Array":
    """Plan activity in any unit, `(entities, periods, channels)`, each in one of `STYLES`."""
    import numpy as np

    kinds = dict(zip(STYLES, (_steady, _bursts, _flights), strict=True))
    common = np.stack([kinds[style](days, rng) for style in styles], axis=-1)
    local = rng.normal(0, _LOCAL, (entities, *common.shape)) if entities > 1 else 0.0
    return np.asarray(common[None] * np.exp(local))


def _steady(days: "np.ndarray", rng: "np.random.Generator") -> "Array":
    """Run all the year, with changes that last for some time."""
    import numpy as np

    return np.exp(0.45 * memory(len(days), 0.6, rng) + 0.2 * _wave(days, rng))


def _bursts(days: "np.ndarray", rng: "np.random.Generator") -> "Array":
    """Run mostly low, with single high periods."""
    import numpy as np

    return np.asarray(
        np.exp(0.3 * rng.normal(size=len(days))) * (1 + 4 * (rng.random(len(days)) < 0.2))
    )


def _flights(days: "np.ndarray", rng: "np.random.Generator") -> "Array":
    """Run for some periods, then pause for some."""
    import numpy as np

    on, left = np.zeros(len(days)), 0
    is_on = bool(rng.random() < 0.5)
    for place in range(len(days)):
        if left == 0:
            is_on, left = not is_on, int(rng.integers(3, 9))
        on[place], left = float(is_on), left - 1
    if not on.any():
        on[0] = 1.0
    return np.asarray(on * np.exp(0.25 * rng.normal(size=len(days))))


def _wave(days: "np.ndarray", rng: "np.random.Generator") -> "Array":
    import numpy as np

    return np.asarray(np.sin(2 * np.pi * (days / _DAYS + rng.random())))


def memory(length: int, keep: float, rng: "np.random.Generator") -> "Array":
    """Give a series of sd 1 that keeps a part of its last value."""
    import numpy as np

    state = rng.standard_normal(length)
    state[1:] *= np.sqrt(1 - keep**2)
    for step in range(1, length):
        state[step] += keep * state[step - 1]
    return state


def controls_of(
    names: Sequence[str], entities: int, days: "np.ndarray", rng: "np.random.Generator"
) -> "Array":
    """Make controls, `(entities, periods, controls)`: prices, else flags of promotions."""
    import numpy as np

    made = [_control(name, entities, days, rng) for name in names]
    return np.stack(made, axis=-1) if made else np.zeros((entities, len(days), 0))


def _control(name: str, entities: int, days: "np.ndarray", rng: "np.random.Generator") -> "Array":
    import numpy as np

    shape = (entities, len(days))
    if "price" in name:
        moves = [memory(len(days), _PRICE_MEMORY, rng) for _ in range(entities)]
        return np.round(_PRICE * np.exp(_PRICE_SD * np.stack(moves)), 2)
    return np.broadcast_to((rng.random(len(days)) < _PROMO).astype(float), shape)
