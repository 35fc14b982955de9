"""Every rule about marketing data: what blocks, what warns, and that good data are left alone."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.kinds.marketing_mix.samples import sample
from pymc_vibes.kinds.marketing_mix.validate import check, require_valid
from tests.kinds.mix_worlds import (
    MONDAY,
    TWO_YEARS,
    checked,
    codes,
    dropped,
    good,
    only,
    settings,
    stored,
    table,
    weeks,
)


def test_good_data_have_no_error_and_no_warning() -> None:
    found = checked(table(good()))

    assert found.is_valid
    assert codes(found.warnings) == set()
    assert (found.rows, found.entities, found.periods, found.grain) == (110, 1, 110, "week")
    assert (found.first, found.last) == (date(2023, 1, 2), date(2025, 2, 3))
    assert found.channels == ("radio", "tv")
    assert found.aggregation == {"ctrl_price": "sales-weighted"}


def test_the_sample_has_no_error_and_no_warning() -> None:
    found = checked(sample()[1])

    assert found.is_valid
    assert codes(found.warnings) == set()
    assert found.missing["sales"] == 0


def test_findings_say_what_to_do() -> None:
    with stored(table(dropped(good(), 50))) as events:
        findings = check(events, settings())

    assert ("gaps", "warning") in [(f.code, f.severity) for f in findings]
    assert all(finding.text.endswith(".") for finding in findings)


def test_a_summary_is_json() -> None:
    found = checked(table(good(act_tv=np.full(TWO_YEARS, 3.0))))

    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_an_error_stands_against_a_fit() -> None:
    found = checked(table(good(act_tv=np.full(TWO_YEARS, 3.0), sales=np.ones(TWO_YEARS))))

    with pytest.raises(InsufficientData, match="1 more error") as refused:
        require_valid(found)

    assert [e["code"] for e in refused.value.extras["errors"]] == ["constant-sales", "idle-channel"]


# rows


def test_no_row_is_an_error() -> None:
    assert codes(checked(table(good()).slice(0, 0)).errors) == {"no-rows"}


def test_one_row_is_not_enough() -> None:
    assert not checked(table(good()).slice(0, 1)).is_valid


def test_a_column_that_is_not_there_is_an_error() -> None:
    found = only(checked(table(good()), drivers=["act_radio"]).errors, "unknown-column")

    assert "act_radio" in found.text
    assert "act_tv" in found.hint


def test_text_is_an_error_that_names_its_rows() -> None:
    bottles = ["7"] * TWO_YEARS
    bottles[3] = "many"

    found = only(checked(table(good(bottles=bottles)), controls=["bottles"]).errors, "not-a-number")

    assert found.count == 1
    assert found.places[0].period == date(2023, 1, 23)


def test_rows_that_are_there_twice_are_an_error() -> None:
    events = table(good(), dropped(weeks(TWO_YEARS), *range(2, TWO_YEARS)))

    found = only(checked(events).errors, "duplicate-rows")

    assert found.count == 2
    assert [place.period for place in found.places] == [date(2023, 1, 2), date(2023, 1, 9)]


def test_rows_that_are_there_twice_can_be_parts() -> None:
    events = table(good(), dropped(weeks(TWO_YEARS), *range(2, TWO_YEARS)))

    found = checked(events, duplicates="sum")

    assert found.is_valid
    assert only(found.warnings, "duplicate-rows").count == 2


@pytest.mark.parametrize("column", ["act_tv", "spend_tv", "spend_radio"])
def test_negative_media_are_an_error(column: str) -> None:
    values = np.array(good()[column])
    values[5] = -1.0

    found = only(checked(table(good(**{column: values}))).errors, "negative-media")

    assert found.columns == (column,)
    assert found.places[0].value == -1.0


def test_media_that_are_missing_count_as_none() -> None:
    values = np.array(good()["act_tv"])
    values[5:7] = np.nan

    found = checked(table(good(act_tv=values)))

    assert only(found.warnings, "missing-values").count == 2
    assert found.missing["act_tv"] == pytest.approx(2 / TWO_YEARS)


def test_a_column_without_a_value_is_an_error() -> None:
    found = checked(table(good(ctrl_price=np.full(TWO_YEARS, np.nan))))

    assert only(found.errors, "empty-column").columns == ("ctrl_price",)


def test_sales_that_are_missing_are_masked() -> None:
    sales = np.array(good()["sales"])
    sales[[0, 50, 51]] = np.nan

    found = checked(table(good(sales=sales)))

    assert only(found.warnings, "missing-sales").count == 2
    assert (found.periods, found.carry_in) == (107, 1)


def test_rows_after_the_last_sales_are_a_note() -> None:
    sales = np.array(good()["sales"])
    sales[-3:] = np.nan

    assert only(checked(table(good(sales=sales))).notes, "media-after-sales").count == 3


def test_sales_that_are_nowhere_are_an_error() -> None:
    assert "no-sales" in codes(checked(table(good(sales=np.full(TWO_YEARS, np.nan)))).errors)


# time


def test_entities_of_two_grains_are_an_error() -> None:
    events = table(good(), weeks(60, step=1, entity="daily"))

    assert "daily" in only(checked(events).errors, "mixed-grain").text


def test_one_entity_that_changes_its_grain_is_an_error() -> None:
    starts = [MONDAY + timedelta(days=7 * i) for i in range(80)]
    starts += [starts[-1] + timedelta(days=i + 1) for i in range(30)]

    found = only(checked(table(good(period_start=starts))).errors, "irregular-dates")

    assert found.count == 30


def test_a_date_that_is_off_is_named() -> None:
    starts = list(good()["period_start"])
    starts[20] += timedelta(days=2)

    found = only(checked(table(good(period_start=starts))).errors, "irregular-dates")

    assert found.places[0].period == date(2023, 5, 24)


def test_weeks_that_begin_anew_each_january_are_named_as_such() -> None:
    starts = [
        datetime(year, 1, 1) + timedelta(days=7 * week)  # noqa: DTZ001
        for year in (2022, 2023, 2024)
        for week in range(53)
    ]

    found = checked(table(weeks(159) | {"period_start": starts}))

    assert "January" in only(found.errors, "week-53").text


def test_distances_of_no_grain_are_an_error() -> None:
    assert "unknown-grain" in codes(checked(table(weeks(80, step=10))).errors)


def test_gaps_are_a_warning_that_names_the_row_after() -> None:
    found = only(checked(table(dropped(good(), 50, 51, 70))).warnings, "gaps")

    assert found.count == 2
    assert found.places[0].period == MONDAY.date() + timedelta(weeks=52)


def test_weeks_of_two_weekdays_are_a_warning() -> None:
    starts = [day + timedelta(days=3) for day in good()["period_start"]]
    events = table(good(), weeks(TWO_YEARS, entity="other", seed=2) | {"period_start": starts})

    assert "weeks-begin-apart" in codes(checked(events).warnings)


# channels


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_channel_that_never_changes_is_an_error(value: float) -> None:
    events = table(good(act_tv=np.full(TWO_YEARS, value)))

    assert only(checked(events).errors, "idle-channel").columns == ("tv",)


def test_a_channel_that_hardly_changes_is_a_warning() -> None:
    rng = np.random.default_rng(4)
    flat = 100 * np.exp(rng.normal(0, 0.05, TWO_YEARS))

    found = checked(table(good(act_tv=flat, spend_tv=4 * flat)))

    assert only(found.warnings, "flat-channel").columns == ("tv",)


def test_a_channel_that_is_mostly_silent_is_a_warning() -> None:
    rare = np.where(np.arange(TWO_YEARS) % 7 == 0, 90.0 + np.arange(TWO_YEARS), 0.0)

    found = checked(table(good(act_tv=rare, spend_tv=4 * rare)))

    assert only(found.warnings, "sparse-channel").columns == ("tv",)


def test_spend_without_activity_is_a_warning() -> None:
    silent = np.array(good()["act_tv"])
    silent[[4, 9]] = 0

    found = only(checked(table(good(act_tv=silent))).warnings, "spend-without-activity")

    assert [place.period for place in found.places] == [date(2023, 1, 30), date(2023, 3, 6)]


def test_activity_without_spend_is_a_warning() -> None:
    free = np.array(good()["spend_tv"])
    free[4] = 0

    assert only(checked(table(good(spend_tv=free))).warnings, "activity-without-spend").count == 1


def test_an_odd_price_of_media_is_a_warning() -> None:
    spend = np.array(good()["spend_tv"])
    spend[30] *= 10

    found = only(checked(table(good(spend_tv=spend))).warnings, "odd-cost")

    assert found.places[0].period == date(2023, 7, 31)


def test_a_change_of_currency_is_a_warning() -> None:
    spend = np.array(good()["spend_tv"])
    spend[60:] *= 100

    found = only(checked(table(good(spend_tv=spend))).warnings, "unit-jump")

    assert found.places[0].period is not None
    assert abs((found.places[0].period - date(2024, 2, 26)).days) <= 28


def test_a_channel_without_spend_is_a_note() -> None:
    block = good()
    del block["spend_tv"]

    assert only(checked(table(block)).notes, "no-spend").columns == ("tv",)
