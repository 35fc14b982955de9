"""What questions to a marketing mix have in common: whether they may be answered, and of what."""

from datetime import date
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from pymc_vibes.core.answer import Table
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig, NotTrusted
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import day_of, listed
from pymc_vibes.kinds.marketing_mix.reading import Reading, reading_of
from pymc_vibes.kinds.marketing_mix.words import not_trusted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

_EPOCH = date(1970, 1, 1)


class Between(Parameters):
    """A part of the fitted periods."""

    start: Instant | None = setting(
        None, "Periods that begin before this instant are left out; open: from the first on."
    )
    end: Instant | None = setting(
        None, "Periods that begin at this instant or later are left out; open: to the last fitted "
        "one.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_window(self.start, self.end)
        return self


def trusted(posterior: Posterior, config: MarketingMixConfig) -> Reading:
    """Give the reading of a fit whose chains agree; else raise `NotTrusted`, and show nothing."""
    reading = reading_of(posterior, config)
    if reading.is_trusted:
        return reading
    raise NotTrusted(
        not_trusted(reading),
        hint="Fit it again with more tune and draws, or with fewer channels and controls. The "
        "run's diagnostics say what was tried.",
    )


def window_of(reading: Reading, asked: Between) -> slice:
    """Give the places of the fitted periods that are asked about; `BadConfig` where there is none.

    A period belongs to the day on which it begins.
    """
    import numpy as np

    days = reading.study.days
    start = 0 if asked.start is None else np.searchsorted(days, _day(asked.start.date()))
    stop = len(days) if asked.end is None else np.searchsorted(days, _day(asked.end.date()))
    if start < stop:
        return slice(int(start), int(stop))
    raise BadConfig(
        "No fitted period begins between start and end.",
        hint=f"They begin from {day_of(days[0])} to {day_of(days[-1])}.",
        fields=[{"field": "start", "reason": "leaves no period before end"}],
    )


def _day(day: date) -> int:
    return (day - _EPOCH).days


def channel_index(reading: Reading, name: str, field: str = "channel") -> int:
    """Find a channel by name."""
    if name in reading.channels:
        return reading.channels.index(name)
    raise _unknown(field, f"there is no channel {name[:80]!r}", reading.channels)


def channel_indices(reading: Reading, names: "Sequence[str]", field: str) -> list[int]:
    """Find channels by name; no name means all."""
    if not names:
        return list(range(len(reading.channels)))
    return [channel_index(reading, name, field) for name in dict.fromkeys(names)]


def entity_index(reading: Reading, name: str, field: str = "entity") -> int:
    """Find an entity that was fitted as such."""
    entities = reading.study.panel.entities
    if name in entities:
        return entities.index(name)
    apart = reading.config.panel == "entities"
    reason = f"there is no entity {name[:80]!r}" if apart else "entities were added up"
    hint = None if apart else "Fit with panel=entities to ask about one of them."
    raise _unknown(field, reason, entities, hint)


def _unknown(field: str, reason: str, known: "Sequence[str]", hint: str | None = None) -> BadConfig:
    return BadConfig(
        f"{reason[0].upper()}{reason[1:]}.",
        hint=hint or f"There are: {listed(known, 20)}.",
        fields=[{"field": field, "reason": reason}],
    )


def window_words(reading: Reading, window: slice) -> str:
    """Name the first and the last period of a window."""
    days = reading.study.days
    return f"{day_of(days[window.start])} to {day_of(days[window.stop - 1])}"


def records(table: Table) -> "list[JsonValue]":
    """Give the rows of a table for programs, by the names of its columns."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
