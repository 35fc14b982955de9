"""A/B tests: what is decided, what is said about it, and when it must not be trusted."""

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.ab_test import ABTestConfig, kind
from pymc_vibes.kinds.ab_test.reading import Reading
from pymc_vibes.kinds.ab_test.split import check_split
from tests.kinds.ab_tests import Counts, ask, fitted, row_of, summary

# deciding


def side_of_zero(low: float, high: float) -> str:
    return "higher" if low > 0 else "lower" if high < 0 else "undecided"


@settings(max_examples=60)
@given(
    units=st.tuples(*[st.integers(0, 3000)] * 3),
    rates=st.tuples(*[st.floats(0, 1)] * 3),
    direction=st.sampled_from(["higher", "lower"]),
    level=st.sampled_from([0.8, 0.95, 0.99]),
)
def test_words_interval_color_and_decision_agree(
    units: tuple[int, ...], rates: tuple[float, ...], direction: str, level: float
) -> None:
    counts = {v: (n, round(n * r)) for v, n, r in zip("ABC", units, rates, strict=True)}
    split = {v: n + 1 for v, n in zip("ABC", units, strict=True)}  # a split that is never broken

    told = summary(counts, direction=direction, level=level, expected_split=split)

    rows = [row_of(told, "treatments", v) for v in "BC"]
    verdicts = {row["verdict"] for row in rows}
    assert all(
        row["verdict"] in {"none", "same", side_of_zero(row["low"], row["high"])} for row in rows
    )
    assert [c.tone for c in told.claims] == [r["verdict"] for r in rows if r["verdict"] != "none"]
    assert told.decision is not None
    assert told.decision.tone in verdicts | {"none"}
    assert not told.decision.action.startswith("ship ") or told.decision.tone == direction
    assert "100.0 %" not in told.model_dump_json()
    assert '" 0.0 %' not in told.model_dump_json()


@pytest.mark.parametrize("tone", ["higher", "lower"])
def test_a_claim_says_what_its_color_says(tone: str) -> None:
    told = summary({"A": (5000, 550), "B": (5000, {"higher": 680, "lower": 430}[tone])})

    assert told.claims[0].tone == tone
    assert f"B has a {tone} conversion rate than A" in told.claims[0].text
    assert told.headline.startswith(told.claims[0].text)


@pytest.mark.parametrize(
    ("counts", "settings", "action"),
    [
        ({"A": (5000, 500), "B": (5000, 620)}, {}, "ship B"),
        ({"A": (5000, 620), "B": (5000, 500)}, {}, "keep A"),
        ({"A": (5000, 620), "B": (5000, 500)}, {"direction": "lower"}, "ship B"),
        ({"A": (500, 50), "B": (500, 55)}, {}, "keep running"),
        ({"A": (10, 1), "B": (10, 9)}, {}, "keep running"),
        ({"A": (9000, 900), "B": (5000, 620)}, {}, "explain the split first"),
        (
            {"A": (5000, 500), "B": (5000, 502)},
            {"rope": {"kind": "absolute", "half_width": 0.02}},
            "treat as equivalent",
        ),
        # B and C both beat A, but which of them is best is open: with no loss tolerated, run on
        (
            {"A": (5000, 500), "B": (5000, 620), "C": (5000, 621)},
            {"loss_threshold": 0.0001},
            "keep running",
        ),
    ],
)
def test_the_decision_follows_the_rule(
    counts: Counts, settings: dict[str, Any], action: str
) -> None:
    told = summary(counts, **settings)

    assert told.decision is not None
    assert told.decision.action == action


def test_a_decision_beside_an_equivalent_variant_has_the_color_of_what_it_rests_on() -> None:
    # B is clearly lower yet loses less than C, which is surely within the zone
    counts = {
        "A": (10**12, 500 * 10**9), "B": (6_250_000, 3_119_375), "C": (10**12, 499_010_000_000),
    }  # fmt: skip
    told = summary(
        counts, rope={"kind": "absolute", "half_width": 0.001}, loss_threshold=0.01,
        expected_split={"A": 1e9, "B": 6250, "C": 1e9},
    )  # fmt: skip
    assert told.decision is not None
    assert {claim.tone for claim in told.claims} == {"lower", "same"}
    assert (told.decision.action, told.decision.tone) == ("keep A", "lower")


