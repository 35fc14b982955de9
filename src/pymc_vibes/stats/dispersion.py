"""Do counts vary more than one constant rate allows? A check without simulation.

A cell's events fall into buckets that hold shares `w` of its exposure. Under one Poisson rate the
bucket counts `y`, given their total `k`, are Multinomial(k, w), whatever the rate: the posterior
predictive distribution given `k` is free of the posterior. The statistic counts how much more often
two events share a bucket than they should,

    V = sum (y - k w)^2 - sum over events of (1 - 2 w + S2),     Sm = sum w^m,

which is the pair part of the score statistic for overdispersion of Dean and Lawless (1989). It has
mean 0, and with t2 = S2 - 2 S3 + S2^2, t3 = S3 - 3 S4 + 3 S2 S3 - S2^3

    Var V  = 2 k (k-1) t2,
    E V^3  = 8 k (k-1) (k-2) t3 + 4 k (k-1) E h^3,

where h is the contribution of one pair. The tail is that of the Pearson type III (shifted gamma)
distribution with these moments. It is chi-square-like where counts are large and Poisson-like
where coincidences are rare, so sparse cells do not raise false alarms.
The five sums per cell are all that is needed: no event is read again.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class BucketSums:
    """What the check needs of each cell: arrays of shape `(cells,)`."""

    k: "np.ndarray"
    """Events."""
    squares: "np.ndarray"
    """Sum of squared bucket counts."""
    cross: "np.ndarray"
    """Sum of bucket count times bucket share."""
    w2: "np.ndarray"
    """Sum of squared shares; w3 and w4 likewise."""
    w3: "np.ndarray"
    w4: "np.ndarray"


@dataclass(frozen=True, kw_only=True)
class Dispersion:
    """Evidence of overdispersion; arrays of shape `(cells,)`."""

    statistic: "np.ndarray"
    """V, with mean 0 under a constant rate."""
    variance: "np.ndarray"
    third: "np.ndarray"
    """Variance and third central moment of V under a constant rate."""
    weight: "np.ndarray"
    """V per unit of extra variance."""

    def factor(self) -> "np.ndarray":
        """Estimate variance over mean: 1 under a constant rate, 1 where nothing can be said."""
        import numpy as np

        known = self.weight > 0
        return 1 + np.where(known, self.statistic / np.where(known, self.weight, 1), 0)

    def chance(self) -> "np.ndarray":
        """Give the chance of so much variation or more under a constant rate."""
        import numpy as np
        from scipy import special

        known = self.variance > 0
        sd = np.sqrt(np.where(known, self.variance, 1))
        z = (
            self.statistic - 1
        ) / sd  # V moves in steps of 2: half a step is the continuity correction
        skew = np.maximum(self.third / sd**3, 1e-6)
        shape = 4 / skew**2
        tail = special.gammaincc(shape, np.maximum(shape + z * np.sqrt(shape), 0))
        return np.where(known, tail, 1.0)

    def pooled(self) -> "Dispersion":
        """Add the cells up: many small cells together may show what none shows alone."""
        import numpy as np

        return Dispersion(
            **{
                name: np.array([getattr(self, name).sum()])
                for name in ("statistic", "variance", "third", "weight")
            }
        )


def dispersion(sums: BucketSums) -> Dispersion:
    """Compare how events share buckets with what a constant rate allows, for every cell."""
    import numpy as np

    k, w2, w3, w4 = sums.k, sums.w2, sums.w3, sums.w4
    pair = w2 - 2 * w3 + w2**2
    triangle = w3 - 3 * w4 + 3 * w2 * w3 - w2**3
    spread = sums.squares - 2 * k * sums.cross + k**2 * w2
    statistic = spread - k * (1 + w2) + 2 * sums.cross
    usable = (k >= 2) & (w2 < 1 - 1e-12)  # one event, or one bucket, says nothing about variation
    pairs = np.where(usable, k * (k - 1), 0)
    return Dispersion(
        statistic=np.where(usable, statistic, 0),
        variance=2 * pairs * pair,
        third=8 * pairs * np.maximum(k - 2, 0) * triangle + 4 * pairs * _third_of_pair(w2, w3, w4),
        weight=np.where(usable, k * pair / np.where(w2 > 0, w2, 1), 0),
    )


def _third_of_pair(w2: "np.ndarray", w3: "np.ndarray", w4: "np.ndarray") -> "np.ndarray":
    """E h^3 with h = [same bucket] - w_a - w_b + S2, expanded by whether the buckets agree."""
    import numpy as np

    agree = w2 - 3 * (2 * w3 - w2**2) + 3 * (4 * w4 - 4 * w2 * w3 + w2**3)
    second = w3 - w2**2
    third = w4 - 3 * w3 * w2 + 2 * w2**3
    apart = 2 * third + 6 * w2 * second + w2**3
    return np.asarray(agree - apart)
