"""Schedules against a list of all that exist, closed forms, and fairness."""

from itertools import groupby, pairwise, product
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from pymc_vibes.core.errors import BadConfig, TooLarge
from pymc_vibes.stats.schedules import Rules, Schedules, analyzed_days

FALSE_ALARM = 1e-6


def obeys(rules: Rules, slots: tuple[int, ...]) -> bool:
    """Check a schedule against the words of the rules, one after the other."""
    runs = [(treatment, len(list(run))) for treatment, run in groupby(slots)]
    lengths = [length for _, length in runs]
    totals = [slots.count(treatment) for treatment in range(rules.treatments)]
    size = rules.block or 1
    blocks = [slots[start : start + size] for start in range(0, len(slots), size)]
    return all(
        (
            min(lengths) >= rules.min_run,
            rules.max_run is None or max(lengths) <= rules.max_run,
            rules.max_imbalance is None or max(totals) - min(totals) <= rules.max_imbalance,
            rules.order is None or tuple(treatment for treatment, _ in runs) == rules.order,
            rules.block is None
            or all(
                block.count(treatment) * rules.treatments == rules.block
                for block in blocks
                for treatment in range(rules.treatments)
            ),
        )
    )


def by_hand(rules: Rules) -> np.ndarray:
    """List every schedule that exists and keep the admissible ones, in lexicographic order."""
    every = product(range(rules.treatments), repeat=rules.slots)
    kept = [slots for slots in every if obeys(rules, slots)]
    slots = np.array(kept, dtype=np.int8).reshape(len(kept), rules.slots)
    return np.repeat(slots, rules.slot_days, axis=1)


@st.composite
def any_rules(draw: st.DrawFn) -> Rules:
    treatments = draw(st.sampled_from([2, 2, 3]))
    slots = draw(st.integers(1, 12 if treatments == 2 else 7))
    min_run = draw(st.integers(1, 3))
    has_block = draw(st.booleans()) and slots % treatments == 0
    order = draw(st.none() | st.lists(st.integers(0, treatments - 1), min_size=1, max_size=5))
    is_order = order is not None and all(a != b for a, b in pairwise(order))
    return Rules(
        slots=slots,
        slot_days=draw(st.integers(1, 2)),
        treatments=treatments,
        min_run=min_run,
        max_run=draw(st.none() | st.integers(min_run, 6)),
        max_imbalance=draw(st.none() | st.integers(0, 4)),
        block=draw(st.sampled_from([treatments, slots])) if has_block else None,
        order=tuple(order) if is_order and order else None,
    )


@settings(max_examples=150, deadline=None)
@given(rules=any_rules())
def test_the_admissible_schedules_are_those_that_obey_every_rule(rules: Rules) -> None:
    expected = by_hand(rules)
    assume(len(expected))

    schedules = Schedules(rules)

    assert schedules.count == len(expected)
    assert np.array_equal(schedules.listed(), expected)
    assert [schedules.number_of(one) for one in expected] == list(range(len(expected)))


@settings(max_examples=60, deadline=None)
@given(rules=any_rules())
def test_rules_that_nothing_obeys_are_refused(rules: Rules) -> None:
    assume(not len(by_hand(rules)))

    with pytest.raises(BadConfig, match="obeys all of the rules"):
        Schedules(rules)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules(slots=200), 2**200),
        (Rules(slots=120, max_imbalance=0), comb(120, 60)),
        (Rules(slots=60, block=2), 2**30),
        (Rules(slots=60, block=6), comb(6, 3) ** 10),
        (Rules(slots=30, treatments=3, block=3), 6**10),
        (Rules(slots=90, order=(0, 1), min_run=8), 90 - 2 * 8 + 1),
        (Rules(slots=90, order=(0, 1, 0, 1), min_run=14), comb(90 - 4 * 14 + 3, 3)),
        (Rules(slots=90, order=(0,)), 1),
        (Rules(slots=40, max_run=2), 2 * 165_580_141),  # the 41st Fibonacci number
    ],
)
def test_counts_are_exact_where_a_closed_form_is_known(rules: Rules, expected: int) -> None:
    assert Schedules(rules).count == expected


