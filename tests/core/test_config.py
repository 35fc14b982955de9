"""Settings check themselves and say what is wrong."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from pymc_vibes.core.config import Config, Parameters, parse, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.records import Record


class Threshold(Parameters):
    threshold: float = setting(..., "Where the line is.", ge=0, le=1, unit="fraction")


def test_text_from_a_form_becomes_numbers() -> None:
    assert parse(Config, {"level": "0.9", "seed": "7"}) == Config(level=0.9, seed=7)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"level": 1.5}, "level"),
        ({"level": float("nan")}, "level"),
        ({"draws": 10**9}, "draws"),
        ({"seed": -1}, "seed"),
        ({"lvl": 0.9}, "lvl"),
        ({"level": [1]}, "level"),
    ],
)
def test_each_wrong_field_is_named(values: dict[str, object], field: str) -> None:
    with pytest.raises(BadConfig) as caught:
        parse(Config, values)
    assert [wrong["field"] for wrong in caught.value.extras["fields"]] == [field]
    assert field in caught.value.detail


@pytest.mark.parametrize("told", ["level", "seed", "draws"])
def test_whoever_misnames_a_setting_reads_which_there_are(told: str) -> None:
    with pytest.raises(BadConfig, match="lvl") as caught:
        parse(Config, {"lvl": 0.9})
    assert told in (caught.value.hint or "")


def test_the_hint_is_about_the_setting_that_is_wrong() -> None:
    with pytest.raises(BadConfig) as caught:
        parse(Config, {"level": 7})
    assert caught.value.hint == f"level: {Config.model_fields['level'].description}"


def test_several_wrong_fields_are_told_at_once() -> None:
    with pytest.raises(BadConfig) as caught:
        parse(Config, {"level": 2, "draws": 0})
    assert len(caught.value.extras["fields"]) == 2


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(BadConfig, match="threshold: field required"):
        parse(Threshold, {})


def test_a_field_carries_its_unit_into_the_schema() -> None:
    assert Threshold.model_json_schema()["properties"]["threshold"]["unit"] == "fraction"


class Narrow(Record):
    kind: Literal["narrow"] = setting("narrow", "A zone of no width.")


class Wide(Record):
    kind: Literal["wide"] = setting("wide", "A zone of some width.")
    half_width: float = setting(..., "How wide.", gt=0)


class Zoned(Config):
    zone: Annotated[Narrow | Wide, Field(discriminator="kind")] = setting(Narrow(), "The zone.")
    limits: Threshold | None = setting(None, "Where to stop.")


@pytest.mark.parametrize("given", ["wide:0.02", {"half_width": "0.02"}, {"kind": "broad"}, None])
def test_a_choice_of_records_names_its_forms_and_how_to_write_them(given: object) -> None:
    with pytest.raises(BadConfig, match="'kind': narrow or wide") as caught:
        parse(Zoned, {"zone": given})
    assert "--zone.kind wide --zone.half-width " in (caught.value.hint or "")


def test_what_was_given_of_a_choice_is_in_the_way_to_write_it() -> None:
    with pytest.raises(BadConfig) as caught:
        parse(Zoned, {"zone": {"half_width": "0.02"}})
    assert "Write --zone.kind wide --zone.half-width 0.02;" in (caught.value.hint or "")


def test_a_record_names_its_parts() -> None:
    with pytest.raises(BadConfig, match="limits: give its parts: threshold") as caught:
        parse(Zoned, {"limits": 3})
    assert "Write --limits.threshold NUMBER." in (caught.value.hint or "")
