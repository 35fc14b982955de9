"""n-of-1 trials: what is said, who is compared, what counts, and what is odd."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.contract.bench import Bench
from tests.kinds.trials import (
    BLOCKS,
    KIND,
    NAMES,
    answer,
    codes,
    renamed,
    settings,
    table,
    table_of,
    trial,
)
from tests.stats.interrupted_worlds import ar1


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


# what is said


@pytest.mark.parametrize(
    ("direction", "effect", "said", "action"),
    [
        ("higher", 8.0, "is higher by about", "stay with drug"),
        ("higher", -8.0, "is lower by about", "stay with placebo"),
        ("lower", -8.0, "is lower by about", "stay with drug"),
        ("lower", 8.0, "is higher by about", "stay with placebo"),
    ],
)
def test_the_direction_of_benefit_decides(
    bench: Bench, direction: str, effect: float, said: str, action: str
) -> None:
    _, summary = answer(bench, trial(effect), settings(direction=direction))

    assert said in summary.headline
    assert ("for the better" in summary.headline) == (action == "stay with drug")
    assert summary.decision is not None
    assert summary.decision.action == action


def test_no_effect_is_left_open(bench: Bench) -> None:
    _, summary = answer(bench, trial(0.0))

    assert summary.headline.startswith("It is open whether drug helps")
    assert summary.decision is not None
    assert summary.decision.action == "keep alternating"


def test_practically_no_effect_is_said(bench: Bench) -> None:
    _, summary = answer(bench, trial(0.0), settings(smallest_effect=20.0))

    assert "practically the same" in summary.headline
    assert summary.decision is not None
    assert summary.decision.tone == "same"


def test_a_wide_interval_names_no_effect(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, trial(8.0), settings(widest_interval=0.3))
    summary = KIND.summarize(posterior, config)

    assert summary.headline.startswith("Not enough information")
    assert summary.decision is not None
    assert summary.decision.action == "collect more days"
    assert all(claim.tone != "higher" for claim in summary.claims)
    titles = [figure.title for figure in KIND.figures(posterior, config)]
    assert not any("about" in title or "is better" in title for title in titles)


def test_chances_of_the_three_zones_add_up(bench: Bench) -> None:
    chances = {}
    for direction in ("higher", "lower"):
        config = settings(smallest_effect=1.0, direction=direction)
        _, summary = answer(bench, trial(2.0), config)
        chances[direction] = table_of(summary, "effects")["drug"]

    none = chances["higher"]["chance_practically_none"]
    parts = [chances[side]["chance_benefit_of_interest"] for side in ("higher", "lower")]
    assert none + sum(parts) == pytest.approx(1.0)


# who is compared


@pytest.mark.parametrize(
    ("present", "comparator"),
    [
        (("Control", "a"), "Control"),
        (("Baseline", "placebo"), "Baseline"),
        (("PLACEBO", "an aspirin"), "PLACEBO"),
        (("A", "B"), "A"),
        (("walk", "run"), "run"),
    ],
)
def test_the_comparator_is_known_by_its_name(
    bench: Bench, present: tuple[str, str], comparator: str
) -> None:
    events = renamed(trial(5.0), {"placebo": present[0], "drug": present[1]})

    _, summary = answer(bench, events)

    assert summary.context["comparator"] == comparator


def test_the_comparator_that_is_named_is_taken(bench: Bench) -> None:
    posterior, _ = answer(bench, trial(5.0))
    turned, summary = answer(bench, trial(5.0), settings(comparator="drug"))

    assert summary.context["treatment"] == "placebo"
    one, other = (p["effect"].distribution.mean()[0] for p in (posterior, turned))
    assert one == pytest.approx(-other, abs=0.3)


def test_several_treatments_have_effects_of_their_own(bench: Bench) -> None:
    given = np.repeat(np.tile([0, 1, 2], 4), 7)

    posterior, summary = answer(bench, trial(9.0, given=given), settings(treatment="tea"))

    assert posterior["effect"].labels == ("ana",)
    assert posterior["other_effects"].labels == ("ana | drug",)
    effects = table_of(summary, "effects")
    assert list(effects) == ["tea", "drug"]
    assert effects["drug"]["low"] > 3.0
    assert effects["tea"]["low"] < 0.0 < effects["tea"]["high"]


def test_days_of_wash_out_do_not_count(bench: Bench) -> None:
    spoiled = np.array(["washout" if i % 10 < 2 else NAMES[k] for i, k in enumerate(BLOCKS)])
    noise = 50 + 4 * ar1(80, 0.4, np.random.default_rng(1))
    values = noise + 8 * (spoiled == "drug") + 500 * (spoiled == "washout")

    _, summary = answer(bench, table(values, list(spoiled)))

    assert table_of(summary, "calendar")["wash-out"]["washed_out_days"] == 16
    assert table_of(summary, "effects")["drug"]["high"] < 15.0


def test_washed_out_days_after_changes_are_counted(bench: Bench) -> None:
    _, summary = answer(bench, trial(5.0), settings(washout_days=3))

    calendar = table_of(summary, "calendar")
    washed = [calendar[name]["washed_out_days"] for name in ("placebo", "drug")]
    assert washed == [6, 6]
    assert calendar["drug"]["days_that_count"] == 34


def test_two_treatments_on_one_day_are_compared_within_it(bench: Bench) -> None:
    # a strong state is shared by both, so the difference is seen through it
    rng = np.random.default_rng(4)
    days = 50 + 10 * ar1(30, 0.9, rng)
    morning = table(days + rng.normal(0, 0.5, 30), ["placebo"] * 30, hour=8)
    evening = table(days + 1.5 + rng.normal(0, 0.5, 30), ["drug"] * 30, hour=20)

    posterior, summary = answer(bench, pa.concat_tables([morning, evening]))

    effect = posterior["effect"].distribution
    assert abs(effect.mean()[0] - 1.5) < 5 * effect.sd()[0]
    assert effect.sd()[0] < 0.5
    assert "few-periods" not in codes(summary)


def test_rows_of_a_day_are_averaged(bench: Bench) -> None:
    events = trial(5.0)
    at = events.column_names.index("outcome")
    values = events["outcome"].to_numpy()
    twice = pa.concat_tables(
        [events.set_column(at, "outcome", pa.array(values + shift)) for shift in (-1.0, 1.0)]
    )

    one, _ = answer(bench, events)
    other, _ = answer(bench, twice)

    np.testing.assert_allclose(
        other["effect"].distribution.mean(), one["effect"].distribution.mean(), rtol=1e-6
    )


# what is odd


def test_an_ab_design_is_said_to_be_confounded(bench: Bench) -> None:
    _, summary = answer(bench, trial(5.0, given=np.repeat([0, 1], 30)))

    (told,) = (f.text for f in summary.findings if f.code == "order")
    assert "AB design" in told


def test_few_periods_are_counted(bench: Bench) -> None:
    _, summary = answer(bench, trial(5.0, given=np.repeat([0, 1, 0, 1], 15)))

    (told,) = (f for f in summary.findings if f.code == "few-periods")
    assert told.severity == "note"
    assert "2 of placebo, 2 of drug" in told.text


def test_a_treatment_given_late_is_said_to_be_confounded(bench: Bench) -> None:
    given = np.repeat([0, 1, 0, 1], [30, 2, 2, 30])

    assert "order" in codes(answer(bench, trial(5.0, given=given))[1])


def test_a_balanced_trial_has_nothing_odd(bench: Bench) -> None:
    given = np.repeat(np.tile([0, 1, 1, 0], 3), 8)

    assert not codes(answer(bench, trial(8.0, given=given))[1])


def test_unequal_days_are_noted(bench: Bench) -> None:
    given = np.tile(np.repeat([0, 1], [20, 5]), 4)

    assert "unbalanced" in codes(answer(bench, trial(5.0, given=given))[1])


def test_missing_days_are_counted_not_filled(bench: Bench) -> None:
    events = trial(5.0)
    kept = pa.array([i % 9 != 4 for i in range(events.num_rows)])

    _, summary = answer(bench, events.filter(kept))

    calendar = table_of(summary, "calendar")
    gone = [calendar[name]["days_without_rows"] for name in ("placebo", "drug")]
    assert sum(gone) == 9
    assert "missing-days" in codes(summary)


def test_independent_days_carry_a_warning(bench: Bench) -> None:
    _, summary = answer(bench, trial(3.0), settings(correlation="independent"))

    assert "independent-days" in codes(summary)
