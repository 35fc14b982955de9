"""Questions to a marketing mix about what was: contributions, fit, returns, curves, next tests."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats

from pymc_vibes.core.errors import BadConfig, NotTrusted
from pymc_vibes.kinds.marketing_mix import kind
from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.stats import nuts
from tests.kinds.mix_fits import HELD_OUT, brand, by, column, regions, table_of, unsaturated

EVERY = [query.slug for query in kind.queries]
FORMS = ["part", "lost-without"]


@pytest.fixture(scope="module", autouse=True)
def samplers() -> Iterator[None]:
    """End all children when the worlds are through."""
    yield
    nuts.shutdown()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("world", [brand, unsaturated, regions])
def test_contributions_add_up_to_expected_sales_in_every_draw(world: Any, form: str) -> None:
    answer = world().ask("contributions", form=form, by="quarter")

    assert answer.data["adds_up"]["of_sales"] < 1e-9
    *steps, whole = column(table_of(answer, "steps"), "mean")
    assert sum(steps) == pytest.approx(whole, rel=1e-9)


def test_contributions_are_listed_by_period_and_channel() -> None:
    answer = brand().ask("contributions")

    table = table_of(answer, "contributions")
    assert table.columns == (
        "period_start", "channel", "contrib_mean", "contrib_low", "contrib_high",
    )  # fmt: skip
    assert len(table.rows) == table.total == (104 - HELD_OUT) * 3
    assert [row[:2] for row in table.rows[:4]] == [
        ("2023-01-02", "digital"), ("2023-01-02", "social"), ("2023-01-02", "tv"),
        ("2023-01-09", "digital"),
    ]  # fmt: skip
    middle, low, high = (column(table, f"contrib_{name}") for name in ("mean", "low", "high"))
    assert (low <= middle).all()
    assert (middle <= high).all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("group", ["period", "month", "quarter", "year"])
def test_parts_of_the_time_add_up_to_all_of_it(group: str, form: str) -> None:
    apart = table_of(brand().ask("contributions", by=group, form=form), "contributions")
    whole = table_of(brand().ask("contributions", by="all", form=form), "contributions")

    names = column(apart, "channel")
    sums = {name: column(apart, "contrib_mean")[names == name].sum() for name in set(names)}
    assert sums == pytest.approx(by(whole, "channel", "contrib_mean"), rel=1e-9)


def test_months_are_named_by_their_first_day_and_windows_are_half_open() -> None:
    answer = brand().ask("contributions", by="month", start="2023-01-09", end="2023-03-06")

    days = column(table_of(answer, "contributions"), "period_start")
    assert sorted(set(days)) == ["2023-01-01", "2023-02-01"]
    before = brand().ask("contributions", by="all", end="2023-03-06")
    first = brand().ask("contributions", by="all", end="2023-01-09")
    digital = [
        by(table_of(one, "contributions"), "channel", "contrib_mean")["digital"]
        for one in (before, first)
    ]
    table = table_of(answer, "contributions")
    mine = column(table, "contrib_mean")[column(table, "channel") == "digital"].sum()
    assert mine == pytest.approx(digital[0] - digital[1], rel=1e-9)


def test_contributions_find_the_truth() -> None:
    mix = brand()
    truth = true_effects(mix.truth, mix.events)["parts"].sum("entity")[: 104 - HELD_OUT]

    answer = mix.ask("contributions", by="all")

    for one in answer.summary.estimates:
        assert one.mean is not None
        assert one.sd is not None
        assert abs(one.mean - float(truth.sel(channel=one.name).sum())) < 4 * one.sd


def test_what_is_lost_without_channels_overlaps_where_effects_multiply() -> None:
    answer = unsaturated().ask("contributions", form="lost-without", by="all")

    steps = by(table_of(answer, "steps"), "what", "mean")
    assert steps["counted more than once"] < 0
    assert [finding.code for finding in answer.summary.findings] == ["overlap"]
    parts = unsaturated().ask("contributions", by="all")
    own = by(table_of(parts, "steps"), "what", "mean")
    assert all(steps[name] > own[name] for name in ("digital", "social", "tv"))
    assert "counted more than once" not in by(
        table_of(brand().ask("contributions", form="lost-without"), "steps"), "what", "mean"
    )


def test_entities_apart_add_up_to_all() -> None:
    mix = regions()
    names = mix.reading.study.panel.entities

    apart = [
        by(table_of(mix.ask("contributions", by="all", entity=name), "steps"), "what", "mean")
        for name in names
    ]

    whole = by(table_of(mix.ask("contributions", by="all"), "steps"), "what", "mean")
    assert len(names) == 3
    sums = {what: sum(one[what] for one in apart) for what in whole}
    assert sums == pytest.approx(whole, rel=1e-9)


def test_fitted_periods_have_their_sales_and_held_out_ones_are_marked() -> None:
    mix = brand()

    answer = mix.ask("fitted")

    table = table_of(answer, "fitted")
    assert table.columns[:5] == ("period_start", "y", "y_hat_mean", "y_hat_low", "y_hat_high")
    sales = np.array(mix.events["sales"].to_pylist())
    assert column(table, "y").tolist() == pytest.approx(sales.tolist())
    assert column(table, "held_out").tolist() == [t >= 104 - HELD_OUT for t in range(104)]
    wide = column(table, "single_high") - column(table, "single_low")
    assert (wide > column(table, "y_hat_high") - column(table, "y_hat_low")).all()
    assert answer.data["crps_held_out"] < answer.data["crps_of_last_year"]
    assert 0 <= answer.data["coverage_90_held_out"] <= 1
    assert "held out" in answer.summary.headline


def test_returns_are_sales_by_money_and_the_hurdle_decides() -> None:
    answer = brand().ask("roas", start="2023-03-01", end="2024-03-01")

    table = table_of(answer, "returns")
    assert (column(table, "sales") / column(table, "spend")).tolist() == pytest.approx(
        column(table, "roas").tolist()
    )
    below = brand().ask("roas", hurdle=0.01)
    above = brand().ask("roas", hurdle=1000)
    assert [claim.tone for claim in below.summary.claims] == ["higher"] * 3
    assert [claim.tone for claim in above.summary.claims] == ["lower"] * 3
    assert "under 0.1 %" in above.summary.headline
    assert "over 99.9 %" in below.summary.headline


def test_returns_of_all_periods_are_those_of_the_answer() -> None:
    mix = brand()

    table = table_of(mix.ask("roas"), "returns")

    assert column(table, "roas").tolist() == pytest.approx(mix.reading.roas.mean(axis=0).tolist())
    windowed = table_of(mix.ask("roas", end="2024-11-04", channels=["tv"]), "returns")
    assert column(windowed, "channel").tolist() == ["tv"]
    last = mix.reading.study.days[-1]
    assert last == np.datetime64("2024-10-28", "D").astype(np.int64)
    assert column(windowed, "roas")[0] == pytest.approx(column(table, "roas")[2])


def test_the_value_of_a_sale_makes_profit_of_returns() -> None:
    answer = brand().ask("roas", value_per_sale=0.5)

    table = table_of(answer, "returns")
    expected = 0.5 * column(table, "sales") - column(table, "spend")
    assert column(table, "profit").tolist() == pytest.approx(expected.tolist())
    twice = brand().ask("roas", hurdle=2)
    assert column(table, "chance_above_hurdle").tolist() == (
        column(table_of(twice, "returns"), "chance_above_hurdle").tolist()
    )


def test_curves_rise_from_nothing_and_say_where_they_extrapolate() -> None:
    answer = brand().ask("curves", channel="digital")

    table, standing = table_of(answer, "curves"), table_of(answer, "standing")
    gain, amount = column(table, "gain"), column(table, "amount")
    assert gain[0] == 0
    assert (np.diff(gain) > 0).all()
    most = column(standing, "most_seen")[0]
    assert column(table, "is_beyond_seen").tolist() == (amount > most).tolist()
    assert amount[-1] > most
    # the slope is that of the curve
    between = np.diff(gain) / np.diff(amount)
    slope = column(table, "marginal")
    assert ((slope[1:] - between) * (slope[:-1] - between) <= 0).all()
    assert "beyond" in answer.figures[0].spec.tables


def test_without_saturation_curves_end_at_what_was_seen() -> None:
    answer = unsaturated().ask("curves")

    assert not column(table_of(answer, "curves"), "is_beyond_seen").any()
    assert "no-saturation" in [finding.code for finding in answer.summary.findings]
    assert len(answer.figures) == 3
    assert all("beyond" not in figure.spec.tables for figure in answer.figures)


def test_tests_are_ranked_by_what_they_teach_for_the_money() -> None:
    answer = brand().ask("next-experiment", factors=[0, 0.5], periods=[4, 8])

    table = table_of(answer, "tests")
    assert len(table.rows) == 3 * 2 * 2
    assert (np.diff(column(table, "narrowing_per_thousand")) <= 0).all()
    found = {row[:3]: row for row in table.rows}
    at = table.columns.index("narrowing")
    assert found["digital", 0.0, 8][at] > found["digital", 0.0, 4][at]
    assert found["digital", 0.0, 4][at] > found["digital", 0.5, 4][at]
    money = table.columns.index("money_moved")
    assert found["tv", 0.0, 8][money] == pytest.approx(4 * found["tv", 0.5, 4][money])
    advised = answer.data["advised"]
    assert advised["narrowing"] >= 0.1
    narrower = advised["width"] - advised["width_after"]
    assert advised["narrowing_per_thousand"] == pytest.approx(
        1000 * narrower / advised["money_moved"]
    )
    assert advised["channel"] in answer.summary.headline


def test_returns_carry_the_error_of_their_chains() -> None:
    reading = brand().reading
    assert reading.every == 1
    assert reading.posterior.samples is not None
    chains = len(reading.posterior.samples["posterior"]["chain"])
    roas = reading.roas.reshape(chains, -1, len(reading.channels))

    told = {one.name: one.mcse for one in brand().ask("roas").summary.estimates}

    ours = [told[f"roas_{name}"] for name in reading.channels]
    axes = {"chain_axis": 0, "draw_axis": 1}
    of_arviz = [float(array_stats.mcse(column, **axes)) for column in np.moveaxis(roas, 2, 0)]
    assert ours == pytest.approx(of_arviz, rel=1e-9)


def test_draws_that_are_left_out_do_not_mix_up_the_chains() -> None:
    reading = brand().reading
    assert reading.posterior.samples is not None
    chains = len(reading.posterior.samples["posterior"]["chain"])
    draws = len(reading.roas) // chains
    whose = np.repeat(np.arange(chains), draws).astype(float)

    laid_out = reading.by_chain(whose[::7])

    assert laid_out.shape == (chains, -(-chains * draws // 7) // chains)
    # a chain begins within one draw of where it should
    assert (np.abs(laid_out - np.arange(chains)[:, None]).sum(axis=1) <= 1).all()


def test_no_test_is_advised_that_teaches_nothing() -> None:
    answer = brand().ask("next-experiment", noise=1e9)

    assert answer.data["advised"] is None
    assert answer.summary.headline.startswith("None of these tests is advised")


def test_a_test_of_more_activity_than_ever_is_not_advised() -> None:
    answer = brand().ask("next-experiment", factors=[10], periods=[8])

    assert column(table_of(answer, "tests"), "is_beyond_seen").all()
    assert answer.data["advised"] is None


def test_tests_may_be_run_in_some_regions_beside_others_or_in_all() -> None:
    given = {"factors": [0], "periods": [8], "noise": 1.0}
    south, rest, everywhere = (
        regions().ask("next-experiment", **given, entities=names, least=0)
        for names in (["south"], ["north", "west"], [])
    )

    assert (south.summary.context["grade"], everywhere.summary.context["grade"]) == (
        "geo", "interrupted",
    )  # fmt: skip
    assert "in south" in south.summary.headline
    for what in ("money_moved", "expected_lift"):
        apart = [by(table_of(one, "tests"), "channel", what) for one in (south, rest)]
        whole = by(table_of(everywhere, "tests"), "channel", what)
        assert {name: apart[0][name] + apart[1][name] for name in whole} == pytest.approx(whole)


@pytest.mark.parametrize("slug", EVERY)
def test_nothing_is_shown_of_a_fit_that_cannot_be_trusted(slug: str) -> None:
    with pytest.raises(NotTrusted, match="chains do not agree") as refusal:
        brand().distrusted().ask(slug)

    assert refusal.value.status == 409
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("slug", "given", "said"),
    [
        ("contributions", {"start": "2030-01-01"}, "No fitted period begins"),
        ("contributions", {"start": "2024-01-01", "end": "2023-01-01"}, "tart must be before"),
        ("contributions", {"entity": "brand"}, "Entities were added up"),
        ("roas", {"channels": ["radio"]}, "no channel 'radio'"),
        ("curves", {"channel": "radio"}, "no channel 'radio'"),
        ("next-experiment", {"factors": [1]}, "tests change nothing"),
        ("next-experiment", {"channels": ["radio"]}, "no channel 'radio'"),
    ],
)
def test_what_cannot_be_answered_is_refused(slug: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        brand().ask(slug, **given)


def test_an_entity_that_there_is_none_of_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadConfig, match="no entity 'east'") as refusal:
        regions().ask("contributions", entity="east")

    assert refusal.value.hint == "There are: north, south, west."


@pytest.mark.parametrize("slug", EVERY)
def test_every_table_has_its_units_and_no_figure_is_without_words(slug: str) -> None:
    answer = regions().ask(slug)

    for table in answer.summary.tables:
        assert len(table.units) == len(table.columns)
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert answer.figures
    assert all(figure.alt and figure.title for figure in answer.figures)
    assert "100 %" not in answer.summary.headline
