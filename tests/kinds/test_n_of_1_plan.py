"""Before day 1 and after the last: designs, schedules, rules of stopping, the test by lots."""

import csv
import io
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.model import population_prior
from tests.kinds.conduct_worlds import ask, cells, config, data, fitted, noise, pairs

PAIRS = {"block": 2}


def codes(answer: object) -> list[str]:
    return [finding.code for finding in answer.summary.findings]  # type: ignore[attr-defined]


# plan


def test_designs_are_ordered_as_they_were_measured() -> None:
    found = data(ask("plan", config(include_trend=False), days=88, effect=0.8))

    # measured with an estimated AR(1) of .5, in sds: 1.51, 1.36, 1.15 and .58 wide
    widths = {name: one["width"] for name, one in found["designs"].items()}
    assert list(widths) == ["pairs", "blocks", "abab", "ab"]
    assert 0.5 < widths["pairs"] < 0.6
    assert 0.85 * 1.15 < widths["blocks"] < 1.15
    assert 0.85 * 1.36 < widths["abab"] < 1.36
    assert 0.85 * 1.51 < widths["ab"] < 1.51


def test_ab_with_a_trend_is_warned_of() -> None:
    with_trend = ask("plan", config())

    assert "ab-with-trend" in codes(with_trend)
    assert "ab-with-trend" not in codes(ask("plan", config(include_trend=False)))
    assert data(with_trend)["designs"]["ab"]["width"] > 2 * data(with_trend)["designs"]["pairs"][
        "width"
    ]  # fmt: skip


def test_the_design_of_the_settings_is_compared_too() -> None:
    found = data(ask("plan", config(design={"slot_days": 4, "block": 2}), days=80))

    assert "own" in found["designs"]
    assert found["designs"]["own"]["schedules"] == str(2**10)


def test_an_effect_in_points_is_not_taken_for_one_in_sds() -> None:
    found = ask("plan", config(smallest_effect=2.0, outcome_unit="points"))
    told = ask("plan", config(smallest_effect=2.0, outcome_unit="points"), sd=4.0)

    assert "unit-free" in codes(found)
    assert "0.5 sds of a day" in found.summary.headline
    assert "2 points" in told.summary.headline


def test_the_best_design_is_named_in_the_sentence() -> None:
    answer = ask("plan", config(outcome_unit="points"), sd=10.0, effect=6.0, days=60)

    assert "randomized pairs of days show the most" in answer.summary.headline
    assert "6 points" in answer.summary.headline
    assert data(answer)["best"] == "pairs"


def test_a_plan_does_not_depend_on_the_unit() -> None:
    small, large = (data(ask("plan", config(), sd=s, effect=0.5 * s)) for s in (1.0, 200.0))

    for name, one in small["designs"].items():
        assert large["designs"][name]["power"] == pytest.approx(one["power"])
        assert large["designs"][name]["width"] == pytest.approx(200 * one["width"])


def test_designs_that_cannot_be_had_are_left_out_with_the_reason() -> None:
    answer = ask("plan", config(washout_days=2))

    assert "pairs" not in data(answer)["designs"]
    assert "shorter than the shortest run" in data(answer)["refused"]["pairs"]


def test_no_design_at_all_is_said() -> None:
    with pytest.raises(InsufficientData, match="No design"):
        ask("plan", config(include_day_of_week=True), days=6)


def test_carry_over_outside_of_the_model_is_warned_of() -> None:
    answer = ask("plan", config(), half_life_days=3.0)

    assert "carry-over" in codes(answer)
    assert data(answer)["designs"]["pairs"]["share_seen"] < 0.9


# schedule


def test_a_schedule_can_be_drawn_again_by_its_seed() -> None:
    first, again, other = (
        data(ask("schedule", config(), days=60, seed=seed)) for seed in (1, 1, 2)
    )

    assert first == again
    assert first["number"] != other["number"]


