"""n-of-1 trials: who is compared, sentences, refusals, people together, carry-over, calibration."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds import catalog
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.fit import MOST_DAYS, MOST_PEOPLE, MOST_TREATMENTS
from pymc_vibes.stats.calibrate import distance, dkw_bound, sbc_ranks
from pymc_vibes.stats.design import carried_over
from tests.contract.bench import Bench
from tests.stats.interrupted_worlds import ar1

KIND = catalog()["n-of-1"]
START = datetime(2025, 1, 6)  # noqa: DTZ001  # storage is naive UTC
BLOCKS = np.repeat([0, 1, 1, 0, 0, 1, 1, 0], 10)
NAMES = ("placebo", "drug", "tea")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


def table(
    values: np.ndarray, treatments: list[str], *, user: str | None = "ana", hour: int = 12
) -> pa.Table:
    """One row a day."""
    days = [START + timedelta(days=i, hours=hour) for i in range(len(values))]
    columns: dict[str, Any] = {
        "timestamp": pa.array(days, pa.timestamp("us")),
        "outcome": values,
        "treatment": treatments,
    }
    if user is not None:
        columns["user_id"] = [user] * len(values)
    return pa.table(columns)


def trial(
    effect: float,
    *,
    seed: int = 1,
    user: str | None = "ana",
    given: np.ndarray = BLOCKS,
    names: tuple[str, ...] = NAMES,
    half_life: float = 0.0,
) -> pa.Table:
    """Correlated days around 50 with an sd of 4, and an effect of the second treatment."""
    noise = 4 * ar1(len(given), 0.4, np.random.default_rng(seed))
    exposure = carried_over((given == 1).astype(float), half_life)
    return table(50 + noise + effect * exposure, [names[k] for k in given], user=user)


def settings(**given: Any) -> NOf1Config:
    return parse(NOf1Config, given)


def answer(
    bench: Bench, events: pa.Table, config: NOf1Config | None = None
) -> tuple[Posterior, Summary]:
    resolved, posterior = bench.fit(KIND, events, config or NOf1Config())
    return posterior, KIND.summarize(posterior, resolved)


def table_of(summary: Summary, name: str) -> dict[Any, dict[str, Any]]:
    (found,) = (t for t in summary.tables if t.name == name)
    return {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}


def codes(summary: Summary) -> set[str]:
    return {finding.code for finding in summary.findings}


def renamed(events: pa.Table, names: dict[str, str]) -> pa.Table:
    at = events.column_names.index("treatment")
    told = [names.get(name, name) for name in events["treatment"].to_pylist()]
    return events.set_column(at, "treatment", pa.array(told))


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
    assert "few-periods" in codes(summary)


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


# refused


def test_too_few_days_are_counted(bench: Bench) -> None:
    given = np.repeat([0, 1], [40, 5])

    with pytest.raises(InsufficientData, match=r"Need 8 .* have 40 .* and 5 ") as raised:
        answer(bench, trial(0.0, given=given))

    assert raised.value.extras == {"need": 8, "have_comparator": 40, "have_treatment": 5}


def test_one_treatment_is_no_trial(bench: Bench) -> None:
    with pytest.raises(InsufficientData, match="compares two"):
        answer(bench, trial(0.0, given=np.zeros(40, int)))


@pytest.mark.parametrize("given", [{"treatment": "pill"}, {"comparator": "pill"}])
def test_a_treatment_that_is_not_there_is_not_found(bench: Bench, given: dict[str, str]) -> None:
    with pytest.raises(EntityNotFound, match="pill"):
        answer(bench, trial(0.0), settings(**given))


def test_a_state_without_noise_cannot_have_two_values_a_day(bench: Bench) -> None:
    both = pa.concat_tables([trial(0.0), trial(0.0, given=1 - BLOCKS, seed=2)])

    with pytest.raises(BadConfig, match="two treatments"):
        answer(bench, both, settings(correlation="ar1"))


def test_days_that_never_vary_are_refused(bench: Bench) -> None:
    events = table(np.full(80, 3.0), [NAMES[k] for k in BLOCKS])

    with pytest.raises(InsufficientData, match="same value"):
        answer(bench, events)


def test_a_person_who_is_not_there_is_not_found(bench: Bench) -> None:
    with pytest.raises(EntityNotFound, match="zoe"):
        answer(bench, trial(0.0), settings(user_id="zoe"))


def test_too_many_people_are_refused(bench: Bench) -> None:
    crowd = [table(np.zeros(1), ["a"], user=f"u{i}") for i in range(MOST_PEOPLE + 1)]

    with pytest.raises(BadConfig, match="51 people"):
        answer(bench, pa.concat_tables(crowd))


def test_too_many_treatments_are_refused(bench: Bench) -> None:
    many = MOST_TREATMENTS + 1

    with pytest.raises(BadConfig, match="10 treatments"):
        answer(bench, table(np.zeros(many), [f"t{i}" for i in range(many)]))


def test_too_long_a_trial_is_refused(bench: Bench) -> None:
    values = np.random.default_rng(1).standard_normal(MOST_DAYS + 1)

    with pytest.raises(BadConfig, match="1,831 days"):
        answer(bench, table(values, [NAMES[i % 2] for i in range(len(values))]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"treatment": "a", "comparator": "a"}, "must differ"),
        ({"treatment": "Washout"}, "no treatment"),
        ({"start": "2025-02-01", "end": "2025-01-01"}, "before"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        settings(**given)


def test_a_world_needs_a_prior_that_does_not_look_at_data() -> None:
    with pytest.raises(BadConfig, match="center and a spread"):
        KIND.truth(settings(comparator="a", treatment="b"), np.random.default_rng(1))


def test_hostile_names_stay_on_one_line(bench: Bench) -> None:
    evil = "</script><b>\n\x1b[31m" + "x" * 300
    events = renamed(trial(9.0, user=evil), {"drug": f"{evil}1", "placebo": evil})

    _, summary = answer(bench, events, settings(comparator=evil))

    told = [summary.headline, *(claim.text for claim in summary.claims)]
    assert all("\n" not in text and "\x1b" not in text for text in told)
    assert len(summary.headline) < 500


# people together


def people(*effects: float) -> pa.Table:
    return pa.concat_tables(
        [trial(effect, seed=i, user=f"p{i}") for i, effect in enumerate(effects)]
    )


def test_people_are_drawn_towards_each_other(bench: Bench) -> None:
    posterior, summary = answer(bench, people(2.0, 4.0, 9.0))

    rows = table_of(summary, "people")
    alone, shrunk = ([rows[f"p{i}"][name] for i in range(3)] for name in ("alone", "mean"))
    assert max(alone) > max(shrunk) > min(shrunk) > min(alone)
    assert posterior["effect"].labels == ("p0", "p1", "p2")
    assert {e.name for e in summary.estimates} == {"population_effect", "next_effect", "between_sd"}
    assert "next person" in summary.headline


def test_two_people_with_the_same_days_have_the_same_effect(bench: Bench) -> None:
    events = pa.concat_tables([trial(5.0), trial(5.0, user="ben")])

    posterior, _ = answer(bench, events)

    one, other = posterior["effect"].distribution.mean()
    assert one == other
    assert posterior["between_sd"].distribution.mean()[0] < 4.0


def test_more_people_narrow_the_mean(bench: Bench) -> None:
    few, _ = answer(bench, people(5.0, 5.0))
    many, _ = answer(bench, people(*[5.0] * 6))

    widths = [p["population_effect"].distribution.sd()[0] for p in (few, many)]
    assert widths[1] < 0.8 * widths[0]


def test_who_has_too_few_days_is_left_out_and_named(bench: Bench) -> None:
    short = trial(0.0, user="cem").slice(0, 15)

    posterior, summary = answer(bench, pa.concat_tables([trial(8.0), short]))

    assert posterior["effect"].labels == ("ana",)
    assert any("cem" in f.text for f in summary.findings if f.code == "too-few-days")


def test_one_person_can_be_chosen(bench: Bench) -> None:
    both = pa.concat_tables([trial(8.0), trial(0.0, user="ben", seed=2)])

    chosen, summary = answer(bench, both, settings(user_id="ben"))
    alone, _ = answer(bench, trial(0.0, user="ben", seed=2))

    assert chosen["effect"].distribution.mean()[0] == alone["effect"].distribution.mean()[0]
    assert "of ben" in summary.headline


def test_rows_without_a_person_are_one_trial(bench: Bench) -> None:
    posterior, summary = answer(bench, trial(8.0, user=None))

    assert posterior["effect"].labels == ("all",)
    assert " of all " not in summary.headline


# carry-over


def test_a_carry_over_that_is_estimated_is_shown(bench: Bench) -> None:
    events = trial(20.0, half_life=2.5)
    config = settings(half_life={"kind": "estimated", "longest_days": 10})

    resolved, posterior = bench.fit(KIND, events, config)
    summary = KIND.summarize(posterior, resolved)

    (life,) = (e for e in summary.estimates if e.name == "half_life")
    assert life.interval is not None
    assert life.interval.low is not None
    assert life.interval.high is not None
    assert life.interval.low < 2.5 < life.interval.high
    assert "half_life" in {figure.name for figure in KIND.figures(posterior, resolved)}
    assert "carry_over" in {one.name for one in summary.tables}


def test_a_known_half_life_keeps_an_effect_whole(bench: Bench) -> None:
    events = trial(20.0, half_life=4.0)
    config = settings(half_life={"kind": "fixed", "half_life_days": 4})

    with_it, _ = answer(bench, events, config)
    without, _ = answer(bench, events)

    effect = with_it["effect"].distribution
    assert abs(effect.mean()[0] - 20.0) < 4 * effect.sd()[0]
    assert without["effect"].distribution.quantile(0.99)[0] < 20.0


# pictures


def test_days_are_drawn_period_by_period(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, trial(5.0), settings(washout_days=2))

    found = {figure.name: figure for figure in KIND.figures(posterior, config)}

    assert set(found) == {"trial_days", "effect_distribution", "cycles", "left_over"}
    tables = found["trial_days"].spec.tables
    assert {"days_0", "days_1", "washed_out", "period_0", "period_4"} <= set(tables)
    assert len(tables["washed_out"]["day"]) == 8


def test_days_of_many_short_periods_are_drawn_without_bands(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, trial(5.0, given=np.tile([0, 1], 45)), NOf1Config())

    (days,) = (f for f in KIND.figures(posterior, config) if f.name == "trial_days")

    assert set(days.spec.tables) == {"days_0", "days_1"}


def test_people_are_drawn_in_a_forest(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, people(2.0, 5.0), NOf1Config())

    (forest,) = (f for f in KIND.figures(posterior, config) if f.name == "people")

    assert set(forest.spec.tables["numbers"]) >= {"label", "mean", "low", "high", "raw"}


# right


def ranks(bench: Bench, changed: dict[str, Any], worlds: int) -> dict[str, np.ndarray]:
    config = parse(NOf1Config, KIND.example.model_dump() | changed)

    def learn(truth: Any, rng: np.random.Generator) -> Posterior:
        return bench.fit(KIND, KIND.simulate(truth, 200, rng), config)[1]

    return sbc_ranks(lambda rng: KIND.truth(config, rng), learn, worlds=worlds, seed=5)


ESTIMATED = {"half_life": {"kind": "estimated", "longest_days": 5.0}}
FIXED = {"include_day_of_week": True, "half_life": {"kind": "fixed", "half_life_days": 1.5}}


def test_a_carry_over_is_calibrated(bench: Bench) -> None:
    places = ranks(bench, ESTIMATED | {"include_day_of_week": True}, 20)

    # false-alarm rate at most 1e-6 for each; 20 worlds see what is wrong by more than an sd
    assert set(places) == {"effect", "population_effect", "between_sd"}
    for values in places.values():
        assert distance(values) < dkw_bound(len(values), alpha=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [ESTIMATED, FIXED])
def test_a_carry_over_is_calibrated_over_many_worlds(bench: Bench, changed: dict[str, Any]) -> None:
    for values in ranks(bench, changed, 400).values():
        assert distance(values) < dkw_bound(len(values), alpha=1e-6)
