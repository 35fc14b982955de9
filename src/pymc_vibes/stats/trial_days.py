"""The calendar of one person's trial: what was given on which day, which days count, and periods.

A row is one day under one treatment; a day with two treatments has two rows. Treatments are
numbered, 0 is the comparator, `WASHED` is a day of wash-out, on which nothing was given. A day
without a row was given what the last day before it was. Days of wash-out, and the first days after
a change of treatment where that is asked for, do not count; what was given on them still carries
over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.stats.design import carried_over
from pymc_vibes.stats.series import Series
from pymc_vibes.stats.special import Array

type Treatments = NDArray[np.int64]
type Days = NDArray[np.bool_]

WASHED = -1


@dataclass(frozen=True)
class Period:
    """Days `[first, end)` in a row that were mainly given one treatment."""

    number: int
    treatment: int
    first: float
    end: float
    counted: int
    """Its calendar days that are not washed out."""


@dataclass(frozen=True)
class Trial:
    """The rows of one person in the order of days, and what was given."""

    series: Series
    treatment: Treatments
    """Of each row."""
    many: int
    """Treatments, the comparator among them."""
    washout_days: int = 0

    @property
    def first(self) -> float:
        """Give the first day with a row."""
        return float(self.series.day[0])

    @property
    def end(self) -> float:
        """Give the day after the last one with a row."""
        return float(self.series.day[-1]) + 1

    @cached_property
    def calendar(self) -> Array:
        """List all days from the first to the last."""
        return np.arange(self.first, self.end)

    @property
    def has_shared_days(self) -> bool:
        """Say whether a day has several rows that count: two treatments within a day."""
        days = self.series.day[self.kept]
        return len(np.unique(days)) < len(days)

    @cached_property
    def share(self) -> Array:
        """Give the share of each day's rows under each treatment, `(treatments, days)`."""
        found = np.zeros((self.many, len(self.calendar)))
        given = self.treatment != WASHED
        at = self._at(self.series.day)
        np.add.at(found, (self.treatment[given], at[given]), self.series.count[given])
        seen = np.bincount(at, weights=self.series.count, minlength=len(self.calendar))
        found /= np.maximum(seen, 1e-300)
        latest = np.maximum.accumulate(np.where(seen > 0, np.arange(len(seen)), 0))
        return found[:, latest]

    @cached_property
    def main(self) -> Treatments:
        """Give the treatment that most of a day was under: where it is a tie, that before."""
        main = np.full(len(self.calendar), WASHED)
        before = WASHED
        for day, share in enumerate(self.share.T):
            if share.max() > 0:
                is_tie = before != WASHED and share[before] >= share.max()
                main[day] = before if is_tie else int(np.argmax(share))
            else:
                main[day] = WASHED
            before = int(main[day])
        return main

    @cached_property
    def counts(self) -> Days:
        """Say which calendar days count: those that are not washed out."""
        found = np.asarray(self.main != WASHED)
        for change in np.flatnonzero(self._is_change()):
            found[change : change + self.washout_days] = False
        return found

    @cached_property
    def kept(self) -> Days:
        """Say which rows count."""
        return np.asarray(self.counts[self._at(self.series.day)] & (self.treatment != WASHED))

    @cached_property
    def periods(self) -> tuple[Period, ...]:
        """List the periods in turn."""
        return tuple(self._periods())

    @cached_property
    def period_of(self) -> Treatments:
        """Give the number of the period of every calendar day, `WASHED` between them."""
        found = np.full(len(self.calendar), WASHED)
        for period in self.periods:
            found[int(period.first - self.first) : int(period.end - self.first)] = period.number
        return found

    def exposure(self, half_life_days: float) -> Array:
        """Give each day's exposure to treatments but the comparator, `(treatments - 1, days)`."""
        return carried_over(self.share[1:], half_life_days)

    def row_exposure(self, half_life_days: float) -> Array:
        """Give each row's exposure: its own treatment in full, others by what is left of them.

        `(treatments - 1, rows)`.
        """
        kept = 0.5 ** (1 / half_life_days) if half_life_days > 0 else 0.0
        by_day = self.exposure(half_life_days)
        left = kept * np.concatenate([np.zeros((self.many - 1, 1)), by_day[:, :-1]], axis=1)
        own = self.treatment == np.arange(1, self.many)[:, None]
        return np.asarray(np.maximum(own, left[:, self._at(self.series.day)]))

    def observed_days(self, treatment: int) -> int:
        """Count the days with rows of that treatment that count."""
        return len(np.unique(self.series.day[self.kept & (self.treatment == treatment)]))

    def days_of(self, days: Array) -> Treatments:
        """Give the positions of days in the calendar."""
        return self._at(days)

    def _at(self, days: Array) -> Treatments:
        return np.asarray(days - self.first).astype(np.int64)

    def _is_change(self) -> Days:
        given = np.flatnonzero(self.main != WASHED)
        found = np.zeros(len(self.main), dtype=bool)
        found[given[1:]] = self.main[given[1:]] != self.main[given[:-1]]
        return found

    def _periods(self) -> Iterator[Period]:
        edges = np.flatnonzero(np.diff(self.main, prepend=self.main[0] - 1, append=WASHED - 1))
        number = 0
        for start, stop in pairwise(edges):
            treatment = int(self.main[start])
            if treatment == WASHED:
                continue
            counted = int(self.counts[start:stop].sum())
            yield Period(number, treatment, self.first + start, self.first + stop, counted)
            number += 1