@pytest.mark.parametrize(
    "rules",
    [
        Rules(slots=10, min_run=2, max_run=4, max_imbalance=2),
        Rules(slots=12, order=(0, 1, 0, 1), min_run=2, slot_days=2),
        Rules(slots=8, block=4),
        Rules(slots=6, treatments=3, max_imbalance=1, max_run=2),
    ],
)
def test_every_schedule_is_drawn_equally_often(rules: Rules) -> None:
    schedules = Schedules(rules)
    draws = 40 * schedules.count
    numbers = [schedules.number_of(one) for one in schedules.draw(draws, seed=11)]

    seen = np.bincount(np.array(numbers, dtype=int), minlength=schedules.count)

    statistic = np.sum((seen - 40) ** 2 / 40)
    assert statistic < chi2.isf(FALSE_ALARM, schedules.count - 1)
    assert statistic > chi2.ppf(FALSE_ALARM, schedules.count - 1)  # nor too even


def test_numbers_beyond_a_machine_word_are_drawn_evenly() -> None:
    schedules = Schedules(Rules(slots=90, min_run=2, max_run=9, max_imbalance=6))
    assert schedules.count > 2**54

    draws = schedules.draw(4_000, seed=5)
    places = np.array([(schedules.number_of(one) or 0) * 20 // schedules.count for one in draws])

    seen = np.bincount(places, minlength=20)
    assert np.sum((seen - 200) ** 2 / 200) < chi2.isf(FALSE_ALARM, 19)


def test_a_seed_repeats_its_draws() -> None:
    schedules = Schedules(Rules(slots=20, max_imbalance=0))

    first, again, other = (schedules.draw(50, seed) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("schedule", [[0, 0, 1, 1, 0], [0, 1, 1, 0, 0, 0], [0, 0, 2, 2], [0] * 8])
def test_what_the_rules_do_not_admit_has_no_number(schedule: list[int]) -> None:
    schedules = Schedules(Rules(slots=4, slot_days=2, max_run=2))

    assert schedules.number_of(schedule) is None


def test_days_after_a_change_are_washed_out() -> None:
    schedules = np.array([[0, 0, 0, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0]], dtype=np.int8)

    found = analyzed_days(schedules, 2)

    assert found.astype(int).tolist() == [[1, 1, 1, 0, 0, 1, 0, 0], [1, 1, 0, 0, 1, 1, 1, 1]]
    assert analyzed_days(schedules, 0).all()


@pytest.mark.parametrize(
    "settings_",
    [
        {"slots": 0},
        {"slots": 4, "slot_days": 0},
        {"slots": 4, "treatments": 1},
        {"slots": 4, "min_run": 0},
        {"slots": 4, "min_run": 3, "max_run": 2},
        {"slots": 4, "max_imbalance": -1},
        {"slots": 4, "washout_days": 1},
        {"slots": 4, "washout_days": -1},
        {"slots": 4, "block": 3},
        {"slots": 5, "block": 2},
        {"slots": 5, "block": 0},
        {"slots": 4, "order": ()},
        {"slots": 4, "order": (0, 2)},
        {"slots": 4, "order": (0, 0)},
    ],
)
def test_rules_that_make_no_sense_are_refused(settings_: dict[str, int]) -> None:
    with pytest.raises(BadConfig):
        Rules(**settings_)


def test_what_is_too_large_is_refused() -> None:
    schedules = Schedules(Rules(slots=17))

    with pytest.raises(TooLarge, match="131,072"):
        schedules.listed()
    with pytest.raises(TooLarge, match="kinds of schedules"):
        Schedules(Rules(slots=365, min_run=5, max_run=30, max_imbalance=10))
    with pytest.raises(IndexError):
        schedules.numbered(schedules.count)
