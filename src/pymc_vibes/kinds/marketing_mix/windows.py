"""Which periods are fitted, which lend their media to them, and which are kept to predict."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.kinds.marketing_mix.canonical import Panel
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.grain import month_day, month_of
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.stats.calendars import public_holidays

if TYPE_CHECKING:
    import numpy as np

_EPOCH = date(1970, 1, 1)
_MONTH_DAYS = 30.4375


@dataclass(frozen=True, kw_only=True)
class Span:
    """Places of periods: media from `start` on, the likelihood from `fit` to `end` (exclusive)."""

    start: int
    fit: int
    end: int
    stop: int
    """After the last period: those from `end` on are predicted."""
    missing: Mapping[str, tuple[int, int]]
    """What was asked for and the data do not have -> its first day, and the first one after it."""

    @property
    def missing_months(self) -> float:
        """Give how many months were asked for and are not there."""
        days = sum(until - first for first, until in self.missing.values())
        return round(days / _MONTH_DAYS, 1)


def span_of(panel: Panel, config: MarketingMixConfig) -> Span:
    """Lay the windows over the periods; raises `InsufficientData` where nothing is left to fit."""
    windows, stop = config.windows, len(panel.days)
    fit, start = panel.first, 0
    asked: dict[str, tuple[int, int]] = {}
    if windows.estimation_months is not None:
        after = months_before(panel, stop, windows.estimation_months)
        fit = max(_place(panel, after), panel.first)
        asked["sales"] = after, int(panel.days[panel.first])
    if windows.carryover_months is not None:
        after = months_before(panel, fit, windows.carryover_months)
        start = min(_place(panel, after), fit)
        asked["media"] = after, int(panel.days[0])
    end = stop - config.holdout_periods
    if end <= fit:
        raise InsufficientData(
            f"No period is left to fit: {stop - fit} have sales, and {config.holdout_periods} "
            "are held out.",
            hint="Hold out fewer periods.",
        )
    missing = {what: (first, until) for what, (first, until) in asked.items() if first < until}
    return Span(start=start, fit=fit, end=end, stop=stop, missing=missing)


def months_before(panel: Panel, place: int, months: int) -> int:
    """Give the day that lies so many months before the period at `place` begins."""
    import numpy as np

    day = int(panel.days[place]) if place < len(panel.days) else day_after(panel)
    month = month_of(np.array([day]))
    into = day - int(month_day(month)[0])
    first, following = month_day(month - months), month_day(month - months + 1)
    return int(first[0]) + min(into, int(following[0] - first[0]) - 1)


def day_after(panel: Panel) -> int:
    """Give the first day after the last period."""
    last = panel.days[-1:]
    if panel.grain != "month":
        return int(last[0]) + (1 if panel.grain == "day" else 7)
    return int(month_day(month_of(last) + 1)[0])


def holidays_in(panel: Panel, config: MarketingMixConfig) -> "np.ndarray":
    """Count the holidays of each period."""
    import numpy as np

    known = {(day.date() - _EPOCH).days for day in config.holidays}
    if config.holiday_country is not None:
        years = day_of(panel.days[0]), day_of(day_after(panel))
        known |= public_holidays(config.holiday_country, *years)
    days = np.array(sorted(known), dtype=np.int64)
    days = days[(days >= panel.days[0]) & (days < day_after(panel))]
    at = np.searchsorted(panel.days, days, side="right") - 1
    return np.bincount(at, minlength=len(panel.days))


def _place(panel: Panel, day: int) -> int:
    import numpy as np

    return int(np.searchsorted(panel.days, day))
