"""An effect on daily values as answers judge it: its chances, its width, what may be said of it."""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from pymc_vibes.core.answer import Decision, Finding, Tone
from pymc_vibes.stats.describe import plain, quantity

if TYPE_CHECKING:
    from pymc_vibes.stats.decide import Direction
    from pymc_vibes.stats.special import Array

_LEFT_OVER_BAR = 0.01


class Effect(Protocol):
    """A distribution whose first column is the effect."""

    def above(self, x: float) -> "Array":
        """Give P(effect > x)."""
        ...

    def below(self, x: float) -> "Array":
        """Give P(effect < x)."""
        ...

    def interval(self, level: float) -> "tuple[Array, Array]":
        """Give the ends of the equal-tailed interval."""
        ...


class Judgment(Protocol):
    """The settings by which an effect is judged."""

    @property
    def level(self) -> float:
        """Give the probability of intervals and claims."""
        ...

    @property
    def direction(self) -> "Direction":
        """Say which way is better."""
        ...

    @property
    def smallest_effect(self) -> float | None:
        """Give the smallest effect of interest, in the outcome's unit."""
        ...

    @property
    def widest_interval(self) -> float:
        """Give the width beyond which nothing is said, in sds of a day."""
        ...

    @property
    def outcome_unit(self) -> str:
        """Give the outcome's unit."""
        ...


def benefit(effect: Effect, config: Judgment) -> float:
    """Give the probability of an effect in the better direction."""
    above = float(effect.above(0.0)[0])
    return above if config.direction == "higher" else 1 - above


def relevant(effect: Effect, config: Judgment) -> float:
    """Give the probability of a benefit beyond the smallest effect of interest."""
    least = config.smallest_effect or 0.0
    if config.direction == "higher":
        return float(effect.above(least)[0])
    return float(effect.below(-least)[0])


def same(effect: Effect, config: Judgment) -> float:
    """Give the probability of an effect smaller than what is of interest, either way."""
    least = config.smallest_effect or 0.0
    return max(1.0 - float(effect.above(least)[0]) - float(effect.below(-least)[0]), 0.0)


def tone_of(effect: Effect, config: Judgment) -> Tone:
    """Say whether an effect may be called higher, lower, practically none, or nothing yet."""
    from pymc_vibes.stats.decide import decide

    if config.smallest_effect is not None and same(effect, config) > config.level:
        return "same"
    return decide(float(effect.above(0.0)[0]), config.level)


class Judged(ABC):
    """A reading that is judged by one effect: it gives `effect`, `config` and `day_sd`."""

    config: Judgment

    @property
    @abstractmethod
    def effect(self) -> Effect:
        """Give the effect of the headline."""

    @property
    @abstractmethod
    def day_sd(self) -> float:
        """Give the sd of a day in the outcome's unit: what is left over."""

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Give the equal-tailed interval of the effect."""
        low, high = self.effect.interval(self.config.level)
        return float(low[0]), float(high[0])

    @cached_property
    def p_higher(self) -> float:
        """Give the probability that the effect is above 0."""
        return float(self.effect.above(0.0)[0])

    @property
    def p_benefit(self) -> float:
        """Give the probability that the effect is in the better direction."""
        return self.p_higher if self.config.direction == "higher" else 1 - self.p_higher

    @cached_property
    def p_relevant(self) -> float | None:
        """Give the probability of a benefit beyond the smallest effect of interest."""
        return None if self.config.smallest_effect is None else relevant(self.effect, self.config)

    @cached_property
    def p_same(self) -> float | None:
        """Give the probability that the effect is smaller than what is of interest."""
        return None if self.config.smallest_effect is None else same(self.effect, self.config)

    @cached_property
    def width(self) -> float:
        """Give the interval's width in sds of a day."""
        return (self.interval[1] - self.interval[0]) / self.day_sd

    @property
    def is_too_wide(self) -> bool:
        """Say whether the interval is too wide for an effect to be named."""
        return self.width > self.config.widest_interval

    @cached_property
    def tone(self) -> Tone:
        """Say what may be claimed of the effect."""
        return tone_of(self.effect, self.config) if not self.is_too_wide else "undecided"


def amount(reading: Judged, value: float | None) -> str:
    """Write a value with the outcome's unit."""
    return quantity(value, reading.config.outcome_unit)


def span(reading: Judged) -> str:
    """Write the interval of the effect."""
    low, high = reading.interval
    return f"from {plain(low)} to {amount(reading, high)}"


def too_wide(reading: Judged) -> Decision:
    """Say to go on, because the interval says too little."""
    return Decision(
        action="collect more days",
        tone="undecided",
        reason=f"The interval is {plain(reading.width)} sds of a day wide, more than the "
        f"{plain(reading.config.widest_interval)} set as a limit.",
    )


def left_over(p_value: float) -> tuple[Finding, ...]:
    """Warn where what is left over depends on the days before, by the p-value of Ljung and Box."""
    if p_value >= _LEFT_OVER_BAR:
        return ()
    text = (
        "What the model leaves over still depends on the days before (Ljung-Box p "
        f"{p_value:.2g}): the intervals are likely too narrow."
    )
    return (Finding(code="autocorrelation", severity="warning", text=text),)


def independent_days(what: str) -> Finding:
    """Warn that days were taken as independent; `what` names what is then found wrongly."""
    return Finding(
        code="independent-days",
        severity="warning",
        text="Days are taken as independent. Daily data rarely are; intervals are then too "
        f"narrow, and {what} are found where there are none.",
    )