def test_a_schedule_of_pairs_gives_both_treatments_in_every_pair() -> None:
    found = data(ask("schedule", config(), design="pairs", days=30))

    given = found["treatments"]
    assert all({given[i], given[i + 1]} == {"a", "b"} for i in range(0, 30, 2))
    assert found["schedules"] == str(2**15)
    assert 0 <= int(found["number"]) < 2**15


def test_a_schedule_is_a_file_to_fill_in() -> None:
    found = data(ask("schedule", config(washout_days=1), design="blocks", days=28,
                     start="2026-03-02"))  # fmt: skip

    rows = list(csv.DictReader(io.StringIO(found["csv"])))
    assert [row["timestamp"] for row in rows[:2]] == ["2026-03-02", "2026-03-03"]
    assert [row["treatment"] for row in rows] == found["treatments"]
    changes = [i for i in range(1, 28) if rows[i]["treatment"] != rows[i - 1]["treatment"]]
    assert [i for i in range(28) if rows[i]["counts"] == "wash-out"] == changes


def test_the_rules_of_a_schedule_are_a_setting() -> None:
    found = data(ask("schedule", config(), design="blocks", days=56, seed=9))

    again = ask("schedule", config(design=found["rules"]), days=56)

    assert data(again)["treatments"] == found["treatments"]


def test_too_few_schedules_are_warned_of() -> None:
    assert "few-schedules" in codes(ask("schedule", config(), design="blocks", days=28))


# stopping


def test_operating_characteristics_agree_with_simulation() -> None:
    settings = config(bayes_stop={"benefit": 0.95, "futility": 0.1})
    found = data(ask("stopping", settings, days=60, look_every_days=20, sd=1.0, effect=0.4))
    prior = population_prior(settings, 1.0).mean

    for effect, name in ((0.0, "without_effect"), (0.4, "with_effect")):
        benefit, futility, days, estimate = simulated(found, settings, effect, prior)
        rule = found["rules"]["bayesian"]
        exact = rule["false_alarms" if effect == 0 else "power"]
        # six comparisons at 5 standard errors
        assert off(exact, benefit) < 5
        assert off(rule[f"stops_low_{name}"], futility) < 5
        assert off(rule[f"days_{name}"], days) < 5
        if effect:
            assert off(rule["overstated"] * effect, estimate[benefit]) < 5


def simulated(
    found: Any, settings: NOf1Config, effect: float, prior: float, trials: int = 40_000
) -> tuple[np.ndarray, ...]:
    """Let estimates come in, and ask the posterior each time."""
    rng = np.random.default_rng(4)
    information = np.array(found["fractions"]) * found["information"]
    steps = np.diff(information, prepend=0.0)
    sums = np.cumsum(
        effect * steps + np.sqrt(steps) * rng.standard_normal((trials, len(steps))), axis=1
    )
    precision = information + prior**-2
    chance = stats.norm.cdf(sums / np.sqrt(precision))
    stop = settings.bayes_stop
    is_over = (chance >= stop.benefit) | (chance <= stop.futility)
    last = len(steps) - 1
    at = np.where(is_over.any(axis=1), is_over.argmax(axis=1), last)
    final = chance[np.arange(trials), at]
    estimates = (sums / information)[np.arange(trials), at]
    days = np.array(found["look_days"], float)[at]
    return final >= stop.benefit, final <= stop.futility, days, estimates


def off(value: float, draws: np.ndarray) -> float:
    return float(abs(value - draws.mean()) / (draws.std() / len(draws) ** 0.5))


def test_alpha_spending_spends_half_of_the_rate_on_benefit() -> None:
    found = data(ask("stopping", config()))

    assert found["rules"]["alpha spending"]["false_alarms"] == pytest.approx(0.025, abs=1e-9)
    assert found["rules"]["one look"]["false_alarms"] == pytest.approx(0.025, abs=1e-9)


def test_peeking_with_a_threshold_is_warned_of() -> None:
    often = ask("stopping", config(), look_every_days=7)
    once = ask("stopping", config(bayes_stop={"benefit": 0.99}), look_every_days=84)

    assert "false-alarms" in codes(often)
    assert "false-alarms" not in codes(once)


