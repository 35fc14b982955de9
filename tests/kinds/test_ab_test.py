"""A/B tests: counting, comparing, deciding, and what is said about it."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.ab_test import ABTestConfig, kind
from pymc_vibes.kinds.ab_test.reading import Reading
from pymc_vibes.kinds.ab_test.split import check_split

type Counts = dict[str, tuple[int, int]]
type Reduce = Callable[..., list[dict[str, Any]]]

EVENTS = pa.schema(
    [
        ("timestamp", pa.timestamp("us")),
        ("variant", pa.string()),
        ("unit_id", pa.string()),
        ("converted", pa.bool_()),
        ("trials", pa.int64()),
        ("successes", pa.int64()),
    ]
)


@pytest.fixture(scope="module")
def reduce() -> Iterator[Reduce]:
    """Run the reduction of rows on a real DuckDB."""
    connection = ibis.duckdb.connect()

    def run(rows: list[dict[str, Any]], config: ABTestConfig | None = None) -> list[dict[str, Any]]:
        full = [{name: row.get(name) for name in EVENTS.names} for row in rows]
        table = pa.Table.from_pylist(full, schema=EVENTS)
        events = ibis.memtable(table)
        roster = events.select("variant").distinct()
        cells = connection.to_pyarrow(kind.reduce(events, roster, config or ABTestConfig()))
        return [dict(row) for row in cells.to_pylist()]

    yield run
    connection.disconnect()


def fitted(counts: Counts, **settings: Any) -> tuple[Posterior, ABTestConfig]:
    """Fit counts of (units, conversions) by variant."""
    cells = pa.Table.from_pylist(
        [
            {"variant": v, "trials": n, "successes": y, "shared": 0, "unnamed": 0}
            for v, (n, y) in counts.items()
        ]
    )
    config = parse(ABTestConfig, settings)
    return kind.fit(cells, config, NOBODY), config


def summary(counts: Counts, **settings: Any) -> Summary:
    return kind.summarize(*fitted(counts, **settings))


def ask(query: str, counts: Counts, parameters: dict[str, Any], **settings: Any) -> Any:
    found = kind.query(query)
    posterior, config = fitted(counts, **settings)
    return found.answer(posterior, config, parse(found.parameters, parameters))  # type: ignore[call-arg,arg-type]  # all queries here are about a posterior


def row_of(told: Summary, table: str, label: str) -> dict[str, Any]:
    found = next(t for t in told.tables if t.name == table)
    return next(dict(zip(found.columns, row, strict=True)) for row in found.rows if row[0] == label)


# counting


def test_a_unit_counts_once_and_converts_if_any_of_its_rows_did(reduce: Reduce) -> None:
    rows = [
        {"variant": "A", "unit_id": "u1", "converted": False},
        {"variant": "A", "unit_id": "u1", "converted": True},
        {"variant": "B", "unit_id": "u2", "converted": False},
    ]

    cells = reduce(rows)

    assert [(c["variant"], c["trials"], c["successes"]) for c in cells] == [
        ("A", 1, 1),
        ("B", 1, 0),
    ]


def test_a_unit_seen_in_two_variants_is_left_out_and_reported(reduce: Reduce) -> None:
    rows = [
        {"variant": "A", "unit_id": "u1", "converted": True},
        {"variant": "B", "unit_id": "u1", "converted": True},
        {"variant": "A", "unit_id": "u2", "converted": True},
    ]

    cells = reduce(rows)

    assert [(c["variant"], c["trials"], c["shared"]) for c in cells] == [("A", 1, 1), ("B", 0, 0)]


def test_aggregated_rows_and_rows_without_a_unit_add_up(reduce: Reduce) -> None:
    rows = [
        {"variant": "A", "trials": 100, "successes": 7},
        {"variant": "A", "converted": True},
        {"variant": "B", "trials": 50, "successes": 0},
    ]

    cells = reduce(rows)

    assert [(c["trials"], c["successes"], c["unnamed"]) for c in cells] == [
        (101, 8, 101),
        (50, 0, 50),
    ]


def test_the_window_is_half_open_and_keeps_silent_variants(reduce: Reduce) -> None:
    from datetime import datetime

    rows = [
        {"variant": "A", "timestamp": datetime(2025, 1, 1), "converted": True},  # noqa: DTZ001  # storage is naive UTC
        {"variant": "B", "timestamp": datetime(2025, 1, 2), "converted": True},  # noqa: DTZ001  # storage is naive UTC
    ]

    cells = reduce(rows, parse(ABTestConfig, {"start": "2025-01-01", "end": "2025-01-02"}))

    assert [(c["variant"], c["trials"]) for c in cells] == [("A", 1), ("B", 0)]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "variant": st.sampled_from(["A", "B", "é"]),
            "unit_id": st.none() | st.sampled_from(["u1", "u2", "u3", "u4"]),
            "converted": st.booleans(),
        }
    ),
    max_size=25,
)


def counted(rows: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Count like a person with a pencil."""
    seen: dict[str, set[str]] = {}
    for row in rows:
        if row["unit_id"] is not None:
            seen.setdefault(row["unit_id"], set()).add(row["variant"])
    totals = {row["variant"]: [0, 0] for row in rows}
    for unit, variants in seen.items():
        if len(variants) == 1:
            total = totals[next(iter(variants))]
            total[0] += 1
            total[1] += any(row["converted"] for row in rows if row["unit_id"] == unit)
    for row in rows:
        if row["unit_id"] is None:
            totals[row["variant"]][0] += 1
            totals[row["variant"]][1] += row["converted"]
    return {variant: (n, y) for variant, (n, y) in totals.items()}


