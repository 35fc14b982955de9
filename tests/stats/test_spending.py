"""Boundaries against published tables, brute force, and the error rate they promise."""

from math import exp, inf, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats import crossing
from pymc_vibes.stats.crossing import exit_chances
from pymc_vibes.stats.spending import (
    Guard,
    HwangShihDeCani,
    Look,
    ObrienFleming,
    Pocock,
    Spending,
    next_look,
    plan_looks,
    repeated_interval,
)

EVERY = (ObrienFleming(), Pocock(), HwangShihDeCani(-4.0), HwangShihDeCani(0.0), HwangShihDeCani(2))


def equal(looks: int) -> list[float]:
    return [(k + 1) / looks for k in range(looks)]


def scores(fractions: list[float], n: int, seed: int) -> np.ndarray:
    """Give Z at every look of `n` trials without an effect, `(n, looks)`."""
    steps = np.diff([0.0, *fractions])
    paths = np.random.default_rng(seed).normal(size=(n, len(steps))) * np.sqrt(steps)
    return np.asarray(paths.cumsum(axis=1) / np.sqrt(fractions))


# Two-sided 0.05, equal looks, as gsDesign gives them for alpha 0.025 with sfLDOF and sfLDPocock.
# HSD(-4) with three looks is the default of gsDesign, which prints 3.0107, 2.5465, 1.9992.
@pytest.mark.parametrize(
    ("spending", "expected"),
    [
        (ObrienFleming(), [2.9626, 1.9686]),
        (ObrienFleming(), [3.7103, 2.5114, 1.9930]),
        (ObrienFleming(), [4.3326, 2.9631, 2.3590, 2.0141]),
        (ObrienFleming(), [4.8769, 3.3570, 2.6803, 2.2898, 2.0310]),
        (Pocock(), [2.1570, 2.2010]),
        (Pocock(), [2.2794, 2.2949, 2.2959]),
        (Pocock(), [2.3683, 2.3675, 2.3582, 2.3500]),
        (Pocock(), [2.4380, 2.4268, 2.4102, 2.3966, 2.3860]),
        (HwangShihDeCani(-4.0), [3.0107, 2.5465, 1.9992]),
    ],
)
def test_boundaries_are_the_published_ones_to_four_decimals(
    spending: Spending, expected: list[float]
) -> None:
    looks = plan_looks(Guard(spending=spending), equal(len(expected)))

    assert [look.boundary for look in looks] == pytest.approx(expected, abs=5.1e-5)


# Armitage, McPherson and Rowe 1969, *JRSS A* 132, 235-244: testing at 0.05 at every look
@pytest.mark.parametrize(
    ("looks", "expected"),
    [(2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248), (50, 0.320)],
)
def test_repeated_testing_errs_as_often_as_published(looks: int, expected: float) -> None:
    z = -ndtri(0.025)

    up, down = exit_chances(equal(looks), [z] * looks, [-z] * looks)

    assert up.sum() + down.sum() == pytest.approx(expected, abs=5.1e-4)


# Jennison and Turnbull 2000, *Group Sequential Methods*, chapter 2: two-sided 0.05, power 0.9. The
# constant of Pocock (table 2.1) or of O'Brien and Fleming (table 2.3), and the factor by which the
# largest information grows.
@pytest.mark.parametrize(
    ("looks", "constant", "power", "factor"),
    [
        (2, 2.178, 0.0, 1.100),
        (5, 2.413, 0.0, 1.207),
        (2, 1.977, 0.5, 1.007),
        (5, 2.040, 0.5, 1.026),
        (10, 2.087, 0.5, 1.037),
    ],
)
def test_power_and_error_of_classic_designs_are_the_published_ones(
    looks: int, constant: float, power: float, factor: float
) -> None:
    fractions = equal(looks)
    upper = [constant * t**-power for t in fractions]
    lower = [-limit for limit in upper]
    drift = sqrt(factor) * float(ndtri(0.975) + ndtri(0.9))

    at_null = exit_chances(fractions, upper, lower)
    at_effect = exit_chances(fractions, upper, lower, drift=drift)

    # half a thousandth of the constant is 1e-4 of error rate, of both together 3e-4 of power
    assert sum(map(np.sum, at_null)) == pytest.approx(0.05, abs=1e-4)
    assert at_effect[0].sum() == pytest.approx(0.9, abs=3e-4)


