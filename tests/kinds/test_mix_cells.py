"""From rows of marketing data to cells and the canonical panel, on a real DuckDB and lake."""

import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from pymc_vibes.core.errors import BadConfig, BadRows, InsufficientData
from pymc_vibes.kinds.marketing_mix.canonical import panel_of
from pymc_vibes.kinds.marketing_mix.cells import reduce
from pymc_vibes.kinds.marketing_mix.grain import period_day, period_number, rhythm
from pymc_vibes.kinds.marketing_mix.schema import SCHEMA
from tests.kinds.mix_worlds import MONDAY, cells, months, panel, settings, stored, table, weeks
from tests.store.lake_worlds import open_lake, put

NAME = "mix"


def shuffled(events: pa.Table) -> pa.Table:
    order = list(range(events.num_rows))
    random.Random(5).shuffle(order)  # noqa: S311  # not a secret
    return events.take(order)


def test_row_order_does_not_matter() -> None:
    twice = table(weeks(60), weeks(60, seed=2), weeks(60, entity="other"))

    assert cells(shuffled(twice)) == cells(twice)


def test_a_value_that_stands_alone_is_kept_to_the_last_bit() -> None:
    block = weeks(60)

    found = cells(table(block))

    assert found["sales"].to_pylist() == block["sales"].tolist()
    assert found["ctrl_price"].to_pylist() == block["ctrl_price"].tolist()


def test_rows_of_one_date_are_added_up() -> None:
    one, other = weeks(3), weeks(3, seed=2)

    found = cells(table(one, other))

    assert found["rows"].to_pylist() == [2, 2, 2]
    assert found["act_tv"].to_numpy() == pytest.approx(one["act_tv"] + other["act_tv"], rel=1e-12)
    price = (one["ctrl_price"] + other["ctrl_price"]) / 2
    assert found["ctrl_price"].to_numpy() == pytest.approx(price, rel=1e-12)


def test_a_silent_entity_is_kept() -> None:
    with stored(table(weeks(3))) as there:
        roster = ibis.memtable(pa.table({"entity_id": ["brand", "silent"]}))
        found = reduce(there, roster, settings()).to_pyarrow().to_pylist()

    assert [(row["entity_id"], row["rows"]) for row in found][-1] == ("silent", 0)
    assert found[-1]["period"] is None


def test_only_entities_that_are_chosen_have_cells() -> None:
    events = table(weeks(60, entity="north"), weeks(60, entity="south", seed=2))
    with stored(events) as there:
        roster = ibis.memtable(pa.table({"entity_id": ["north", "south", "silent"]}))
        chosen = settings(entities=["south", "silent"])
        found = reduce(there, roster, chosen).to_pyarrow()["entity_id"].to_pylist()

    assert set(found) == {"south", "silent"}


def test_one_date_has_the_grain_that_is_given() -> None:
    assert panel(table(weeks(1)), grain="week").grain == "week"


def test_a_silent_entity_is_not_in_the_panel() -> None:
    with stored(table(weeks(60))) as there:
        roster = ibis.memtable(pa.table({"entity_id": ["brand", "silent"]}))
        found = reduce(there, roster, settings()).to_pyarrow()

    assert panel_of(found, settings(panel="entities")).entities == ("brand",)


def test_undeclared_columns_are_read_as_numbers_or_counted() -> None:
    block = weeks(3) | {"bottles_sold": ["1", "two", "3"]}

    found = cells(table(block), target_column="Bottles sold")

    assert found["sales"].to_pylist() == [1, None, 3]
    assert found["unreadable"].to_pylist() == [0, 1, 0]


def test_names_that_are_not_ascii_are_names() -> None:
    events = table(weeks(60, entity="Zürich ⁂"), weeks(60, entity="東京", seed=3))

    found = panel(events, panel="entities")

    assert found.entities == ("Zürich ⁂", "東京")


