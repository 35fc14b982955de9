"""Designs of a trial as rules for its schedules, and what is assumed of its days before the first.

Treatment 0 is the comparator, 1 the treatment in the headline.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pymc_vibes.core.config import GivenScale, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.n_of_1.config import (
    EstimatedCarryOver,
    FixedCarryOver,
    NoCarryOver,
    NOf1Config,
)
from pymc_vibes.kinds.n_of_1.model import treatments_of

if TYPE_CHECKING:
    from typing import Any

    from pymc_vibes.stats.design import Analysis, Noise
    from pymc_vibes.stats.schedules import Rules

type DesignName = Literal["own", "pairs", "blocks", "abab", "ab"]

TITLES: Mapping[DesignName, str] = {
    "own": "the design of the settings",
    "pairs": "randomized pairs of days",
    "blocks": "randomized blocks of two periods",
    "abab": "ABAB",
    "ab": "AB",
}
HALF = 0.5  # sds of a day: the effect that is assumed where nothing says which one matters
ALL_SHARE = 0.95


def days_setting() -> int:
    """Declare how long a trial is planned."""
    found: int = setting(84, "Days of the trial.", unit="days", ge=4, le=366)
    return found


def period_setting() -> int:
    """Declare how long the periods of blocks are."""
    found: int = setting(
        7, "Days of a period where the design is of blocks.", unit="days", ge=1, le=90
    )
    return found


def sd_setting() -> float | None:
    """Declare how much days vary."""
    found: float | None = setting(
        None, "Sd of a day around its level, in the outcome's unit. Open: the spread that the "
        "settings give, else 1.", gt=0, le=1e15,
    )  # fmt: skip
    return found


def autocorrelation_setting() -> float:
    """Declare how days hang together."""
    found: float = setting(
        0.5, "Correlation of one day's state with the next; 0.3 to 0.7 is common.", ge=0, le=0.98
    )
    return found


def share_setting() -> float:
    """Declare how much of the variance is measurement noise."""
    found: float = setting(
        0.0, "Share of the variance that is noise of the day alone.", ge=0, le=ALL_SHARE
    )
    return found


def effect_setting() -> float | None:
    """Declare the effect that is hoped for."""
    found: float | None = setting(
        None, "Effect to be found, in the outcome's unit. Open: the smallest one that matters, "
        "else half an sd of a day.", gt=0, le=1e15,
    )  # fmt: skip
    return found


def half_life_setting() -> float | None:
    """Declare how long an effect goes on."""
    found: float | None = setting(
        None, "Half-life of what an effect leaves behind. Open: that of the settings.",
        unit="days", ge=0, le=90,
    )  # fmt: skip
    return found


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What a plan rests on; all in the outcome's unit."""

    sd: float
    effect: float
    noise: "Noise"
    analysis: "Analysis"
    is_unit_free: bool
    """Nobody said how much days vary, so that all is in sds of a day."""


def assumed(config: NOf1Config, asked: "Any") -> Assumed:
    """Complete what was asked (`sd`, `effect`, `autocorrelation`, ...) from the settings."""
    from math import sqrt

    from pymc_vibes.stats.design import Analysis, Noise

    given = config.scale.spread if isinstance(config.scale, GivenScale) else None
    sd = asked.sd or given or 1.0
    carry = config.half_life
    life = {
        NoCarryOver: 0.0,
        FixedCarryOver: getattr(carry, "half_life_days", 0.0),
        # the middle of its prior, which is even in the logarithm down to a quarter of a day
        EstimatedCarryOver: sqrt(0.25 * getattr(carry, "longest_days", 0.25)),
    }[type(carry)]
    noise = Noise(
        sd=sd * sqrt(1 - asked.measurement_share),
        autocorrelation=asked.autocorrelation,
        measurement_sd=sd * sqrt(asked.measurement_share),
        half_life_days=life if asked.half_life_days is None else asked.half_life_days,
    )
    analysis = Analysis(
        has_trend=config.include_trend,
        has_weekdays=config.include_day_of_week,
        has_carry_over=not isinstance(carry, NoCarryOver),
        washout_days=config.washout_days,
        level=config.level,
    )
    is_unit_free = asked.sd is None and given is None
    # without a spread, what matters cannot be put in sds: half an sd stands for it
    usual = None if is_unit_free else config.smallest_effect
    effect = asked.effect or usual or HALF * sd
    return Assumed(sd=sd, effect=effect, noise=noise, analysis=analysis, is_unit_free=is_unit_free)


def names_of(config: NOf1Config) -> tuple[str, ...]:
    """Name the treatments by number: the comparator, the one in the headline, others."""
    order = config.design.order if config.design else None
    if order:
        return treatments_of(order, config)
    return (config.comparator or "A", config.treatment or "B")


def rules_of(name: DesignName, days: int, period_days: int, config: NOf1Config) -> "Rules":
    """Give the rules of a design of `days` days; slots that would not be whole are left out.

    Raises `BadConfig` where the design cannot be had in so many days.
    """
    from pymc_vibes.stats.schedules import Rules

    washout = config.washout_days
    if name == "own":
        return _own(days, config)
    if name == "pairs":
        return Rules(slots=days // 2 * 2, block=2, washout_days=washout)
    if name == "blocks":
        slots = days // period_days // 2 * 2
        if not slots:
            raise BadConfig(f"{days} days are too few for two periods of {period_days} days.")
        return Rules(slots=slots, slot_days=period_days, block=2, washout_days=washout)
    order = (0, 1) if name == "ab" else (0, 1, 0, 1)
    length = days // len(order)
    longest = -(-days // len(order))
    return Rules(
        slots=days, order=order, min_run=max(length, 1), max_run=longest, washout_days=washout
    )


def _own(days: int, config: NOf1Config) -> "Rules":
    from pymc_vibes.stats.schedules import Rules

    design = config.design
    if design is None:
        raise BadConfig(
            "The settings do not say how the schedule is drawn.",
            hint="Set `design`, or choose pairs, blocks, abab or ab.",
            fields=[{"field": "design", "reason": "is open"}],
        )
    slots = days // design.slot_days
    if design.block:
        slots = slots // design.block * design.block
    names = names_of(config)
    order = None if design.order is None else tuple(names.index(one) for one in design.order)
    return Rules(
        slots=slots,
        slot_days=design.slot_days,
        treatments=len(names),
        min_run=design.min_run,
        max_run=design.max_run,
        max_imbalance=design.max_imbalance,
        block=design.block,
        order=order,
        washout_days=config.washout_days,
    )


def counted(many: int) -> str:
    """Write how many schedules there are.

    >>> counted(70), counted(4398046511104)
    ('70', 'about 4.4e12')
    """
    if many < 10**7:
        return f"{many:,}"
    digits = len(str(many)) - 1
    return f"about {many / 10**digits:.1f}e{digits}"