def test_two_looks_agree_with_plain_quadrature() -> None:
    fractions, upper, lower = [0.3, 1.1], [2.2, 2.0], [-1.0, -3.0]
    drift = 1.3

    def second(z: float) -> float:
        density = exp(-0.5 * (z - drift * sqrt(0.3)) ** 2) / sqrt(2 * np.pi)
        mean = z * sqrt(0.3) + drift * 0.8
        return density * float(ndtr((mean - 2.0 * sqrt(1.1)) / sqrt(0.8)))

    up, down = exit_chances(fractions, upper, lower, drift=drift)

    assert up[0] == pytest.approx(ndtr(drift * sqrt(0.3) - 2.2), rel=1e-12)
    assert down[0] == pytest.approx(ndtr(-1.0 - drift * sqrt(0.3)), rel=1e-12)
    assert up[1] == pytest.approx(quad(second, -1.0, 2.2, epsabs=1e-13)[0], rel=1e-10)


def test_exits_agree_with_brute_force() -> None:
    fractions, n = [0.2, 0.23, 0.6, 1.25], 400_000
    looks = plan_looks(Guard(spending=Pocock(), error_rate=0.2), fractions)
    upper = np.array([look.boundary for look in looks])
    drift = 1.5
    z = scores(fractions, n, seed=1) + drift * np.sqrt(fractions)
    crossed = np.abs(z) >= upper
    first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), len(looks))
    side = z[np.arange(n), np.minimum(first, len(looks) - 1)] > 0

    up, down = exit_chances(fractions, upper, -upper, drift=drift)

    for chances, is_side in ((up, side), (down, ~side)):
        counts = np.array([np.sum((first == k) & is_side) for k in range(len(looks))])
        error = np.sqrt(n * chances * (1 - chances))
        assert np.all(np.abs(counts - n * chances) < 6 * error + 1)  # 1: rare counts are not normal


def test_nodes_twice_as_dense_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fractions = [0.1, 0.3, 0.6, 0.6001, 0.7, 1.3]
    coarse = plan_looks(Guard(spending=Pocock()), fractions)
    monkeypatch.setattr(crossing, "_PANEL", crossing._PANEL / 2)  # noqa: SLF001 the claim is about it

    fine = plan_looks(Guard(spending=Pocock()), fractions)

    assert [look.boundary for look in coarse] == pytest.approx(
        [look.boundary for look in fine], abs=1e-12
    )


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("spending", EVERY)
def test_daily_looks_keep_the_error_rate(spending: Spending, sides: int) -> None:
    fractions = equal(45)
    guard = Guard(spending=spending, sides=1 if sides == 1 else 2)
    boundaries = np.array([look.boundary for look in plan_looks(guard, fractions)])
    z = scores(fractions, 100_000, seed=2)

    wrong = np.any((np.abs(z) if sides == 2 else z) >= boundaries, axis=1)

    assert abs(wrong.mean() - 0.05) < 5 * sqrt(0.05 * 0.95 / len(z))  # false alarm: 6e-7


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.floats(0.01, 0.5), min_size=1, max_size=8),
    spending=st.sampled_from(EVERY),
    sides=st.sampled_from([1, 2]),
)
def test_any_unplanned_looks_spend_exactly_what_is_allowed(
    steps: list[float], spending: Spending, sides: int
) -> None:
    guard = Guard(spending=spending, sides=1 if sides == 1 else 2)
    fractions = np.cumsum(steps).tolist()
    done: list[Look] = []
    for fraction in fractions:
        done.append(next_look(guard, done, fraction))

    upper = [look.boundary for look in done]
    lower = [-limit for limit in upper] if sides == 2 else None
    up, down = exit_chances(fractions, upper, lower)

    spent = np.cumsum(up + down)
    allowed = [sides * guard.allowed(fraction) for fraction in fractions]
    assert spent == pytest.approx(allowed, abs=1e-12)
    assert [look.spent for look in done] == pytest.approx(spent, abs=1e-12)


def test_a_look_depends_only_on_those_before_it() -> None:
    guard = Guard(spending=ObrienFleming())
    planned = plan_looks(guard, [0.2, 0.55, 0.9, 1.0])

    for k, look in enumerate(planned):
        again = next_look(guard, planned[:k], look.fraction)
        assert again.boundary == pytest.approx(look.boundary, abs=1e-12)


