"""Rates against each other: two exactly, or all of an event."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.core.answer import Claim, Decision, Estimate
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.view import Rates

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.kinds.poisson_cohorts.view import RateDistribution
    from pymc_vibes.stats.contrast import Contrast
    from pymc_vibes.stats.decide import Ruling

CONTENDERS = 2000  # more than this many possible best cohorts: nothing stands out
_NEGLIGIBLE = 1e-12  # chance below which a cohort is no contender


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two rates against each other."""

    labels: tuple[str, str]
    probability: float
    """P(first > second)."""
    difference: "Contrast"
    ratio: "Contrast"
    losses: tuple[float, float]
    """Expected loss of choosing the first, the second."""
    claim: Claim
    ruling: "Ruling"
    level: float
    unit: str
    direction: Literal["higher", "lower"]

    def decision(self) -> Decision:
        """Say what the rule concludes; it agrees with the interval of the difference."""
        from pymc_vibes.stats.decide import compare_decision

        return compare_decision(*self.labels, self.probability, self.level)

    @cached_property
    def estimates(self) -> tuple[Estimate, Estimate]:
        """Give difference and ratio, each with the equal-tailed interval of the decision."""
        from pymc_vibes.stats.describe import contrast_estimate

        first, second = self.labels
        return (
            contrast_estimate(
                "difference",
                f"{first} minus {second}",
                self.difference,
                level=self.level,
                unit=self.unit,
            ),
            contrast_estimate(
                "ratio", f"{first} over {second}", self.ratio, level=self.level, unit="times"
            ),
        )

    def data(self) -> dict[str, Any]:
        """Give the numbers for programs; A is the first."""
        from pymc_vibes.stats.describe import estimate_data

        return {
            "p_A_gt_B": self.probability,
            "level": self.level,
            **{estimate.name: estimate_data(estimate) for estimate in self.estimates},
            "expected_loss": {"A": self.losses[0], "B": self.losses[1]},
            "better": self.direction,
            "decision": self.ruling,
        }


def compare_two(rates: Rates, first: int, second: int, config: RateConfig) -> Comparison:
    """Compare two cells exactly."""
    from pymc_vibes.stats import compare
    from pymc_vibes.stats.decide import compare_sentence, decide

    own = rates.distribution
    probability = compare.probability_greater(own, first, own, second)
    direction = config.direction or "higher"
    labels = rates.cohort(first), rates.cohort(second)
    event = rates.cells["event"][first].as_py()
    return Comparison(
        labels=labels,
        probability=probability,
        difference=compare.difference(own, first, own, second),
        ratio=compare.ratio(own, first, own, second),
        losses=(
            compare.expected_loss(own, first, own, second, direction),
            compare.expected_loss(own, second, own, first, direction),
        ),
        claim=compare_sentence(*labels, probability, config.level, quantity=f"rate of {event}"),
        ruling=decide(probability, config.level),
        level=config.level,
        unit=rates.variable.unit,
        direction=direction,
    )


def pair(cells: "np.ndarray") -> tuple[int, int]:
    """Give two cells in the order of their labels, whichever rate is higher."""
    first, second = sorted(int(cell) for cell in cells)
    return first, second


def chances_of_best(
    distribution: "RateDistribution", indices: "np.ndarray", direction: Literal["higher", "lower"]
) -> "np.ndarray | None":
    """Give P(best) of each index; None where too many could be best for anything to stand out.

    A cohort whose rate overlaps the best one's with a chance below 1e-12 has P = 0.
    """
    import numpy as np

    return _chances(
        distribution, np.ascontiguousarray(indices, dtype=np.int64).tobytes(), direction
    )


def equally_likely(chances: "np.ndarray") -> int:
    """Count those that are best with the highest chance, but for rounding."""
    return int((chances >= chances.max() * (1 - 1e-6)).sum())


@lru_cache(maxsize=4)  # a headline and a table of ranks ask the same
def _chances(
    distribution: "RateDistribution", chosen: bytes, direction: Literal["higher", "lower"]
) -> "np.ndarray | None":
    import numpy as np

    from pymc_vibes.stats.best import best_of

    indices: Any = np.frombuffer(chosen, dtype=np.int64)
    among = distribution.take(indices)
    tail = _NEGLIGIBLE / len(indices)
    low, high = among.quantile(tail), among.quantile(1 - tail)
    possible = high >= low.max() if direction == "higher" else low <= high.min()
    contenders: np.ndarray = np.flatnonzero(possible)
    if len(contenders) > CONTENDERS:
        return None
    chances = np.zeros(len(indices))
    chances[contenders] = best_of(among.take(contenders), direction).probability
    return chances
