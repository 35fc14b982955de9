"""The schedule that was observed, as one of those that could have been drawn."""

from dataclasses import dataclass
from datetime import date
from itertools import islice, product
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.n_of_1 import planning_rules as rules
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.model import day_of
from pymc_vibes.kinds.n_of_1.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymc_vibes.stats.schedules import Rules, Schedules, Treatments
    from pymc_vibes.stats.special import Array
    from pymc_vibes.stats.trial_days import Trial

UNKNOWN = -1
"""What was given on a day that no row says anything of."""

_TRIED = 4096  # completions of such days


@dataclass(frozen=True)
class Calendar:
    """Days of a trial, from the first to the last that the settings or the rows name."""

    first: int
    given: "Treatments"
    """`UNKNOWN` where no row that counts says it."""
    mean: "Array"
    count: "Array"


def calendar_of(trial: "Trial", config: NOf1Config) -> Calendar:
    """Lay out the days from the start to the end that the settings or the rows name."""
    import numpy as np

    epoch = date(1970, 1, 1)
    first, end = int(trial.first), int(trial.end)
    if config.start is not None:
        first = min(first, (config.start.date() - epoch).days)
    if config.end is not None:
        end = max(end, (config.end.date() - epoch).days)
    days = end - first
    at = trial.series.day.astype(int) - first
    main = trial.main[trial.days_of(trial.series.day)]
    own = trial.treatment == main
    count = np.bincount(at[own], trial.series.count[own], minlength=days)
    total = np.bincount(at[own], (trial.series.count * trial.series.mean)[own], minlength=days)
    given = np.full(days, UNKNOWN, dtype=np.int8)
    given[at] = main  # wash-out reads as unknown: what was drawn for it is not known
    count[given == UNKNOWN] = 0
    return Calendar(
        first, given, np.divide(total, count, np.full(days, np.nan), where=count > 0), count
    )


def admitted_rules(days: int, config: NOf1Config) -> "Rules":
    """Give the rules that the schedule of so many days was drawn from; refuses where none fit."""
    if config.design is None:
        raise BadConfig(
            "The settings do not say how the schedule was drawn, so there is nothing to compare "
            "it with.",
            hint="Set `design` to the rules that the schedule was drawn from, as the question "
            "`schedule` gives them. A schedule that nobody drew cannot be tested so.",
            fields=[{"field": "design", "reason": "is open"}],
        )
    made = rules.rules_of("own", days, config.design.slot_days, config)
    if made.days != days:
        blocks = f" in blocks of {config.design.block}" if config.design.block else ""
        raise BadConfig(
            f"The trial has {days} days, which are no whole number of slots of "
            f"{config.design.slot_days} days{blocks}.",
            hint="Set start and end to the days of the schedule, the end excluded.",
            fields=[{"field": "design", "reason": f"does not fit {days} days"}],
        )
    return made


def observed(calendar: Calendar, admitted: "Schedules", reading: Reading) -> "Treatments":
    """Give what was given on each day.

    On days without a row, and of wash-out, it is what the rules allow: the first of the ways to
    complete the schedule that is admissible. Such a day has no data, so it decides nothing itself.
    """
    for filled in islice(_completions(calendar.given), _TRIED):
        if admitted.number_of(filled) is not None:
            return filled
    nearest = next(_completions(calendar.given))
    raise BadConfig(
        "The observed schedule is not one of those that could have been drawn by `design`: "
        f"{_why(nearest, calendar.first, admitted.rules, reading)}.",
        hint="Test with the rules that the schedule was really drawn from, on the days that it "
        "was drawn for: start and end set them where the first or the last has no row.",
        fields=[{"field": "design", "reason": "does not admit the observed schedule"}],
    )


def _completions(given: "Treatments") -> "Iterator[Treatments]":
    """Fill unknown days: as before, as after, then in every way where they are few."""
    import numpy as np

    forward, backward = given.copy(), given.copy()
    for day in range(1, len(given)):
        forward[day] = forward[day - 1] if given[day] == UNKNOWN else given[day]
    for day in range(len(given) - 2, -1, -1):
        backward[day] = backward[day + 1] if given[day] == UNKNOWN else given[day]
    forward = np.where(forward == UNKNOWN, backward, forward)
    backward = np.where(backward == UNKNOWN, forward, backward)
    yield forward
    yield backward
    unknown = np.flatnonzero(given == UNKNOWN)
    free = unknown if 2 ** len(unknown) <= _TRIED else np.flatnonzero(forward != backward)
    for choice in product((0, 1), repeat=len(free)):
        filled = forward.copy()
        filled[free] = choice
        yield filled


def _why(given: "Treatments", first: int, asked: "Rules", reading: Reading) -> str:
    """Say what stands against the schedule: the first period that is too short or too long."""
    import numpy as np

    edges = np.flatnonzero(np.diff(given, prepend=-2, append=-2))
    lengths = np.diff(edges)
    shortest = asked.slot_days * asked.min_run
    longest = len(given) if asked.max_run is None else asked.slot_days * asked.max_run
    for start, days in zip(edges.tolist(), lengths.tolist(), strict=False):
        what = (
            f"the period of {reading.name_of(int(given[start]))} from "
            f"{day_of(first + start).isoformat()} has {days} days"
        )
        if days < shortest:
            return f"{what}, fewer than {shortest}"
        if days % asked.slot_days:
            return f"{what}, no multiple of {asked.slot_days}"
        if days > longest:
            return f"{what}, more than {longest}"
    if asked.block is not None:
        return f"a block of {asked.block} slots does not give both treatments equally often"
    if asked.order is not None:
        return f"its {len(lengths)} periods are not in the order of the design"
    return "its treatments are not balanced as the rules ask"
