"""From cells of marketing data to the canonical panel, and the windows over it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.kinds.marketing_mix.canonical import panel_of
from pymc_vibes.kinds.marketing_mix.windows import holidays_in, months_before, span_of
from tests.kinds.mix_worlds import cells, months, panel, settings, table, weeks

# adding up


def test_days_are_added_up_to_whole_weeks() -> None:
    block = weeks(7 * 12 + 3, step=1)

    found = panel(table(block), grain="week")

    assert found.sales[0, :12] == pytest.approx(block["sales"][:84].reshape(12, 7).sum(1))
    assert np.isnan(found.sales[0, 12:]).all()  # three days are no week


def test_days_that_make_no_whole_month_are_too_few() -> None:
    with pytest.raises(InsufficientData, match="No whole month"):
        panel(table(weeks(27, step=1)), grain="month")


def test_a_week_can_begin_on_sunday() -> None:
    found = panel(table(weeks(7 * 12, step=1)), grain="week", week_begins="sunday")

    assert (found.days + 4).astype(int).tolist() == [d // 7 * 7 + 7 for d in found.days.tolist()]


def two(**south: Any) -> pa.Table:
    base = weeks(4, entity="north") | {
        "sales": np.array([100.0, 100, 100, 100]),
        "ctrl_price": np.array([10.0, 10, 10, 10]),
        "ctrl_promo": np.array([0.0, 1, 0, 0]),
        "ctrl_rain": np.array([1.0, 2, 3, 4]),
    }
    other = base | {
        "entity_id": ["south"] * 4,
        "sales": np.array([300.0, 300, 300, 300]),
        "ctrl_price": np.array([20.0, 20, 20, 20]),
        "ctrl_promo": np.array([0.0, 0, 1, 0]),
        "ctrl_rain": np.array([3.0, 4, 5, 6]),
    }
    return table(base, other | south)


def test_prices_are_weighted_flags_are_the_largest_others_the_mean() -> None:
    found = panel(two())

    assert found.controls == ("ctrl_price", "ctrl_promo", "ctrl_rain")
    assert found.control[0, :, 0].tolist() == [17.5] * 4
    assert found.control[0, :, 1].tolist() == [0, 1, 1, 0]
    assert found.control[0, :, 2].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("rule", "first"), [("mean", 15.0), ("sum", 30.0), ("max", 20.0), ("sales-weighted", 17.5)]
)
def test_a_rule_can_be_given(rule: str, first: float) -> None:
    found = panel(two(), control_rules={"ctrl_price": rule})

    assert found.control[0, 0, 0] == first
    assert found.rules["ctrl_price"] == rule


def test_the_share_of_entities_with_a_flag_is_a_rule() -> None:
    assert panel(two(), control_rules={"promo": "share"}).control[0, :, 1].tolist() == [
        0, 0.5, 0.5, 0,
    ]  # fmt: skip


def test_the_reference_averages_every_control() -> None:
    found = panel(two(), preset="reference")

    assert set(found.rules.values()) == {"mean"}
    assert found.control[0, 0, 0] == 15.0


def test_a_rule_for_a_control_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadConfig, match="no control 'ctrl_snow'"):
        panel(two(), control_rules={"ctrl_snow": "max"})


def test_a_total_with_a_part_unknown_is_masked() -> None:
    found = panel(two(sales=[300.0, None, 300.0, 300.0]))

    assert found.sales[0].tolist()[0] == 400
    assert np.isnan(found.sales[0, 1])


def test_an_entity_that_enters_later_masks_nothing() -> None:
    found = panel(two(sales=[None, 300.0, 300.0, 300.0]))

    assert found.sales[0].tolist() == [100, 400, 400, 400]


def test_totals_are_the_sums_of_entities() -> None:
    events = table(weeks(60, entity="a"), weeks(60, entity="b", seed=2))

    apart, whole = panel(events, panel="entities"), panel(events)

    for name in ("sales", "activity", "spend"):
        assert getattr(whole, name)[0] == pytest.approx(getattr(apart, name).sum(axis=0))


def test_media_before_the_first_sales_are_carried_in() -> None:
    block = weeks(60)
    sales = block["sales"].copy()
    sales[:8] = np.nan

    found = panel(table(block | {"sales": sales}))

    assert found.carry_in == 8
    assert found.activity[0, :8, 1].tolist() == block["act_tv"][:8].tolist()


def test_a_week_without_a_row_is_masked_and_has_no_media() -> None:
    block = weeks(60)
    kept = {name: [v for i, v in enumerate(values) if i != 30] for name, values in block.items()}

    found = panel(table(kept))

    assert len(found.days) == 60
    assert np.isnan(found.sales[0, 30])
    assert found.activity[0, 30].tolist() == [0, 0]
    assert found.control[0, 30, 0] == block["ctrl_price"][29]


def test_rows_after_the_last_sales_are_left_out() -> None:
    block = weeks(60)
    sales = [*block["sales"][:55], *[None] * 5]

    assert len(panel(table(block | {"sales": sales})).days) == 55


def test_spend_that_nobody_told_is_not_zero() -> None:
    block = weeks(60)
    del block["spend_tv"]

    found = panel(table(block))

    assert found.channels == ("radio", "tv")
    assert np.isnan(found.spend[0, :, 1]).all()
    assert (found.spend[0, :, 0] == block["spend_radio"]).all()


# windows


def test_windows_take_the_last_months_and_those_before() -> None:
    config = settings(windows={"estimation_months": 12, "carryover_months": 3})
    found = panel_of(cells(table(months(40))), config)

    span = span_of(found, config)

    assert (span.start, span.fit, span.end, span.stop) == (25, 28, 40, 40)
    assert span.missing_months == 0


def test_months_that_are_missing_are_counted() -> None:
    config = settings(windows={"estimation_months": 48, "carryover_months": 3})
    found = panel_of(cells(table(months(40))), config)

    assert span_of(found, config).missing_months == pytest.approx(11, abs=0.3)


def test_periods_are_held_out_at_the_end() -> None:
    config = settings(holdout_periods=10)

    assert span_of(panel_of(cells(table(weeks(60))), config), config).end == 50


def test_holding_out_everything_is_refused() -> None:
    config = settings(holdout_periods=60)

    with pytest.raises(InsufficientData, match="No period is left"):
        span_of(panel_of(cells(table(weeks(60))), config), config)


def test_a_month_earlier_is_not_beyond_its_end() -> None:
    block = weeks(70, step=1) | {
        "period_start": [datetime(2023, 1, 20) + timedelta(days=i) for i in range(70)]  # noqa: DTZ001
    }
    found = panel(table(block))  # its last day is March 30

    day = months_before(found, len(found.days) - 1, 1)

    assert date.fromordinal(date(1970, 1, 1).toordinal() + day) == date(2023, 2, 28)


def test_holidays_fall_into_their_period() -> None:
    config = settings(holiday_country="DE", holidays=["2023-02-20"])
    found = panel(table(weeks(60)))

    counted = holidays_in(found, config)

    assert counted[7] == 1  # Rosenmontag, which is given
    assert counted[51] == 2  # Christmas
    assert counted.sum() == 1 + 8 + 1  # without New Year of 2023, with that of 2024


def test_a_country_without_holidays_is_refused() -> None:
    with pytest.raises(BadConfig, match="No public holidays"):
        holidays_in(panel(table(weeks(60))), settings(holiday_country="ZZ"))


def test_start_and_end_choose_rows() -> None:
    found = cells(table(weeks(60)), start="2023-02-06", end=datetime(2023, 3, 6, tzinfo=UTC))

    assert found.num_rows == 4
