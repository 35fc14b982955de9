"""How a trial is monitored: its plan, which the first look fixes, and what its data say by then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.n_of_1.config import HwangShihDeCaniSpending, Monitoring, PocockSpending
from pymc_vibes.kinds.n_of_1.reading import Reading

if TYPE_CHECKING:
    from pymc_vibes.stats.spending import Guard, Look

SPENDING: Mapping[str, str] = {
    "obrien-fleming": "spending of O'Brien and Fleming's type",
    "pocock": "spending of Pocock's type",
    "hwang-shih-decani": "spending after Hwang, Shih and DeCani",
}

_POWER = 0.8
_HALF = 0.5  # sds of a day, where nothing says which effect matters
# settings that are words or rules of conduct, and change no estimate
_WORDS = frozenset(
    {"protocol", "monitoring", "bayes_stop", "design", "outcome_name", "outcome_unit", "draws",
     "seed", "level", "widest_interval", "min_days", "smallest_effect"}
)  # fmt: skip


def spending_of(monitoring: Monitoring) -> "Guard":
    """Give the guard that the settings ask for."""
    from pymc_vibes.stats import spending

    chosen = monitoring.spending
    made: spending.Spending = spending.ObrienFleming()
    if isinstance(chosen, PocockSpending):
        made = spending.Pocock()
    elif isinstance(chosen, HwangShihDeCaniSpending):
        made = spending.HwangShihDeCani(chosen.gamma)
    sides: Literal[1, 2] = 2 if monitoring.sides == 2 else 1
    return spending.Guard(spending=made, error_rate=monitoring.error_rate, sides=sides)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the data alone say of the headline's effect; above 0 is always the better side."""

    estimate: float
    se: float
    z: float
    """The normal score of the chance of a benefit under a flat prior."""
    p_benefit: float
    """Under the prior of the settings."""

    @property
    def information(self) -> float:
        """Give 1 / se^2."""
        return float(self.se**-2.0)


def evidence(reading: Reading) -> Evidence:
    """Read the evidence of a posterior: its prior of the effect is taken out."""
    estimate, variance, above = _likelihood(reading)
    sign = 1.0 if reading.config.direction == "higher" else -1.0
    return Evidence(
        estimate=sign * estimate,
        se=variance**0.5,
        z=_score(above if sign > 0 else 1 - above, sign * estimate / variance**0.5),
        p_benefit=reading.p_benefit,
    )


def _likelihood(reading: Reading) -> tuple[float, float, float]:
    """Give mean, variance and the chance above 0 of the effect under a flat prior."""
    import numpy as np
    from scipy.special import ndtr

    together = reading.found.population
    if together is None:
        alone = reading.found.likelihoods[reading.label]
        above = float(alone.weight @ ndtr(alone.loc / alone.scale))
        return alone.mean, alone.variance, above
    curve = together.effect_of_all
    x, height = curve.x[0], curve.height[0]
    flat = height * np.exp(0.5 * (x / together.prior.mean) ** 2)
    flat /= flat.sum()
    mean = float(flat @ x)
    return mean, float(flat @ (x - mean) ** 2), float(flat[x > 0].sum())


def _score(chance: float, fallback: float) -> float:
    """Give the normal score of a chance; where it is 0 or 1 to rounding, mean over sd instead."""
    from scipy.special import ndtri

    return float(ndtri(chance)) if 1e-12 < chance < 1 - 1e-12 else fallback


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the first look fixed for all later ones."""

    monitoring: Monitoring
    information: float
    source: str
    """Where the planned information is from, in words."""
    question: Mapping[str, JsonValue]
    """Whose trial, and which treatments are compared in which direction."""
    settings: Mapping[str, JsonValue]
    """Settings of the model."""

    def record(self) -> dict[str, JsonValue]:
        """Give what a look stores of the plan."""
        return {
            "monitoring": self.monitoring.model_dump(mode="json"),
            "information": self.information,
            "source": self.source,
            "question": dict(self.question),
            "settings": dict(self.settings),
        }


def plan_of(reading: Reading) -> Plan:
    """Make the plan that the settings ask for now."""
    config = reading.config
    information, source = _planned(reading)
    settings = config.model_dump(mode="json")
    return Plan(
        monitoring=config.monitoring,
        information=information,
        source=source,
        question={
            "whose": reading.label if reading.found.population is None else "the mean of all",
            "treatment": reading.found.treatments[1],
            "comparator": reading.found.treatments[0],
            "direction": config.direction,
        },
        settings={name: value for name, value in settings.items() if name not in _WORDS},
    )


def _planned(reading: Reading) -> tuple[float, str]:
    from scipy.special import ndtri

    config, monitoring = reading.config, reading.config.monitoring
    if monitoring.planned_information is not None:
        return monitoring.planned_information, "planned_information"
    if monitoring.planned_width is not None:
        return (2 * 1.959963984540054 / monitoring.planned_width) ** 2, "planned_width"
    reach = float(ndtri(1 - monitoring.error_rate / monitoring.sides) + ndtri(_POWER))
    if config.smallest_effect is not None:
        return (reach / config.smallest_effect) ** 2, "80 % power at the smallest effect"
    return (reach / (_HALF * reading.day_sd)) ** 2, "80 % power at half an sd of a day"


def kept_plan(past: Sequence[QueryAnswer], now: Plan) -> tuple[Plan, tuple[str, ...]]:
    """Give the plan of the first look, and the names of settings that have changed since.

    Raises `BadConfig` where the question itself is another one.
    """
    if not past:
        return now, ()
    kept: Any = past[0].data["plan"]
    first = Plan(
        monitoring=parse(Monitoring, kept["monitoring"]),
        information=float(kept["information"]),
        source=str(kept["source"]),
        question=kept["question"],
        settings=kept["settings"],
    )
    other = [name for name in first.question if first.question[name] != now.question.get(name)]
    if other:
        told = "; ".join(f"{name} {first.question[name]!s:.60}" for name in other)
        raise BadConfig(
            f"The looks so far are about another question: {told}.",
            hint="Look under the same settings; another question needs an experiment of its own.",
        )
    names = sorted(set(first.settings) | set(now.settings))
    changed = [n for n in names if first.settings.get(n) != now.settings.get(n)]
    if first.monitoring != now.monitoring:
        changed.append("monitoring")
    return first, tuple(changed)


def spent_looks(past: Sequence[QueryAnswer]) -> "tuple[Look, ...]":
    """Give the looks that used up error rate, as they were stored."""
    from pymc_vibes.stats.spending import Look

    found = []
    for entry in past:
        data: Any = entry.data
        if data["is_spent"]:
            boundary = inf if data["boundary"] is None else float(data["boundary"])
            found.append(
                Look(fraction=data["fraction"], boundary=boundary, spent=data["error_spent"])
            )
    return tuple(found)
