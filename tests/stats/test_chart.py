"""Builders keep the numbers, order them, and say what they leave out."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.core.figure import Figure, Mark
from pymc_vibes.stats.chart import bars, density_overlay, difference_curve, forest, lines_with_bands


def overlay(count: int, *, means: list[float] | None = None) -> Figure:
    curves = []
    for i in range(count):
        posterior = stats.norm(i, 1)
        x = np.linspace(i - 4, i + 4, 81)
        low, high = posterior.ppf([0.025, 0.975])
        curves.append((f"arm {i}", x, posterior.pdf(x), low, high))
    return density_overlay(
        "overlay", "A title", "A sentence.", curves=curves, x_label="rate", level=0.95, means=means
    )


def difference(
    zero: float, *, rope: tuple[float, float] | None = None, mean: float | None = 1.0
) -> Figure:
    x = np.linspace(-2, 4, 121)
    return difference_curve(
        "difference",
        "A title",
        "A sentence.",
        x=x,
        y=stats.norm(1, 1).pdf(x),
        low=-0.96,
        high=2.96,
        x_label="difference",
        level=0.95,
        zero=zero,
        rope=rope,
        mean=mean,
        sides=("A higher", "B higher"),
    )


def cohorts(count: int, **options: object) -> Figure:
    mean = [float((7 * i) % count) for i in range(count)]
    return forest(
        "forest",
        "A title",
        "A sentence.",
        labels=[f"cohort {i}" for i in range(count)],
        mean=mean,
        low=[m - 1 for m in mean],
        high=[m + 1 for m in mean],
        x_label="rate",
        level=0.9,
        **options,  # type: ignore[arg-type]  # each test passes what it is about
    )


def marks(figure: Figure, kind: str) -> list[Mark]:
    return [mark for mark in figure.spec.marks if mark.kind == kind]


def test_intervals_of_curves_never_lie_on_one_another() -> None:
    rows = overlay(5).spec.tables["rows"]

    assert len(set(rows["y"])) == 5
    assert max(float(y or 0) for y in rows["y"]) < 0


def test_given_means_are_listed_and_others_are_only_drawn() -> None:
    given, drawn = overlay(2, means=[0.1, 1.1]).spec.tables, overlay(2).spec.tables

    assert given["numbers"]["mean"] == (0.1, 1.1)
    assert "mean" not in drawn["numbers"]
    assert drawn["rows"]["mean"] == pytest.approx((0, 1), abs=1e-6)


def test_more_curves_than_colors_are_counted_in_the_note() -> None:
    spec = overlay(9).spec

    assert len(spec.series) == 7
    assert "The first 7 of 9 are drawn." in spec.note


def test_the_level_and_the_kind_of_the_interval_are_named() -> None:
    assert "95 % highest-density intervals" in overlay(1).spec.note
    assert "95 % equal-tailed interval" in difference(0.0).spec.note


def test_points_where_a_density_is_infinite_are_left_out() -> None:
    figure = density_overlay(
        "spike",
        "A title",
        "A sentence.",
        curves=[("a", [0.0, 0.1, 0.2], [np.inf, 2.0, 1.0], 0.0, None)],
        x_label="rate",
        level=0.95,
    )

    assert figure.spec.tables["curve_0"]["x"] == (0.1, 0.2)
    assert figure.spec.tables["numbers"]["high"] == (None,)


def test_a_difference_changes_color_at_zero() -> None:
    tables = difference(0.0).spec.tables

    assert max(tables["left"]["x"]) == 0 == min(tables["right"]["x"])  # type: ignore[type-var]  # numbers
    assert tables["left"]["y"][-1] == tables["right"]["y"][0]


@pytest.mark.parametrize(("zero", "side"), [(-5.0, "right"), (9.0, "left")])
def test_a_difference_beyond_zero_has_one_side(zero: float, side: str) -> None:
    [area] = marks(difference(zero), "area")

    assert area.table == side


def test_the_zone_that_does_not_matter_is_drawn_behind_and_named() -> None:
    figure = difference(0.0, rope=(-0.1, 0.1))

    assert figure.spec.marks[0].kind == "band"
    assert figure.spec.tables["zone"]["x"] == (-0.1, 0.1)
    assert "too small to matter" in figure.spec.note


def test_a_forest_is_ordered_by_estimate() -> None:
    mean = cohorts(13).spec.tables["numbers"]["mean"]

    assert list(mean) == sorted(mean, reverse=True)  # type: ignore[type-var]  # numbers


def test_an_estimate_that_is_missing_comes_last() -> None:
    figure = forest(
        "forest",
        "A title",
        "A sentence.",
        labels=["none", "low", "high"],
        mean=[None, 1.0, 2.0],
        low=[None, 0.0, 1.0],
        high=[None, 2.0, 3.0],
        x_label="rate",
        level=0.9,
    )

    assert figure.spec.tables["numbers"]["label"] == ("high", "low", "none")


def test_a_long_forest_shows_both_ends_and_says_what_is_hidden() -> None:
    spec = cohorts(100).spec
    drawn = [float(m) for m in spec.tables["rows"]["mean"] if m is not None]

    assert drawn == [*range(99, 79, -1), *range(19, -1, -1)]
    assert spec.tables["rows"]["label"][20] == "… 60 more …"
    assert "60 between them are hidden" in spec.note
    assert "… 60 more …" not in spec.tables["numbers"]["label"]


def test_sixty_rows_are_all_drawn() -> None:
    spec = cohorts(60).spec

    assert len(spec.tables["numbers"]["label"]) == 60
    assert "hidden" not in spec.note


def test_raw_values_are_open_diamonds_with_a_pull() -> None:
    figure = cohorts(5, raw=[1.0, 2.0, 3.0, 4.0, 5.0], center=2.5)

    assert [mark.x for mark in marks(figure, "dot") if mark.dashed] == ["raw"]
    assert [(mark.low, mark.high) for mark in marks(figure, "arrow")] == [("raw", "mean")]
    assert figure.spec.tables["center"]["x"] == (2.5,)
    assert "Dashed rule: group mean." in figure.spec.note


def test_raw_values_stay_with_their_label() -> None:
    figure = cohorts(5, raw=[0.0, 10.0, 20.0, 30.0, 40.0])
    table = figure.spec.tables["numbers"]

    raw = dict(zip(table["label"], table["raw"], strict=True))

    assert raw == {f"cohort {i}": 10.0 * i for i in range(5)}


def test_times_become_iso_strings_and_moments_rules() -> None:
    start = datetime(2014, 3, 1, tzinfo=UTC)
    figure = lines_with_bands(
        "lines",
        "A title",
        "A sentence.",
        lines=[
            ("observed", [start + timedelta(days=i) for i in range(3)], [1, 2, 3], None, None),
            ("expected", [date(2014, 3, d) for d in (1, 2, 3)], [1, 1, 1], [0, 0, 0], [2, 2, 2]),
        ],
        x_label="day",
        y_label="count",
        level=0.95,
        x_kind="time",
        at=[("the change", date(2014, 3, 2))],
    )

    assert figure.spec.tables["line_0"]["x"][0] == "2014-03-01T00:00:00+00:00"
    assert figure.spec.tables["line_1"]["x"][0] == "2014-03-01"
    assert figure.spec.tables["moments"]["x"] == ("2014-03-02",)
    assert [mark.table for mark in marks(figure, "band")] == ["line_1"]
    assert figure.spec.note == "Bands: 95 % intervals. Dashed: the change."


def test_an_index_keeps_all_its_digits() -> None:
    figure = lines_with_bands(
        "lines",
        "A title",
        "A sentence.",
        lines=[("a", [1234567, 1234568], [1, 2], None, None)],
        x_label="step",
        y_label="count",
    )

    assert figure.spec.tables["line_0"]["x"] == (1234567.0, 1234568.0)


def test_the_longest_bars_are_drawn_and_the_rest_counted() -> None:
    figure = bars(
        "bars",
        "A title",
        "A sentence.",
        labels=[f"arm {i}" for i in range(50)],
        values=np.arange(50) / 100,
        marker=np.full(50, 0.02),
        marker_label="equal split",
        x_label="chance of being best",
    )

    assert figure.spec.tables["numbers"]["label"][:2] == ("arm 49", "arm 48")
    assert len(figure.spec.tables["numbers"]["label"]) == 40
    assert figure.spec.note == "Open diamonds: equal split. The 40 longest of 50 are drawn."
    assert figure.spec.x.zero


@pytest.mark.parametrize(
    "figure", [overlay(7), difference(0.0), cohorts(60)], ids=lambda figure: figure.name
)
def test_a_figure_is_small_enough_to_send(figure: Figure) -> None:
    assert len(figure.model_dump_json()) < 16_000