@settings(max_examples=25)
@given(rows=ROWS)
def test_reduction_agrees_with_counting_by_hand(reduce: Reduce, rows: list[dict[str, Any]]) -> None:
    cells = reduce(rows)

    assert {c["variant"]: (c["trials"], c["successes"]) for c in cells} == counted(rows)


# numbers


@pytest.mark.parametrize(
    ("first", "second", "published"),
    # exact chances under Beta(1, 1), research page on experimentation, section 5
    [((50, 0), (50, 3), 0.9412), ((20, 3), (20, 0), 0.05), ((5, 5), (5, 4), 0.23)],
)
def test_small_counts_give_the_exact_chance(
    first: tuple[int, int], second: tuple[int, int], published: float
) -> None:
    answer = ask("compare", {"A": first, "B": second}, {"a": "A", "b": "B"}, min_units=1)

    digits = 4 if published > 0.9 else 2
    assert round(answer.data["probability_b_greater"], digits) == pytest.approx(published)


def test_chance_and_loss_agree_with_brute_force_integration() -> None:
    from scipy.integrate import quad

    a, b = stats.beta(1 + 12, 1 + 88), stats.beta(1 + 19, 1 + 81)
    chance = quad(lambda x: b.pdf(x) * a.cdf(x), 0, 1, epsabs=1e-12)[0]
    loss = quad(lambda x: a.sf(x) * b.cdf(x), 0, 1, epsabs=1e-12)[0]

    answer = ask("compare", {"A": (100, 12), "B": (100, 19)}, {"a": "A", "b": "B"})

    assert answer.data["probability_b_greater"] == pytest.approx(chance, rel=1e-8)
    assert answer.data["expected_loss"]["B"] == pytest.approx(loss, rel=1e-7)


def test_pairwise_and_joint_numbers_are_the_same_for_two_variants() -> None:
    told = summary({"A": (900, 80), "B": (950, 101)})

    treatment, variant = row_of(told, "treatments", "B"), row_of(told, "variants", "B")
    assert variant["chance_best"] == pytest.approx(treatment["chance_higher"], rel=1e-7)
    assert variant["expected_loss"] == pytest.approx(treatment["loss_if_chosen"], rel=1e-6)


def test_lower_is_better_swaps_the_losses() -> None:
    counts = {"A": (100, 12), "B": (100, 19)}
    up = ask("compare", counts, {"a": "A", "b": "B"})
    down = ask("compare", counts, {"a": "A", "b": "B"}, direction="lower")

    # loss(B) - loss(A) is the mean difference in the direction of better, whichever that is
    gap = 7 / 102
    assert up.data["expected_loss"]["A"] - up.data["expected_loss"]["B"] == pytest.approx(gap)
    assert down.data["expected_loss"]["B"] - down.data["expected_loss"]["A"] == pytest.approx(gap)


