"""A plan beside the current one: what it costs and brings beyond it, in the same draws."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Claim, Estimate, Table
from pymc_vibes.kinds.marketing_mix.ahead import Ahead
from pymc_vibes.kinds.marketing_mix.answer import drawn_estimate
from pymc_vibes.kinds.marketing_mix.messages import many
from pymc_vibes.kinds.marketing_mix.words import money, per_money_words, with_interval
from pymc_vibes.stats.decide import chance, decide
from pymc_vibes.stats.describe import plain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.core.figure import Figure
    from pymc_vibes.stats.special import Array

_SAME = 1e-6  # of the current plan: less than it is no change
_EVEN = 1e-3  # of its sd: a mean nearer to none is none
_POINTS = 201


@dataclass(frozen=True, eq=False)
class Change:
    """A budget, `(channels,)` in money over the periods ahead, against the current one."""

    ahead: Ahead
    budget: "Array"
    value: float | None
    """Of a unit of sales; None where nobody said it."""

    @cached_property
    def _after(self) -> "tuple[Array, Array]":
        return self.ahead.outlook.with_slopes(self.budget)

    @cached_property
    def _before(self) -> "tuple[Array, Array]":
        return self.ahead.outlook.with_slopes(self.ahead.current)

    @property
    def more(self) -> "Array":
        """Give sales beyond those of the current plan, `(draws,)`."""
        return self._after[0] - self._before[0]

    @property
    def marginal(self) -> "Array":
        """Give sales for the next unit of money on each channel, `(draws, channels)`."""
        return self._after[1]

    @property
    def marginal_now(self) -> "Array":
        """Give the same under the current plan."""
        return self._before[1]

    @property
    def moved(self) -> "Array":
        """Give money beyond the current plan by channel; rounding is none."""
        import numpy as np

        moved = self.budget - self.ahead.current
        return np.where(abs(moved) > _SAME * self.ahead.current.sum(), moved, 0.0)

    @property
    def cost(self) -> float:
        """Give money spent beyond the current plan."""
        cost = float(self.budget.sum() - self.ahead.current.sum())
        return cost if abs(cost) > _SAME * float(self.ahead.current.sum()) else 0.0

    @property
    def gain(self) -> "Array":
        """Give profit beyond that of the current plan where a sale's value is known, else sales."""
        return self.more if self.value is None else self.value * self.more - self.cost

    @property
    def unit(self) -> str:
        """Name the unit of the gain."""
        config = self.ahead.reading.config
        return config.sales_name if self.value is None else config.currency or "money"

    @property
    def is_any(self) -> bool:
        """Whether the plan is another one than the current one."""
        return bool(self.moved.any())

    @property
    def is_in_noise(self) -> bool:
        """Whether the interval of the gain holds none."""
        low, high = self.ahead.reading.ends(self.gain)
        return bool(low <= 0 <= high)

    @property
    def chance(self) -> float:
        """Give the chance of a gain; of the current plan over itself there is none."""
        return float((self.gain > 0).mean())

    @property
    def told_chance(self) -> float | None:
        """Give it for programs: None where nothing changes."""
        return self.chance if self.is_any else None

    @property
    def beyond(self) -> tuple[bool, ...]:
        """Say which channels would see far more in a period than was ever spent."""
        limit = self.ahead.most * (1 + _SAME)
        return tuple(bool(far) for far in self.budget > limit)


def horizon_words(ahead: Ahead) -> str:
    """Name the periods ahead."""
    return f"the next {many(ahead.periods, ahead.reading.study.panel.grain)}"


def brings_words(change: Change) -> str:
    """Say what a plan brings, what it costs, and how sure that is."""
    reading = change.ahead.reading
    told = f"brings {_sales_words(change)} over {horizon_words(change.ahead)}"
    if change.cost:
        word = "more" if change.cost > 0 else "less"
        told += f" and costs {money(reading, abs(change.cost))} {word}"
    if change.value is not None:
        told += f"; profit changes by {with_interval(reading, change.gain)} {change.unit}"
    if change.value is None and change.cost:
        return f"{told}: {chance(change.chance)} chance of more {reading.config.sales_name}"
    noise = ", but that is inside the noise" if change.is_in_noise else ""
    return f"{told}: {chance(change.chance)} chance of a gain{noise}"


def _sales_words(change: Change) -> str:
    """Say how many more or fewer sales; the search ends within rounding of as many."""
    reading, name = change.ahead.reading, change.ahead.reading.config.sales_name
    middle = float(change.more.mean())
    if abs(middle) < _EVEN * float(change.more.std()):
        low, high = (plain(float(end)) for end in reading.ends(change.more))
        return f"as many {name} ({low} to {high} more)"
    if middle < 0:
        return f"{with_interval(reading, -change.more)} fewer {name}"
    return f"{with_interval(reading, change.more)} more {name}"


