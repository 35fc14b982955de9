"""Every rule about marketing data: what blocks, what warns, and that good data are left alone."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.kinds._marketing_mix.rules_model import inflations
from pymc_vibes.kinds._marketing_mix.samples import sample
from pymc_vibes.kinds._marketing_mix.validate import check, require_valid
from tests.kinds.mix_worlds import MONDAY, checked, codes, only, settings, stored, table, weeks

TWO_YEARS = 110


def good(**other: Any) -> dict[str, Any]:
    return weeks(TWO_YEARS) | other


def dropped(block: dict[str, Any], *rows: int) -> dict[str, Any]:
    return {
        name: [value for i, value in enumerate(values) if i not in rows]
        for name, values in block.items()
    }


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


# sales and controls


def test_constant_sales_are_an_error() -> None:
    assert "constant-sales" in codes(checked(table(good(sales=np.full(TWO_YEARS, 5.0)))).errors)


def below(value: float) -> np.ndarray:
    sales = np.array(good()["sales"])
    sales[10] = value
    return sales


def test_sales_without_a_logarithm_are_an_error() -> None:
    found = checked(table(good(sales=below(-5.0))), link="log", noise="lognormal")

    assert only(found.errors, "no-logarithm").places[0].value == -5.0


def test_sales_of_zero_need_something_added() -> None:
    found = checked(table(good(sales=below(0.0))), link="log", noise="lognormal")

    assert "1 is added" in only(found.warnings, "zero-sales").text


def test_an_offset_of_zero_is_taken_at_its_word() -> None:
    found = checked(table(good(sales=below(0.0))), link="log", noise="lognormal", offset=0)

    assert "no-logarithm" in codes(found.errors)


def test_negative_sales_are_a_warning_where_they_are_added() -> None:
    assert "negative-sales" in codes(checked(table(good(sales=below(-5.0)))).warnings)


def test_an_outlier_is_a_warning() -> None:
    found = only(checked(table(good(sales=below(9000.0)))).warnings, "outlying-sales")

    assert found.places[0].value == 9000.0


def test_an_entity_that_comes_later_is_a_warning() -> None:
    late = dropped(weeks(TWO_YEARS, entity="late", seed=2), *range(40))

    found = checked(table(good(), late), panel="entities")

    assert [p.entity for p in only(found.warnings, "unbalanced-panel").places] == ["late"]


def test_a_last_week_that_is_not_over_is_a_warning() -> None:
    sales = np.array(good()["sales"])
    sales[-1] *= 0.3

    found = only(checked(table(good(sales=sales))).warnings, "partial-last-period")

    assert "2025-02-03" in found.hint


def test_a_shift_of_the_level_is_a_warning() -> None:
    sales = np.array(good()["sales"])
    sales[60:] *= 2.5

    found = only(checked(table(good(sales=sales))).warnings, "level-shift")

    assert found.places[0].period is not None
    assert abs((found.places[0].period - date(2024, 2, 26)).days) <= 70


def test_a_control_that_never_changes_is_a_warning() -> None:
    found = checked(table(good(ctrl_rate=np.full(TWO_YEARS, 2.0))))

    assert only(found.warnings, "constant-control").columns == ("ctrl_rate",)


def test_a_control_that_follows_media_is_asked_about() -> None:
    tv = good()["act_tv"]
    searches = np.concatenate([tv[:1], tv[:-1]]) + np.random.default_rng(1).normal(0, 5, TWO_YEARS)

    found = only(checked(table(good(ctrl_search=searches))).warnings, "control-follows-media")

    assert found.columns == ("ctrl_search", "tv")


# the model


def test_no_channel_is_an_error() -> None:
    block = {n: v for n, v in good().items() if not n.startswith(("act_", "spend_"))}

    assert "no-channels" in codes(checked(table(block)).errors)


def test_less_than_a_year_is_an_error() -> None:
    assert "too-few-periods" in codes(checked(table(weeks(51)), harmonics=0).errors)


@pytest.mark.parametrize(("step", "number"), [(1, 363), (7, 51)])
def test_a_year_is_a_year_in_every_grain(step: int, number: int) -> None:
    short = codes(checked(table(weeks(number, step=step))).errors)
    enough = codes(checked(table(weeks(number + 1, step=step))).errors)

    assert "too-few-periods" in short
    assert "too-few-periods" not in enough


def test_less_than_two_years_is_a_warning() -> None:
    assert "short-history" in codes(checked(table(weeks(90))).warnings)


def test_three_observations_a_parameter_are_needed() -> None:
    rng = np.random.default_rng(3)
    many = {f"ctrl_{i}": rng.normal(size=TWO_YEARS) for i in range(30)}

    found = only(checked(table(good(**many))).errors, "too-many-parameters")

    assert "45 parameters" in found.text


def test_five_observations_a_parameter_are_better() -> None:
    rng = np.random.default_rng(3)
    some = {f"ctrl_{i}": rng.normal(size=TWO_YEARS) for i in range(10)}

    assert "many-parameters" in codes(checked(table(good(**some))).warnings)


def test_a_copy_of_a_channel_is_a_warning() -> None:
    tv = good()["act_tv"]

    found = checked(table(good(act_digital=2 * tv)))

    assert only(found.warnings, "alike").columns == ("digital", "tv")
    assert set(only(found.warnings, "collinear").columns) == {"digital", "tv"}


def test_channels_that_only_together_make_another_are_a_warning() -> None:
    rng = np.random.default_rng(9)
    parts = rng.gamma(3, 1, (3, TWO_YEARS))
    whole = parts.sum(axis=0) + rng.normal(0, 0.05, TWO_YEARS)
    columns = {f"act_p{i}": part for i, part in enumerate(parts)}

    found = checked(table(good(act_whole=np.abs(whole), **columns)))

    assert "alike" not in codes(found.warnings)
    assert set(only(found.warnings, "collinear").columns) == {"p0", "p1", "p2", "whole"}


def test_inflation_is_that_of_a_regression_on_the_others() -> None:
    rng = np.random.default_rng(2)
    columns = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    columns -= columns.mean(axis=0)
    others, one = columns[:, 1:], columns[:, 0]
    left = one - others @ np.linalg.lstsq(others, one, rcond=None)[0]

    found = inflations(np.corrcoef(columns, rowvar=False))

    assert found[0] == pytest.approx((one @ one) / (left @ left), rel=1e-6)


def test_windows_longer_than_the_data_are_a_warning() -> None:
    found = checked(table(good()), windows={"estimation_months": 48, "carryover_months": 3})

    assert "months more than there are" in only(found.warnings, "short-windows").text


def test_media_without_a_past_are_a_note() -> None:
    assert "0 of the 8 weeks" in only(checked(table(good())).notes, "no-carry-in").text


def test_media_with_a_past_are_not_spoken_of() -> None:
    sales = np.array(good()["sales"])
    sales[:8] = np.nan

    assert "no-carry-in" not in codes(checked(table(good(sales=sales))).notes)


def test_one_entity_is_no_panel() -> None:
    assert "one-entity" in codes(checked(table(good()), panel="entities").warnings)


def test_a_channel_with_its_prefix_behind_is_noticed() -> None:
    found = checked(table(good(tv2_spend=["1"] * TWO_YEARS, note=["x"] * TWO_YEARS)))

    assert only(found.warnings, "unused-columns").columns == ("tv2_spend", "note")


def test_the_unit_of_money_changes_no_message() -> None:
    block = good()
    in_cents = block | {n: 100 * block[n] for n in ("sales", "spend_tv", "spend_radio")}

    one, other = checked(table(block)), checked(table(in_cents))

    assert [m.code for m in (*one.warnings, *one.notes)] == [
        m.code for m in (*other.warnings, *other.notes)
    ]
