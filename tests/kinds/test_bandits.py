"""Bandits: sums per arm, exact chances of being the best, shares and assignments."""

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pymc_vibes.core.answer import QueryAnswer, Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.bandits import BanditConfig, kind
from pymc_vibes.kinds.bandits.policy import draw_arm
from pymc_vibes.kinds.bandits.reading import Reading

type Reduce = Callable[..., list[dict[str, Any]]]

CONTINUOUS = {"kind": "continuous", "mean": 0, "spread": 1}


@pytest.fixture(scope="module")
def reduce() -> Iterator[Reduce]:
    """Run the reduction of (arm, reward) rows on a real DuckDB."""
    connection = ibis.duckdb.connect()

    def run(rows: list[tuple[str, float]], **settings: Any) -> list[dict[str, Any]]:
        events = ibis.memtable(
            pa.table(
                {
                    "arm": pa.array([arm for arm, _ in rows], pa.string()),
                    "reward": pa.array([reward for _, reward in rows], pa.float64()),
                }
            )
        )
        roster = events.select("arm").distinct()
        cells = kind.reduce(events, roster, parse(BanditConfig, settings))
        return [dict(row) for row in connection.to_pyarrow(cells).to_pylist()]

    yield run
    connection.disconnect()


def binary(counts: dict[str, tuple[int, int]]) -> pa.Table:
    schema = pa.schema(
        [("arm", pa.string()), *((name, pa.int64()) for name in ("pulls", "ones", "odd"))]
    )
    rows = [{"arm": a, "pulls": n, "ones": s, "odd": 0} for a, (n, s) in counts.items()]
    return pa.Table.from_pylist(rows, schema=schema)


def fitted(counts: dict[str, tuple[int, int]], **settings: Any) -> tuple[Posterior, BanditConfig]:
    """Fit counts of (pulls, rewards) by arm."""
    config = parse(BanditConfig, settings)
    return kind.fit(binary(counts), config, NOBODY), config


def summary(counts: dict[str, tuple[int, int]], **settings: Any) -> Summary:
    return kind.summarize(*fitted(counts, **settings))


def ask(query: str, posterior: Posterior, config: BanditConfig, **parameters: Any) -> QueryAnswer:
    found = kind.query(query)
    return found.answer(posterior, config, parse(found.parameters, parameters))  # type: ignore[call-arg,arg-type]  # all queries here are about a posterior


def chances(told: Summary) -> dict[str, float]:
    return {str(row[0]): float(str(row[6])) for row in told.tables[0].rows}


# sums


REWARDS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.floats(-1e6, 1e6, allow_subnormal=False)), max_size=20
)


@settings(max_examples=25)
@given(rows=REWARDS)
def test_continuous_sums_agree_with_exact_arithmetic(
    reduce: Reduce, rows: list[tuple[str, float]]
) -> None:
    from fractions import Fraction

    for cell in reduce(rows, reward=CONTINUOUS):
        values = [Fraction(reward) for arm, reward in rows if arm == cell["arm"]]
        mean = sum(values) / len(values)
        squares = sum((value - mean) ** 2 for value in values)
        width = float(max(values) - min(values))
        assert cell["pulls"] == len(values)
        assert cell["mean"] == pytest.approx(float(mean), rel=1e-12, abs=1e-12 * width)
        assert cell["squares"] == pytest.approx(float(squares), rel=1e-9, abs=1e-12 * width**2)


def test_row_order_does_not_change_a_bit_of_continuous_sums(reduce: Reduce) -> None:
    shuffler = random.Random(3)  # noqa: S311  # not a secret
    rows = [("A", shuffler.gauss(1e6, 1)) for _ in range(3000)]
    first = reduce(rows, reward=CONTINUOUS)
    shuffler.shuffle(rows)

    assert reduce(rows, reward=CONTINUOUS) == first


def test_a_large_offset_costs_no_digits_of_the_spread(reduce: Reduce) -> None:
    small = reduce([("A", 0.0), ("A", 1.0), ("A", 0.5)], reward=CONTINUOUS)
    large = reduce([("A", 1e9), ("A", 1e9 + 1), ("A", 1e9 + 0.5)], reward=CONTINUOUS)

    assert large[0]["squares"] == pytest.approx(small[0]["squares"], rel=1e-12)


def test_equal_rewards_have_no_spread_and_still_an_answer(reduce: Reduce) -> None:
    cells = reduce([("A", 5.0), ("A", 5.0), ("B", 5.0)], reward=CONTINUOUS)
    config = parse(BanditConfig, {"reward": {"kind": "continuous"}})

    told = kind.summarize(kind.fit(pa.Table.from_pylist(cells), config, NOBODY), config)

    assert [cell["squares"] for cell in cells] == [0.0, 0.0]
    assert told.claims[0].tone == "undecided"


