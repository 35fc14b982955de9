"""What is tried next follows from what failed; the best attempt is kept, and all are told."""

from collections.abc import Callable

import pytest
import xarray as xr

from pymc_vibes.core.answer import Diagnostics, Verdict
from pymc_vibes.core.errors import InferenceFailed
from pymc_vibes.stats.nuts import Sampled, SamplerSettings
from pymc_vibes.stats.nuts.ladder import MAX_ATTEMPTS, Rung, Tried, climb

FIRST = SamplerSettings(draws=500, tune=300, seed=11)
BOTH = ("centered", "non-centered")


def diagnosed(verdict: Verdict = "problem", **found: float | None) -> Diagnostics:
    good = {
        "r_hat_max": 1.0,
        "ess_bulk_min": 900.0,
        "ess_tail_min": 900.0,
        "divergences": 0,
        "ebfmi_min": 0.9,
        "tree_depth_share": 0.0,
    }
    return Diagnostics.model_validate(
        {"method": "nuts", "verdict": verdict, "reasons": ("why",), **good, **found}
    )


GOOD = diagnosed("good")
DIVERGED = diagnosed(divergences=40)
SPLIT = diagnosed(r_hat_max=1.3)
SHORT = diagnosed("warning", ess_bulk_min=150.0)


def answering(*outcomes: Diagnostics) -> Callable[[Rung, int], Tried]:
    """Give these outcomes in turn, the last one for ever."""

    def attempt(rung: Rung, number: int) -> Tried:
        found = outcomes[min(number, len(outcomes)) - 1]
        sampled = Sampled(tree=xr.DataTree(), diagnostics=found)
        return Tried(rung=rung, sampled=sampled, seconds=0.1, compile_seconds=None)

    return attempt


def steps(forms: tuple[str, ...], *outcomes: Diagnostics) -> list[tuple[object, ...]]:
    found = climb(FIRST, forms, answering(*outcomes)).diagnostics
    wanted = ("form", "target_accept", "tune", "draws")
    return [tuple(one.settings[name] for name in wanted) for one in found.attempts]


def test_a_good_attempt_is_the_only_one() -> None:
    assert steps(BOTH, GOOD) == [("centered", 0.9, 300, 500)]


@pytest.mark.parametrize("found", [DIVERGED, diagnosed(ebfmi_min=0.1)])
def test_bad_geometry_asks_for_smaller_steps_and_then_the_other_form(found: Diagnostics) -> None:
    assert steps(BOTH, found, found, found, GOOD) == [
        ("centered", 0.9, 300, 500),
        ("centered", 0.95, 600, 500),
        ("centered", 0.99, 1200, 500),
        ("non-centered", 0.9, 300, 500),
    ]


def test_chains_that_disagree_ask_for_the_other_form_first() -> None:
    assert steps(BOTH, SPLIT, GOOD)[1] == ("non-centered", 0.9, 300, 500)
    assert steps(BOTH[:1], SPLIT, GOOD)[1] == ("centered", 0.95, 600, 500)


def test_chains_that_nearly_agree_are_lengthened_first() -> None:
    nearly = diagnosed("warning", r_hat_max=1.012)

    assert steps(BOTH, nearly, GOOD)[1] == ("centered", 0.9, 300, 1000)


@pytest.mark.parametrize(
    ("ess", "draws"), [(399.0, 1000), (150.0, 2000), (100.0, 3000), (2.0, 4000), (None, 4000)]
)
def test_only_short_chains_are_lengthened_by_what_is_missing(ess: float | None, draws: int) -> None:
    found = diagnosed(ess_tail_min=ess)

    assert steps(BOTH, found, GOOD)[1] == ("centered", 0.9, 300, draws)


def test_chains_never_grow_beyond_eight_times() -> None:
    draws = [step[3] for step in steps(BOTH[:1], SHORT)]

    assert draws == [500, 2000, 4000]


def test_the_number_of_attempts_is_bounded() -> None:
    assert len(steps(BOTH, DIVERGED)) == MAX_ATTEMPTS


def test_no_attempt_differs_by_its_seed_alone() -> None:
    found = climb(FIRST, BOTH, answering(DIVERGED, SPLIT, SHORT, DIVERGED)).diagnostics

    settings = [tuple(one.settings.items()) for one in found.attempts]
    assert {dict(one)["seed"] for one in settings} == {11}
    assert len(set(settings)) == len(settings)


def test_the_best_attempt_is_kept_and_all_are_told() -> None:
    better = diagnosed("warning", divergences=3)

    found = climb(FIRST, BOTH[:1], answering(DIVERGED, better, DIVERGED)).diagnostics

    assert (found.verdict, found.divergences) == ("warning", 3)
    assert [one.divergences for one in found.attempts[:3]] == [40, 3, 40]
    assert all(one.seconds == 0.1 for one in found.attempts)


def test_among_equal_verdicts_more_effective_draws_win() -> None:
    less, more = (diagnosed(divergences=40, ess_bulk_min=ess) for ess in (500.0, 800.0))

    found = climb(FIRST, BOTH[:1], answering(less, more, less)).diagnostics

    assert found.ess_bulk_min == 800


def test_a_later_attempt_that_fails_costs_no_answer() -> None:
    def attempt(rung: Rung, number: int) -> Tried:
        if number == 2:
            raise InferenceFailed("The memory ran out.")
        return answering(DIVERGED)(rung, number)

    found = climb(FIRST, BOTH, attempt).diagnostics

    assert found.divergences == 40
    assert [one.reasons for one in found.attempts] == [("why",), ("The memory ran out.",)]


def test_a_first_attempt_that_fails_is_an_error() -> None:
    def attempt(rung: Rung, number: int) -> Tried:
        raise InferenceFailed(f"{rung.settings.draws} draws, attempt {number}")

    with pytest.raises(InferenceFailed, match="500 draws, attempt 1"):
        climb(FIRST, BOTH, attempt)
