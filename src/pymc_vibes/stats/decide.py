"""The one decision rule, and the sentences that follow from it.

"Higher" is claimed only when its probability reaches `1 - (1 - level) / 2`, so that a claim and the
equal-tailed interval of that level always agree.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

from pymc_vibes.core.answer import Claim, Decision, Tone

type Direction = Literal["higher", "lower"]
"""What is better."""

type Ruling = Literal["higher", "lower", "undecided"]

_NORMAL = NormalDist()
_PROBABLY = _NORMAL.inv_cdf(0.90) / _NORMAL.inv_cdf(0.975)
"""`Probably` starts at this share of the normal score that settles it: at a level of 95 % it takes
a chance of 90 %, at 80 % one of 80 %, at 99 % one of 95.4 %."""


def decide(p_greater: float, level: float) -> Ruling:
    """Say whether the first is higher, lower or undecided, from P(first > second)."""
    tail = (1 - level) / 2
    if p_greater >= 1 - tail:
        return "higher"
    if p_greater <= tail:
        return "lower"
    return "undecided"


def best_tone(p_best: float, level: float, direction: Direction) -> Tone:
    """Say whether the likeliest of many may be called the best; its tone is what is better.

    One that is best with that chance beats every single other one with at least it, so this is the
    same rule.
    """
    return direction if decide(p_best, level) == "higher" else "undecided"


def chance(p: float) -> str:
    """Write a probability as a percentage; never as 0 % or 100 %."""
    if p > 0.999:
        return "over 99.9 %"
    if p < 0.001:
        return "under 0.1 %"
    return f"{100 * p:.1f} %"


def compare_sentence(
    first: str,
    second: str,
    p_greater: float,
    level: float,
    *,
    quantity: str = "rate",
    p_same: float | None = None,
) -> Claim:
    """Say in one sentence how `first` compares with `second`, with its probability and tone.

    `p_same` is the probability that the difference is too small to matter, None where no such zone
    is set; above `level` it settles the answer as "practically the same".
    """
    if p_same is not None and p_same > level:
        text = (
            f"{first} and {second} have practically the same {quantity}: {chance(p_same)} chance."
        )
        return Claim(text=text, probability=p_same, tone="same")
    ruling = decide(p_greater, level)
    p = max(p_greater, 1 - p_greater)
    word = "higher" if p_greater >= 0.5 else "lower"
    if ruling != "undecided":
        text = f"{first} has a {ruling} {quantity} than {second}: {chance(p)} chance."
        return Claim(text=text, probability=p, tone=ruling)
    if p >= _probable(level):
        text = (
            f"{first} probably has a {word} {quantity} than {second} ({chance(p)} chance), "
            "but the data do not settle it."
        )
    else:
        text = (
            f"Too close to call: the chance that {first} has a {word} {quantity} than {second} "
            f"is {chance(p)}."
        )
    return Claim(text=text, probability=p, tone="undecided")


def compare_decision(
    first: str, second: str, p_greater: float, level: float, *, quantity: str = "rate"
) -> Decision:
    """Say what the rule concludes of two; it agrees with the interval of their difference."""
    ruling = decide(p_greater, level)
    shown = f"The chance that {first} is higher is {chance(p_greater)}"
    interval = f"the {100 * level:g} % interval of the difference"
    if ruling == "undecided":
        reason = f"{shown}, and {interval} holds 0."
        return Decision(action="keep collecting", tone=ruling, reason=reason)
    action = f"treat {first if ruling == 'higher' else second} as having the higher {quantity}"
    return Decision(action=action, tone=ruling, reason=f"{shown}, and {interval} does not hold 0.")


def _probable(level: float) -> float:
    bar = _NORMAL.cdf(_PROBABLY * _NORMAL.inv_cdf((1 + level) / 2))
    return bar - 1e-12  # rounding: exactly 90 % counts


def join(names: Sequence[str]) -> str:
    """Write names as a list in prose: `A, B and C`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


__all__ = [
    "Direction",
    "Ruling",
    "Tone",
    "best_tone",
    "chance",
    "compare_decision",
    "compare_sentence",
    "decide",
    "join",
]
