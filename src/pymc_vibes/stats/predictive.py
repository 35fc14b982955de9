"""What comes next: the predictive distribution of counts under a conjugate posterior."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def beta_binomial(n: int, a: float, b: float) -> "np.ndarray":
    """Give P(successes = 0 .. n) of `n` further trials under Beta(a, b), shape `(n + 1,)`.

    The beta-binomial distribution, BDA3 equation 2.16 ff.; it sums to one by construction.
    """
    import numpy as np
    from scipy import special

    y = np.arange(n + 1)
    log = (
        -np.log(n + 1)
        - special.betaln(n - y + 1, y + 1)
        + special.betaln(y + a, n - y + b)
        - special.betaln(a, b)
    )
    mass = np.exp(log - log.max())
    return np.asarray(mass / mass.sum())


def count_quantile(mass: "np.ndarray", q: float) -> int:
    """Give the smallest count whose cumulative probability reaches `q`."""
    import numpy as np

    reached = np.searchsorted(np.cumsum(mass), q * (1 - 1e-12))
    return min(int(reached), len(mass) - 1)
