"""A/B tests: counting units, exact numbers, names."""

from collections.abc import Callable, Iterator
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.kinds.ab_test import ABTestConfig, kind
from tests.kinds.ab_tests import ask, fitted, row_of, summary

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
    ("first", "second", "exact"),
    # finite sums of whole fractions, as in tests/stats/test_pairs.py, under Beta(1, 1)
    [((50, 0), (50, 3), 0.9412), ((20, 3), (20, 0), 0.0535), ((5, 5), (5, 4), 0.2273)],
)
def test_small_counts_give_the_exact_chance(
    first: tuple[int, int], second: tuple[int, int], exact: float
) -> None:
    answer = ask("compare", {"A": first, "B": second}, {"a": "A", "b": "B"}, min_units=1)

    assert answer.data["probability_b_greater"] == pytest.approx(exact, abs=5e-5)


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
        ask("exceeds", counts, {"treatment": "B", "by": by}).data["probability"]
        for by in (-0.02, 0.0, 0.02, 0.05)
    ]

    assert chances == sorted(chances, reverse=True)


# names


@pytest.mark.parametrize(
    ("variants", "control"),
    [
        (("B", "A"), "A"),
        (("new", "Control"), "Control"),
        (("treatment", "baseline"), "baseline"),
        (("variant", "CTRL"), "CTRL"),
        (("beta", "ctrl"), "ctrl"),
        (("y", "x"), "x"),
    ],
)
def test_the_control_is_found_by_its_usual_names(variants: tuple[str, ...], control: str) -> None:
    told = summary(dict.fromkeys(variants, (100, 10)))

    assert told.context["control"] == control


@pytest.mark.parametrize(("units", "told"), [(1, "B has 1 unit,"), (2, "B has 2 units,")])
def test_units_are_counted_in_words(units: int, told: str) -> None:
    assert told in summary({"A": (3, 1), "B": (units, 1), "C": (3, 1)}).headline


@pytest.mark.parametrize(
    ("variants", "settings", "is_noted"),
    [
        (("old", "new"), {}, True),
        (("old", "new"), {"control": "new"}, False),
        (("control", "new"), {}, False),
        (("B", "A"), {}, False),
    ],
)
def test_a_control_that_is_only_the_first_by_name_is_noted(
    variants: tuple[str, ...], settings: dict[str, str], *, is_noted: bool
) -> None:
    told = summary(dict.fromkeys(variants, (100, 10)), **settings)

    noted = [f.text for f in told.findings if f.code == "control-by-name"]

    assert bool(noted) == is_noted
    assert all("new is taken for the control" in text for text in noted)


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