def test_a_last_look_below_the_plan_spends_all_that_is_left() -> None:
    guard = Guard(spending=ObrienFleming())
    first = plan_looks(guard, [0.5])

    early = next_look(guard, first, 0.8)
    last = next_look(guard, first, 0.8, is_last=True)

    assert last.boundary < early.boundary
    assert last.spent == pytest.approx(0.05, abs=1e-12)
    assert plan_looks(guard, [0.5, 0.8], is_last=True)[-1].boundary == pytest.approx(last.boundary)


def test_more_information_than_planned_uses_the_correlation_there_is() -> None:
    guard = Guard(spending=ObrienFleming())
    first = plan_looks(guard, [0.5])

    planned, over = next_look(guard, first, 1.0), next_look(guard, first, 1.5)

    assert over.spent == pytest.approx(0.05, abs=1e-12)
    # less correlated looks need a little more
    assert planned.boundary < over.boundary < -ndtri((0.05 - first[0].spent) / 2)


def test_after_all_is_spent_no_look_can_end_the_trial() -> None:
    guard = Guard(spending=Pocock())
    done = plan_looks(guard, [0.5, 1.0])

    late = next_look(guard, done, 1.2)

    assert late.boundary == inf
    assert late.spent == pytest.approx(0.05, abs=1e-12)


def test_a_look_without_a_share_leaves_it_to_the_next() -> None:
    guard = Guard(spending=ObrienFleming())

    tiny, later = plan_looks(guard, [0.02, 0.5])

    assert tiny.boundary == inf
    assert tiny.spent == 0.0
    assert later.boundary == pytest.approx(plan_looks(guard, [0.5])[0].boundary, abs=1e-9)


def test_repeated_intervals_hold_the_effect_at_every_look() -> None:
    guard = Guard(spending=Pocock())
    fractions, effect, at_end = equal(6), 3.0, 0.7
    errors = at_end / np.sqrt(fractions)
    looks = plan_looks(guard, fractions)
    estimates = effect + scores(fractions, 4_000, seed=3) * errors

    ends = np.array(
        [
            [repeated_interval(*pair, look, guard) for pair, look in zip(row, looks, strict=True)]
            for row in (zip(values, errors, strict=True) for values in estimates.tolist())
        ]
    )
    missed = np.any((ends[..., 0] > effect) | (ends[..., 1] < effect), axis=1)

    assert abs(missed.mean() - 0.05) < 5 * sqrt(0.05 * 0.95 / 4_000)


def test_a_one_sided_interval_is_open_above() -> None:
    guard = Guard(spending=Pocock(), sides=1)
    [look] = plan_looks(guard, [1.0])

    low, high = repeated_interval(2.0, 0.5, look, guard)

    assert low == pytest.approx(2.0 + 0.5 * ndtri(0.05))
    assert high == inf


def test_spending_functions_are_the_published_formulas() -> None:
    t, rate = 0.37, 0.025

    assert Pocock().spent(rate, t) == pytest.approx(rate * log(1 + (exp(1) - 1) * t))
    assert ObrienFleming().spent(rate, t) == pytest.approx(
        2 - 2 * ndtr(ndtri(1 - rate / 2) / sqrt(t))
    )
    for gamma in (-4.0, 1.0, 40.0, -40.0):
        formula = rate * (1 - exp(-gamma * t)) / (1 - exp(-gamma))
        assert HwangShihDeCani(gamma).spent(rate, t) == pytest.approx(formula, rel=1e-12)
    assert HwangShihDeCani(1e-8).spent(rate, t) == pytest.approx(rate * t, rel=1e-7)


@pytest.mark.parametrize("fractions", [[0.5, 0.5], [0.5, 0.4], [0.0, 1.0], [-1.0], [inf]])
def test_information_that_does_not_grow_is_refused(fractions: list[float]) -> None:
    with pytest.raises(BadConfig):
        plan_looks(Guard(spending=Pocock()), fractions)


def test_settings_out_of_bounds_are_refused() -> None:
    with pytest.raises(BadConfig):
        Guard(spending=Pocock(), error_rate=0.5)
    with pytest.raises(BadConfig):
        HwangShihDeCani(float("nan"))
    with pytest.raises(ValueError, match="as many boundaries"):
        exit_chances([0.5, 1.0], [2.0])
