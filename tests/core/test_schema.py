"""Headers find their column."""

import pytest

from pymc_vibes.core.errors import BadName
from pymc_vibes.core.experiment import check_name
from pymc_vibes.core.schema import Column, Pattern, Schema

SCHEMA = Schema(
    columns=(
        Column(name="timestamp", type="instant", about="When.", role="time", aliases=("ts",)),
        Column(name="cohort", type="string", about="Who.", role="entity", required=True),
        Column(name="event", type="string", about="What.", role="entity", aliases=("event_type",)),
    ),
    patterns=(Pattern(prefix="act_", type="number", about="Activity of a channel.", low=0),),
)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("timestamp", "timestamp"),
        ("TS", "timestamp"),
        (" Cohort ", "cohort"),
        ("eventType", "event"),
        ("Event Type", "event"),
        ("act_tv", "act_tv"),
        ("act_", None),
        ("color", None),
        ("", None),
        ("🙂", None),
    ],
)
def test_a_header_finds_its_column(header: str, column: str | None) -> None:
    assert SCHEMA.resolve(header) == column


def test_the_roster_is_made_of_entities() -> None:
    assert SCHEMA.entities == ("cohort", "event")
    assert SCHEMA.time == "timestamp"


@pytest.mark.parametrize(
    "name", ["", " ", "-a", "a/b", "../a", "a b", "a" * 65, "é", "<img>", "a\x00"]
)
def test_a_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        check_name(name)


def test_names_are_folded() -> None:
    assert check_name(" Red-vs-Blue.2 ") == "red-vs-blue.2"