def lake_of(folder: Path, lines: str, **options: Any) -> list[dict[str, Any]]:
    with open_lake(folder / "home") as lake:
        lake.create(name=NAME, display_name=NAME, kind="poisson-cohorts", config={})
        put(lake, folder, lines, schema=SCHEMA, name=NAME, **options)
        with lake.reading(lake.experiment(NAME), None, SCHEMA) as view:
            rows: list[dict[str, Any]] = view.to_arrow(
                reduce(view.events, view.roster, settings())
            ).to_pylist()
    return rows


def test_a_spreadsheet_goes_through_the_lake(tmp_path: Path) -> None:
    found = lake_of(
        tmp_path, "Geo,Week,Revenue,act_TV,ctrl_price\nnorth,2024-01-01,100,5,9.5\n"
        "north,2024-01-08,,6,9.6\n",
    )  # fmt: skip

    assert [(row["period"], row["sales"], row["act_tv"]) for row in found] == [
        (date(2024, 1, 1), 100.0, 5.0),
        (date(2024, 1, 8), None, 6.0),
    ]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("north,2024-01-01,100,-5,1", "act_tv"),
        ("north,2024-01-01,100,5,-1", "spend_tv"),
        ("north,2024-01-01,100,five,1", "act_tv"),
        ('north,2024-01-01,"1,000",5,1', "sales"),
        ("north,2024-01-01,$100,5,1", "sales"),
        ("north,2024-01-01,inf,5,1", "sales"),
        ("north,2024-13-01,100,5,1", "period_start"),
        ("north,01/02/2024,100,5,1", "period_start"),
        ("north,45292,100,5,1", "period_start"),
        (",2024-01-01,100,5,1", "entity_id"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, column: str) -> None:
    good = "north,2024-01-08,100,5,1"

    with pytest.raises(BadRows) as refused:
        lake_of(tmp_path, f"entity_id,period_start,sales,act_tv,spend_tv\n{good}\n{row}\n")

    (fault,) = refused.value.extras["rows"]
    assert (fault["line"], fault["column"]) == (3, column)


def test_a_million_rows_are_reduced_to_what_they_say() -> None:
    days, entities = 1000, 1000
    who = np.repeat([f"store {i}" for i in range(entities)], days)
    when = np.tile(np.datetime64("2020-01-01", "us") + np.arange(days) * np.timedelta64(1, "D"),
                   entities)  # fmt: skip
    rng = np.random.default_rng(3)
    sales = rng.integers(0, 100, days * entities).astype(float)
    events = pa.table(
        {"entity_id": who, "period_start": when, "sales": sales, "act_tv": sales[::-1]}
    )

    found = panel(events)

    assert found.grain == "day"
    assert found.sales.shape == (1, days)
    assert found.sales.sum() == sales.sum()
    assert found.activity.sum() == sales.sum()


def test_a_panel_that_would_fill_the_memory_is_refused() -> None:
    far = {"entity_id": [f"e{i}" for i in range(1000)],
           "period_start": [MONDAY + timedelta(days=70 * (i % 1000)) for i in range(1000)],
           "sales": [1.0] * 1000, "act_tv": [1.0] * 1000}  # fmt: skip
    daily = weeks(60, step=1)

    with pytest.raises(BadConfig, match="at most 50,000,000"):
        panel(table(far, daily))


def test_sales_without_any_number_are_too_little() -> None:
    with pytest.raises(InsufficientData, match="No period has sales"):
        panel(table(weeks(60) | {"sales": np.full(60, np.nan)}))


# grain


@pytest.mark.parametrize(("step", "grain"), [(1, "day"), (7, "week")])
def test_the_grain_is_told_from_the_distances(step: int, grain: str) -> None:
    assert panel(table(weeks(60, step=step))).grain == grain


def test_months_are_months_whatever_their_length() -> None:
    found = panel(table(months(40)))

    assert found.grain == "month"
    assert len(found.days) == 40


