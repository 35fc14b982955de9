"""Sentences of a marketing mix."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, Decision
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.stats.decide import chance, decide
from pymc_vibes.stats.describe import percent, plain

if TYPE_CHECKING:
    from pymc_vibes.stats.special import Array

NOT_TRUSTED = "The chains do not agree, so neither contributions nor returns are shown"


def not_trusted(reading: Reading) -> str:
    """Say why nothing is shown of a fit."""
    reasons = "; ".join(reading.posterior.diagnostics.reasons[:2])
    return f"{NOT_TRUSTED}: {reasons}."


def headline(reading: Reading) -> str:
    """Say what media brought, and which channel returned most."""
    if not reading.is_trusted:
        return not_trusted(reading)
    share = with_interval(reading, reading.media_share, percent)
    told = f"Media brought about {share} of {reading.config.sales_name}"
    return f"{told}; {_returned(reading)}." if reading.paid.any() else f"{told}."


def _returned(reading: Reading) -> str:
    import numpy as np

    means = np.where(reading.paid, _means(reading.roas), -np.inf)
    best = int(means.argmax())
    money = reading.config.currency or "unit of money"
    most = "returned most" if reading.paid.sum() > 1 else "returned"
    found = with_interval(reading, reading.roas[:, best])
    return f"per {money} spent {reading.channels[best]} {most}, {found}"


def with_interval(reading: Reading, draws: "Array", write: Callable[[float], str] = plain) -> str:
    """Write the mean of draws, `(draws,)`, and its interval."""
    middle, low, high = (float(number) for number in reading.three(draws))
    return f"{write(middle)} ({write(low)} to {write(high)})"


def decide_mix(reading: Reading) -> Decision:
    """Say where the next money belongs, or what to find out first."""
    if not reading.is_trusted:
        return Decision(
            action="do not act on this fit", tone="undecided",
            reason="Its chains do not agree. The diagnostics say what was tried.",
        )  # fmt: skip
    if reading.config.saturation.kind == "none":
        return Decision(
            action="read contributions, plan no budget", tone="none",
            reason="Without saturation more activity returns ever more, so no budget is best.",
        )  # fmt: skip
    pair = best_and_worst(reading)
    if pair is None:
        return Decision(
            action="read contributions, plan no budget", tone="none",
            reason="A budget needs the spend of at least two channels.",
        )  # fmt: skip
    best, worst, p = pair
    names = reading.channels[best], reading.channels[worst]
    both = f"the next money returns more on {names[0]} than on {names[1]}: {chance(p)} chance"
    if decide(p, reading.config.level) == "higher":
        return Decision(
            action=f"move money from {names[1]} to {names[0]}", tone="higher",
            reason=f"If nothing unrecorded drives both spend and {reading.config.sales_name}, "
            f"{both}.",
        )  # fmt: skip
    return Decision(
        action="keep the budget, test a channel", tone="undecided",
        reason=f"It is not settled that {both}. An experiment tells more than more weeks.",
    )  # fmt: skip


def best_and_worst(reading: Reading) -> tuple[int, int, float] | None:
    """Give the channels whose next money returns most and least, and how sure that order is."""
    import numpy as np

    if reading.paid.sum() < 2:
        return None
    means = _means(reading.marginal)
    best = int(np.where(reading.paid, means, -np.inf).argmax())
    worst = int(np.where(reading.paid, means, np.inf).argmin())
    return best, worst, float((reading.marginal[:, best] > reading.marginal[:, worst]).mean())


def claims(reading: Reading) -> Iterator[Claim]:
    """Claim an order of the next money, and a profit of each channel where its value is known."""
    if not reading.is_trusted:
        return
    pair = best_and_worst(reading)
    if pair is not None:
        best, worst, p = pair
        yield Claim(
            text=f"The next money returns more on {reading.channels[best]} than on "
            f"{reading.channels[worst]}.",
            probability=p, tone=decide(p, reading.config.level),
        )  # fmt: skip
    value = reading.config.value_per_sale
    if value is None:
        return
    for channel, name in enumerate(reading.channels):
        if reading.paid[channel]:
            p = float((value * reading.roas[:, channel] > 1).mean())
            yield Claim(
                text=f"{name} earned more than it cost.", probability=p,
                tone=decide(p, reading.config.level),
            )  # fmt: skip


def per_money_words(reading: Reading) -> str:
    """Name the unit of a return."""
    return f"{reading.config.sales_name} per {reading.config.currency or 'unit of money'}"


def money(reading: Reading, amount: float) -> str:
    """Write an amount of money."""
    return f"{plain(amount)} {reading.config.currency}".rstrip()


def _means(draws: "Array") -> "Array":
    import numpy as np

    return np.asarray(draws.mean(axis=0))
