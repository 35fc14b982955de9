"""All treatment schedules that a set of rules admits: how many there are, and any of them fairly.

A schedule gives every slot (a day, or several) a treatment. The rules are an automaton: what may
follow depends only on the current treatment, how long it has run, how often each was given and how
many runs there were. Counting the ways to go on from every state, backwards and in whole numbers,
gives the number of schedules; walking forwards by these counts turns any number below it into its
schedule (Wilf 1977, *A unified setting for sequencing, ranking, and selection algorithms*; Knuth,
*The Art of Computer Programming* 4A, 7.2.1). A uniform number is a uniform schedule: nothing is
drawn and thrown away, however rare admissible schedules are.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pymc_vibes.core.errors import BadConfig, TooLarge

type Treatments = NDArray[np.int8]

MAX_STATES = 200_000
"""Of the automaton: one to four seconds. 90 single days with runs up to 14 have 42 000."""

MAX_LISTED = 100_000
"""Schedules that are listed one by one."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a schedule must be like. Lengths are in slots unless their name says days."""

    slots: int
    """How many slots are given a treatment."""
    slot_days: int = 1
    """Days of a slot, all with one treatment: the least length of a period."""
    treatments: int = 2
    """They are numbered from 0, which is the comparator."""
    min_run: int = 1
    """The same treatment lasts at least so many slots, the last run included."""
    max_run: int | None = None
    """And at most so many; None for no limit."""
    max_imbalance: int | None = None
    """Slots by which any two treatments may differ in the end; None for no limit."""
    block: int | None = None
    """Every block of so many slots gives each treatment equally often: 2 is randomized pairs."""
    order: tuple[int, ...] | None = None
    """The treatments of the runs in turn, as (0, 1, 0, 1) for ABAB; only their lengths vary."""
    washout_days: int = 0
    """Days after every change of treatment that are not analyzed."""

    def __post_init__(self) -> None:
        refused = {field: reason for field, reason, is_bad in self._checks() if is_bad}
        if refused:
            raise BadConfig(
                "; ".join(f"{field} {reason}" for field, reason in refused.items()) + ".",
                fields=[{"field": name, "reason": reason} for name, reason in refused.items()],
            )

    @property
    def days(self) -> int:
        """Give the length of a schedule in days."""
        return self.slots * self.slot_days

    def _checks(self) -> Iterator[tuple[str, str, bool]]:
        yield "slots", "must be 1 or more", self.slots < 1
        yield "slot_days", "must be 1 or more", self.slot_days < 1
        yield "treatments", "must be 2 to 9", not 2 <= self.treatments <= 9
        yield "min_run", "must be 1 or more", self.min_run < 1
        longest = self.min_run if self.max_run is None else self.max_run
        yield "max_run", "must be min_run or more", longest < self.min_run
        yield "max_imbalance", "must be 0 or more", (self.max_imbalance or 0) < 0
        yield "washout_days", "must be 0 or more", self.washout_days < 0
        analyzed = self.min_run * self.slot_days - self.washout_days
        yield "washout_days", "must be shorter than the shortest run", analyzed < 1
        yield from self._block_checks()
        yield from self._order_checks()

    def _block_checks(self) -> Iterator[tuple[str, str, bool]]:
        size = self.treatments if self.block is None else self.block
        is_uneven = size < 1 or bool(size % self.treatments)
        yield "block", "must be a multiple of treatments", is_uneven
        is_cut = self.block is not None and bool(self.slots % max(size, 1))
        yield "slots", "must be a multiple of block", is_cut

    def _order_checks(self) -> Iterator[tuple[str, str, bool]]:
        order = (0,) if self.order is None else self.order
        is_known = bool(order) and all(0 <= one < self.treatments for one in order)
        yield "order", "must name treatments", not is_known
        repeats = any(a == b for a, b in pairwise(order))
        yield "order", "must change the treatment from run to run", repeats


