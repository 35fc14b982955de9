"""Interrupted series of counts: rates, ratios, exposure, and what is refused."""

from collections.abc import Iterator
from datetime import datetime, timedelta
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
from pymc_vibes.kinds.interrupted_series.reading import Reading
from tests.contract.bench import Bench
from tests.stats.interrupted_worlds import ar1

KIND = catalog()["interrupted-time-series"]
START = datetime(2025, 1, 6)  # noqa: DTZ001  # storage is naive UTC; a Monday
DAYS = 90
T = np.arange(DAYS)
WORLDS = 40


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


def day(number: int) -> str:
    return (START + timedelta(days=number)).date().isoformat()


def table(counts: np.ndarray, **columns: Any) -> pa.Table:
    days = [START + timedelta(days=int(i), hours=9) for i in range(len(counts))]
    values = counts.astype(float)
    return pa.table({"timestamp": pa.array(days, pa.timestamp("us")), "outcome": values} | columns)


def counted(
    ratio: float, seed: int, *, rate: float = 20.0, exposure: np.ndarray | float = 1.0
) -> np.ndarray:
    """Counts whose rate changes by a ratio on day 45, around a state that fades."""
    rng = np.random.default_rng([11, seed])
    state = 0.15 * ar1(DAYS, 0.5, rng)
    return rng.poisson(rate * exposure * np.exp(state) * np.where(T >= 45, ratio, 1.0))


def answer(bench: Bench, events: pa.Table, **given: Any) -> tuple[Posterior, Summary]:
    settings = {"intervention_date": day(45), "outcome_type": "count"}
    config = parse(InterruptedConfig, settings | given)
    resolved, posterior = bench.fit(KIND, events, config)
    return posterior, KIND.summarize(posterior, resolved)


def estimate(summary: Summary, name: str) -> tuple[float, float, float]:
    (found,) = (e for e in summary.estimates if e.name == name)
    ends = found.intervals[0]
    assert found.median is not None
    assert ends.low is not None
    assert ends.high is not None
    return found.median, ends.low, ends.high


def test_thousands_of_events_a_day_are_whole_numbers(bench: Bench) -> None:
    posterior, _ = answer(bench, table(counted(0.6, 1, rate=4000.0)))

    assert posterior.diagnostics.verdict == "good"


def test_a_fall_of_a_rate_is_told_as_difference_ratio_and_sum(bench: Bench) -> None:
    posterior, summary = answer(
        bench, table(counted(0.6, 1)), direction="lower", outcome_name="calls"
    )

    assert posterior.diagnostics.verdict == "good"
    assert "the rate of calls is lower" in summary.headline
    low, high = estimate(summary, "relative")[1:]
    assert low < -0.4 < high < 0.0
    assert estimate(summary, "average")[2] < 0.0
    assert estimate(summary, "cumulative")[0] == pytest.approx(
        45 * estimate(summary, "average")[0], rel=0.02
    )
    assert "is lower by about" in summary.headline


def test_ratios_are_calibrated(bench: Bench) -> None:
    config = parse(
        InterruptedConfig,
        {"intervention_date": day(45), "outcome_type": "count", "effect": "constant"},
    )
    held = 0
    for seed in range(WORLDS):
        resolved, posterior = bench.fit(KIND, table(counted(0.8, 100 + seed)), config)
        found = Reading(posterior=posterior, config=resolved).fit.relative(0.95)
        assert found is not None
        held += found[1] < -0.2 < found[2]
    assert held >= stats.binom.ppf(1e-5, WORLDS, 0.95)


def test_rates_are_per_exposure(bench: Bench) -> None:
    exposure = np.where(T >= 45, 200.0, 100.0)  # twice as many visits after the change
    counts = counted(1.0, 3, rate=0.2, exposure=exposure)

    _, bare = answer(bench, table(counts), effect="constant")
    _, known = answer(bench, table(counts, exposure=exposure), effect="constant")

    assert estimate(bare, "relative")[1] > 0.3
    low, high = estimate(known, "relative")[1:]
    assert low < 0.0 < high


def test_rows_of_a_day_add_up(bench: Bench) -> None:
    counts = counted(0.7, 4)
    whole = answer(bench, table(counts))[1]
    half = counts // 2
    parts = pa.concat_tables([table(half), table(counts - half)])

    assert estimate(answer(bench, parts)[1], "average") == estimate(whole, "average")


def test_days_without_any_event_are_zeros_not_gaps(bench: Bench) -> None:
    rng = np.random.default_rng(5)
    rare = rng.poisson(np.where(T >= 45, 0.2, 2.0))

    posterior, summary = answer(bench, table(rare))

    assert (rare == 0).sum() > 20
    assert estimate(summary, "average")[2] < 0.0
    assert len(KIND.figures(posterior, parse(InterruptedConfig, {"outcome_type": "count"}))) == 8


def test_weekdays_are_shares_of_the_rate(bench: Bench) -> None:
    rng = np.random.default_rng(6)
    counts = rng.poisson(40 * np.where(T % 7 >= 5, 0.5, 1.0))

    _, summary = answer(bench, table(counts))

    (weekdays,) = (t for t in summary.tables if t.name == "weekdays")
    rows = {row[0]: row[1:] for row in weekdays.rows}
    assert weekdays.units[1] == "of the rate"
    usual = 1 / 0.5 ** (2 / 7)  # of a workday, over the geometric mean of the week
    low, high = (float(str(rows["Sunday"][i])) for i in (1, 2))
    assert low < 0.5 * usual - 1 < high


def test_what_is_no_count_is_refused_with_its_day(bench: Bench) -> None:
    counts = counted(1.0, 7).astype(float)
    counts[12] += 0.5
    with pytest.raises(BadConfig, match=f"on {day(12)}"):
        answer(bench, table(counts))


def test_no_event_at_all_is_too_little(bench: Bench) -> None:
    with pytest.raises(InsufficientData, match="no events at all"):
        answer(bench, table(np.zeros(DAYS)))


@pytest.mark.parametrize("given", [{"errors": "student"}, {"correlation": "level"}])
def test_settings_that_counts_do_not_know_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadConfig, match="ounts have no"):
        parse(InterruptedConfig, {"outcome_type": "count"} | given)


def test_the_width_is_measured_against_days_that_vary(bench: Bench) -> None:
    rng = np.random.default_rng(12)
    none_before = np.where(T >= 45, rng.poisson(5.0, DAYS), 0)
    burst = rng.poisson(np.where(T == 45, 3000.0, 20.0))  # one day unlike all others

    _, clear = answer(bench, table(none_before))
    _, wild = answer(bench, table(burst))

    assert "is higher" in clear.headline
    width = float(str(wild.context["width_in_sds_of_a_day"]))
    assert 0.2 < width < 50
