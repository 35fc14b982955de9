"""Figures over time keep the numbers and say what they leave out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pymc_vibes.stats.changepoint import find_change
from pymc_vibes.stats.chart_time import factor_of_change, rate_over_time, time_of_change
from pymc_vibes.stats.piecewise import fit_rates

COUNTS = [9, 12, 8, 0, 10, 31, 28, 35]
EXPOSURE = [1, 1, 1, 0, 1, 1, 1, 1]
STARTS = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=7 * i) for i in range(8)]


def test_the_rate_is_drawn_with_its_band_its_moment_and_raw_points() -> None:
    found = fit_rates(COUNTS, EXPOSURE)
    bands = tuple(found.rates.quantile(q) for q in (0.5, 0.05, 0.95))

    figure = rate_over_time(
        "over_time",
        "A title",
        "A sentence.",
        bands=bands,
        raw=np.array([9, 12, 8, np.nan, 10, 31, 28, 35]),
        at=STARTS,
        x_label="week",
        y_label="events per week",
        level=0.9,
        moment=("a moment", STARTS[5]),
    )

    table = figure.spec.tables["rates"]
    assert table["raw"] == (9, 12, 8, None, 10, 31, 28, 35)
    assert table["rate"] == pytest.approx(bands[0], rel=1e-4)
    assert table["low"] == pytest.approx(bands[1], rel=1e-4)
    assert table["x"][0] == STARTS[0].isoformat()
    assert figure.spec.tables["moment"]["x"] == (STARTS[5].isoformat(),)
    assert "Dashed: a moment." in figure.spec.note
    assert figure.vega_lite()


@pytest.mark.parametrize(("periods", "kind"), [(40, "dot"), (41, "line")])
def test_many_raw_rates_are_one_thin_line_behind_the_rate(periods: int, kind: str) -> None:
    flat = np.ones(periods)

    figure = rate_over_time(
        "over_time",
        "A title",
        "A sentence.",
        bands=(flat, flat, flat),
        raw=flat,
        at=np.arange(float(periods)),
        x_label="period",
        y_label="events",
        level=0.9,
        x_kind="number",
    )

    raw, rate = figure.spec.marks[1:]
    assert (raw.kind, raw.y) == (kind, "raw")
    assert (rate.weight, rate.y) == ("heavy", "rate")


def test_every_time_of_change_has_a_bar_at_the_start_of_the_new_rate() -> None:
    found = find_change(COUNTS, EXPOSURE)

    figure = time_of_change(
        "when", "A title", "A sentence.", found=found, at=STARTS, x_label="week"
    )

    times = figure.spec.tables["times"]
    assert times["x"] == tuple(start.isoformat() for start in STARTS[1:])
    assert times["chance"] == pytest.approx(found.mass, rel=1e-4)
    assert figure.spec.tables["bar_4"]["x"] == (STARTS[5].isoformat(),) * 2
    assert figure.vega_lite()


def test_of_many_times_the_likeliest_are_drawn_and_the_note_says_so() -> None:
    counts = np.random.default_rng(1).poisson(2, size=300)
    found = find_change(counts, np.ones(300))

    figure = time_of_change(
        "when",
        "A title",
        "A sentence.",
        found=found,
        at=np.arange(300.0),
        x_label="period",
        x_kind="number",
    )

    assert len(figure.spec.marks) == 120
    assert min(figure.spec.tables["times"]["chance"]) >= np.sort(found.mass)[-121] * 0.999
    assert "120 likeliest of 299" in figure.spec.note


def test_times_without_a_chance_have_no_bar() -> None:
    found = find_change([4] * 60 + [400] * 60, np.ones(120))

    figure = time_of_change(
        "when", "A title", "A sentence.", found=found, at=np.arange(120.0), x_label="period",
        x_kind="number",
    )  # fmt: skip

    assert len(figure.spec.marks) == 12
    assert 60.0 in figure.spec.tables["times"]["x"]
    assert "12 likeliest of 119" in figure.spec.note


def test_the_factor_is_drawn_against_no_change() -> None:
    found = find_change(COUNTS, EXPOSURE)

    figure = factor_of_change("factor", "A title", "A sentence.", found=found, level=0.95)

    assert figure.spec.tables["zero"]["x"] == (1.0,)
    low, high = found.factor.interval(0.95)
    assert figure.spec.tables["numbers"]["low"] == pytest.approx((low,), rel=1e-4)
    assert figure.spec.tables["numbers"]["high"] == pytest.approx((high,), rel=1e-4)