@pytest.mark.parametrize("size", [1e-200, 1e-9, 5.0, 1e12, -1e12])
@pytest.mark.parametrize("given", [{}, {"mean": 0.0, "spread": 1e-12, "mean_weight": 1e-6}])
def test_rewards_that_never_vary_get_finite_answers_at_any_size(
    reduce: Reduce, size: float, given: dict[str, float]
) -> None:
    reward = {"kind": "continuous", **given}
    cells = reduce([("a", size), ("b", size), ("b", size)], reward=reward)
    config = parse(BanditConfig, {"reward": reward, "arms": ("c",)})
    posterior = kind.fit(pa.Table.from_pylist(cells), config, NOBODY)
    told = kind.summarize(posterior, config).model_dump_json()
    shown = [figure.model_dump_json() for figure in kind.figures(posterior, config)]
    best = Reading(posterior=posterior, config=config).best
    assert not any(word in text for text in (told, *shown) for word in ("NaN", "Infinity"))
    assert best.probability.sum() == pytest.approx(1)
    assert np.isfinite(best.expected_loss).all()


def test_an_arm_without_rewards_in_the_window_is_kept() -> None:
    connection = ibis.duckdb.connect()
    events = ibis.memtable(
        pa.table(
            {
                "timestamp": [datetime(2025, 1, 1), datetime(2025, 1, 2)],  # noqa: DTZ001  # storage is naive UTC
                "arm": ["A", "B"],
                "reward": [1.0, 1.0],
            }
        )
    )
    config = parse(BanditConfig, {"end": "2025-01-02"})

    cells = connection.to_pyarrow(kind.reduce(events, events.select("arm").distinct(), config))

    assert cells.to_pydict()["pulls"] == [1, 0]


def test_rewards_that_are_not_binary_are_refused_with_the_remedy(reduce: Reduce) -> None:
    cells = pa.Table.from_pylist(reduce([("A", 0.0), ("A", 2.5), ("B", 1.0)]))

    with pytest.raises(BadConfig, match="1 rewards are neither 0 nor 1") as error:
        kind.fit(cells, BanditConfig(), NOBODY)

    assert "continuous" in str(error.value.hint)


def test_units_of_the_reward_do_not_change_who_is_best() -> None:
    cells = [
        {"arm": "A", "pulls": 30, "mean": 1.0, "squares": 20.0},
        {"arm": "B", "pulls": 20, "mean": 1.4, "squares": 25.0},
        {"arm": "C", "pulls": 0, "mean": 0.0, "squares": 0.0},
    ]
    scaled = [
        {**cell, "mean": 1000 * cell["mean"], "squares": 1e6 * cell["squares"]} for cell in cells
    ]
    config = parse(BanditConfig, {"reward": {"kind": "continuous"}})

    one, two = (
        chances(kind.summarize(kind.fit(pa.Table.from_pylist(rows), config, NOBODY), config))
        for rows in (cells, scaled)
    )

    assert two == pytest.approx(one, rel=1e-9)


# shares


def test_a_floor_for_all_that_exceeds_the_whole_is_refused() -> None:
    posterior, config = fitted(dict.fromkeys("ABCDE", (10, 1)), policy={
        "kind": "thompson", "floor": 0.25,
    })  # fmt: skip

    with pytest.raises(BadConfig, match="more than the whole"):
        kind.summarize(posterior, config)


@pytest.mark.parametrize(
    "policy",
    [
        {"kind": "thompson"},
        {"kind": "thompson", "floor": 0.1},
        {"kind": "top-two", "beta": 0.6},
        {"kind": "top-two", "beta": 0.6, "floor": 0.05},
    ],
)
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_arms_are_drawn_by_the_shares_that_are_told(policy: dict[str, Any], direction: str) -> None:
    posterior, config = fitted(
        {"A": (60, 8), "B": (40, 8), "C": (50, 4)}, policy=policy, direction=direction
    )
    told = ask("allocate", posterior, config).data["weights"]
    assert isinstance(told, dict)
    p_best = np.array([chances(kind.summarize(posterior, config))[arm] for arm in "ABC"])
    better = 1 if direction == "higher" else -1
    size = 6000

    drawn = Counter(
        draw_arm(config.policy, posterior["reward"], better, p_best, stream(9, str(i)))
        for i in range(size)
    )

    for index, arm in enumerate("ABC"):
        share = float(str(told[arm]))
        mcse = math.sqrt(share * (1 - share) / size)
        assert abs(drawn[index] / size - share) < 6 * mcse


def test_a_batch_is_split_into_whole_units() -> None:
    posterior, config = fitted({"A": (60, 8), "B": (40, 8), "C": (50, 4)})

    units = ask("allocate", posterior, config, units=1001).data["units"]

    assert isinstance(units, dict)
    assert sum(int(str(n)) for n in units.values()) == 1001


# assignments


def test_the_same_unit_gets_the_same_arm_and_others_may_not() -> None:
    posterior, config = fitted({"A": (3, 1), "B": (3, 1), "C": (3, 1)})

    arms = [ask("assign", posterior, config, unit_id=f"u{i}").data["arm"] for i in range(30)]
    again = [ask("assign", posterior, config, unit_id=f"u{i}").data["arm"] for i in range(30)]

    assert arms == again
    assert set(arms) == {"A", "B", "C"}


