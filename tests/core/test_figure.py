"""A figure is checked when it is declared."""

from typing import Any

import pytest
from pydantic import ValidationError

from pymc_vibes.core.figure import MAX_VALUES, Axis, Figure, FigureSpec, Mark, rounded


def spec(**changes: Any) -> FigureSpec:
    parts: dict[str, Any] = {
        "x": Axis(label="rate per day"),
        "y": Axis(label="density"),
        "series": ("A",),
        "tables": {"curve": {"x": (0.0, 1.0), "y": (0.5, 0.2)}},
        "marks": (Mark(kind="line", table="curve", x="x", y="y", series=0),),
    }
    return FigureSpec(**parts | changes)


def test_a_sound_figure_survives_the_wire() -> None:
    figure = Figure(name="rates", title="A is higher", alt="Two curves.", spec=spec())
    assert Figure.model_validate_json(figure.model_dump_json()) == figure


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tables": {"curve": {"x": (0.0,), "y": (1.0, 2.0)}}}, "differ in length"),
        ({"tables": {"curve": {"x": (0.0,), "y": (float("nan"),)}}}, "finite"),
        ({"tables": {"curve": {"x": (0.0,), "y": (float("inf"),)}}}, "finite"),
        ({"tables": {"other": {"x": (0.0,), "y": (1.0,)}}}, "does not exist"),
        ({"tables": {"curve": {"x": (0.0,)}}}, "needs column y"),
        ({"tables": {"<b>": {"x": (0.0,)}}}, "not a column name"),
        ({"series": ()}, "names series 0 of 0"),
        ({"shown": ("nothing",)}, "do not exist"),
        ({"marks": ()}, "at least 1 item"),
        (
            {"tables": {"curve": {"x": (0.0,) * MAX_VALUES, "y": (0.0,) * MAX_VALUES}}},
            "summarize first",
        ),
        ({"marks": (Mark(kind="dot", table="curve", x="x", y="y", by="group"),)}, "reads series"),
    ],
)
def test_an_unsound_figure_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        spec(**changes)


def test_rounding_keeps_text_and_gaps() -> None:
    assert rounded([1 / 3, None, "B"]) == (0.33333, None, "B")
