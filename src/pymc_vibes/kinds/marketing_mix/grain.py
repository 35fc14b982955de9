"""How long a period is, told by the distances between the dates of each entity.

Dates are days since 1970. A period has a number that counts up by one from a period to the next, so
that gaps can be counted: days as they are, weeks from their own first day, months of the calendar.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.special import Array

type Grain = Literal["day", "week", "month"]

ORDER: tuple[Grain, ...] = ("day", "week", "month")
PER_WEEK = {"day": 7.0, "week": 1.0, "month": 12 / 52}
"""How many periods fall on a week."""
_FURTHEST = 32  # days: what is further apart is a gap whatever the grain


@dataclass(frozen=True, eq=False)
class Rhythm:
    """The distances between one entity's dates, for every entity."""

    grain: Grain | None
    """Of the most dates; None where distances fit no grain."""
    own: "np.ndarray"
    """Place in `ORDER` of every entity's own grain; -1 where it fits none, -2 for one date."""
    irregular: "np.ndarray"
    """Rows whose distance to the one before is no whole number of periods."""
    gaps: "np.ndarray"
    """Rows that come more than one period after the one before."""


def rhythm(who: "np.ndarray", day: "np.ndarray") -> Rhythm:
    """Tell the grain of dates that are sorted by entity and date, each once."""
    import numpy as np

    entities = int(who.max(initial=-1)) + 1
    later = np.flatnonzero(who[1:] == who[:-1]) + 1
    apart = np.minimum(day[later] - day[later - 1], _FURTHEST)
    is_monthly = _on_months(who, day)
    own = _own_grain(who[later], apart, is_monthly, entities)
    known = own[own >= 0]
    if not len(known):
        nothing = np.zeros(0, dtype=np.int64)
        return Rhythm(None, own, nothing, nothing)
    # an entity with more dates has more to say
    dates = np.bincount(who, minlength=entities)
    votes = np.bincount(known, weights=dates[own >= 0], minlength=len(ORDER))
    grain = ORDER[int(votes.argmax())]
    step = _steps(day, later, grain)
    return Rhythm(grain, own, later[step == 0], later[step > 1])


def period_number(day: "np.ndarray", grain: Grain, *, anchor: int) -> "np.ndarray":
    """Give the number of the period of each day; weeks begin on the weekday of `anchor`."""
    import numpy as np

    if grain == "day":
        return np.asarray(day, dtype=np.int64)
    if grain == "week":
        return np.asarray((day - anchor) // 7, dtype=np.int64)
    return month_of(day)


def period_day(number: "np.ndarray", grain: Grain, *, anchor: int) -> "np.ndarray":
    """Give the first day of periods by number."""
    import numpy as np

    if grain == "day":
        return np.asarray(number, dtype=np.int64)
    if grain == "week":
        return np.asarray(number * 7 + anchor, dtype=np.int64)
    return month_day(number)


def month_of(day: "np.ndarray") -> "np.ndarray":
    """Count the months from 1970 to each day."""
    import numpy as np

    return np.asarray(day).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_day(month: "np.ndarray") -> "np.ndarray":
    """Give the first day of each month."""
    import numpy as np

    return np.asarray(month).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def days_in(number: "np.ndarray", grain: Grain) -> "Array":
    """Give the days of each period."""
    import numpy as np

    first = period_day(number, grain, anchor=0)
    return np.asarray(period_day(number + 1, grain, anchor=0) - first, dtype=float)


def _own_grain(
    who: "np.ndarray", apart: "np.ndarray", is_monthly: "np.ndarray", entities: int
) -> "np.ndarray":
    """Take the most common distance of each entity; the shorter one of equally common ones."""
    import numpy as np

    places = who * (_FURTHEST + 1) + apart
    counted = np.bincount(places, minlength=entities * (_FURTHEST + 1))
    table = counted.reshape(entities, _FURTHEST + 1)
    usual = table.argmax(axis=1)
    own = np.full(entities, -1)
    own[usual == 1] = 0
    own[usual == 7] = 1
    own[(usual >= 28) & is_monthly] = 2
    own[table.sum(axis=1) == 0] = -2
    return own


def _on_months(who: "np.ndarray", day: "np.ndarray") -> "np.ndarray":
    """Say of each entity whether all its dates are the same day, or the last one, of a month."""
    import numpy as np

    entities = int(who.max(initial=-1)) + 1
    same = np.ones(entities, dtype=bool)
    ends = np.ones(entities, dtype=bool)
    if not len(day):
        return same
    in_month, is_last = _in_month(day)
    first = in_month[np.searchsorted(who, np.arange(entities))]
    same[who[in_month != first[who]]] = False
    ends[who[~is_last]] = False
    return same | ends


def _in_month(day: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    month = month_of(day)
    return day - month_day(month), month_of(day + 1) > month


def _steps(day: "np.ndarray", later: "np.ndarray", grain: Grain) -> "np.ndarray":
    """Count the periods from the date before; 0 where they are no whole number."""
    import numpy as np

    apart = day[later] - day[later - 1]
    if grain == "day":
        return np.asarray(apart)
    if grain == "week":
        return np.where(apart % 7 == 0, apart // 7, 0)
    in_month, is_last = _in_month(day)
    same = (in_month[later] == in_month[later - 1]) | (is_last[later] & is_last[later - 1])
    month = period_number(day, "month", anchor=0)
    return np.where(same, month[later] - month[later - 1], 0)
