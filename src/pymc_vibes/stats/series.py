"""The rows of one series of days, the study they belong to, and what counts as 0 and 1.

A row is one day, or one part of a day: rows of a day stand next to each other. A day without rows
is missing, not zero.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.special import Array


@dataclass(frozen=True)
class Series:
    """Rows in the order of time: day numbers (0 is 1970-01-01), means, observation counts."""

    day: Array
    mean: Array
    count: Array
    part: Array | None = None
    """Part of the day, a whole number per row; None where days are not divided."""
    controls: Array | None = None
    """Other series, `(rows, controls)`."""

    def __len__(self) -> int:
        return len(self.day)

    @cached_property
    def days(self) -> Array:
        """List the observed days, each once."""
        return np.unique(self.day)

    @property
    def typical(self) -> float:
        """Give the mean number of observations of a day."""
        return float(np.sum(self.count) / max(len(self.days), 1))

    def between(self, start: float, end: float) -> "Series":
        """Keep the days of `[start, end)`."""
        return self.where((self.day >= start) & (self.day < end))

    def where(self, kept: NDArray[np.bool_]) -> "Series":
        """Keep the rows that are marked."""
        part = None if self.part is None else self.part[kept]
        controls = None if self.controls is None else self.controls[kept]
        return Series(self.day[kept], self.mean[kept], self.count[kept], part, controls)

    def by_day(self, values: Array) -> Array:
        """Average values of rows, `(rows, ...)`, over the observations of each day."""
        at = np.searchsorted(self.days, self.day)
        weights = self.count / np.bincount(at, weights=self.count)[at]
        averaged = np.zeros((len(self.days), *values.shape[1:]))
        np.add.at(averaged, at, (values.T * weights).T)
        return averaged

    def daily(self) -> "Series":
        """Merge the rows of each day."""
        if len(self.days) == len(self.day):
            return replace(self, part=None)
        at = np.searchsorted(self.days, self.day)
        controls = None if self.controls is None else self.by_day(self.controls)
        count = np.bincount(at, weights=self.count)
        return Series(self.days, self.by_day(self.mean), count, None, controls)


@dataclass(frozen=True)
class Change:
    """A change of the days `[first, stop)` that has its whole effect after `onset` days."""

    first: float
    stop: float = np.inf
    onset: int = 1

    def weight(self, days: Array) -> Array:
        """Give the share of the effect that a day has: 0 before, 1 once the onset is over."""
        grown = np.minimum((days - self.first + 1) / self.onset, 1.0)
        return np.where((days >= self.first) & (days < self.stop), grown, 0.0)


@dataclass(frozen=True)
class Window:
    """The days of a study `[first, end)`, and the change under study: from `change` to `stop`."""

    first: float
    change: float
    end: float
    stop: float | None = None
    """First day on which the change is over; None where it lasts."""
    onset: int = 1
    """Days until the effect is there in full; 1 for at once."""

    @property
    def over(self) -> float:
        """Give the first day on which the change is over, the day after the study at the latest."""
        return self.end if self.stop is None else min(self.stop, self.end)

    @property
    def has_end(self) -> bool:
        """Say whether there are days after the change was over."""
        return self.over < self.end

    @property
    def studied(self) -> Change:
        """Give the change under study."""
        return Change(self.change, self.over, self.onset)

    @property
    def days_after(self) -> int:
        """Count the calendar days of the change, observed or not."""
        return int(self.over - self.change)

    @cached_property
    def after(self) -> Array:
        """List the calendar days of the change."""
        return np.arange(self.change, self.over, dtype=float)

    @cached_property
    def afterwards(self) -> Array:
        """List the calendar days after the change was over."""
        return np.arange(self.over, self.end, dtype=float)


@dataclass(frozen=True)
class Standard:
    """What the model counts as 0 and 1: `spread` is also the prior's guess of a day's sd."""

    center: float
    spread: float
    weight: float = 2.0
    """How many days the guess of the sd is worth."""


def standard_of(baseline: Series) -> Standard | None:
    """Standardize by the baseline's own center and spread; None where it never varies."""
    daily = baseline.daily().mean
    center = float(np.average(baseline.mean, weights=baseline.count))
    spread = float(np.std(daily, ddof=1))
    least = 1e-9 * float(np.max(np.abs(daily), initial=0.0))
    return None if spread <= least else Standard(center, spread)
