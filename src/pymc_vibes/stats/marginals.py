"""What an effect is known by: a mixture of Student-t where that is exact, else joint draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from pymc_vibes.stats.draws import Draws
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.student import StudentMixture, stacked

if TYPE_CHECKING:
    from pymc_vibes.stats.describe import Labelled

_POINTS = 201


class Marginals(Protocol):
    """Posteriors of some labels, one by one; arrays are `(labels,)`."""

    def __len__(self) -> int:
        """Count the labels."""
        ...

    def take(self, indices: list[int]) -> "Labelled":
        """Give the posteriors of some labels."""
        ...

    def moved(self, factor: float, shift: Array) -> Self:
        """Multiply every label by a positive factor, then add its own shift."""
        ...

    def light(self) -> Self:
        """Leave out what does not show in a picture."""
        ...

    def parameters(self) -> Mapping[str, Array]:
        """Give what the posteriors are known by, by name."""
        ...

    def mean(self) -> Array:
        """Give the means."""
        ...

    def sd(self) -> Array:
        """Give the standard deviations."""
        ...

    def below(self, x: Array | float) -> Array:
        """Give the probabilities of lying at or below `x`."""
        ...

    def above(self, x: Array | float) -> Array:
        """Give the probabilities of lying above `x`."""
        ...

    def quantile(self, q: float) -> Array:
        """Give the quantiles."""
        ...

    def interval(self, level: float) -> tuple[Array, Array]:
        """Give the ends of the equal-tailed intervals."""
        ...

    def hdi(self, mass: float) -> tuple[Array, Array]:
        """Give the ends of the shortest intervals."""
        ...

    def pdf(self, index: int, x: Array) -> Array:
        """Give the density of one label at `x`."""
        ...

    def sample(self, index: int, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` values of one label."""
        ...

    def density(self, index: int, points: int = _POINTS) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label."""
        ...


@dataclass(frozen=True, eq=False)
class Drawn(Draws):
    """Draws of some labels, `(chain, draw, label)`, told like the mixtures beside them."""

    def moved(self, factor: float, shift: Array) -> "Drawn":
        """Multiply every label by a positive factor, then add its own shift."""
        return Drawn(factor * self.values + shift)

    def light(self) -> "Drawn":
        """Give them all: draws are light."""
        return self

    def below(self, x: Array | float) -> Array:
        """Give the shares of draws at or below `x`."""
        return np.asarray(1.0 - self.above(x))

    def interval(self, level: float) -> tuple[Array, Array]:
        """Give the ends of the equal-tailed intervals."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def density(self, index: int, points: int = _POINTS) -> tuple[Array, Array]:
        """Give a curve `(x, y)` over the central 99.8 % of one label."""
        low, high = np.quantile(self.ordered[index], [0.001, 0.999])
        x = np.linspace(low, high, points)
        return x, self.pdf(index, x)


def stack(parts: Sequence[Marginals]) -> Marginals:
    """Put labels one below the other; all of them are mixtures, or all draws of one number."""
    mixtures = [part for part in parts if isinstance(part, StudentMixture)]
    if len(mixtures) == len(parts):
        return stacked(mixtures)
    drawn = [part.values for part in parts if isinstance(part, Draws)]
    return Drawn(np.concatenate(drawn, axis=2))