def test_ends_of_months_are_months() -> None:
    ends = [s - timedelta(days=1) for s in months(41)["period_start"]][1:]

    found = panel(table(weeks(40) | {"period_start": ends}))

    assert found.grain == "month"
    assert found.days[0] == (date(2020, 1, 1) - date(1970, 1, 1)).days


def test_weeks_of_a_year_with_53_of_them_are_regular() -> None:
    block = weeks(110)  # 2020 has a week 53
    starts = [datetime(2019, 12, 30) + timedelta(days=7 * i) for i in range(110)]  # noqa: DTZ001

    found = panel(table(block | {"period_start": starts}))

    assert len(found.days) == 110
    assert np.diff(found.days).tolist() == [7] * 109


def test_four_weeks_are_no_month() -> None:
    with pytest.raises(BadConfig, match="neither days, weeks nor months"):
        panel(table(weeks(60, step=28)))


def test_the_grain_is_told_within_each_entity() -> None:
    north = weeks(60, entity="north")
    south = weeks(60, entity="south") | {
        "period_start": [day + timedelta(days=7 * 30) for day in weeks(60)["period_start"]]
    }

    assert panel(table(north, south)).grain == "week"


def test_a_shorter_grain_than_the_data_is_refused() -> None:
    with pytest.raises(BadConfig, match="no day can be made"):
        panel(table(weeks(60)), grain="day")


def test_weeks_make_no_months() -> None:
    with pytest.raises(BadConfig, match="no month can be made"):
        panel(table(weeks(60)), grain="month")


@given(st.lists(st.integers(-20_000, 60_000), min_size=1, max_size=30),
       st.sampled_from(["day", "week", "month"]), st.integers(0, 6))  # fmt: skip
def test_a_period_holds_its_day(days: list[int], grain: Any, anchor: int) -> None:
    day = np.array(days)

    number = period_number(day, grain, anchor=anchor)

    assert (period_day(number, grain, anchor=anchor) <= day).all()
    assert (period_day(number + 1, grain, anchor=anchor) > day).all()


def test_one_date_has_no_rhythm() -> None:
    found = rhythm(np.array([0]), np.array([19_000]))

    assert found.grain is None
    assert found.own.tolist() == [-2]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ü"]),
        st.integers(0, 4),
        st.one_of(st.none(), st.floats(-1e9, 1e9, width=32)),
        st.one_of(st.none(), st.floats(0, 1e9, width=32)),
    ),
    min_size=1,
    max_size=30,
)


@settings_of_hypothesis(max_examples=40, deadline=None)
@given(ROWS)
def test_cells_are_those_of_a_slow_group_by(rows: list[tuple[str, int, Any, Any]]) -> None:
    columns = {
        "entity_id": [row[0] for row in rows],
        "period_start": [MONDAY + timedelta(days=7 * row[1]) for row in rows],
        "sales": pa.array([row[2] for row in rows], pa.float64()),
        "ctrl_price": pa.array([row[3] for row in rows], pa.float64()),
    }
    groups: dict[tuple[str, date], list[tuple[Any, Any]]] = {}
    for name, week, sales, price in rows:
        key = name, (MONDAY + timedelta(days=7 * week)).date()
        groups.setdefault(key, []).append((sales, price))

    found = {(r["entity_id"], r["period"]): r for r in cells(table(columns)).to_pylist()}

    assert found.keys() == groups.keys()
    for key, group in groups.items():
        sold = [sales for sales, _ in group if sales is not None]
        prices = [price for _, price in group if price is not None]
        mean = sum(prices) / len(prices) if prices else None
        assert found[key]["rows"] == len(group)
        assert found[key]["sales"] == (pytest.approx(sum(sold), abs=1e-5) if sold else None)
        assert found[key]["ctrl_price"] == (pytest.approx(mean, abs=1e-5) if prices else None)