class _State(NamedTuple):
    last: int
    run: int
    runs: int
    """Counted only where the order is given."""
    given: tuple[int, ...]
    """Slots of each treatment, of the block or of all; empty where neither is bounded."""


class _Layer(NamedTuple):
    """What may follow each state of a slot: treatments, next states, and sums of their counts."""

    treatments: list[list[int]]
    following: list[list[int]]
    totals: list[list[int]]


class Schedules:
    """The admissible schedules, numbered from 0 in lexicographic order."""

    def __init__(self, rules: Rules) -> None:
        """Count them.

        Raises `BadConfig` where the rules admit none, `TooLarge` where there are too many states.
        """
        self.rules = rules
        self._layers = _counted(rules)
        self.count: int = self._layers[0].totals[0][-1] if self._layers[0].totals[0] else 0
        """How many there are, exactly."""
        if not self.count:
            raise BadConfig(
                f"No schedule of {rules.slots} slots obeys all of the rules.",
                hint="Allow more slots, longer or shorter runs, or less balance.",
            )

    def numbered(self, number: int) -> Treatments:
        """Give a schedule by its number, 0 to `count - 1`: the treatment of each day, `(days,)`.

        Raises `IndexError` for another number.
        """
        if not 0 <= number < self.count:
            raise IndexError(f"there is no schedule {number}: there are {self.count}")
        slots, state = [], 0
        for layer in self._layers:
            totals = layer.totals[state]
            branch = bisect_right(totals, number)
            number -= totals[branch - 1] if branch else 0
            slots.append(layer.treatments[state][branch])
            state = layer.following[state][branch]
        return np.repeat(np.array(slots, dtype=np.int8), self.rules.slot_days)

    def number_of(self, schedule: Sequence[int] | Treatments) -> int | None:
        """Give the number of a schedule `(days,)`, or None where the rules do not admit it."""
        days = np.asarray(schedule)
        step = self.rules.slot_days
        slots = days[::step]
        if len(days) != self.rules.days or not np.array_equal(np.repeat(slots, step), days):
            return None
        number, state = 0, 0
        for layer, treatment in zip(self._layers, slots.tolist(), strict=True):
            if treatment not in layer.treatments[state]:
                return None
            branch = layer.treatments[state].index(treatment)
            number += layer.totals[state][branch - 1] if branch else 0
            state = layer.following[state][branch]
        return number

    def draw(self, n: int, seed: int) -> Treatments:
        """Draw `n` schedules, `(n, days)`, each uniform and independent of the others."""
        rng = np.random.default_rng(seed)
        return np.stack([self.numbered(_below(rng, self.count)) for _ in range(n)])

    def listed(self) -> Treatments:
        """Give all of them, `(count, days)`, read-only; raises `TooLarge` above 100 000."""
        if self.count > MAX_LISTED:
            raise TooLarge(
                f"There are {self.count:,} schedules, and at most {MAX_LISTED:,} are listed.",
                hint="Draw some of them instead.",
            )
        return self._every

    @cached_property
    def _every(self) -> Treatments:
        every = np.stack([self.numbered(number) for number in range(self.count)])
        every.setflags(write=False)
        return every


def analyzed_days(schedules: Treatments, washout_days: int) -> NDArray[np.bool_]:
    """Tell which days of schedules `(..., days)` are analyzed: not those just after a change.

    The first run starts without a change, so all of it counts.
    """
    changed = np.zeros(schedules.shape, dtype=bool)
    changed[..., 1:] = schedules[..., 1:] != schedules[..., :-1]
    is_washed = np.zeros_like(changed)
    for lag in range(washout_days):
        is_washed[..., lag:] |= changed[..., : changed.shape[-1] - lag]
    return ~is_washed


def _below(rng: np.random.Generator, limit: int) -> int:
    """Draw a whole number below `limit`, of any size, each with the same chance."""
    bits = (limit - 1).bit_length()
    size = (bits + 7) // 8
    while True:  # a number of as many bits is below the limit at least every other time
        number = int.from_bytes(rng.bytes(size), "big") >> (8 * size - bits)
        if number < limit:
            return number


