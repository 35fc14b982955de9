"""Sentences of an n-of-1 trial."""

from collections.abc import Iterator

from pymc_vibes.core.answer import Claim, Decision
from pymc_vibes.kinds.n_of_1.reading import Reading
from pymc_vibes.stats.daily_effect import amount, span, too_wide
from pymc_vibes.stats.decide import chance


def headline(reading: Reading) -> str:
    """Say the answer in a sentence or two."""
    return f"{_verdict(reading)}{_next(reading)}"


def _verdict(reading: Reading) -> str:
    config, tone = reading.config, reading.tone
    what, drug, other = subject(reading), reading.treatment, reading.comparator
    level = f"{100 * config.level:g} %"
    if reading.is_too_wide:
        return (
            f"Not enough information to say what {drug} does to the {what}: its effect against "
            f"{other} may be anything {span(reading)}."
        )
    if tone == "same" and reading.p_same is not None:
        return (
            f"Under {drug} the {what} is practically the same as under {other}: "
            f"{chance(reading.p_same)} chance of a difference below "
            f"{amount(reading, config.smallest_effect)} either way (interval {span(reading)})."
        )
    if tone in {"higher", "lower"}:
        better = "for the better" if tone == config.direction else "for the worse"
        size = amount(reading, abs(float(reading.effect.mean()[0])))
        p = max(reading.p_higher, 1 - reading.p_higher)
        return (
            f"Under {drug} the {what} is {tone} by about {size} than under {other}, {better}: "
            f"{chance(p)} chance ({level} interval {span(reading)})."
        )
    return (
        f"It is open whether {drug} helps: against {other} it changes the {what} by "
        f"anything {span(reading)} ({level} interval), and the chance that it is better is "
        f"{chance(reading.p_benefit)}."
    )


def _next(reading: Reading) -> str:
    if reading.p_next is None:
        return ""
    return f" The next person like these benefits with {chance(reading.p_next)} chance."


def subject(reading: Reading) -> str:
    """Name the outcome, and whose it is."""
    if reading.people > 1:
        return f"{reading.config.outcome_name} of {reading.people} people on average"
    return f"{reading.config.outcome_name}{reading.whose}"


def decide_treatment(reading: Reading) -> Decision:
    """Say what to do with the treatment."""
    tone, better, drug = reading.tone, reading.config.direction, reading.treatment
    if reading.is_too_wide:
        return too_wide(reading)
    if tone == "same":
        return Decision(
            action="treat as no difference", tone=tone,
            reason="The effect is smaller than what is of interest.",
        )  # fmt: skip
    if tone == "undecided":
        return Decision(
            action="keep alternating", tone=tone,
            reason=f"The chance that {drug} is better is {chance(reading.p_benefit)}, and the "
            f"{100 * reading.config.level:g} % interval holds 0.",
        )  # fmt: skip
    return Decision(
        action=f"stay with {drug if tone == better else reading.comparator}", tone=tone,
        reason=f"The chance that {drug} is better than {reading.comparator} is "
        f"{chance(reading.p_benefit)}.",
    )  # fmt: skip


def claims(reading: Reading) -> Iterator[Claim]:
    """Claim benefit, a benefit that matters, practically none, and that of the next person."""
    config, drug, other = reading.config, reading.treatment, reading.comparator
    what = subject(reading)
    yield Claim(
        text=f"{drug} makes the {what} better ({config.direction}) than {other}.",
        probability=reading.p_benefit, tone=reading.tone,
    )  # fmt: skip
    if reading.p_next is not None:
        text = f"The next person like these has a better {config.outcome_name} under {drug}."
        yield Claim(text=text, probability=reading.p_next)
    if reading.p_relevant is None or reading.p_same is None:
        return
    least = amount(reading, config.smallest_effect)
    yield Claim(
        text=f"{drug} makes the {what} better by more than {least}.",
        probability=reading.p_relevant,
    )
    yield Claim(text=f"Its effect is below {least} either way.", probability=reading.p_same)
