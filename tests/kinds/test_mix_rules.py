"""Rules about sales, controls, and the model that is asked for."""

from datetime import date, timedelta

import numpy as np
import pytest

from pymc_vibes.kinds.marketing_mix.rules_model import inflations
from tests.kinds.mix_worlds import TWO_YEARS, checked, codes, dropped, good, only, table, weeks

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

    found = inflations(np.atleast_2d(np.corrcoef(columns, rowvar=False)))

    assert found[0] == pytest.approx((one @ one) / (left @ left), rel=1e-6)


def test_windows_longer_than_the_data_are_a_warning() -> None:
    found = checked(table(good()), windows={"estimation_months": 48, "carryover_months": 3})

    text = only(found.warnings, "short-windows").text
    assert "months more than there are" in text
    assert "sales from" in text
    assert "and media from" in text


def test_months_that_the_windows_miss_are_named() -> None:
    first = date.fromisoformat(str(good()["period_start"][0])[:10])
    last = date.fromisoformat(str(good()["period_start"][-1])[:10])
    years = -(-(last - first).days // 365) + 1

    found = checked(table(good()), windows={"estimation_months": 12 * years})

    end = last + timedelta(days=7)
    asked = end.replace(year=end.year - years)
    text = only(found.warnings, "short-windows").text
    assert text.endswith(f": sales from {asked} to {first - timedelta(days=1)}.")


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
