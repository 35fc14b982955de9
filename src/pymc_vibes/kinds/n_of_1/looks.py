"""A look at a running trial: its boundary, what it spends, and all the looks before it.

Z is the normal score of the chance of a benefit under a flat prior, information is 1 / se^2 of the
effect that the data alone give (Jennison and Turnbull 2000, *Group Sequential Methods*, chapters 3
and 7). The first look fixes the plan. A look that adds no information, or that comes after the end,
is kept like any other but spends nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.looks_plan import (
    Evidence,
    Plan,
    evidence,
    kept_plan,
    plan_of,
    spending_of,
    spent_looks,
)
from pymc_vibes.kinds.n_of_1.model import day_of
from pymc_vibes.kinds.n_of_1.people import FOCUS
from pymc_vibes.kinds.n_of_1.reading import Reading

if TYPE_CHECKING:
    from pymc_vibes.stats.spending import Guard, Look
    from pymc_vibes.stats.stagewise import Adjusted

_WHOLE = 1 - 1e-9  # of the planned information, but for rounding

type Outcome = Literal["benefit", "harm", "end", "on", "none", "over"]


class LookNow(Parameters):
    """What is decided with this look."""

    is_last: bool = setting(
        default=False,
        about="The trial ends with this look whatever it finds: all that is left of the error "
        "rate is spent on it.",
    )


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


def look(
    posterior: Posterior, config: NOf1Config, asked: LookNow, past: Sequence[QueryAnswer]
) -> QueryAnswer:
    """Look at the trial once more."""
    from pymc_vibes.kinds.n_of_1 import looks_answer

    reading = Reading(posterior=posterior, config=config)
    plan, changed = kept_plan(past, plan_of(reading))
    known, done = evidence(reading), spent_looks(past)
    now, outcome = _next(plan, known, past, done, is_last=asked.is_last)
    found = Looked(
        reading=reading, plan=plan, changed=changed, evidence=known, past=past, done=done,
        look=now, outcome=outcome,
    )  # fmt: skip
    return QueryAnswer(
        summary=looks_answer.summary(found),
        figures=(looks_answer.picture(found),),
        data=_data(found),
    )


def _next(
    plan: Plan, known: Evidence, past: Sequence[QueryAnswer], done: "tuple[Look, ...]", *,
    is_last: bool,
) -> "tuple[Look | None, Outcome]":  # fmt: skip
    """Give the boundary of this look and what comes of it."""
    from pymc_vibes.stats.crossing import LEAST_STEP
    from pymc_vibes.stats.spending import next_look

    if any(entry.data["outcome"] in {"benefit", "harm", "end"} for entry in past):
        return None, "over"
    fraction = known.information / plan.information
    if done and fraction <= done[-1].fraction * (1 + 2 * LEAST_STEP):
        return None, "none"
    made = next_look(spending_of(plan.monitoring), done, fraction, is_last=is_last)
    if known.z >= made.boundary:
        return made, "benefit"
    if plan.monitoring.sides == 2 and known.z <= -made.boundary:
        return made, "harm"
    return made, "end" if is_last or fraction >= _WHOLE else "on"


def _data(found: Looked) -> dict[str, JsonValue]:
    known, look, adjusted = found.evidence, found.look, found.adjusted()
    ends, stop = found.interval(), found.reading.config.bayes_stop
    data: dict[str, Any] = {
        "outcome": found.outcome,
        "is_spent": look is not None,
        "fraction": found.fraction,
        "information": known.information,
        "z": known.z,
        "estimate": known.estimate,
        "se": known.se,
        "boundary": finite(None if look is None else look.boundary),
        "error_spent": look.spent if look else (found.done[-1].spent if found.done else 0.0),
        "interval": None if ends is None else [finite(end) for end in ends],
        "adjusted": None if adjusted is None else _adjusted(adjusted),
        "chance_benefit": known.p_benefit,
        "bayesian": _bayesian(known.p_benefit, stop.benefit, stop.futility),
        "last_day": found.last_day,
        "plan": found.plan.record(),
    }
    return data


def _adjusted(found: "Adjusted") -> dict[str, JsonValue]:
    return {
        "estimate": found.estimate, "low": finite(found.low), "high": finite(found.high),
        "level": found.level, "p": found.p,
    }  # fmt: skip


def _bayesian(p: float, benefit: float, futility: float) -> str:
    """Say what the Bayesian rule would do."""
    if p >= benefit:
        return "stop for benefit"
    return "stop for futility" if p <= futility else "go on"


def finite(value: float | None) -> float | None:
    """Leave out what JSON cannot hold."""
    return None if value is None or abs(value) == inf else value
