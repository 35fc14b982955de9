"""Terms of an interrupted series: controls, holidays, parts of days, other changes, ends."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds import catalog
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from tests.contract.bench import Bench
from tests.stats.interrupted_worlds import ar1

KIND = catalog()["interrupted-time-series"]
START = datetime(2025, 1, 6)  # noqa: DTZ001  # storage is naive UTC; a Monday
DAYS = 100
T = np.arange(DAYS)
WORLDS = 60


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


def day(number: int) -> str:
    return (START + timedelta(days=number)).date().isoformat()


def daily(values: np.ndarray, **columns: Any) -> pa.Table:
    """One row a day, at noon."""
    days = [START + timedelta(days=int(i), hours=12) for i in range(len(values))]
    return pa.table({"timestamp": pa.array(days, pa.timestamp("us")), "outcome": values} | columns)


def noise(seed: int, sd: float = 2.0) -> np.ndarray:
    return 20 + sd * ar1(DAYS, 0.3, np.random.default_rng([7, seed]))


def answer(bench: Bench, events: pa.Table, **given: Any) -> tuple[Posterior, Summary]:
    config = parse(InterruptedConfig, {"intervention_date": day(50)} | given)
    resolved, posterior = bench.fit(KIND, events, config)
    return posterior, KIND.summarize(posterior, resolved)


def estimate(summary: Summary, name: str) -> tuple[float, float, float]:
    (found,) = (e for e in summary.estimates if e.name == name)
    ends = found.intervals[0]
    assert found.mean is not None
    assert ends.low is not None
    assert ends.high is not None
    return found.mean, ends.low, ends.high


def rows_of(summary: Summary, name: str) -> dict[Any, tuple[Any, ...]]:
    (found,) = (t for t in summary.tables if t.name == name)
    return {row[0]: row[1:] for row in found.rows}


def least(worlds: int, share: float = 0.95) -> int:
    """As many as are missed in fewer than 1e-5 of runs at that share."""
    return int(stats.binom.ppf(1e-5, worlds, share))


# controls


def test_a_control_explains_what_would_pass_for_an_effect(bench: Bench) -> None:
    rng = np.random.default_rng(3)
    rain = np.where(T >= 50, 3.0, 0.0) + rng.normal(size=DAYS)
    events = daily(noise(1) + 2.0 * rain, rain=rain)

    without = estimate(answer(bench, events)[1], "average")
    _, summary = answer(bench, events, controls=["rain"])

    assert without[1] > 2.0
    low, high = estimate(summary, "average")[1:]
    assert low < 0.0 < high
    (row,) = rows_of(summary, "controls").values()
    sd = rain[:50].std()
    assert row[1] < 2.0 * sd < row[2]


def test_text_is_read_as_a_control_where_it_is_a_number(bench: Bench) -> None:
    rain = np.random.default_rng(4).normal(size=DAYS)
    text = [f"{value:.12f}" for value in rain]
    text[30] = "unknown"
    values = noise(2) + rain

    _, summary = answer(bench, daily(values, rain=pa.array(text)), controls=["Rain"])

    (finding,) = (f for f in summary.findings if f.code == "no-control")
    assert finding.text.startswith("1 days")
    assert rows_of(summary, "calendar")["before"][2] == 1


def test_the_unit_and_zero_of_a_control_do_not_matter(bench: Bench) -> None:
    rain = np.random.default_rng(5).normal(size=DAYS)
    values = noise(3) + rain

    one = estimate(answer(bench, daily(values, x=rain), controls=["x"])[1], "average")
    other = estimate(answer(bench, daily(values, x=7e4 - 250 * rain), controls=["x"])[1], "average")

    assert other == pytest.approx(one, rel=1e-8)


def test_a_control_that_is_not_there_is_named(bench: Bench) -> None:
    with pytest.raises(BadConfig, match="no column 'sun'") as caught:
        answer(bench, daily(noise(4)), controls=["sun"])
    assert "outcome" in (caught.value.hint or "")


def test_a_control_without_a_number_is_named_as_the_reason(bench: Bench) -> None:
    events = daily(noise(4), weather=pa.array(["sunny"] * DAYS))
    with pytest.raises(InsufficientData, match="No day has a number in every control"):
        answer(bench, events, controls=["weather"])


def test_the_outcome_is_not_its_own_control(bench: Bench) -> None:
    with pytest.raises(BadConfig, match="its own control"):
        answer(bench, daily(noise(4)), controls=["Outcome"])


def test_a_control_that_never_varies_is_refused(bench: Bench) -> None:
    with pytest.raises(InsufficientData, match="never varies"):
        answer(bench, daily(noise(5), dry=np.ones(DAYS)), controls=["dry"])


# other columns as the outcome


def test_another_column_can_be_the_outcome(bench: Bench) -> None:
    values = noise(6) + 10 * (T >= 50)
    events = daily(np.ones(DAYS), mood=pa.array([str(value) for value in values]))

    found = estimate(answer(bench, events, outcome_column="mood")[1], "average")
    plain = estimate(answer(bench, daily(values))[1], "average")

    assert found == pytest.approx(plain, rel=1e-9)


def test_only_chosen_phases_count(bench: Bench) -> None:
    phase = np.where(T < 10, "training", np.where(T < 50, "baseline", "intervention"))
    wild = noise(7) + np.where(T < 10, 500.0, 0.0)

    _, summary = answer(bench, daily(wild, phase=phase), phases=["Baseline", "intervention"])

    assert summary.context["first_day"] == day(10)
    assert abs(estimate(summary, "average")[0]) < 10


# parts of a day


def by_quarters(values: np.ndarray, hours: list[int], deviations: list[float]) -> pa.Table:
    """One row a day for each hour listed for it; each quarter of a day deviates by its own."""
    times = [START + timedelta(days=i, hours=int(hour)) for i, hour in enumerate(hours)]
    shifted = values + np.array([deviations[hour // 6] for hour in hours])
    return pa.table({"timestamp": pa.array(times, pa.timestamp("us")), "outcome": shifted})


def test_the_hour_is_not_taken_for_an_effect(bench: Bench) -> None:
    rng = np.random.default_rng(8)
    morning, evening = (rng.random(DAYS) < share for share in (0.85, 0.15))
    is_early = np.where(T < 50, morning, evening)  # later in the day after the change
    events = by_quarters(noise(8), [8 if early else 20 for early in is_early], [0, -3, 0, 3])

    with_hours = estimate(answer(bench, events)[1], "average")
    without = estimate(answer(bench, events, include_time_of_day=False)[1], "average")

    assert without[1] > 0.0
    assert with_hours[1] < 0.0 < with_hours[2]


def test_parts_of_a_day_are_found_and_add_up_to_nothing(bench: Bench) -> None:
    rng = np.random.default_rng(9)
    events = by_quarters(noise(9), list(rng.integers(6, 24, DAYS)), [0, -4, 0, 4])

    rows = rows_of(answer(bench, events)[1], "parts")

    assert list(rows) == ["06:00 to 12:00", "12:00 to 18:00", "18:00 to 24:00"]
    assert sum(row[0] for row in rows.values()) == pytest.approx(0.0, abs=1e-9)
    assert rows["06:00 to 12:00"][1] < -4.0 < rows["06:00 to 12:00"][2]


def test_several_rows_of_a_part_are_one_cell(bench: Bench) -> None:
    single = daily(noise(10))
    double = pa.concat_tables([single, single])

    posterior, _ = answer(bench, double)

    assert posterior.cells.num_rows == DAYS
    assert set(posterior.cells["count"].to_pylist()) == {2}


def test_local_time_decides_where_a_day_begins(bench: Bench) -> None:
    times = [START + timedelta(days=i, hours=23, minutes=30) for i in range(DAYS)]
    events = pa.table({"timestamp": pa.array(times, pa.timestamp("us")), "outcome": noise(11)})

    _, utc = answer(bench, events)
    _, local = answer(bench, events, utc_offset=5.5, intervention_date=day(51))

    assert (utc.context["first_day"], local.context["first_day"]) == (day(0), day(1))
    assert estimate(local, "average") != estimate(utc, "average")  # other weekdays


# holidays


def test_a_holiday_just_after_the_change_is_no_effect(bench: Bench) -> None:
    feasts = [10, 25, 51, 53, 54]
    values = noise(12, sd=1.0) - 15.0 * np.isin(T, feasts)

    _, plain = answer(bench, daily(values), effect="constant", window_days=5)
    _, known = answer(
        bench, daily(values), effect="constant", window_days=5, holidays=[day(i) for i in feasts]
    )

    assert rows_of(known, "controls")["a holiday"][0] < -10.0
    width = [ends[2] - ends[1] for ends in (estimate(plain, "average"), estimate(known, "average"))]
    assert width[1] < 0.8 * width[0]


def test_public_holidays_of_a_country_are_known(bench: Bench) -> None:
    # 20 January and 17 February 2025: Martin Luther King Day and Presidents' Day
    feast = np.isin(
        T, [(date(2025, 1, 20) - START.date()).days, (date(2025, 2, 17) - START.date()).days]
    )

    _, summary = answer(bench, daily(noise(13, sd=1.0) + 12.0 * feast), holiday_country="US")

    assert rows_of(summary, "controls")["a holiday"][0] > 8.0


def test_an_unknown_country_is_refused(bench: Bench) -> None:
    with pytest.raises(BadConfig, match="No public holidays are known"):
        answer(bench, daily(noise(14)), holiday_country="XX")


# ends, onsets and other changes


def test_an_effect_that_ends_is_told_from_one_that_stays(bench: Bench) -> None:
    during = (T >= 40) & (T < 70)

    _, summary = answer(
        bench, daily(noise(15) + 9.0 * during), intervention_date=day(40), intervention_end=day(70)
    )

    low, high = estimate(summary, "average")[1:]
    assert low > 4.0
    assert low < 9.0 < high
    low, high = estimate(summary, "afterwards")[1:]
    assert low < 0.0 < high
    calendar = rows_of(summary, "calendar")
    assert [calendar[phase][0] for phase in ("before", "after", "after the end")] == [40, 30, 30]
    assert summary.context["change_over"] == day(70)


def test_the_cumulative_effect_is_summed_over_the_days_of_the_change(bench: Bench) -> None:
    events = daily(noise(16) + 9.0 * ((T >= 40) & (T < 70)))

    _, summary = answer(bench, events, intervention_date=day(40), intervention_end=day(70))

    total, average = estimate(summary, "cumulative")[0], estimate(summary, "average")[0]
    assert total == pytest.approx(30 * average)


def test_three_periods_are_calibrated(bench: Bench) -> None:
    held = {"average": 0, "afterwards": 0}
    for seed in range(WORLDS):
        values = noise(seed) + 5.0 * ((T >= 40) & (T < 70)) + 2.0 * (T >= 70)
        _, summary = answer(
            bench, daily(values), intervention_date=day(40), intervention_end=day(70),
        )  # fmt: skip
        for name, real in (("average", 5.0), ("afterwards", 2.0)):
            _, low, high = estimate(summary, name)
            held[name] += low < real < high
    assert min(held.values()) >= least(WORLDS)


def test_a_slow_onset_is_not_taken_for_a_smaller_effect(bench: Bench) -> None:
    shape = np.clip((T - 49) / 20, 0.0, 1.0) * (T >= 50)
    events = daily(noise(17, sd=1.0) + 10.0 * shape)

    at_once = answer(bench, events, effect="constant")[1]
    slow = answer(bench, events, effect="constant", onset_days=20)[1]

    low, high = estimate(slow, "sustained")[1:]
    assert low < 10.0 < high
    assert estimate(at_once, "sustained")[0] < 9.0
    assert estimate(slow, "immediate")[0] < estimate(slow, "sustained")[0]


def test_another_change_is_kept_apart(bench: Bench) -> None:
    values = noise(18) + 8.0 * (T >= 60)
    other = {"name": "a new office", "date": day(60)}

    mixed = estimate(answer(bench, daily(values), effect="constant")[1], "average")
    _, summary = answer(bench, daily(values), effect="constant", other_changes=[other])

    assert mixed[0] > 2.0
    low, high = estimate(summary, "average")[1:]
    assert low < 0.0 < high
    row = rows_of(summary, "other_changes")["a new office"]
    assert row[1] < 8.0 < row[2]


@pytest.mark.parametrize(
    "given",
    [
        {"intervention_end": day(50)},
        {"other_changes": [{"name": "x", "date": day(9), "end": day(9)}]},
        {"other_changes": [{"name": "x", "date": day(9)}, {"name": "x", "date": day(8)}]},
        {"engine": "segmented", "outcome_type": "count"},
        {"other_changes": [{"name": "x", "date": day(50)}]},
        {"utc_offset": 15},
        {"holiday_country": "Germany"},
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadConfig):
        parse(InterruptedConfig, {"intervention_date": day(50)} | given)


def test_too_few_days_until_the_end_are_counted(bench: Bench) -> None:
    with pytest.raises(InsufficientData, match="have 50 before and 5 after"):
        answer(bench, daily(noise(19)), intervention_end=day(55))


# the days before alone


def test_the_segmented_engine_warns_and_is_narrower_than_it_may_be(bench: Bench) -> None:
    events = daily(20 + 2 * ar1(DAYS, 0.8, np.random.default_rng(20)))

    _, plain = answer(bench, events, engine="segmented", include_trend=False)
    _, exact = answer(bench, events, include_trend=False)

    found = {finding.code for finding in plain.findings}
    assert {"independent-days", "autocorrelation"} <= found
    widths = [ends[2] - ends[1] for ends in (estimate(s, "average") for s in (plain, exact))]
    assert widths[0] < 0.7 * widths[1]


def test_the_segmented_engine_adds_up_observed_days(bench: Bench) -> None:
    events = daily(noise(21)).take([i for i in range(DAYS) if i not in {60, 61, 62}])

    posterior, summary = answer(bench, events, engine="segmented")

    (cumulative,) = (e for e in summary.estimates if e.name == "cumulative")
    assert cumulative.label == "Cumulative effect over 47 observed days"
    assert cumulative.mean == pytest.approx(47 * estimate(summary, "average")[0])
    assert len(KIND.figures(posterior, parse(InterruptedConfig, {"engine": "segmented"}))) == 8


def test_a_change_that_is_over_is_told_by_both_its_dates(bench: Bench) -> None:
    events = daily(noise(22) + 9.0 * ((T >= 40) & (T < 70)))

    config = parse(InterruptedConfig, {"intervention_date": day(40), "intervention_end": day(70)})
    resolved, posterior = bench.fit(KIND, events, config)

    assert f"From {day(40)} to {day(69)}" in KIND.summarize(posterior, resolved).headline
    drawn = {figure.name: figure.spec.tables for figure in KIND.figures(posterior, resolved)}
    assert len(drawn["effect_by_day"]["change"]["day"]) == 2
    sums = drawn["cumulative_effect"]["total"]
    assert sums["low"][70:] == pytest.approx([sums["low"][69]] * 30)