def test_prior_by_mean_and_weight_is_the_same_prior_as_by_shape() -> None:
    counts = {"A": (30, 2), "B": (30, 5)}
    by_mean = {"kind": "mean", "mean": 0.1, "effective_sample_size": 20}
    by_shape = {"kind": "shape", "a": 2, "b": 18}

    assert summary(counts, prior=by_mean) == summary(counts, prior=by_shape)


def test_the_loss_table_is_ordered_and_complete() -> None:
    answer = ask("loss", {"A": (100, 10), "B": (100, 20), "C": (100, 15)}, {})

    assert list(answer.data["expected_loss"]) == ["B", "C", "A"]


def test_the_chance_of_a_margin_falls_with_the_margin() -> None:
    counts = {"A": (1000, 100), "B": (1000, 130)}

    chances = [
        ask("exceeds", counts, {"variant": "B", "by": by}).data["probability"]
        for by in (-0.02, 0.0, 0.02, 0.05)
    ]

    assert chances == sorted(chances, reverse=True)


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
    assert f"B has the {tone} conversion rate than A" in told.claims[0].text
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
    import numpy as np

    rng = np.random.default_rng(11)
    tests = rng.binomial(2000, 0.1, size=(400, 2)).tolist()

    tones = [
        Reading(posterior=posterior, config=config).comparisons[0].tone
        for posterior, config in (fitted({"A": (2000, a), "B": (2000, b)}) for a, b in tests)
    ]

    # one look at level 95 %: about 5 % of 400; over 44 come in fewer than 1e-5 of runs
    assert stats.binom.sf(44, 400, 0.05) < 1e-5
    assert sum(tone in {"higher", "lower"} for tone in tones) <= 44


# names


@pytest.mark.parametrize(
    ("variants", "control"),
    [
        (("B", "A"), "A"),
        (("new", "Control"), "Control"),
        (("treatment", "baseline"), "baseline"),
        (("y", "x"), "x"),
    ],
)
def test_the_control_is_found_by_its_usual_names(variants: tuple[str, ...], control: str) -> None:
    told = summary(dict.fromkeys(variants, (100, 10)))

    assert told.context["control"] == control


def test_a_control_that_does_not_exist_is_refused_with_the_names_that_do() -> None:
    with pytest.raises(BadConfig) as error:
        fitted({"A": (100, 10), "B": (100, 10)}, control="Z")

    assert error.value.hint == "The variants are: 'A', 'B'."


def test_one_variant_is_not_a_test() -> None:
    with pytest.raises(InsufficientData):
        fitted({"A": (100, 10)})


def test_a_column_of_user_names_is_not_a_column_of_variants() -> None:
    with pytest.raises(BadConfig, match="101 variants"):
        fitted({f"user{i}": (1, 0) for i in range(101)})


def test_comparing_an_unknown_variant_names_near_misses() -> None:
    with pytest.raises(EntityNotFound):
        ask("compare", {"A": (100, 10), "B": (100, 10)}, {"a": "A", "b": "Bee"})


def test_a_variant_is_not_compared_with_itself() -> None:
    with pytest.raises(BadConfig):
        ask("compare", {"A": (100, 10), "B": (100, 10)}, {"a": "A", "b": "A"})


def test_many_variants_are_drawn_as_a_forest() -> None:
    posterior, config = fitted({f"v{i:02d}": (200, 10 + i) for i in range(30)})

    names = [figure.name for figure in kind.figures(posterior, config)]

    assert names == ["rates", "differences", "best"]


def test_extreme_counts_have_an_answer() -> None:
    split = {"A": 10**9, "B": 10**9, "C": 10**9}
    counts = {"A": (10**9, 0), "B": (10**9, 10**9), "C": (10**9, 1)}

    told = summary(counts, expected_split=split)

    assert told.decision is not None
    assert told.decision.action == "ship B"
