"""What is special about proportions: published numbers, aggregated rows, groups, prediction."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.bernoulli import kind
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig

START = datetime(2024, 3, 1)  # noqa: DTZ001  # storage is naive UTC
TYPES = pa.schema(
    [
        ("timestamp", pa.timestamp("us")),
        ("group", pa.string()),
        ("outcome", pa.bool_()),
        ("trials", pa.int64()),
        ("successes", pa.int64()),
    ]
)


@cache
def duck() -> Any:
    return ibis.duckdb.connect()


def cells_of(events: pa.Table, config: ProportionConfig) -> pa.Table:
    """Reduce in a real DuckDB."""
    lake = ibis.memtable(events)
    roster = lake.select("group").distinct() if "group" in events.column_names else None
    cells: pa.Table = duck().to_pyarrow(kind.reduce(lake, roster, config))
    return cells


def analyze(rows: list[dict[str, Any]], **given: Any) -> tuple[Posterior, ProportionConfig]:
    config = parse(ProportionConfig, given)
    full = [{name: row.get(name) for name in TYPES.names} for row in rows]
    return kind.fit(cells_of(pa.Table.from_pylist(full, TYPES), config), config, NOBODY), config


def fitted(
    counts: Mapping[str, tuple[int, int]], **given: Any
) -> tuple[Posterior, ProportionConfig]:
    """Fit (successes, trials) by group, without a database."""
    config = parse(ProportionConfig, given)
    cells = pa.Table.from_pylist(
        [
            {"group": group, "trials": trials, "successes": successes}
            for group, (successes, trials) in sorted(counts.items())
        ]
    )
    return kind.fit(cells, config, NOBODY), config


def ask(posterior: Posterior, config: ProportionConfig, slug: str, **given: Any) -> QueryAnswer:
    query = kind.query(slug)
    answer: QueryAnswer = query.answer(posterior, config, parse(query.parameters, given))
    return answer


# published numbers: girls among births with placenta previa


def test_placenta_previa_with_a_flat_prior_agrees_with_the_book() -> None:
    # BDA3 section 2.4: 437 girls of 980 births: mean .446, sd .016, median .446, [.415, .477]
    posterior, _ = analyze([{"trials": 980, "successes": 437}])
    theta = posterior["theta"].distribution

    numbers = [theta.mean(), theta.sd(), *(theta.quantile(q) for q in (0.5, 0.025, 0.975))]

    assert [round(float(n[0]), 3) for n in numbers] == [0.446, 0.016, 0.446, 0.415, 0.477]


@pytest.mark.parametrize(
    ("weight", "median", "low", "high"),
    [
        # BDA3 table 2.1: prior mean .485 by the amount of prior information alpha + beta
        (2, 0.446, 0.415, 0.477),
        (5, 0.446, 0.415, 0.477),
        (10, 0.446, 0.415, 0.477),
        (20, 0.447, 0.416, 0.478),
        (100, 0.450, 0.420, 0.479),
        (200, 0.453, 0.424, 0.481),
    ],
)
def test_placenta_previa_with_informative_priors_agrees_with_the_book(
    weight: float, median: float, low: float, high: float
) -> None:
    prior = {"kind": "mean", "mean": 0.485, "effective_sample_size": weight}
    posterior, _ = analyze([{"trials": 980, "successes": 437}], prior=prior)
    theta = posterior["theta"].distribution

    found = [float(theta.quantile(q)[0]) for q in (0.5, 0.025, 0.975)]

    assert found == pytest.approx([median, low, high], abs=0.00051)  # the table has three digits


# reduction

ROW = st.fixed_dictionaries(
    {
        "timestamp": st.one_of(
            st.none(), st.integers(0, 200).map(lambda hours: START + timedelta(hours=hours))
        ),
        "group": st.sampled_from([None, "a", "b", "ü"]),
    }
).flatmap(
    lambda row: st.one_of(
        st.booleans().map(lambda outcome: row | {"outcome": outcome}),
        st.integers(0, 40).flatmap(
            lambda trials: st.integers(0, trials).map(
                lambda successes: row | {"trials": trials, "successes": successes}
            )
        ),
    )
)


def sums_by_hand(rows: list[dict[str, Any]], end: datetime | None) -> dict[str, tuple[int, int]]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        inside = end is None or (row["timestamp"] is not None and row["timestamp"] < end)
        group = sums[row["group"] or ""]
        group[0] += inside * row.get("trials", 1)
        group[1] += inside * row.get("successes", int(row.get("outcome", False)))
    return {group: (trials, successes) for group, (trials, successes) in sums.items()}


@given(st.lists(ROW, min_size=1, max_size=30), st.sampled_from([None, START + timedelta(days=3)]))
@settings(max_examples=30)
def test_rows_are_counted_as_by_hand(rows: list[dict[str, Any]], end: datetime | None) -> None:
    full = [{name: row.get(name) for name in TYPES.names} for row in rows]

    cells = cells_of(pa.Table.from_pylist(full, TYPES), parse(ProportionConfig, {"end": end}))

    found = {c["group"]: (c["trials"], c["successes"]) for c in cells.to_pylist()}
    assert found == sums_by_hand(rows, end)


def test_a_table_of_outcomes_alone_is_one_cell() -> None:
    events = pa.table({"outcome": [True, False, True]})

    cells = cells_of(events, ProportionConfig())

    assert cells.to_pylist() == [{"group": "", "trials": 3, "successes": 2}]


def test_ungrouped_rows_beside_groups_form_a_group_of_their_own() -> None:
    rows = [{"outcome": True}, {"group": "a", "outcome": False}, {"group": "all", "outcome": True}]

    posterior, _ = analyze(rows)

    assert posterior["theta"].labels == ("(no group)", "a", "all")


def test_a_group_named_like_the_ungrouped_one_stays_apart() -> None:
    posterior, _ = analyze([{"outcome": True}, {"group": "(no group)", "outcome": False}])

    assert len(set(posterior["theta"].labels)) == 2


def test_a_group_without_trials_in_the_window_keeps_the_prior() -> None:
    rows = [
        {"timestamp": START, "group": "old", "outcome": True},
        {"timestamp": START + timedelta(days=5), "group": "new", "outcome": True},
    ]

    posterior, config = analyze(rows, start="2024-03-03")

    theta = posterior["theta"]
    assert theta.distribution.parameters()["alpha"][theta.index("old")] == 1
    assert "no-trials" in {finding.code for finding in kind.summarize(posterior, config).findings}


def test_no_trial_at_all_is_insufficient() -> None:
    with pytest.raises(InsufficientData):
        analyze([{"timestamp": START, "outcome": True}], start="2025-01-01")


@pytest.mark.parametrize(
    "settings_",
    [
        {"start": "2024-03-02", "end": "2024-03-01"},
        {"threshold": 1.0},
        {"prior": {"kind": "shape", "a": 0}},
        {"prior": {"kind": "mean", "mean": 0.1}},
        {"start": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings_: dict[str, Any]) -> None:
    with pytest.raises(BadConfig):
        parse(ProportionConfig, settings_)


# answers


def test_a_single_rate_is_said_with_its_interval() -> None:
    summary = kind.summarize(*analyze([{"trials": 980, "successes": 437}]))

    assert summary.headline == (
        "The success rate is about 44.6 % (95 % interval 41.5 % to 47.7 %)."
    )


def test_two_groups_are_compared_in_the_headline() -> None:
    posterior, config = fitted({"a": (10, 100), "b": (40, 100)})

    summary = kind.summarize(posterior, config)

    assert summary.headline == "a has a lower success rate than b: over 99.9 % chance."
    assert [figure.name for figure in kind.figures(posterior, config)] == ["rates", "difference"]


def test_of_many_groups_the_best_is_named_and_drawn_first() -> None:
    posterior, config = fitted({f"g{i}": (i, 100) for i in range(0, 80, 10)})

    summary = kind.summarize(posterior, config)
    (forest,) = kind.figures(posterior, config)

    assert "g70" in summary.headline
    assert summary.tables[0].rows[0][:3] == ("g70", 100, 70)
    assert forest.spec.tables["numbers"]["label"][0] == "g70"


def test_an_informative_prior_is_drawn_and_a_flat_one_is_not() -> None:
    prior = {"kind": "shape", "a": 5, "b": 20}

    series = [
        kind.figures(*fitted({"": (3, 10)}, **given))[0].spec.series
        for given in ({}, {"prior": prior})
    ]

    assert series == [("all",), ("all", "prior")]


def test_the_chance_of_exceeding_a_threshold_is_the_tail() -> None:
    posterior, config = fitted({"a": (30, 100), "b": (10, 100)}, threshold=0.2)

    data = ask(posterior, config, "exceeds").data
    other = ask(posterior, config, "exceeds", threshold=0.35).data

    assert data["groups"] == ["a", "b"]
    assert data["p_above"] == pytest.approx(
        [stats.beta(31, 71).sf(0.2), stats.beta(11, 91).sf(0.2)], rel=1e-9
    )
    assert other["p_above"][0] == pytest.approx(stats.beta(31, 71).sf(0.35), rel=1e-9)


def test_a_threshold_is_claimed_in_the_summary() -> None:
    summary = kind.summarize(*fitted({"": (30, 100)}, threshold=0.2))

    (claim,) = summary.claims
    assert claim.probability == pytest.approx(stats.beta(31, 71).sf(0.2), rel=1e-9)
    assert claim.tone == "higher"


def test_no_threshold_to_exceed_is_an_error() -> None:
    with pytest.raises(BadConfig):
        ask(*fitted({"": (3, 10)}), "exceeds")


@pytest.mark.parametrize("n", [1, 7, 500])
def test_the_prediction_is_beta_binomial(n: int) -> None:
    exact = stats.betabinom(n, 31, 71)

    data = ask(*fitted({"": (30, 100)}), "predict", n=n, at_least=n // 3).data

    assert data["mean"] == pytest.approx(exact.mean(), rel=1e-9)
    assert data["sd"] == pytest.approx(exact.std(), rel=1e-9)
    assert data["p_at_least"] == pytest.approx(exact.sf(n // 3 - 1), rel=1e-7)
    assert data["interval"] == [exact.ppf(0.025), exact.ppf(0.975)]


def test_a_prediction_of_more_than_there_can_be_has_no_chance() -> None:
    assert ask(*fitted({"": (3, 10)}), "predict", n=5, at_least=6).data["p_at_least"] == 0


def test_a_prediction_is_about_the_largest_group_unless_told_otherwise() -> None:
    posterior, config = fitted({"a": (3, 10), "b": (4, 20), "c": (1, 5)})

    groups = [
        ask(posterior, config, "predict", **given).data["group"] for given in ({}, {"group": "c"})
    ]

    assert groups == ["b", "c"]


def test_a_million_trials_are_predicted() -> None:
    answer = ask(*fitted({"": (30, 100)}), "predict", n=1_000_000)

    assert answer.data["mean"] == pytest.approx(1_000_000 * 31 / 102, rel=1e-12)
    assert answer.figures[0].name == "predictive"


def test_the_comparison_is_exact() -> None:
    data = ask(*fitted({"a": (12, 40), "b": (20, 50)}), "compare", a="a", b="b").data
    first, second = stats.beta(13, 29), stats.beta(21, 31)

    greater, loss = (
        float(integrate.quad(function, 0, 1, epsabs=1e-12)[0])
        for function in (
            lambda x: first.pdf(x) * second.cdf(x),
            lambda x: first.cdf(x) * second.sf(x),
        )
    )

    assert data["p_A_gt_B"] == pytest.approx(greater, rel=1e-8)
    assert data["expected_loss"]["A"] == pytest.approx(loss, rel=1e-8)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
@settings(max_examples=25)
def test_sentence_decision_and_interval_agree(first: int, second: int, level: float) -> None:
    posterior, config = fitted({"a": (first, 60), "b": (second, 60)}, level=level)

    answer = ask(posterior, config, "compare", a="a", b="b")

    low, high = answer.data["difference"]["interval"]
    by_interval = "higher" if low > 0 else "lower" if high < 0 else "undecided"
    assert answer.summary.decision is not None
    assert answer.summary.decision.tone == answer.data["decision"] == by_interval
    assert answer.summary.claims[0].tone == by_interval


def test_a_group_never_seen_is_not_found() -> None:
    with pytest.raises(EntityNotFound):
        ask(*fitted({"a": (3, 10), "b": (4, 10)}), "compare", a="a", b="c")


def test_a_group_is_not_compared_with_itself() -> None:
    with pytest.raises(BadConfig):
        ask(*fitted({"a": (3, 10), "b": (4, 10)}), "compare", a="a", b="a")


# worlds


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(12)
    config, worlds, covered = kind.example, 80, 0

    for _ in range(worlds):
        truth = kind.truth(config, rng)
        posterior = kind.fit(cells_of(kind.simulate(truth, 60, rng), config), config, NOBODY)
        theta = posterior["theta"]
        true = truth["theta"].sel(group=list(theta.labels)).to_numpy()
        low, high = (theta.distribution.quantile(q) for q in (0.1, 0.9))
        covered += int(((low < true) & (true < high)).sum())

    cells = 3 * worlds
    assert abs(covered / cells - 0.8) < 5 * (0.8 * 0.2 / cells) ** 0.5  # false alarm below 1e-6
