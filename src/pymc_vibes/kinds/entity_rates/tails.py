"""How likely counts are: tails of the next or the left-out window, in the basic model.

Given `mu`, `alpha`, `phi` and an entity's other windows (their number `n` and sum `S`) the rate has
the density `t^(mu alpha + S - 1) exp(-alpha t) (1 + t/phi)^-(S + n phi)`; per unit of `log t` it is
log-concave. The tail of a negative-binomial count is averaged over it by the trapezoid rule, and
over draws of the three hyperparameters. Nothing is seen of an entity that is new: `n = S = 0`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_POINTS = 96
_DROP = 26.0  # the integral ends where the integrand is below exp(-26) of its top
_HALVINGS = 34
_CALM = 1e-5  # to the left of it the integrand is a power, and the count is 0
_CHUNK = 64  # windows worked on at a time


@dataclass(frozen=True, eq=False)
class Population:
    """Draws of the three hyperparameters, and of the share of empty windows where there is one."""

    mu: "np.ndarray"
    alpha: "np.ndarray"
    phi: "np.ndarray"
    empty: "np.ndarray"

    def thinned(self, size: int) -> "Population":
        """Keep `size` draws, evenly spaced."""
        import numpy as np

        at = np.unique(np.linspace(0, len(self.mu) - 1, size).round().astype(int))
        return Population(self.mu[at], self.alpha[at], self.phi[at], self.empty[at])


@dataclass(frozen=True, eq=False)
class Tails:
    """Chances of a count, one per window asked about."""

    above: "np.ndarray"
    """P(Y > y)"""
    at: "np.ndarray"
    """P(Y = y)"""
    mean: "np.ndarray"
    """E[Y]"""

    @property
    def place(self) -> "np.ndarray":
        """The mid-p place of the count in its predictive distribution, in (0, 1)."""
        return 1 - self.above - self.at / 2

    @property
    def two_sided(self) -> "np.ndarray":
        """The chance of a count as far out on either side, by mid-p; comparable everywhere."""
        import numpy as np

        upper = self.above + self.at / 2
        return 2 * np.minimum(upper, np.maximum(1 - upper, 0.0))


def tails(
    population: Population, sums: "np.ndarray", windows: "np.ndarray", counts: "np.ndarray"
) -> Tails:
    """Give the chances of `counts`, each in a window of an entity with these other windows."""
    import numpy as np

    parts = [
        _tails(population, sums[i : i + _CHUNK], windows[i : i + _CHUNK], counts[i : i + _CHUNK])
        for i in range(0, len(sums), _CHUNK)
    ]
    above, at, mean = (
        np.concatenate([np.empty(0), *column]) for column in zip(*parts, strict=True)
    )
    return Tails(above, at, mean)


def _tails(
    population: Population, sums: "np.ndarray", windows: "np.ndarray", counts: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    import numpy as np

    curve = _Curve(
        shape=population.mu * population.alpha + sums[:, None],
        rate=np.broadcast_to(population.alpha, (len(sums), len(population.mu))),
        power=sums[:, None] + windows[:, None] * population.phi,
        phi=np.broadcast_to(population.phi, (len(sums), len(population.mu))),
    )
    x, weight, left = curve.nodes()
    rate = np.exp(x)
    total = weight.sum(axis=-1) + left
    phi = population.phi[:, None]
    y = counts[:, None, None].astype(float)
    above, at = negative_binomial(y, rate, phi)
    kept = 1 - population.empty
    none = (counts == 0)[:, None].astype(float)
    above = kept * (above * weight).sum(axis=-1) / total
    at = kept * ((at * weight).sum(axis=-1) + none * left) / total + population.empty * none
    mean = kept * (rate * weight).sum(axis=-1) / total
    return above.mean(axis=1), at.mean(axis=1), mean.mean(axis=1)


def negative_binomial(
    y: "np.ndarray", mean: "np.ndarray", phi: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """Give P(Y > y) and P(Y = y), exact also where phi is huge."""
    import numpy as np
    from scipy.special import betainc

    share = mean / (mean + phi)
    above = betainc(y + 1, phi, share)
    at = np.where(y > 0, betainc(np.maximum(y, 1.0), phi, share), 1.0) - above
    return np.asarray(above), np.asarray(np.maximum(at, 0.0))


@dataclass(frozen=True, eq=False)
class _Curve:
    """The log density of a rate per unit of its logarithm; arrays of one shape."""

    shape: "np.ndarray"
    rate: "np.ndarray"
    power: "np.ndarray"
    phi: "np.ndarray"

    def at(self, x: "np.ndarray") -> "np.ndarray":
        """Give it at `x`, of the same shape or with one axis more."""
        import numpy as np

        more = (...,) + (None,) * (x.ndim - self.shape.ndim)
        with np.errstate(over="ignore"):  # far to the right the density is 0
            t = np.exp(x)
            return np.asarray(
                self.shape[more] * x
                - self.rate[more] * t
                - self.power[more] * np.log1p(t / self.phi[more])
            )

    def mode(self) -> "np.ndarray":
        """Give the log of the rate at the top: the root of a quadratic."""
        import numpy as np

        b = self.rate * self.phi + self.power - self.shape
        root = np.sqrt(b * b + 4 * self.rate * self.shape * self.phi)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(
                b > 0, 2 * self.shape * self.phi / (b + root), (root - b) / (2 * self.rate)
            )
        return np.asarray(np.log(np.maximum(t, 1e-300)))

    def nodes(self) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
        """Give nodes, weights (relative to the top), and the weight left of the nodes."""
        import numpy as np

        mode = self.mode()
        top = self.at(mode)
        calm = np.log(_CALM / (self.rate + self.power / self.phi + 10.0))
        low = np.maximum(self._end(mode, top, -1.0), np.minimum(calm, mode))
        high = self._end(mode, top, 1.0)
        step = (high - low) / (_POINTS - 1)
        x = low[..., None] + step[..., None] * np.arange(_POINTS)
        weight = np.exp(self.at(x) - top[..., None]) * step[..., None]
        weight[..., 0] /= 2
        weight[..., -1] /= 2
        left = np.exp(self.at(low) - top) / self.shape
        return x, weight, left

    def _end(self, mode: "np.ndarray", top: "np.ndarray", sign: float) -> "np.ndarray":
        """Move away from the mode to where the log density has dropped."""
        import numpy as np

        near, far = np.zeros_like(mode), np.ones_like(mode)
        while (short := top - self.at(mode + sign * far) < _DROP).any():
            far = np.where(short, 2 * far, far)
            if far.max() > _FAR:
                break
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            is_inside = top - self.at(mode + sign * middle) < _DROP
            near, far = np.where(is_inside, middle, near), np.where(is_inside, far, middle)
        return np.asarray(mode + sign * far)


_FAR = 1e6
