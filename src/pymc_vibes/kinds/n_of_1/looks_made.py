"""One look as it was made: the evidence, what it may end, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Literal

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.kinds.n_of_1.looks_plan import Evidence, Plan, spending_of
from pymc_vibes.kinds.n_of_1.model import day_of
from pymc_vibes.kinds.n_of_1.people import FOCUS
from pymc_vibes.kinds.n_of_1.reading import Reading

if TYPE_CHECKING:
    from pymc_vibes.stats.spending import Guard, Look
    from pymc_vibes.stats.stagewise import Adjusted

type Outcome = Literal["benefit", "harm", "end", "on", "none", "over"]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """One look: the evidence, what it may end, and what came of it."""

    reading: Reading
    plan: Plan
    changed: tuple[str, ...]
    """Settings that are not those of the first look."""
    evidence: Evidence
    past: Sequence[QueryAnswer]
    done: "tuple[Look, ...]"
    """The looks before this one that spent something, or could have."""
    look: "Look | None"
    """None where nothing is spent."""
    outcome: Outcome

    @property
    def guard(self) -> "Guard":
        """Give how the trial is guarded."""
        return spending_of(self.plan.monitoring)

    @property
    def fraction(self) -> float:
        """Give the information over the planned total."""
        return self.evidence.information / self.plan.information

    @property
    def number(self) -> int:
        """Count the looks, this one among them."""
        return len(self.past) + 1

    @property
    def fewest_periods(self) -> int:
        """Count the periods of the treatment that has had fewer, of the person shown."""
        periods = self.reading.trial.periods
        return min(sum(p.treatment == k and p.counted > 0 for p in periods) for k in (0, FOCUS))

    @property
    def last_day(self) -> str:
        """Give the last day with data."""
        ends = [fit.trial.end - 1 for fit in self.reading.found.fits.values()]
        return day_of(max(ends)).isoformat()

    def interval(self) -> tuple[float, float] | None:
        """Give the repeated interval of the effect, better side up; None where it is the line."""
        from pymc_vibes.stats.spending import repeated_interval

        if self.look is None or not isfinite(self.look.boundary):
            return None
        known = self.evidence
        return repeated_interval(known.estimate, known.se, self.look, self.guard)

    def adjusted(self) -> "Adjusted | None":
        """Give the effect of a trial that ends here, without what stopping exaggerates."""
        from pymc_vibes.stats.stagewise import adjusted

        if self.look is None or self.outcome not in {"benefit", "harm", "end"}:
            return None
        looks, known = (*self.done, self.look), self.evidence
        level = self.reading.config.level
        return adjusted(self.guard, looks, known.z, known.se, level=level)
