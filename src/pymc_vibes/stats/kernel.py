"""Densities estimated from draws, for curves that a person looks at."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

_BINS = 1024  # far finer than any kernel
_NARROW = 1e-9  # least kernel width, as a share of the size of the numbers


def kernel_width(draws: "Array") -> float:
    """Choose the width of a Gaussian kernel by Silverman's rule, which heavy tails do not widen."""
    quarter, three = np.quantile(draws, (0.25, 0.75))
    spread = min(draws.std(), (three - quarter) / 1.349) or draws.std()
    least = _NARROW * (float(np.abs(draws).max()) or 1.0)
    return float(max(0.9 * spread * len(draws) ** -0.2, least))


def density(
    draws: "Array", points: "Array", *, width: float, bounds: Sequence[float] = ()
) -> "Array":
    """Estimate the density of `draws` at `points`, folding back what leaks beyond a bound.

    A posterior that ends at zero then neither leaks below it nor dips beside it. Points beyond a
    bound are the caller's to leave out.
    """
    centers, weights = _binned(draws, width)
    heights = _sum(points, centers, weights, width)
    for bound in bounds:
        heights = heights + _sum(2 * bound - points, centers, weights, width)
    return heights


def _binned(draws: "Array", width: float) -> "tuple[Array, Array]":
    edges = np.linspace(draws.min() - width / 2, draws.max() + width / 2, _BINS + 1)
    counts, _ = np.histogram(draws, bins=edges)
    filled = counts > 0
    return ((edges[:-1] + edges[1:]) / 2)[filled], counts[filled] / len(draws)


def _sum(points: "Array", centers: "Array", weights: "Array", width: float) -> "Array":
    scaled = (points[..., None] - centers) / width
    heights = np.exp(-0.5 * scaled**2) / (width * np.sqrt(2 * np.pi))
    return np.asarray(heights @ weights)
