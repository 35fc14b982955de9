"""Tables of an answer as a person reads them."""

from pymc_vibes.core.answer import Claim, Estimate, Interval, Summary, Table
from pymc_vibes.core.experiment import Preview
from pymc_vibes.http.grids import claims_beside, estimate_grid, grids, table_grid
from pymc_vibes.http.particulars import facts, filled
from pymc_vibes.http.truths import truth_grid
from pymc_vibes.service.worlds import TruthCheck

UNIT = "events per day"


def estimate(label: str, mean: float, low: float, high: float, **more: object) -> Estimate:
    """An estimate with a highest-density interval of 95 %."""
    interval = Interval(low=low, high=high, prob=0.95, kind="hdi")
    given = {"name": "rate", "label": label, "mean": mean, "unit": UNIT, "interval": interval}
    return Estimate.model_validate(given | {"intervals": (interval,)} | more)


RATES = (estimate("north", 4.8512, 4.5521, 5.1487), estimate("south", 2.1, 1.9234, 2.3))
TABLE = Table(
    name="rates",
    title="Rates",
    columns=("cohort", "event", "count", "mean", "median", "low", "high", "chance_best"),
    units=("", "", "events", UNIT, UNIT, UNIT, UNIT, ""),
    rows=(
        ("north", "claim", 12_345, 4.8512, 4.8511, 4.5521, 5.1487, 1.0),
        ("south", "claim", 439, 2.1, 2.0996, 1.9234, 2.3, 0.0),
    ),
)


def test_the_ends_of_an_interval_stand_in_one_cell() -> None:
    grid = table_grid(TABLE, RATES)

    assert [heading.title for heading in grid.headings] == [
        "Cohort", "Count", "Mean", "95 % highest-density interval", "Chance best",
    ]  # fmt: skip
    assert grid.rows[0] == ("north", "12,345", "4.85", "4.55 to 5.15", "over 99.9 %")


def test_what_is_the_same_in_every_row_is_said_once() -> None:
    grid = table_grid(TABLE, RATES)

    assert (grid.title, grid.unit) == ("Rates: claim", UNIT)
    assert "Median" not in {heading.title for heading in grid.headings}


def test_a_column_of_one_row_is_kept() -> None:
    one = TABLE.model_copy(update={"rows": TABLE.rows[:1]})

    assert table_grid(one).headings[1].title == "Event"


def test_a_row_named_like_a_column_leaves_the_heading_as_it_is() -> None:
    table = Table(
        name="parameters",
        title="Parameters",
        columns=("parameter", "mean", "sd"),
        rows=(("alpha", 1.0, 0.1), ("mean", 2.0, 0.2)),
    )

    assert [heading.title for heading in table_grid(table).headings] == ["Parameter", "Mean", "SD"]


def test_known_truth_is_headed_by_a_word() -> None:
    check = TruthCheck(
        variable="theta", label="host-01", truth=2.0, low=1.0, high=3.0, prob=0.95, covered=True
    )
    grid = truth_grid([check], Summary(headline="It is open."))

    assert grid.headings[0].title == "Rate"


def test_known_truths_of_several_quantities_are_told_apart() -> None:
    checks = [
        TruthCheck(
            variable=variable, label="tv", truth=0.5, low=0.2, high=high, prob=0.95, covered=True
        )
        for variable, high in (("decay", 0.8), ("half", 40.2))
    ]

    grid = truth_grid(checks, Summary(headline="It is open."))

    assert grid.headings[0].title == "Quantity"
    assert [row[0] for row in grid.rows] == ["decay, tv", "half, tv"]
    assert [row[2] for row in grid.rows] == ["0.20 to 0.80", "0.2 to 40"]


def test_what_is_true_of_every_row_is_said_once_and_what_is_true_of_none_is_not() -> None:
    table = Table(
        name="weeks",
        title="Weeks",
        columns=("week", "is_held_out", "is_holiday"),
        rows=(("1", True, False), ("2", True, False)),
    )

    assert table_grid(table).title == "Weeks: held out"
    assert [heading.title for heading in table_grid(table).headings] == ["Week"]


def test_an_empty_table_keeps_every_heading() -> None:
    empty = TABLE.model_copy(update={"rows": ()})

    assert [heading.title for heading in table_grid(empty).headings][-1] == "Chance best"


