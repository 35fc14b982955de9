"""How the two sides of a comparison are paired: a difference shifts one, a ratio scales it.

With `X` the first and `Y` the second, a point `y` is paired with `x = y + by` or `x = by * y`. The
coordinate of both is the log of `y` (Gamma), or the logit of `y` within its reach (Beta).
"""

from dataclasses import dataclass

import numpy as np

from pymc_vibes.stats.special import Array


@dataclass(frozen=True)
class Points:
    """Values with their complements `rest = 1 - value` (unused by Gamma)."""

    value: Array
    rest: Array


@dataclass(frozen=True)
class Shift:
    """The pairing `x = y + by`, `by >= 0`, within a support that ends at `top` (1 or infinity)."""

    by: Array
    top: float

    def place(self, v: Array) -> tuple[Points, Points, Array, Array]:
        """Give `y`, `x`, and what turns their natural densities into densities of `v`."""
        from scipy.special import expit

        by = self.by
        if np.isinf(self.top):
            y = np.exp(v)
            none = np.zeros_like(y)
            return Points(y, none), Points(y + by, none), np.ones_like(y), y / (y + by)
        share, rest = expit(v), expit(-v)
        y, x_rest = (1 - by) * share, (1 - by) * rest
        at_y, at_x = Points(y, x_rest + by), Points(y + by, x_rest)
        return at_y, at_x, rest / at_y.rest, share / at_x.value

    def of_second(self, at: Points) -> Array:
        """Give the coordinate `v` at which `y` is there; infinite beyond reach."""
        with np.errstate(divide="ignore"):
            if np.isinf(self.top):
                return np.log(at.value)
            return np.log(at.value) - np.log(np.maximum(at.rest - self.by, 0.0))

    def of_first(self, at: Points) -> Array:
        """Give the coordinate `v` at which `x` is there; minus infinity below reach."""
        with np.errstate(divide="ignore"):
            reach = np.log(np.maximum(at.value - self.by, 0.0))
            return reach if np.isinf(self.top) else reach - np.log(at.rest)

    @property
    def bends(self) -> tuple[Array, ...]:
        """Give the coordinates `v` around which the pairing bends."""
        with np.errstate(divide="ignore"):
            low = np.log(self.by)
            if np.isinf(self.top):
                return (low,)
            low = low - np.log(1 - self.by)
            return low, -low, np.zeros_like(low)


@dataclass(frozen=True)
class Scale:
    """The pairing `x = by * y`, `0 < by <= 1`, of two chances."""

    by: Array

    def place(self, v: Array) -> tuple[Points, Points, Array, Array]:
        """Give `y`, `x`, and what turns their natural densities into densities of `v`."""
        from scipy.special import expit

        by = self.by
        y, y_rest = expit(v), expit(-v)
        at_x = Points(by * y, (1 - by) + by * y_rest)
        return Points(y, y_rest), at_x, np.ones_like(y), y_rest / at_x.rest

    def of_second(self, at: Points) -> Array:
        """Give the coordinate `v` at which `y` is there."""
        return np.log(at.value) - np.log(at.rest)

    def of_first(self, at: Points) -> Array:
        """Give the coordinate `v` at which `x` is there; infinite beyond reach."""
        with np.errstate(divide="ignore"):
            near_one = np.maximum((self.by - 1) + at.rest, 0.0)  # keeps digits where x is near 1
            near_zero = np.maximum(self.by - at.value, 0.0)  # and this where it is near 0
            return np.log(at.value) - np.log(np.where(at.value < 0.5, near_zero, near_one))

    @property
    def bends(self) -> tuple[Array, ...]:
        """Give the coordinates `v` around which the pairing bends."""
        with np.errstate(divide="ignore"):
            low = np.log(self.by) - np.log(1 - self.by)
            return low, np.zeros_like(low)