def test_looks_before_the_first_change_are_left_out() -> None:
    answer = ask("stopping", config(include_trend=False), design="ab", look_every_days=14)

    assert data(answer)["look_days"][0] == 56
    assert "looks-without-information" in codes(answer)


# randomization


def test_p_is_the_share_of_schedules_as_extreme() -> None:
    rng = np.random.default_rng(8)
    values, given = noise(16, rng) + 0.1, pairs(16, rng)
    values += np.array([0.9 if one == "b" else 0.0 for one in given])
    settings = config(design=PAIRS, min_days=8)

    found = data(ask("randomization", settings, fitted(cells(values.tolist(), given), settings)))

    def difference(signs: tuple[int, ...]) -> float:
        gaps = values[1::2] - values[::2]
        return float(np.mean(np.array(signs) * gaps))

    own = tuple(1 if one == "b" else -1 for one in given[1::2])
    every = [abs(difference(signs)) for signs in product((-1, 1), repeat=8)]
    assert found["statistic"] == pytest.approx(difference(own))
    assert found["p"] == np.mean(np.array(every) >= abs(difference(own)) - 1e-12)
    assert found["admissible"] == "256"
    assert found["least_p"] == 2 / 256


def test_an_observed_schedule_that_could_not_be_drawn_is_refused_with_the_reason() -> None:
    rng = np.random.default_rng(9)
    given = ["a"] * 3 + ["b"] * 9 + ["a", "b"] * 6
    settings = config(design=PAIRS)
    posterior = fitted(cells(noise(24, rng).tolist(), given), settings)

    with pytest.raises(BadConfig, match="does not give both treatments equally often"):
        ask("randomization", settings, posterior)


@pytest.mark.parametrize(
    ("design", "reason"),
    [
        ({"slot_days": 2, "max_run": 2}, "a from 2026-01-05 has 3 days, no multiple of 2"),
        ({"max_run": 2}, "a from 2026-01-05 has 3 days, more than 2"),
        ({"slot_days": 5}, "no whole number of slots"),
    ],
)
def test_the_reason_names_the_period(design: dict[str, int], reason: str) -> None:
    rng = np.random.default_rng(9)
    given = ["a"] * 3 + ["b"] * 9 + ["a", "b"] * 6
    settings = config(design=design)
    posterior = fitted(cells(noise(24, rng).tolist(), given), settings)

    with pytest.raises(BadConfig, match=reason):
        ask("randomization", settings, posterior)


def test_without_the_rules_of_drawing_there_is_no_test() -> None:
    rng = np.random.default_rng(9)
    posterior = fitted(cells(noise(24, rng).tolist(), pairs(24, rng)), config())

    with pytest.raises(BadConfig, match="how the schedule was drawn"):
        ask("randomization", config(), posterior)


def test_days_without_rows_are_concluded_from_the_rules() -> None:
    rng = np.random.default_rng(10)
    values, given = noise(32, rng), pairs(32, rng)
    values[[5, 20]] = np.nan
    settings = config(design=PAIRS)

    found = data(ask("randomization", settings, fitted(cells(values.tolist(), given), settings)))

    assert found["days_concluded"] == 2
    assert found["admissible"] == str(2**16)


def test_start_and_end_say_which_days_were_drawn() -> None:
    rng = np.random.default_rng(11)
    values, given = noise(32, rng), pairs(32, rng)
    values[[0, 31]] = np.nan
    open_ends = config(design=PAIRS)
    settings = config(design=PAIRS, start="2026-01-05", end="2026-02-06")
    table = cells(values.tolist(), given)

    found = data(ask("randomization", settings, fitted(table, settings)))

    assert found["admissible"] == str(2**16)
    with pytest.raises(BadConfig, match="could have been drawn"):
        ask("randomization", open_ends, fitted(table, open_ends))


def test_an_unknown_person_is_not_found() -> None:
    rng = np.random.default_rng(12)
    settings = config(design=PAIRS)
    posterior = fitted(cells(noise(24, rng).tolist(), pairs(24, rng)), settings)

    with pytest.raises(EntityNotFound):
        ask("randomization", settings, posterior, user_id="bob")
