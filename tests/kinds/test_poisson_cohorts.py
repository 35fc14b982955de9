"""What is special about rates: published numbers, windows, units, exposure, dispersion."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
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
from pymc_vibes.core.kind import Extent
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.poisson_cohorts import kind
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig

type Row = tuple[datetime, str, str, int | None, float | None]

START = datetime(2024, 3, 1)  # noqa: DTZ001  # storage is naive UTC
TYPES = pa.schema(
    [
        ("timestamp", pa.timestamp("us")),
        ("cohort", pa.string()),
        ("event", pa.string()),
        ("count", pa.int64()),
        ("exposure", pa.float64()),
    ]
)


def table_of(rows: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(TYPES.names, row, strict=True)) for row in rows], TYPES)


def extent_of(events: pa.Table) -> Extent:
    times = [time.replace(tzinfo=UTC) for time in events["timestamp"].to_pylist()]
    return Extent(rows=len(times), first=min(times, default=None), last=max(times, default=None))


@cache
def duck() -> Any:
    return ibis.duckdb.connect()


def cells_of(events: pa.Table, config: RateConfig) -> pa.Table:
    """Reduce in a real DuckDB; the config must be resolved."""
    lake = ibis.memtable(events)
    roster = lake.select("cohort", "event").distinct()
    cells: pa.Table = duck().to_pyarrow(kind.reduce(lake, roster, config))
    return cells


def analyze(events: pa.Table, **settings: Any) -> tuple[Posterior, RateConfig]:
    assert kind.resolve is not None
    config = kind.resolve(parse(RateConfig, settings), extent_of(events))
    return kind.fit(cells_of(events, config), config, NOBODY), config


def fitted(
    counts: Mapping[str, int], *, days: int = 10, **given: Any
) -> tuple[Posterior, RateConfig]:
    """Fit counts that are spread evenly over days, without a database."""
    window = {"start": START, "end": START + timedelta(days=days), "exposure": "window"}
    config = parse(RateConfig, {**window, **given})
    share = 1 / days
    cells = [
        {
            "cohort": cohort,
            "event": "claim",
            "k": k,
            "exposure": config.length,
            "rows": days,
            "buckets": days,
            "squares": float(k * k) * share,
            "cross": k * share,
            "w2": share,
            "w3": share**2,
            "w4": share**3,
        }
        for cohort, k in sorted(counts.items())
    ]
    return kind.fit(pa.Table.from_pylist(cells), config, NOBODY), config


def ask(posterior: Posterior, config: RateConfig, slug: str, **given: Any) -> QueryAnswer:
    query = kind.query(slug)
    answer: QueryAnswer = query.answer(posterior, config, parse(query.parameters, given))
    return answer


def counted(counts: Mapping[str, int], *, days: int = 10, event: str = "claim") -> pa.Table:
    """Spread each cohort's count evenly over the days, one row a day."""
    rows: list[Row] = [
        (START + timedelta(days=day), cohort, event, count // days + (day < count % days), None)
        for cohort, count in counts.items()
        for day in range(days)
    ]
    return table_of(rows)


def measured(cells: Iterable[tuple[str, int, float]], event: str = "death") -> pa.Table:
    return table_of((START, cohort, event, count, exposure) for cohort, count, exposure in cells)


# published numbers


def test_asthma_deaths_of_one_year_agree_with_the_book() -> None:
    # BDA3 section 2.6: 3 deaths in a city of 200 000, rate per 100 000 a year, Gamma(3, 5) prior
    posterior, config = analyze(
        measured([("city", 3, 2.0)]), exposure="measured", alpha0=3.0, beta0=5.0
    )

    data = ask(posterior, config, "rate", cohort="city").data

    assert (data["alpha"], data["beta"]) == (6, 7)
    assert round(data["mean"], 2) == 0.86


def test_asthma_deaths_of_ten_years_agree_with_the_book() -> None:
    # BDA3 section 2.6: Gamma(33, 25) with mean 1.32, and P(rate > 1) = 0.93
    posterior, config = analyze(
        measured([("city", 30, 20.0)]), exposure="measured", alpha0=3.0, beta0=5.0
    )

    data = ask(posterior, config, "rate", cohort="city").data

    assert (data["alpha"], data["beta"], data["mean"]) == (33, 25, 1.32)
    assert round(float(posterior["rate"].distribution.above(1.0)[0]), 2) == 0.93  # type: ignore[attr-defined]  # Gamma has it


@pytest.mark.parametrize(("deaths", "mean"), [(0, 4.55e-5), (1, 4.77e-5), (2, 5.00e-5)])
def test_kidney_cancer_of_small_counties_is_pulled_to_the_prior(deaths: int, mean: float) -> None:
    # BDA3 section 2.7: ten years of a county of 1000 people, Gamma(20, 430 000) prior
    posterior, config = analyze(
        measured([("county", deaths, 10_000.0)]), exposure="measured", alpha0=20.0, beta0=430_000.0
    )

    answer = ask(posterior, config, "rate", cohort="county").data

    assert float(f"{answer['mean']:.3g}") == mean


# reduction


@st.composite
def event_rows(draw: st.DrawFn, *, with_exposure: bool) -> list[Row]:
    hour = st.integers(0, 24 * 12).map(lambda hours: START + timedelta(hours=hours))
    exposure = st.floats(0.001, 1e6) if with_exposure else st.none()
    row = st.tuples(
        hour,
        st.sampled_from(["a", "b", "ü | 1"]),
        st.sampled_from(["x", "y"]),
        st.one_of(st.none(), st.integers(0, 50)),
        exposure,
    )
    return draw(st.lists(row, min_size=1, max_size=30))


def sums_by_hand(rows: list[Row], *, days: int) -> dict[tuple[str, str], tuple[int, float]]:
    """Count and exposure of every pair of a cohort and an event, within the first days."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for time, cohort, event, count, exposure in rows:
        inside = time < START + timedelta(days=days)
        sums[cohort, event][0] += inside * (1 if count is None else count)
        sums[cohort, event][1] += inside * (exposure or 0.0)
    pairs = {(cohort, event) for _, cohort, *_ in rows for _, _, event, *_ in rows}
    return {pair: (int(sums[pair][0]), sums[pair][1]) for pair in pairs}


@given(event_rows(with_exposure=False), st.integers(1, 13))
@settings(max_examples=20)
def test_the_window_is_counted_as_by_hand(rows: list[Row], days: int) -> None:
    config = parse(
        RateConfig,
        {"start": START, "end": START + timedelta(days=days), "exposure": "window", "unit": "hour"},
    )

    cells = cells_of(table_of(rows), config).to_pylist()

    found = {(cell["cohort"], cell["event"]): (cell["k"], cell["exposure"]) for cell in cells}
    by_hand = sums_by_hand(rows, days=days)
    assert found == {pair: (count, 24.0 * days) for pair, (count, _) in by_hand.items()}


@given(event_rows(with_exposure=True), st.integers(1, 13))
@settings(max_examples=20)
def test_measured_exposure_is_summed_as_by_hand(rows: list[Row], days: int) -> None:
    config = parse(
        RateConfig,
        {"start": START, "end": START + timedelta(days=days), "exposure": "measured"},
    )

    cells = cells_of(table_of(rows), config).to_pylist()

    found = {(cell["cohort"], cell["event"]): (cell["k"], cell["exposure"]) for cell in cells}
    by_hand = sums_by_hand(rows, days=days)
    assert {pair: count for pair, (count, _) in found.items()} == {
        pair: count for pair, (count, _) in by_hand.items()
    }
    assert [found[pair][1] for pair in by_hand] == pytest.approx(
        [exposure for _, exposure in by_hand.values()], rel=1e-9
    )


@given(event_rows(with_exposure=True), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_row_order_does_not_change_a_bit(rows: list[Row], random: Any) -> None:
    config = parse(RateConfig, {"start": "2024-03-01", "end": "2024-03-20", "exposure": "measured"})
    shuffled = random.sample(rows, len(rows))

    assert cells_of(table_of(rows), config).equals(cells_of(table_of(shuffled), config))


def test_a_table_without_optional_columns_counts_its_rows() -> None:
    events = counted({"a": 10}).select(["timestamp", "cohort", "event"])

    posterior, config = analyze(events)

    assert ask(posterior, config, "rate", cohort="a").data["k"] == 10


def test_the_end_of_the_window_is_exclusive() -> None:
    posterior, config = analyze(counted({"a": 10}), start="2024-03-01", end="2024-03-05")

    data = ask(posterior, config, "rate", cohort="a").data

    assert (data["k"], data["T"], data["unit"]) == (4, 4.0, "day")


# windows and settings


def test_the_default_window_is_the_extent_in_whole_days() -> None:
    events = table_of([(START.replace(hour=7), "a", "x", None, None)])

    _, config = analyze(events)

    assert config.window == (datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC))


def test_no_event_at_all_is_insufficient() -> None:
    assert kind.resolve is not None
    with pytest.raises(InsufficientData):
        kind.resolve(RateConfig(), Extent(rows=0, first=None, last=None))


def test_a_window_after_the_data_is_insufficient() -> None:
    with pytest.raises(InsufficientData):
        analyze(counted({"a": 10}), start="2025-01-01")


@pytest.mark.parametrize(
    "value", [0, "0", 1709251200, "1709251200", "March 2024", "0067-01-01", True]
)
def test_a_start_that_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(BadConfig):
        parse(RateConfig, {"start": value})


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(BadConfig):
        parse(RateConfig, {"start": "2024-03-02", "end": "2024-03-02"})


@given(
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.sampled_from(["second", "minute", "hour", "week", "year"]),
)
@settings(max_examples=25)
def test_the_default_prior_lets_no_answer_depend_on_the_unit(
    first: int, second: int, unit: str
) -> None:
    counts = {"a": first, "b": second}
    per_day = ask(*fitted(counts), "compare", a="a", b="b").data

    other = ask(*fitted(counts, unit=unit), "compare", a="a", b="b").data

    scale = per_day["A"]["T"] / other["A"]["T"]
    assert other["p_A_gt_B"] == pytest.approx(per_day["p_A_gt_B"], rel=1e-9)
    assert other["ratio"]["median"] == pytest.approx(per_day["ratio"]["median"], rel=1e-6)
    assert other["A"]["hdi95"] == pytest.approx(
        [scale * x for x in per_day["A"]["hdi95"]], rel=1e-6
    )


# names and gaps


def test_a_cohort_never_seen_is_not_found_and_a_near_miss_is_named() -> None:
    posterior, config = analyze(counted({"Delta": 3, "United": 4}))

    with pytest.raises(EntityNotFound) as caught:
        ask(posterior, config, "rate", cohort="Detla")

    assert "Delta" in str(caught.value.hint)


def test_an_event_never_seen_is_not_found() -> None:
    with pytest.raises(EntityNotFound):
        analyze(counted({"a": 3}), event="nothing")


def test_a_cohort_that_is_silent_in_the_window_has_count_zero() -> None:
    events = pa.concat_tables([counted({"a": 5}), counted({"b": 5}, days=1)])

    posterior, config = analyze(events, start="2024-03-05")

    data = ask(posterior, config, "rate", cohort="b").data
    assert (data["k"], data["alpha"], data["beta"], data["hdi95"][0]) == (0, 0.5, 6.0, 0.0)


def test_a_cohort_without_an_event_of_a_kind_has_count_zero() -> None:
    events = pa.concat_tables([counted({"a": 5}, event="x"), counted({"b": 5}, event="y")])

    data = ask(*analyze(events), "rate", cohort="a", event="y").data

    assert (data["event"], data["k"]) == ("y", 0)


def test_a_cell_without_measured_exposure_has_no_answer_and_does_not_hide_the_others() -> None:
    events = pa.concat_tables([measured([("a", 2, 5.0)], "x"), measured([("b", 3, 5.0)], "y")])
    posterior, config = analyze(events, exposure="measured")

    assert ask(posterior, config, "rate", cohort="a", event="x").data["T"] == 5.0
    assert "no-exposure" in {f.code for f in kind.summarize(posterior, config).findings}
    with pytest.raises(InsufficientData):
        ask(posterior, config, "rate", cohort="a", event="y")


def test_no_measured_exposure_at_all_is_insufficient() -> None:
    with pytest.raises(InsufficientData):
        analyze(
            measured([("a", 2, 5.0)]), exposure="measured", start="2024-04-01", end="2024-04-02"
        )


def test_names_that_hold_the_separator_stay_apart() -> None:
    events = pa.concat_tables(
        [counted({"a · b": 10}, event="c"), counted({"a": 30}, event="b · c")]
    )
    posterior, config = analyze(events)

    counts = [
        ask(posterior, config, "rate", cohort=cohort, event=event).data["k"]
        for cohort, event in [("a · b", "c"), ("a", "b · c"), ("a", "c")]
    ]

    assert counts == [10, 30, 0]
    assert len(set(posterior["rate"].labels)) == 4


# answers


def test_intervals_hold_their_mass_and_their_names_say_which() -> None:
    data = ask(*analyze(counted({"a": 7}), level=0.5), "rate", cohort="a").data
    exact = stats.gamma(data["alpha"], scale=1 / data["beta"])
    names = ("hdi95", "eti95", "hdi", "eti")

    masses = [exact.cdf(data[name][1]) - exact.cdf(data[name][0]) for name in names]

    assert masses == pytest.approx([0.95, 0.95, 0.5, 0.5], rel=1e-8)


def test_the_comparison_is_exact() -> None:
    data = ask(*analyze(counted({"a": 12, "b": 20})), "compare", a="a", b="b").data
    first, second = (stats.gamma(data[s]["alpha"], scale=1 / data[s]["beta"]) for s in "AB")

    def integral(function: Any) -> float:
        return float(integrate.quad(function, 0, 20, epsabs=1e-12)[0])

    assert data["p_A_gt_B"] == pytest.approx(
        integral(lambda x: first.pdf(x) * second.cdf(x)), rel=1e-8
    )
    assert data["expected_loss"]["A"] == pytest.approx(
        integral(lambda x: first.cdf(x) * second.sf(x)), rel=1e-8
    )
    assert data["difference"]["mean"] == pytest.approx(-0.8, rel=1e-9)


def test_the_direction_of_better_swaps_the_losses() -> None:
    events = counted({"a": 12, "b": 20})

    higher = ask(*analyze(events, direction="higher"), "compare", a="a", b="b").data
    lower = ask(*analyze(events, direction="lower"), "compare", a="a", b="b").data

    assert lower["expected_loss"]["A"] == pytest.approx(higher["expected_loss"]["B"], rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
@settings(max_examples=40)
def test_sentence_decision_and_interval_agree(first: int, second: int, level: float) -> None:
    answer = ask(*fitted({"a": first, "b": second}, level=level), "compare", a="a", b="b")

    low, high = answer.data["difference"]["interval"]
    by_interval = "higher" if low > 0 else "lower" if high < 0 else "undecided"
    assert answer.summary.decision is not None
    assert answer.summary.decision.tone == answer.data["decision"] == by_interval
    assert answer.summary.claims[0].tone == by_interval


def test_two_cohorts_are_compared_in_the_headline() -> None:
    posterior, config = analyze(counted({"a": 10, "b": 400}))

    summary = kind.summarize(posterior, config)

    assert "a has the lower rate than b: over 99.9 % chance" in summary.headline
    assert [figure.name for figure in kind.figures(posterior, config)] == ["rates", "difference"]


def test_one_cohort_is_said_with_its_interval() -> None:
    summary = kind.summarize(*analyze(counted({"a": 20})))

    assert summary.headline == "claim of a: about 2.05 per day (95 % interval 1.2 to 2.95)."


@pytest.mark.parametrize(("direction", "name"), [("higher", "c"), ("lower", "a"), (None, "c")])
def test_of_many_the_best_is_named(direction: str | None, name: str) -> None:
    events = counted({"a": 10, "b": 100, "c": 300})

    summary = kind.summarize(*analyze(events, direction=direction))

    assert summary.headline.startswith(f"{name} has the")
    assert summary.tables[0].rows[0][0] == name


def test_the_headline_is_about_the_event_that_is_chosen() -> None:
    events = pa.concat_tables([counted({"a": 50}, event="x"), counted({"a": 5}, event="y")])

    chosen = [
        kind.summarize(*analyze(events, event=event)).context["event"] for event in (None, "y")
    ]

    assert chosen == ["x", "y"]


def test_nobody_stands_out_among_equals() -> None:
    summary = kind.summarize(*analyze(counted({"a": 20, "b": 20, "c": 20})))

    assert summary.headline.startswith("It is open which of 3 cohorts")
    assert summary.claims[0].tone == "undecided"


def test_the_answer_says_what_it_refers_to() -> None:
    measured_context = kind.summarize(
        *analyze(measured([("a", 2, 5.0)]), exposure="measured", exposure_unit="flight")
    ).context
    window_context = kind.summarize(*analyze(counted({"a": 2}))).context

    assert measured_context["exposure"] == "measured"
    assert measured_context["unit"] == "flight"
    assert window_context["exposure"] == "window"
    assert window_context["window"] == "2024-03-01 to 2024-03-10 (whole days, UTC)"
    assert "Jeffreys" in str(window_context["prior"])


def test_a_ranking_agrees_with_itself() -> None:
    data = ask(*analyze(counted({"a": 30, "b": 45, "c": 45, "d": 60})), "rank").data
    pairs = np.array(data["pairwise"], dtype=float)

    assert data["cohorts"][0] == "d"
    assert sum(data["p_best"]) == pytest.approx(1, rel=1e-9)
    # the expected rank is one plus the chances that each of the others is higher
    assert data["expected_rank"] == pytest.approx(1 + np.nansum(pairs, axis=0), rel=1e-6)


def test_a_long_ranking_is_cut_and_says_so() -> None:
    answer = ask(*analyze(counted({f"c{i}": i for i in range(60)})), "rank")

    assert len(answer.data["cohorts"]) == 50
    assert answer.data["total"] == 60
    assert "ranking-cut" in {finding.code for finding in answer.summary.findings}


def test_a_cohort_is_not_compared_with_itself() -> None:
    with pytest.raises(BadConfig):
        ask(*analyze(counted({"a": 3, "b": 4})), "compare", a="a", b="a")


# dispersion


def test_clustered_counts_are_reported_with_the_factor() -> None:
    # every second day has all events: variance over mean is 20 * 10 / 9 per day
    rows: list[Row] = [(START + timedelta(days=2 * i), "a", "x", 40, None) for i in range(15)]

    posterior, config = analyze(table_of(rows), end="2024-03-31")
    (finding,) = kind.summarize(posterior, config).findings

    assert (finding.code, finding.severity) == ("overdispersed", "warning")
    assert "entity-rates" in finding.text
    # X^2 / (n - 1) = 15 * 20 * 2 / 29 = 20.7, its root is 4.55
    assert "variance 20.7 times the mean" in finding.text
    assert "factor of about 4.55" in finding.text
    assert posterior.diagnostics.verdict == "warning"


def test_clustered_counts_with_measured_exposure_are_reported() -> None:
    rows: list[Row] = [
        (START + timedelta(days=i), "a", "x", 40 * (i % 2), 100.0 + i) for i in range(30)
    ]

    posterior, config = analyze(table_of(rows), exposure="measured")

    assert "overdispersed" in {f.code for f in kind.summarize(posterior, config).findings}


def test_counts_that_follow_their_exposure_raise_no_alarm() -> None:
    # very different days, but always two events per hundred of exposure
    rows: list[Row] = [
        (START + timedelta(days=i), "a", "x", 2 * (1 + i % 7), 100.0 * (1 + i % 7))
        for i in range(30)
    ]

    posterior, config = analyze(table_of(rows), exposure="measured")

    assert kind.summarize(posterior, config).findings == ()
    assert posterior.diagnostics.verdict == "good"


# worlds


def test_the_simulated_extent_is_the_simulated_window() -> None:
    rng = np.random.default_rng(5)
    truth = kind.truth(RateConfig(alpha0=0.02, beta0=0.01), rng)  # most cohorts stay silent

    posterior, config = analyze(kind.simulate(truth, 300, rng))

    assert set(posterior["rate"].labels) == set(truth["cohort"].to_numpy())
    assert 0 in posterior.cells["k"].to_pylist()
    assert config.length == 25  # 300 events of 6 cohorts at a typical rate of 2 per day


@pytest.mark.parametrize("exposure", ["window", "measured"])
def test_intervals_cover_the_truth_as_often_as_they_say(exposure: str) -> None:
    rng = np.random.default_rng(11)
    config = kind.example.model_copy(update={"exposure": exposure})
    worlds = 40
    covered = 0

    for _ in range(worlds):
        truth = kind.truth(config, rng)
        posterior, _ = analyze(
            kind.simulate(truth, 60, rng), **config.model_dump(exclude_none=True)
        )
        rates = posterior["rate"]
        true = truth["rate"].sel(cohort=list(rates.labels)).to_numpy()
        low, high = (rates.distribution.quantile(q) for q in (0.1, 0.9))
        covered += int(((low < true) & (true < high)).sum())

    cells = 6 * worlds
    assert abs(covered / cells - 0.8) < 5 * (0.8 * 0.2 / cells) ** 0.5  # false alarm below 1e-6


def test_a_world_needs_a_proper_prior() -> None:
    with pytest.raises(BadConfig):
        kind.truth(RateConfig(), np.random.default_rng(1))