def test_estimates_that_a_table_holds_are_not_printed_twice() -> None:
    both = Summary(headline="x", estimates=RATES, tables=(TABLE,))
    more = both.model_copy(update={"estimates": (*RATES, estimate("ratio", 2.31, 2.0, 2.6))})

    assert [grid.title for grid in grids(both, "Estimates")] == ["Rates: claim"]
    assert [grid.title for grid in grids(more, "Estimates")] == ["Estimates", "Rates: claim"]
    assert [row[0] for row in grids(more, "Estimates")[0].rows] == ["ratio"]


def test_a_middle_that_a_long_tail_carries_off_is_a_median() -> None:
    wild = estimate("spread", 120.0, 0.1, 9.0, median=2.0, sd=5000.0)
    ratio = estimate("B over A", 1.8, 1.0, 2.5, median=1.5, sd=0.4, unit="times")

    for heavy in (wild, ratio):
        grid = estimate_grid((RATES[0], heavy), "Estimates")
        titles = [heading.title for heading in grid.headings]

        assert "Median" in titles
        assert not {"Mean", "SD"} & set(titles)
        assert float(grid.rows[1][1]) == heavy.median


def test_a_column_without_a_value_is_not_named_in_the_title() -> None:
    empty = Table(name="t", title="T", columns=("v", "chance"), rows=(("A", None), ("B", None)))

    assert table_grid(empty).title == "T"


def test_shares_read_as_percentages_in_estimates_and_in_tables() -> None:
    one = estimate("A", 0.0711, 0.0612, 0.0811, percent=True, sd=0.005)
    table = Table(
        name="t", title="T", columns=("v", "rate", "low", "high"), units=("", UNIT, UNIT, UNIT),
        rows=(("A", 0.0711, 0.0612, 0.0811),),
    )  # fmt: skip

    printed = estimate_grid((one,), "Estimates").rows[0][1:3]

    assert printed == ("7.11 %", "6.12 % to 8.11 %")
    assert table_grid(table, (one,)).rows[0][1:] == printed


def test_a_number_that_rounding_would_hide_keeps_its_digits() -> None:
    table = Table(name="t", title="T", columns=("v", "loss"), rows=(("A", 0.5), ("B", 1e-7)))

    assert [row[1] for row in table_grid(table).rows][1] != "0"


def test_rows_of_a_matrix_keep_their_names_as_headings() -> None:
    table = Table(
        name="t", title="Chance that the row is higher", columns=("cohort", "north", "south"),
        rows=(("north", None, 0.9), ("south", 0.1, None)),
    )  # fmt: skip

    grid = table_grid(table)

    assert [heading.title for heading in grid.headings] == ["Cohort", "north", "south"]
    assert grid.rows[0] == ("north", "\N{EN DASH}", "90.0 %")


def test_a_claim_that_is_the_headline_is_not_repeated() -> None:
    first = Claim(text="B is the best of 3.", probability=0.95)
    second = Claim(text="B is above 10 %.", probability=0.6)
    told = Summary(headline="B leads: 95.0 % chance to be best.", claims=(first, second))

    assert claims_beside(told) == (second,)


def test_facts_leave_out_what_is_not_set_and_what_is_said_in_words() -> None:
    context = {"exposure": "window", "exposure_in_words": "not measured", "threshold": None}

    assert facts(context | {"units": 5000}) == (("Exposure", "not measured"), ("Units", "5,000"))


def test_facts_say_days_as_days_and_leave_the_method_to_the_answer() -> None:
    context = {"start": "2024-01-01T00:00:00+00:00", "end": "2024-01-02T07:30:00Z"}

    assert facts(context | {"method": "nuts"}) == (
        ("Start", "2024-01-01"),
        ("End", "2024-01-02 07:30 UTC"),
    )


def test_events_show_the_columns_that_hold_something() -> None:
    preview = Preview(columns=("a", "b", "c"), rows=((1, None, "x"), (2, None, None)), total=2)

    assert [(column.name, column.is_number) for column in filled(preview)] == [
        ("a", True), ("c", False),
    ]  # fmt: skip


def test_a_loss_next_to_nothing_is_written_in_words() -> None:
    table = Table(
        name="losses",
        title="Losses",
        columns=("variant", "expected_loss"),
        units=("", "share"),
        rows=(("A", 0.0123), ("B", 2.3e-9)),
    )

    assert [row[1] for row in table_grid(table).rows] == ["1.230 %", "under 0.001 %"]
