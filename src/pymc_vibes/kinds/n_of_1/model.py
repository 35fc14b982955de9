"""What the settings mean to the model: its terms, its priors over people, and who is compared."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import EntityNotFound, InsufficientData
from pymc_vibes.kinds.n_of_1.config import (
    COMPARATORS,
    WASHOUT,
    EstimatedCarryOver,
    FixedCarryOver,
    NOf1Config,
)

if TYPE_CHECKING:
    from pymc_vibes.stats.people import PopulationPrior
    from pymc_vibes.stats.trial import HalfLives, TrialModel

_BETWEEN_SD = 1.0  # sds of a day: how much the effect may differ from person to person


def model_of(config: NOf1Config) -> "TrialModel":
    """Give the terms that the settings ask for."""
    from pymc_vibes.stats.trial import TrialModel

    model = TrialModel(
        day_of_week=config.include_day_of_week,
        trend=config.include_trend,
        deviations=config.phase_deviations,
        errors=config.correlation,
        carry_over=_half_lives(config),
    )
    return model.scaled(config.prior_scale)


def population_prior(config: NOf1Config, spread: float) -> "PopulationPrior":
    """Give the prior of the mean effect and of the sd between people, in the outcome's unit."""
    from pymc_vibes.stats.people import PopulationPrior

    mean = model_of(config).effect_sd * spread
    return PopulationPrior(mean, _BETWEEN_SD * config.prior_scale * spread)


def treatments_of(names: Sequence[str], config: NOf1Config) -> tuple[str, ...]:
    """Order the treatments: the comparator, the one in the headline, then the others by name."""
    found = sorted({name for name in names if name.lower() != WASHOUT})
    if not found:
        raise InsufficientData("There is no measurement in the window.", hint="Upload events.")
    comparator = _named(config.comparator, found) or _comparator(found)
    others = [name for name in found if name != comparator]
    if not others:
        raise InsufficientData(
            f"All measurements are under {comparator[:60]!r}; a trial compares two treatments.",
            hint="Give rows their treatment in the column `treatment`.",
        )
    first = _named(config.treatment, others) or others[0]
    return (comparator, first, *(name for name in others if name != first))


def day_of(number: float) -> date:
    """Give the date of a day number, 0 being 1970-01-01."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(number))


def _half_lives(config: NOf1Config) -> "HalfLives":
    from pymc_vibes.stats.trial import HalfLives, half_lives

    if isinstance(config.half_life, EstimatedCarryOver):
        return half_lives(config.half_life.longest_days)
    if isinstance(config.half_life, FixedCarryOver):
        return HalfLives((config.half_life.half_life_days,))
    return HalfLives()


def _named(name: str | None, found: Sequence[str]) -> str | None:
    if name is not None and name not in found:
        known = ", ".join(repr(one[:60]) for one in found[:9])
        raise EntityNotFound(
            f"There is no treatment {name[:80]!r} to compare in the data.",
            hint=f"There is {known}.",
        )
    return name


def _comparator(found: Sequence[str]) -> str:
    by_name = {name.lower(): name for name in reversed(found)}
    return next((by_name[name] for name in COMPARATORS if name in by_name), found[0])
