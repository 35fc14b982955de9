"""Joint draws of all rates and hyperparameters: exact, and the same whatever is asked for.

Hyperparameters come from the lattice's own density by rejection. Given them a rate's log has a
strictly log-concave density, so that a flat top between two tangents covers it; four of five
proposals are accepted, at tiny shapes too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.core.posterior import stream
from pymc_vibes.stats.entity_integral import Hypers, Peak, ends, peaks
from pymc_vibes.stats.entity_prior import EntityPrior
from pymc_vibes.stats.entity_rates import Pairs
from pymc_vibes.stats.lattice import Lattice
from pymc_vibes.stats.special import Array

type Rows = NDArray[np.int64]

type Uniforms = Callable[[Rows], Array]
"""Takes the flat places to draw for, gives three uniforms for each, `(3, places)`."""

_BATCH = 131_072
_ROUNDS = 400


@dataclass(frozen=True, eq=False)
class EntityJoint:
    """Draws of `theta`, by entity, and of `mu`, `alpha`, `phi`, `spread`, `noise`, all together."""

    lattice: Lattice
    prior: EntityPrior
    pairs: Pairs

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> Array:
        """Draw `n` values of some labels of one variable, shape `(n, len(indices))`."""
        hypers = self.hypers(n, seed)
        if name != "theta":
            return np.repeat(_value(hypers, name)[:, None], len(indices), axis=1)
        chosen = np.asarray(indices, dtype=np.int64)
        each = max(1, _BATCH // n)
        parts = [chosen[i : i + each] for i in range(0, len(chosen), each)]
        drawn = [self._rates(hypers, part, n, seed) for part in parts]
        return np.concatenate(drawn, axis=1) if drawn else np.empty((n, 0))

    def hypers(self, n: int, seed: int) -> Hypers:
        """Draw `n` sets of hyperparameters."""
        return self._hypers(n, seed)

    @cached_property
    def _hypers(self) -> Callable[[int, int], Hypers]:
        def draw(n: int, seed: int) -> Hypers:
            return self.prior.hypers(self.lattice.sample(n, stream(seed, "hyperparameters")))

        return lru_cache(maxsize=4)(draw)

    def _rates(self, hypers: Hypers, entities: Rows, n: int, seed: int) -> Array:
        rows = self.pairs.pair[entities]
        sums, windows = self.pairs.sums[rows], self.pairs.windows[rows]
        with np.errstate(over="ignore", under="ignore"):
            peak = peaks(
                Hypers(hypers.mu[None, :], hypers.alpha[None, :], hypers.phi[None, :]),
                sums[:, None],
                windows[:, None],
            ).ravel()
        key = int(stream(seed, "theta").integers(1 << 62))
        generators = [
            np.random.Generator(np.random.Philox(key=np.array([key, entity], dtype=np.uint64)))
            for entity in entities
        ]

        def uniforms(places: Rows) -> Array:
            # every entity has a stream of its own, so that a selection changes nothing
            often = np.bincount(places // n, minlength=len(generators))
            parts = [
                generator.random((count, 3))
                for generator, count in zip(generators, often, strict=True)
                if count
            ]
            return np.concatenate(parts).T

        return draw_rates(peak, uniforms).reshape(len(entities), n).T


def draw_rates(peak: Peak, uniforms: Uniforms) -> Array:
    """Draw one rate for every integrand in a row; a rate below 1e-308 is 0."""
    with np.errstate(over="ignore", under="ignore"):  # exp(-1e9) is 0
        hat = _Hat.over(peak)
        away = np.empty(len(peak.mode))
        missing = np.arange(len(away))
        for _ in range(_ROUNDS):
            first, second, third = uniforms(missing)
            own = peak[missing]
            proposed, level = hat.place(missing, first, second)
            accepted = np.log(third) < -level - own.fall(proposed)
            away[missing[accepted]] = proposed[accepted]
            missing = missing[~accepted]
            if not len(missing):
                return np.exp(peak.mode + away)
    raise ArithmeticError("rejection does not end; the hat does not cover the density")


@dataclass(frozen=True, eq=False)
class _Hat:
    """A flat top from `left` to `right` with exponential tails, over `exp(-fall)`."""

    left: Array
    right: Array
    rise: Array
    """Steepness of the left tail, positive."""
    drop: Array
    """Steepness of the right tail."""

    @staticmethod
    def over(peak: Peak) -> "_Hat":
        # the tangents touch where the density has fallen by one: best for a normal
        low, high = ends(peak, 1.0)
        rise, drop = -peak.steepness(low), peak.steepness(high)
        left, right = low + peak.fall(low) / rise, high - peak.fall(high) / drop
        return _Hat(left, right, rise, drop)

    def place(self, rows: Rows, which: Array, where: Array) -> tuple[Array, Array]:
        """Give a place under the hat and the log of its height there."""
        left, right = self.left[rows], self.right[rows]
        before, after = 1 / self.rise[rows], 1 / self.drop[rows]
        at = which * (before + (right - left) + after)
        beyond = -np.log1p(-where)  # an exponential, finite
        is_low, is_high = at < before, at > before + (right - left)
        middle = left + where * (right - left)
        place = np.where(
            is_low, left - beyond * before, np.where(is_high, right + beyond * after, middle)
        )
        return place, np.where(is_low | is_high, -beyond, 0.0)


def _value(hypers: Hypers, name: str) -> Array:
    if name == "spread":
        return np.asarray(1 / np.sqrt(hypers.mu * hypers.alpha))
    if name == "noise":
        return np.asarray(1 / np.sqrt(hypers.phi))
    return np.asarray({"mu": hypers.mu, "alpha": hypers.alpha, "phi": hypers.phi}[name])