def test_a_zone_is_named_after_the_variant_it_is_a_share_of() -> None:
    counts = {"A": (10**9, 10**8), "B": (10**9, 10**8), "C": (10**9, 10**8)}
    asked = ask("compare", counts, {"a": "B", "b": "C"}, rope={"kind": "relative"})
    assert asked.data["tone"] == "same"
    assert "1 % of the rate of B" in asked.summary.headline


def test_before_enough_units_there_is_no_answer_and_no_claim() -> None:
    told = summary({"A": (19, 1), "B": (500, 200)}, expected_split={"A": 19, "B": 500})

    assert told.headline.startswith("No answer yet: A has 19 units, fewer than 20")
    assert told.claims == ()


def test_a_new_empty_treatment_does_not_stop_the_others() -> None:
    split = {"A": 5000, "B": 5000, "C": 1}

    told = summary({"A": (5000, 500), "B": (5000, 620), "C": (0, 0)}, expected_split=split)

    assert told.decision is not None
    assert told.decision.action == "ship B"
    assert row_of(told, "variants", "C")["chance_best"] is None
    assert "empty-variant" in {f.code for f in told.findings}


# trust


def test_a_broken_split_is_said_first_and_alone_and_takes_the_color_away() -> None:
    told = summary({"A": (10_000, 1000), "B": (9_000, 1000)})

    assert told.headline.startswith("Do not trust this test until the split is explained")
    assert told.findings[0].code == "split-mismatch"
    assert told.findings[0].severity == "error"
    assert {claim.tone for claim in told.claims} == {"none"}


def test_a_variant_without_units_is_shown_and_is_a_mismatch() -> None:
    told = summary({"A": (1000, 100)}, expected_split={"A": 1, "B": 1})

    assert row_of(told, "variants", "B")["units"] == 0
    assert told.findings[0].code == "split-mismatch"


def test_a_variant_outside_the_plan_is_a_mismatch() -> None:
    told = summary({"A": (100, 10), "B": (100, 10), "C": (3, 1)}, expected_split={"A": 1, "B": 1})

    assert told.findings[0].code == "split-mismatch"


@settings(max_examples=50)
@given(units=st.lists(st.integers(1, 5000), min_size=2, max_size=5))
def test_the_split_test_is_the_chi_square_test(units: list[int]) -> None:
    named = {f"v{i}": n for i, n in enumerate(units)}
    planned = {name: 1.0 + i for i, name in enumerate(named)}
    whole = sum(planned.values())
    expected = [sum(units) * weight / whole for weight in planned.values()]

    p_value = check_split(named, planned).p_value

    assert p_value == pytest.approx(stats.chisquare(units, expected).pvalue, rel=1e-6, abs=1e-200)


def test_a_fair_split_is_rarely_called_broken() -> None:
    rng = random.Random(7)  # noqa: S311  # not a secret
    heads = [sum(rng.getrandbits(1) for _ in range(400)) for _ in range(2000)]

    alarms = sum(check_split({"A": n, "B": 400 - n}, None).broken for n in heads)

    # 2 000 fair splits with a bar of 0.001: more than 12 alarms come in fewer than 1e-6 of runs
    assert stats.binom.sf(12, 2000, 0.001) < 1e-6
    assert alarms <= 12


def test_many_units_in_several_variants_are_a_warning() -> None:
    cells = pa.Table.from_pylist(
        [
            {"variant": "A", "trials": 100, "successes": 10, "shared": 5, "unnamed": 0},
            {"variant": "B", "trials": 100, "successes": 10, "shared": 0, "unnamed": 0},
        ]
    )

    told = kind.summarize(kind.fit(cells, ABTestConfig(), NOBODY), ABTestConfig())

    found = {f.code: f for f in told.findings}
    assert found["multiple-exposures"].severity == "warning"
    assert found["multiple-exposures"].text.startswith("5 units (2.44 %)")


def test_the_note_on_looking_often_is_always_there() -> None:
    told = summary({"A": (100, 10), "B": (100, 10)})

    assert told.findings[-1].code == "peeking"


def test_no_difference_is_rarely_claimed() -> None:

    rng = np.random.default_rng(11)
    tests = rng.binomial(2000, 0.1, size=(400, 2)).tolist()

    tones = [
        Reading(posterior=posterior, config=config).comparisons[0].tone
        for posterior, config in (fitted({"A": (2000, a), "B": (2000, b)}) for a, b in tests)
    ]

    # one look at level 95 %: about 5 % of 400; over 44 come in fewer than 1e-5 of runs
    assert stats.binom.sf(44, 400, 0.05) < 1e-5
    assert sum(tone in {"higher", "lower"} for tone in tones) <= 44
