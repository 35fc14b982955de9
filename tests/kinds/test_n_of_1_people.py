"""n-of-1 trials: refusals, people together, carry-over, pictures, calibration."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.fit import MOST_DAYS, MOST_TREATMENTS
from pymc_vibes.stats.calibrate import distance, dkw_bound, sbc_ranks
from pymc_vibes.stats.series_cells import MOST_PEOPLE
from tests.contract.bench import Bench
from tests.kinds.trials import (
    BLOCKS,
    KIND,
    NAMES,
    answer,
    renamed,
    settings,
    table,
    table_of,
    trial,
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


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


def test_names_that_look_alike_keep_effects_apart(bench: Bench) -> None:
    given = np.repeat(np.tile([0, 1, 2, 3], 3), 8)
    names = ("a", "b", "c", "b | c")
    events = [
        trial(0.0, user=user, seed=seed, given=given, names=names)
        for seed, user in enumerate(("ana", "ana | b"))
    ]

    posterior, _ = answer(bench, pa.concat_tables(events))

    assert len(set(posterior["other_effects"].labels)) == 4


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


def test_days_of_many_short_periods_are_drawn_over_one_line_a_treatment(bench: Bench) -> None:
    config, posterior = bench.fit(KIND, trial(5.0, given=np.tile([0, 1], 45)), NOf1Config())

    (days,) = (f for f in KIND.figures(posterior, config) if f.name == "trial_days")

    assert set(days.spec.tables) == {"days_0", "days_1", "period_0", "period_1"}


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