def estimates_of(change: Change) -> Iterator[Estimate]:
    """Give sales and profit beyond the current plan, and what the money moved returns."""
    reading = change.ahead.reading
    yield drawn_estimate(
        reading, "more_sales", "Sales beyond the current plan", change.more,
        unit=reading.config.sales_name,
    )  # fmt: skip
    if change.value is not None:
        yield drawn_estimate(
            reading, "profit", "Profit beyond the current plan", change.gain, unit=change.unit
        )
    if change.cost:
        yield drawn_estimate(
            reading, "return", "Return of the money that is more or less",
            change.more / change.cost, unit=per_money_words(reading),
        )  # fmt: skip


def claims_of(change: Change) -> tuple[Claim, ...]:
    """Claim a gain over the current plan."""
    if not change.is_any:
        return ()
    what = "profit" if change.value is not None else change.ahead.reading.config.sales_name
    p = change.chance
    tone = decide(p, change.ahead.reading.config.level)
    return (
        Claim(text=f"The plan brings more {what} than the current one.", probability=p, tone=tone),
    )


def plan_table(change: Change, places: Sequence[str] | None = None) -> Table:
    """List both plans by channel, and what the next money on each would return."""
    reading, ahead = change.ahead.reading, change.ahead
    cash, per = reading.config.currency, per_money_words(reading)
    now, numbers = change.marginal_now.mean(axis=0), reading.three(change.marginal)
    columns = [
        "channel", "current", "proposed", "change", "marginal_now", "marginal", "marginal_low",
        "marginal_high", "is_beyond_seen",
    ]  # fmt: skip
    rows: list[tuple[JsonValue, ...]] = [
        (
            name, float(ahead.current[i]), float(change.budget[i]), float(change.moved[i]),
            float(now[i]), *(float(column[i]) for column in numbers), change.beyond[i],
            *(() if places is None else (places[i],)),
        )
        for i, name in enumerate(ahead.names)
    ]  # fmt: skip
    bound = () if places is None else ("bound",)
    return Table(
        name="plan",
        title=f"Money over {horizon_words(ahead)}, and what the next of it returns",
        columns=(*columns, *bound),
        units=("", cash, cash, cash, per, per, per, per, "", *("" for _ in bound)),
        rows=tuple(rows),
    )


def plan_figure(change: Change) -> "Figure":
    """Draw both plans, channel by channel."""
    from pymc_vibes.stats.chart import bars

    ahead = change.ahead
    largest = int(abs(change.moved).argmax())
    word = "more" if change.moved[largest] > 0 else "less"
    amount = money(ahead.reading, float(abs(change.moved[largest])))
    title = f"Spend {amount} {word} on {ahead.names[largest]}"
    if not change.is_any:
        title = "The plan is the current one"
    return bars(
        "plan",
        title,
        f"Money for each of {len(ahead.names)} channels over {horizon_words(ahead)}, beside that "
        f"of the current plan. {title}.",
        labels=ahead.names, values=change.budget, x_label="money",
        unit=ahead.reading.config.currency, x_format="plain", marker=ahead.current,
        marker_label="the current plan",
    )  # fmt: skip


def gain_figures(change: Change) -> "Iterator[Figure]":
    """Draw what is gained or lost against the current plan, where anything changes."""
    import numpy as np

    from pymc_vibes.stats.chart import difference_curve
    from pymc_vibes.stats.draws import Draws

    if not change.gain.std() > 0:
        return
    gain = Draws(change.gain[None, :, None])
    low, high = (float(end) for end in change.ahead.reading.ends(change.gain))
    x = np.linspace(float(change.gain.min()), float(change.gain.max()), _POINTS)
    within = f"{plain(low)} and {plain(high)} {change.unit}"
    zero = "included" if change.is_in_noise else "excluded"
    # without the value of a sale nobody knows whether more sales for more money are a gain
    what = "difference in sales" if change.value is None and change.cost else "gain"
    yield difference_curve(
        "gain",
        f"The {what} lies between {within}, zero {zero}",
        f"Posterior curve of the {what} from the current plan to this one: between {within}; "
        f"{chance(change.chance)} chance of more than none.",
        x=x, y=gain.pdf(0, x), low=low, high=high, mean=float(change.gain.mean()),
        x_label=f"{what}, this plan minus the current one", unit=change.unit,
        level=change.ahead.reading.config.level, sides=("less", "more"),
    )  # fmt: skip
