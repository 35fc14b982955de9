"""A look at a running trial: its boundary, what it spends, and all the looks before it.

Z is the normal score of the chance of a benefit under a flat prior, information is 1 / se^2 of the
effect that the data alone give (Jennison and Turnbull 2000, *Group Sequential Methods*, chapter 3).
The first look fixes the plan. A look that adds no information, or that comes after the end, is kept
like any other but spends nothing.
"""

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1 import looks_answer
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.looks_made import Looked, Outcome
from pymc_vibes.kinds.n_of_1.looks_plan import (
    Evidence,
    Plan,
    evidence,
    kept_plan,
    plan_of,
    spending_of,
    spent_looks,
)
from pymc_vibes.kinds.n_of_1.reading import reading_of

if TYPE_CHECKING:
    from pymc_vibes.stats.spending import Look
    from pymc_vibes.stats.stagewise import Adjusted

_WHOLE = 1 - 1e-9  # of the planned information, but for rounding


class LookNow(Parameters):
    """What is decided with this look."""

    is_last: bool = setting(
        default=False,
        about="The trial ends with this look whatever it finds: all that is left of the error "
        "rate is spent on it.",
    )


def look(
    posterior: Posterior, config: NOf1Config, asked: LookNow, past: Sequence[QueryAnswer]
) -> QueryAnswer:
    """Look at the trial once more."""
    reading = reading_of(posterior, config)
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
