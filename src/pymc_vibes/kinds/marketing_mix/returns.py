"""What money returned: sales per money spent in a window, and for a little more of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, Estimate, Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.config import setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.answer import drawn_estimate
from pymc_vibes.kinds.marketing_mix.asking import (
    Between,
    channel_indices,
    records,
    trusted,
    window_of,
    window_words,
)
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.options import MAX_CHANNELS, Name
from pymc_vibes.kinds.marketing_mix.pictures import returns_forest
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.kinds.marketing_mix.words import money, per_money_words, with_interval
from pymc_vibes.stats.decide import chance, decide, join
from pymc_vibes.stats.describe import finite, plain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.stats.special import Array


class ReturnsAsked(Between):
    """Which returns."""

    channels: tuple[Name, ...] = setting(
        (), "Only these channels; open: every channel.", max_length=MAX_CHANNELS
    )
    value_per_sale: float | None = setting(
        None, "Profit of one unit of sales; open: as the settings have it, else sales count as "
        "they are.", gt=0, le=1e9,
    )  # fmt: skip
    hurdle: float = setting(
        1.0, "What a unit of money must return, in money where the value of a sale is known, else "
        "in sales.", ge=0, le=1e9,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Returns:
    """Returns of the channels whose spend is known, in a window; draws come first."""

    reading: Reading
    window: slice
    channels: list[int]
    unpaid: list[int]
    """Channels that were asked about, and whose spend is not known or none."""
    spend: "Array"
    gains: "Array"
    roas: "Array"
    marginal: "Array"
    value: float | None
    hurdle: float

    @property
    def names(self) -> list[str]:
        """Name the channels."""
        return [self.reading.channels[c] for c in self.channels]

    @property
    def above(self) -> "Array":
        """Give the chance that each channel returned more than the hurdle."""
        import numpy as np

        return np.asarray((self.roas * (self.value or 1.0) > self.hurdle).mean(axis=0))

    @property
    def profit(self) -> "Array":
        """Give what was earned beyond what was spent, `(draws, channels)`, where value is known."""
        return self.gains * (self.value or 1.0) - self.spend


def returns_of(reading: Reading, window: slice, asked: ReturnsAsked) -> Returns:
    """Compute the returns of activity in a window, with what came after it."""
    import numpy as np

    from pymc_vibes.stats.media_effects import STEP

    wanted = channel_indices(reading, asked.channels, "channels")
    spend = reading.study.spend[window].sum(axis=0)
    kept = [c for c in wanted if np.nan_to_num(spend[c]) > 0]
    if not kept:
        raise BadConfig(
            "No money was spent on these channels in this time, as far as is known.",
            hint="Upload spend_ columns, or ask about another time.",
            fields=[{"field": "channels", "reason": "have no spend"}],
        )
    whole = window == slice(0, reading.study.features.fitted)
    if whole:
        gains, marginal = reading.gains[:, kept], reading.marginal[:, kept]
    else:
        gains = reading.gains_in(window.start, window.stop)[:, kept]
        more = reading.gains_in(window.start, window.stop, factor=1 + STEP)[:, kept]
        marginal = -more / (STEP * spend[kept])
    value = asked.value_per_sale or reading.config.value_per_sale
    return Returns(
        reading=reading, window=window, channels=kept,
        unpaid=[c for c in wanted if c not in kept], spend=spend[kept], gains=gains,
        roas=gains / spend[kept], marginal=marginal, value=value, hurdle=asked.hurdle,
    )  # fmt: skip


def roas(posterior: Posterior, config: MarketingMixConfig, asked: ReturnsAsked) -> QueryAnswer:
    """Give what money returned in a window, on average and at the margin."""
    reading = trusted(posterior, config)
    found = returns_of(reading, window_of(reading, asked), asked)
    table = returns_table(found)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(found),
            estimates=tuple(_estimates(found)),
            claims=tuple(_claims(found)),
            findings=tuple(_findings(found)),
            tables=(table,),
            context={
                "window": window_words(reading, found.window), "hurdle": found.hurdle,
                "value_per_sale": found.value,
            },
        ),
        figures=_figures(found),
        data={
            "channels": records(table),
        },
    )  # fmt: skip


def returns_table(found: Returns) -> Table:
    """List spend, sales and returns of every channel."""
    reading = found.reading
    numbers = [
        found.spend, *reading.three(found.gains), *reading.three(found.roas),
        *reading.three(found.marginal), found.above,
    ]  # fmt: skip
    unit, per, cash = reading.config.sales_name, per_money_words(reading), reading.config.currency
    columns = [
        "channel", "spend", "sales", "sales_low", "sales_high", "roas", "roas_low", "roas_high",
        "marginal_roas", "marginal_low", "marginal_high", "chance_above_hurdle",
    ]  # fmt: skip
    units = ["", cash, unit, unit, unit, *[per] * 6, ""]
    if found.value is not None:
        numbers += reading.three(found.profit)
        columns += ["profit", "profit_low", "profit_high"]
        units += [cash] * 3
    rows: list[tuple[JsonValue, ...]] = [
        (name, *(finite(column[i]) for column in numbers)) for i, name in enumerate(found.names)
    ]
    return Table(
        name="returns",
        title=f"What money returned, {window_words(reading, found.window)}, carry-over included",
        columns=tuple(columns), units=tuple(units), rows=tuple(rows),
    )  # fmt: skip


def _headline(found: Returns) -> str:
    reading = found.reading
    best = int(found.roas.mean(axis=0).argmax())
    per = per_money_words(reading)
    returned = with_interval(reading, found.roas[:, best])
    most = "returned most" if len(found.names) > 1 else "returned"
    told = f"{found.names[best]} {most}: {returned} {per}"
    p = chance(float(found.above[best]))
    return f"{told}, with {p} chance more than the hurdle of {_hurdle(found)}."


def _hurdle(found: Returns) -> str:
    if found.value is not None:
        return f"{money(found.reading, found.hurdle)} earned for each spent"
    return f"{plain(found.hurdle)}"


def _estimates(found: Returns) -> Iterator[Estimate]:
    reading, per = found.reading, per_money_words(found.reading)
    for i, name in enumerate(found.names):
        yield drawn_estimate(
            reading, f"roas_{name}", f"Return of {name}", found.roas[:, i], unit=per
        )
        yield drawn_estimate(
            reading, f"marginal_roas_{name}", f"Return of a little more {name}",
            found.marginal[:, i], unit=per,
        )  # fmt: skip
        if found.value is not None:
            yield drawn_estimate(
                reading, f"profit_{name}", f"Profit of {name}", found.profit[:, i],
                unit=reading.config.currency,
            )  # fmt: skip


def _claims(found: Returns) -> Iterator[Claim]:
    for i, name in enumerate(found.names):
        p = float(found.above[i])
        yield Claim(
            text=f"{name} returned more than {_hurdle(found)}.", probability=p,
            tone=decide(p, found.reading.config.level),
        )  # fmt: skip


def _findings(found: Returns) -> Iterator[Finding]:
    if found.unpaid:
        names = join([found.reading.channels[c] for c in found.unpaid])
        yield Finding(
            code="no-spend", severity="note",
            text=f"No spend is known of {names} in this time, so no return of it.",
        )  # fmt: skip


def _figures(found: Returns) -> tuple[Figure, ...]:
    hurdle = found.hurdle / (found.value or 1.0)
    return (
        returns_forest(found.reading, "roas", found.names, found.roas, hurdle),
        returns_forest(
            found.reading, "marginal_roas", found.names, found.marginal, hurdle, marginal=True
        ),
    )
