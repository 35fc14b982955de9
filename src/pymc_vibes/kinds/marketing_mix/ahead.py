"""The periods after the data, on which plans are made: prices, patterns, and what sales would be.

Money buys activity at the price of the recent periods, and every entity keeps its share of it.
What is no media is as in the same periods of the year before; where the data are shorter than a
year, as on average. Channels whose spend is not known stay as active as they were of late.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.marketing_mix.grain import period_day, period_number
from pymc_vibes.kinds.marketing_mix.messages import listed
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.stats.decide import join

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.media_effects import MediaDraws
    from pymc_vibes.stats.media_outlook import Outlooks
    from pymc_vibes.stats.media_response import MediaResponse
    from pymc_vibes.stats.special import Array

type Flighting = Literal["even", "recent"]

QUARTER = {"day": 91, "week": 13, "month": 3}
"""Periods that a plan spans, and that say what is usual, unless told otherwise."""
MOST_DRAWS = 2000
_MOST_NUMBERS = 4_000_000
"""Draws times periods times channels times entities of an outlook."""


class Horizon(Parameters):
    """How far a plan goes."""

    periods: int | None = setting(
        None, "Periods that are planned, after the last one of the data; as many before it are the "
        "current plan. Open: a quarter.", unit="periods", ge=1, le=400,
    )  # fmt: skip
    pattern: Flighting = setting(
        "even", "How a channel's money falls on the periods: evenly, or as in the recent ones."
    )
    value_per_sale: float | None = setting(
        None, "Profit of one unit of sales, for gains in money; open: as the settings have it.",
        gt=0, le=1e9,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ahead:
    """What the next periods rest on. Arrays of channels are of those whose spend is known."""

    reading: Reading
    periods: int
    pattern: Flighting

    @cached_property
    def channels(self) -> list[int]:
        """Give the places of the channels that a plan can move."""
        return [c for c, is_paid in enumerate(self.reading.paid) if is_paid]

    @property
    def names(self) -> list[str]:
        """Name them."""
        return [self.reading.channels[c] for c in self.channels]

    @property
    def held(self) -> list[str]:
        """Name the channels whose spend is not known, which stay as they are."""
        return [n for n in self.reading.channels if n not in self.names]

    @cached_property
    def spending(self) -> "Array":
        """Give money spent in every period of the data, `(periods, channels)`."""
        return self.reading.study.features.spend[:, :, self.channels].sum(axis=0)

    @cached_property
    def current(self) -> "Array":
        """Give the current plan: what the recent periods spent, for as many as are planned."""
        from pymc_vibes.stats.media_budget import usual

        return usual(self.spending, periods=self.periods, recent=self.recent)

    @property
    def recent(self) -> int:
        """Count the periods that make the current plan."""
        return min(self.periods, len(self.spending))

    @cached_property
    def shares(self) -> "Array":
        """Give the share of each channel's money that falls on each period ahead."""
        import numpy as np

        even = np.full((self.periods, len(self.channels)), 1 / self.periods)
        if self.pattern == "even":
            return even
        if self.recent < self.periods:
            raise BadConfig(
                f"The data have {len(self.spending)} periods, too few for the pattern of "
                f"{self.periods}.",
                hint="Plan fewer periods, or set pattern to even.",
                fields=[{"field": "pattern", "reason": "needs as many periods before"}],
            )
        past = self.spending[-self.periods :]
        total = past.sum(axis=0)
        return np.where(total > 0, past / np.where(total > 0, total, 1.0), even)

    @cached_property
    def most(self) -> "Array":
        """Give the budgets above which some period would see far more than ever was spent."""
        from pymc_vibes.stats.media_budget import observed

        return observed(self.spending, self.shares)

    @cached_property
    def every(self) -> int:
        """Say every how many-th draw that is read is planned with."""
        draws = len(self.reading.media[0].sigma)
        features = self.reading.study.features
        series = len(self.reading.media) * max(len(self.channels), 1)
        numbers = (self.periods + features.form.spec.lags) * series
        return max(draws // min(max(_MOST_NUMBERS // numbers, 200), MOST_DRAWS), 1)

    @cached_property
    def outlook(self) -> "Outlooks":
        """Give what budgets bring, draw by draw."""
        from pymc_vibes.stats.media_outlook import Outlooks, look_ahead

        lags = self.reading.study.features.form.spec.lags
        parts = []
        for entity, one in enumerate(self._media):
            scale = one.scale[self.channels]
            behind = self.reading.activity[entity][:, self.channels]
            parts.append(
                look_ahead(
                    _response(one, self.channels),
                    history=behind[len(behind) - lags :] / scale,
                    pattern=self.shares,
                    activity_per_money=self._bought[entity] / scale,
                    mu=self._level[entity] if one.link == "log" else None,
                )
            )
        return Outlooks(tuple(parts))

    def sales(self, budget: "Array") -> "Array":
        """Give expected sales of the periods ahead under a budget, `(draws, periods)`."""
        import numpy as np

        total = np.zeros(())
        for one, part, level in zip(self._media, self.outlook.parts, self._level, strict=True):
            terms = part.response.media(part.carried + budget * part.ramp).sum(axis=2)
            mu = (level + terms)[:, : self.periods]
            expected = np.exp(mu) if one.link == "log" else mu
            total = total + one.unit * expected - one.offset
        return total

    @cached_property
    def days(self) -> "np.ndarray":
        """Give the first day of every period ahead, in days since 1970."""
        import numpy as np

        grain, last = self.reading.study.panel.grain, self.reading.study.features.days[-1:]
        anchor = int(last[0]) % 7
        number = period_number(last, grain, anchor=anchor) + np.arange(1, self.periods + 1)
        return period_day(number, grain, anchor=anchor)

    @cached_property
    def _media(self) -> "tuple[MediaDraws, ...]":
        return tuple(one.thinned(self.every) for one in self.reading.media)

    @cached_property
    def _bought(self) -> "Array":
        """Give the activity that a unit of a channel's money buys, `(entities, channels)`."""
        import numpy as np

        lags = self.reading.study.features.form.spec.lags
        active = np.stack([one[lags:, self.channels] for one in self.reading.activity])
        late = self.spending[-self.recent :].sum(axis=0)
        price = np.where(late > 0, late, self.spending.sum(axis=0))
        bought = np.where(late > 0, active[:, -self.recent :].sum(axis=1), active.sum(axis=1))
        return np.asarray(bought / price)

    @cached_property
    def _level(self) -> "list[Array]":
        """Give the linear predictor without the planned channels, and for what they leave behind.

        `(draws, periods and lags)` of each entity.
        """
        from pymc_vibes.stats.media_response import expected_log

        lags = self.reading.study.features.form.spec.lags
        found = []
        for one, activity in zip(self._media, self.reading.activity, strict=True):
            level = self._next_year(one.baseline, self.periods + lags)
            for name in self.held:
                level = level + self._as_of_late(one, activity, self.reading.channels.index(name))
            found.append(expected_log(one, level) if one.link == "log" else level)
        return found

    def _next_year(self, baseline: "Array", periods: int) -> "Array":
        """Go on as in the year before; as on average where there is none."""
        import numpy as np

        known, year = baseline.shape[1], self.reading.usual
        if known < year:
            return np.repeat(baseline.mean(axis=1, keepdims=True), periods, axis=1)
        return baseline[:, known - year + np.arange(periods) % year]

    def _as_of_late(self, one: "MediaDraws", activity: "Array", channel: int) -> "Array":
        """Give the term of a channel that goes on as in the recent periods."""
        import numpy as np

        lags = one.spec.lags
        usual = activity[-self.recent :, channel].mean()
        ahead = np.full(self.periods + lags, usual)
        return one.term(np.concatenate([activity[len(activity) - lags :, channel], ahead]), channel)


def _response(one: "MediaDraws", channels: list[int]) -> "MediaResponse":
    from pymc_vibes.stats.media_response import MediaResponse

    params = {name: drawn[:, channels] for name, drawn in one.params.items()}
    return MediaResponse(spec=one.spec, params=params, link=one.link, scale=one.unit)


def ahead_of(reading: Reading, asked: Horizon) -> Ahead:
    """Look ahead; raises `BadConfig` where no plan can be made of the fit."""
    if reading.config.saturation.kind == "none":
        raise BadConfig(
            "Nothing can be planned from a model without saturation: more of a channel would bring "
            "ever more.",
            hint="Fit the mix with saturation, then ask again.",
            fields=[{"field": "saturation", "reason": "is none"}],
        )
    if not reading.paid.any():
        raise BadConfig(
            "A plan needs channels whose spend is known.", hint="Upload their spend_ columns."
        )
    periods = asked.periods or QUARTER[reading.study.panel.grain]
    return Ahead(reading, periods, asked.pattern)


def value_of(reading: Reading, asked: Horizon) -> float | None:
    """Give what a unit of sales is worth, where somebody said it."""
    return asked.value_per_sale or reading.config.value_per_sale


def budget_place(ahead: Ahead, name: str, field: str) -> int:
    """Find a channel among those that a plan can move."""
    if name in ahead.names:
        return ahead.names.index(name)
    held = name in ahead.held
    reason = f"no spend is known of {name}" if held else f"there is no channel {name[:80]!r}"
    raise BadConfig(
        f"{reason[0].upper()}{reason[1:]}.",
        hint=f"A plan can move: {listed(ahead.names, 20)}.",
        fields=[{"field": field, "reason": reason}],
    )


def findings_of(ahead: Ahead, beyond: Sequence[bool]) -> Iterator[Finding]:
    """List what a plan rests on, and where it leaves what was seen."""
    grain = ahead.reading.study.panel.grain
    far = [name for name, is_far in zip(ahead.names, beyond, strict=True) if is_far]
    if far:
        yield Finding(
            code="beyond-seen", severity="warning",
            text=f"The plan spends more on {join(far)} in a {grain} than 1.2 times the most that "
            "was ever spent: there the form of the curve speaks, not the data.",
        )  # fmt: skip
    if ahead.held:
        yield Finding(
            code="held", severity="note",
            text=f"No spend is known of {join(ahead.held)}: it stays as active as of late.",
        )  # fmt: skip
    yield Finding(
        code="as-before", severity="note",
        text=f"Prices of activity are those of the last {ahead.recent} periods, and all else is as "
        "in the same periods of the year before. What a plan leaves behind counts after its end.",
    )  # fmt: skip
