"""What rates are made of: sums by hand, windows, units, names, gaps, simulated worlds."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.kind import Extent
from pymc_vibes.kinds.poisson_cohorts import kind
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from tests.kinds.rate_worlds import (
    START,
    Row,
    analyze,
    ask,
    cells_of,
    counted,
    fitted,
    measured,
    table_of,
)

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


def test_rows_without_exposure_are_not_counted_against_that_of_others() -> None:
    bare = table_of([(START, "a", "death", 1, None), (START, "b", "death", 1, 4.0)])
    with pytest.raises(BadConfig, match="1 rows in the window have no exposure"):
        analyze(bare, exposure="measured")
    later = {"start": START + timedelta(days=1), "end": START + timedelta(days=2)}
    with pytest.raises(InsufficientData):
        analyze(bare, exposure="measured", **later)


@pytest.mark.parametrize("exposure", [1.23456789e-12, 1e-16, 0.1, 123456.789012345678, 1e12])
def test_no_digit_of_an_exposure_is_lost(exposure: float) -> None:
    posterior, config = analyze(measured([("a", 2, exposure)] * 3), exposure="measured")
    found = ask(posterior, config, "rate", cohort="a").data["T"]
    assert found == pytest.approx(3 * exposure, rel=1e-15)


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