def _counted(rules: Rules) -> list[_Layer]:
    """Find the states that can be reached, slot by slot, then count from the end what follows."""
    layers: list[_Layer] = []
    states = [_start(rules)]
    seen = 1
    for slot in range(rules.slots):
        index: dict[_State, int] = {}
        layer = _Layer([], [], [])
        for state in states:
            follows = list(_following(rules, state, slot))
            layer.treatments.append([one.last for one in follows])
            layer.following.append([index.setdefault(one, len(index)) for one in follows])
        layers.append(layer)
        states = list(index)
        seen += len(states)
        if seen > MAX_STATES:
            raise TooLarge(
                "The rules leave too many kinds of schedules to count.",
                hint="Let a slot have several days, or bound the length of the runs.",
            )
    ways = [int(_may_end(rules, state)) for state in states]
    for layer in reversed(layers):
        ways = _counts(layer, ways)
    return layers


def _counts(layer: _Layer, ways: list[int]) -> list[int]:
    """Keep the branches that lead to an end, and give the number of ends of every state."""
    for state, following in enumerate(layer.following):
        kept = [branch for branch, target in enumerate(following) if ways[target]]
        layer.treatments[state] = [layer.treatments[state][branch] for branch in kept]
        layer.following[state] = [following[branch] for branch in kept]
        layer.totals.append(list(accumulate(ways[target] for target in layer.following[state])))
    return [totals[-1] if totals else 0 for totals in layer.totals]


def _start(rules: Rules) -> _State:
    is_counted = rules.block is not None or rules.max_imbalance is not None
    return _State(-1, 0, 0, (0,) * rules.treatments if is_counted else ())


def _following(rules: Rules, state: _State, slot: int) -> Iterator[_State]:
    """Give the states that may follow in `slot`, by ascending treatment."""
    longest = rules.slots if rules.max_run is None else rules.max_run
    for treatment in _choices(rules, state):
        is_same = treatment == state.last
        if (is_same and state.run >= longest) or not (is_same or _may_change(rules, state)):
            continue
        given = _given(rules, state.given, treatment, slot)
        if given is None:
            continue
        runs = state.runs + (not is_same) if rules.order else 0
        # beyond what the rules ask for, how long a run is does not matter
        run = min(state.run + 1, max(longest, rules.min_run)) if is_same else 1
        if rules.max_run is None:
            run = min(run, rules.min_run)
        yield _State(treatment, run, runs, given)


def _choices(rules: Rules, state: _State) -> Iterator[int]:
    if rules.order is None:
        yield from range(rules.treatments)
        return
    new = rules.order[state.runs : state.runs + 1]
    yield from sorted({*new} | ({state.last} if state.runs else set()))


def _may_change(rules: Rules, state: _State) -> bool:
    return state.last < 0 or state.run >= rules.min_run


def _given(
    rules: Rules, given: tuple[int, ...], treatment: int, slot: int
) -> tuple[int, ...] | None:
    """Count one more slot of a treatment; None where it is more than the rules can bear."""
    if not given:
        return given
    more = tuple(n + (one == treatment) for one, n in enumerate(given))
    if rules.block is not None:
        if more[treatment] > rules.block // rules.treatments:
            return None
        if (slot + 1) % rules.block == 0:
            return (0,) * rules.treatments
        return more
    excess = (rules.treatments - 1) * (rules.max_imbalance or 0)
    return more if more[treatment] <= (rules.slots + excess) // rules.treatments else None


def _may_end(rules: Rules, state: _State) -> bool:
    is_done = rules.order is None or state.runs == len(rules.order)
    is_even = True
    if rules.block is None and state.given:
        is_even = max(state.given) - min(state.given) <= (rules.max_imbalance or 0)
    return is_done and is_even and state.run >= rules.min_run
