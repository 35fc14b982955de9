"""How likely counts are where a model is known by draws: negative-binomial tails, averaged."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.entity_predictive import Chances


def tails(
    y: "np.ndarray",
    mean: "np.ndarray",
    phi: "np.ndarray",
    empty: "np.ndarray | float" = 0.0,
    *,
    left_out: bool = False,
) -> "Chances":
    """Give the chances of counts `(cells,)` under means `(draws, cells)`; others broadcast.

    With `left_out` draws that explain a count well count less, as if it had not been seen; their
    weights are truncated at the root of the number of draws.
    """
    import numpy as np

    from pymc_vibes.stats.entity_predictive import Chances

    kept = 1 - np.asarray(empty)
    above, at, below = _negative_binomial(y, mean, phi)
    above, at, below = kept * above, kept * at + empty * (y == 0), kept * below + empty * (y > 0)
    weight = np.ones_like(at)
    if left_out:
        weight = 1 / np.maximum(at, 1e-300)
        weight = np.minimum(weight / weight.mean(axis=0), len(weight) ** 0.5)
    weight = weight / weight.sum(axis=0)
    return Chances(*((weight * part).sum(axis=0) for part in (above, at, below, kept * mean)))


def _negative_binomial(
    y: "np.ndarray", mean: "np.ndarray", phi: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Give P(Y > y), P(Y = y) and P(Y < y), both tails to all digits, also where phi is huge."""
    import numpy as np
    from scipy.special import betainc, betaincc

    share, first = mean / (mean + phi), np.maximum(y, 1.0)
    above = betainc(y + 1, phi, share)
    at_least = np.where(y > 0, betainc(first, phi, share), 1.0)
    below = np.where(y > 0, betaincc(first, phi, share), 0.0)
    return above, np.maximum(at_least - above, 0.0), below
