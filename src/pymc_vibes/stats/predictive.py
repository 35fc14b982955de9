"""What comes next: the predictive distribution of counts under a conjugate posterior."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def beta_binomial(n: int, a: float, b: float) -> "np.ndarray":
    """Give P(successes = 0 .. n) of `n` further trials under Beta(a, b), shape `(n + 1,)`.

    The beta-binomial distribution (BDA3, appendix A), from the ratios of neighbors outward from
    its top: a difference of log beta functions would cost digits at large shapes.
    """
    import numpy as np

    y = np.arange(n)
    steps = np.log((n - y) / (y + 1)) + np.log((a + y) / (b + n - y - 1))
    top = int(np.argmax(np.concatenate([[0.0], np.cumsum(steps)])))
    rising, falling = steps[:top], steps[top:]
    log = np.concatenate([-np.cumsum(rising[::-1])[::-1], [0.0], np.cumsum(falling)])
    with np.errstate(under="ignore"):  # far from the top the chance is 0
        mass = np.exp(log)
    return np.asarray(mass / mass.sum())


def count_quantile(mass: "np.ndarray", q: float) -> int:
    """Give the smallest count whose cumulative probability reaches `q`."""
    import numpy as np

    reached = np.searchsorted(np.cumsum(mass), q * (1 - 1e-12))
    return min(int(reached), len(mass) - 1)


def crps(draws: "np.ndarray", seen: "np.ndarray") -> "np.ndarray":
    """Give the continuous ranked probability score of predictive draws, lower is better.

    `draws` is `(draws, points)`, `seen` and the scores `(points,)`, all in one unit. Of an ensemble
    of independent draws, unbiased: Gneiting and Raftery (2007), *Strictly proper scoring rules,
    prediction, and estimation*, JASA 102, 359-378, section 4.2. A guess that is one number has its
    absolute error.
    """
    import numpy as np

    many = len(draws)
    away = np.abs(draws - seen).mean(axis=0)
    if many < 2:
        return np.asarray(away)
    place = 2 * np.arange(1, many + 1) - many - 1
    apart = place @ np.sort(draws, axis=0) / (many * (many - 1))
    return np.asarray(away - apart)