def test_anonymous_requests_differ_by_their_text() -> None:
    posterior, config = fitted({"A": (3, 1), "B": (3, 1), "C": (3, 1)})

    arms = {ask("assign", posterior, config, request=f"r{i}").data["arm"] for i in range(30)}

    assert arms == {"A", "B", "C"}


def test_the_assignment_tells_the_chance_it_was_made_with() -> None:
    posterior, config = fitted({"A": (60, 8), "B": (40, 8)}, policy={"kind": "top-two"})

    assigned = ask("assign", posterior, config, unit_id="u1").data
    weights = ask("allocate", posterior, config).data["weights"]

    assert isinstance(weights, dict)
    assert assigned["probability"] == weights[str(assigned["arm"])]
    assert assigned["policy"] == "top-two"


def test_a_policy_may_be_chosen_for_one_answer() -> None:
    posterior, config = fitted({"A": (60, 8), "B": (40, 8)})

    answer = ask("allocate", posterior, config, policy={"kind": "top-two", "beta": 0.5})

    assert answer.data["weights"] == pytest.approx({"A": 0.5, "B": 0.5})


def test_a_new_bandit_assigns_before_its_first_reward() -> None:
    posterior, config = fitted({}, arms=["x", "y", "z"])

    arms = {ask("assign", posterior, config, unit_id=f"u{i}").data["arm"] for i in range(60)}
    told = kind.summarize(posterior, config)

    assert arms == {"x", "y", "z"}
    assert told.headline.startswith("No rewards yet: 3 arms")
    assert told.claims == ()


def test_a_declared_arm_joins_the_ones_that_have_rewards() -> None:
    told = summary({"A": (100, 10)}, arms=["new"])

    assert set(chances(told)) == {"A", "new"}
    assert "unpulled-arms" in {finding.code for finding in told.findings}


def test_too_many_arms_are_refused_before_they_take_all_memory() -> None:
    with pytest.raises(BadConfig, match="1,001 arms"):
        fitted({f"arm {number}": (1, 0) for number in range(1001)})


def test_a_bandit_without_any_arm_says_how_to_name_them() -> None:
    with pytest.raises(InsufficientData) as error:
        fitted({})

    assert "arms" in str(error.value.hint)


# the verdict


@pytest.mark.parametrize(
    ("counts", "direction", "tone", "action"),
    [
        ({"A": (5000, 500), "B": (5000, 700)}, "higher", "higher", "commit to B"),
        ({"A": (5000, 500), "B": (5000, 700)}, "lower", "lower", "commit to A"),
        ({"A": (50, 5), "B": (50, 6)}, "higher", "undecided", "keep assigning by the policy"),
        ({"A": (50, 5)}, "higher", "none", "start assigning arms"),
    ],
)
def test_the_decision_has_the_color_of_the_claim(
    counts: dict[str, tuple[int, int]], direction: str, tone: str, action: str
) -> None:
    told = summary(counts, direction=direction)

    assert told.decision is not None
    assert (told.decision.tone, told.decision.action) == (tone, action)
    assert {claim.tone for claim in told.claims} <= {tone}


def test_equal_arms_are_rarely_called_settled() -> None:
    rewards = np.random.default_rng(31).binomial(800, 0.1, size=(300, 4)).tolist()

    tones = [
        Reading(posterior=posterior, config=config).tone
        for posterior, config in (
            fitted({arm: (800, ones) for arm, ones in zip("ABCD", test, strict=True)})
            for test in rewards
        )
    ]

    # one arm must beat another with 97.5 %: at most 4 x 2.5 % of 300 tests, and over 57 of them
    # come in fewer than 1e-6 of runs
    assert stats.binom.sf(57, 300, 0.1) < 1e-5
    assert tones.count("higher") <= 57


def test_regret_so_far_is_pulls_times_expected_loss() -> None:
    told = summary({"A": (5000, 500), "B": (500, 70)})

    by_hand = sum(float(str(row[1])) * float(str(row[7])) for row in told.tables[0].rows)
    assert told.context["regret_so_far"] == pytest.approx(by_hand)


def test_many_arms_are_drawn_as_a_forest() -> None:
    posterior, config = fitted({f"arm{i:03d}": (100, i % 20) for i in range(80)})

    figures = kind.figures(posterior, config)

    assert [figure.name for figure in figures] == ["arms", "allocation", "regret"]
    assert "hidden" in figures[0].spec.note


def test_simulated_bandits_learn() -> None:
    config = kind.example
    rng = np.random.default_rng(4)
    truth = kind.truth(config, rng)

    events = kind.simulate(truth, 6000, rng)

    best = str(truth["arm"].to_numpy()[truth["reward"].to_numpy().argmax()])
    assert Counter(events["arm"].to_pylist()).most_common(1)[0][0] == best


def test_a_world_of_continuous_rewards_needs_a_full_prior() -> None:
    config = parse(BanditConfig, {"reward": {"kind": "continuous"}})

    with pytest.raises(BadConfig, match="mean and spread"):
        kind.truth(config, np.random.default_rng(1))


def test_repeated_arms_in_the_settings_are_refused() -> None:
    with pytest.raises(BadConfig, match="distinct"):
        parse(BanditConfig, {"arms": ["A", "A"]})
