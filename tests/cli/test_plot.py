"""A terminal shows the figure within its width, whatever the names are."""

import re

import numpy as np
import pytest
from rich.cells import cell_len
from scipy import stats

from pymc_vibes.cli.plot import render
from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.stats.chart import bars, density_overlay, difference_curve, forest, lines_with_bands

HOSTILE = ["\x1b]0;owned\x07\x1b[2J", "a\nb\r\tc", "\u202eevil", "名前 🎉", "", "x" * 500, "$(rm)"]
WORDS = ("A title", "A sentence.")


def overlay(labels: list[str]) -> Figure:
    curves = []
    for i, label in enumerate(labels):
        x = np.linspace(i, i + 8, 201)
        curves.append((label, x, stats.norm(i + 4, 1).pdf(x), i + 2.0, i + 6.0))
    return density_overlay("overlay", *WORDS, curves=curves, x_label="rate", level=0.95)


def difference() -> Figure:
    x = np.linspace(-0.02, 0.05, 201)
    y = stats.norm(0.015, 0.008).pdf(x)
    return difference_curve(
        "difference", *WORDS, x=x, y=y, low=-0.001, high=0.031, x_label="B minus A", level=0.95,
        rope=(-0.002, 0.002), sides=("A higher", "B higher"), x_format="percent",
    )  # fmt: skip


def cohorts(labels: list[str]) -> Figure:
    mean = [float(i) for i in range(len(labels))]
    low, high = [m - 1 for m in mean], [m + 2 for m in mean]
    return forest(
        "forest", *WORDS, labels=labels, mean=mean, low=low, high=high, raw=[m + 2 for m in mean],
        center=3.5, x_label="rate", level=0.9,
    )  # fmt: skip


def shares(labels: list[str]) -> Figure:
    values = [1 / (i + 2) for i in range(len(labels))]
    return bars("shares", *WORDS, labels=labels, values=values, x_label="chance")


def days() -> Figure:
    x = [f"2014-01-{d:02}" for d in range(1, 31)]
    y = list(range(30))
    lines = [("observed", x, y, None, None), ("expected", x, y, [v - 2 for v in y], [9] * 30)]
    return lines_with_bands(
        "days", *WORDS, lines=lines, x_label="day", y_label="count", x_kind="time",
        at=[("the change", "2014-01-15")],
    )  # fmt: skip


def points() -> Figure:
    """Give dots, an interval, a bar and both rules on axes of numbers, with a missing value."""
    table = {"x": (1.0, 2.0, 3.0), "y": (1.0, None, 2.0), "low": (0.0, 1.0, 2.0), "high": (4, 4, 4)}
    kinds = ("dot", "interval", "bar", "rule_x", "rule_y", "arrow")
    marks = [Mark(kind=k, table="t", x="x", y="y", low="low", high="high") for k in kinds]
    spec = FigureSpec(
        x=Axis(label="x", domain=(0.0, 5.0)), y=Axis(label="y"), tables={"t": table}, marks=marks
    )
    return Figure(name="points", title="A title", alt="A sentence.", spec=spec)


FIGURES = [overlay(["a", "b"]), overlay(HOSTILE), difference(), cohorts(HOSTILE),
           shares(HOSTILE), days(), points()]  # fmt: skip


@pytest.mark.parametrize("width", [30, 80, 120])
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_no_line_is_wider_than_the_terminal(figure: Figure, width: int) -> None:
    lines = render(figure, width=width, color=False).splitlines()

    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_no_control_character_reaches_the_terminal(figure: Figure) -> None:
    drawn = render(figure, width=80, color=False)

    assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", drawn) == []


def test_color_adds_only_colors() -> None:
    colored = render(cohorts(["a", "b"]), width=80, color=True)

    assert re.sub(r"\x1b\[[\d;]+m", "", colored) == render(
        cohorts(["a", "b"]), width=80, color=False
    )
    assert "\x1b[38;5;32m" in colored


def test_without_color_a_letter_names_each_curve() -> None:
    lines = render(overlay(["control", "treatment"]), width=80, color=False).splitlines()

    assert lines[1] == "━━ a control   ╍╍ b treatment"
    assert [letter in "".join(lines[2:13]) for letter in "ab"] == [True, True]


def test_each_curve_has_its_interval_in_a_row_of_its_own() -> None:
    lines = render(overlay(["control", "treatment"]), width=80, color=False).splitlines()

    bars_of = {line.split()[0]: line.count("━") for line in lines if "━●━" in line}

    assert set(bars_of) == {"control", "treatment"}
    assert abs(bars_of["control"] - bars_of["treatment"]) <= 1


def test_a_density_lies_on_its_axis() -> None:
    lines = render(overlay(["control"]), width=80, color=False).splitlines()
    plot = [line for line in lines if any("\u2800" < c <= "\u28ff" for c in line)]

    assert len(plot) == 11
    assert "⣀" in plot[-1]


def test_a_forest_is_a_table_with_the_highest_on_top() -> None:
    lines = render(cohorts(["low", "middle", "high"]), width=80, color=False).splitlines()

    assert [line.split()[0] for line in lines[1:4]] == ["high", "middle", "low"]
    assert lines[1].endswith("2 (1 to 4)")
    assert "◇" in lines[1]
    assert ["┊" in line for line in lines[1:4]] == [False, True, True]


def test_a_bar_is_as_long_as_its_value() -> None:
    lines = render(shares(["half", "third"]), width=100, color=False).splitlines()

    half, third = (len(re.findall("[▏▎▍▌▋▊▉█]", line)) for line in lines[1:3])

    assert third == pytest.approx(half * 2 / 3, abs=1)
    assert lines[1].endswith("50.0 %")


def test_values_that_are_fractions_show_as_percent() -> None:
    assert re.search(r"-2 % .* 0 % .* 4 %", render(difference(), width=100, color=False))


def test_a_chance_never_reads_as_certain() -> None:
    figure = bars(
        "best", *WORDS, labels=["a", "b"], values=[1.0, 1e-9], x_label="chance of being the best"
    )

    lines = render(figure, width=100, color=False).splitlines()

    assert [line.split("  ")[-1] for line in lines[1:3]] == ["over 99.9 %", "under 0.1 %"]
    assert "100 %" in lines[4]


def test_times_show_as_dates() -> None:
    drawn = render(days(), width=100, color=False)

    assert "2014-01-01" in drawn
    assert "┊" in drawn


def test_names_too_wide_are_cut_with_an_ellipsis() -> None:
    assert f"{'x' * 25}…" in render(cohorts(["x" * 500]), width=100, color=False)


def test_a_single_value_has_an_axis() -> None:
    figure = forest(
        "one", *WORDS, labels=["a"], mean=[5.0], low=[5.0], high=[5.0], x_label="rate", level=0.9
    )

    assert "●" in render(figure, width=60, color=False)
