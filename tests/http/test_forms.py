"""Forms come from settings and go back to them, whatever the kind."""

from typing import Any

import pytest

from pymc_vibes.core.config import Config, Parameters, parse, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.kind import Kind
from pymc_vibes.http import forms
from pymc_vibes.kinds import catalog
from pymc_vibes.stats.prior import BetaMean, BetaPrior, BetaShape


class Everything(Config):
    """One field of every sort."""

    prior: BetaPrior = setting(BetaShape(), "A prior.")
    arms: tuple[str, ...] = setting((), "The arms.")
    zone: tuple[float, float] | None = setting(None, "Two numbers.")
    shares: dict[str, float] | None = setting(None, "Shares by `arm`.", unit="share")
    priors: dict[str, BetaPrior] = setting({}, "A prior of each.")
    nested: BetaShape = setting(BetaShape(), "Fields of their own.")
    strict: bool = setting(default=True, about="Yes or no.")


VALUES: dict[str, Any] = {
    "prior": {"kind": "mean", "mean": "0.2", "effective_sample_size": "30"},
    "arms": ["red", "dark blue"],
    "zone": [-0.01, 0.01],
    "shares": {"red": 0.25, "x = y": 0.75},
    "priors": {"red": {"kind": "shape", "a": 2.0, "b": 3.0}},
    "nested": {"kind": "shape", "a": 4.0, "b": 5.0},
    "strict": False,
}


def by_name(shown: tuple[forms.Field, ...]) -> dict[str, forms.Field]:
    return {field.name: field for field in shown}


@pytest.fixture(params=sorted(catalog()))
def kind(request: pytest.FixtureRequest) -> Kind[Any]:
    return catalog()[request.param]


def test_settings_survive_being_written_and_read(kind: Kind[Any]) -> None:
    values = kind.example.model_dump(mode="json")

    read = forms.read(kind.config, forms.texts(kind.config, values, "set."), "set.")

    assert parse(kind.config, read) == kind.example


def test_an_untouched_form_changes_nothing(kind: Kind[Any]) -> None:
    values = kind.example.model_dump(mode="json")

    changed = forms.changed(kind.config, values, forms.texts(kind.config, values))

    assert changed == {}


def test_every_field_of_a_form_says_what_it_is_for(kind: Kind[Any]) -> None:
    shown = forms.fields(kind.config, kind.example.model_dump(mode="json"))

    assert [field.name for field in shown if not field.about] == []


def test_every_question_has_a_form(kind: Kind[Any]) -> None:
    for query in kind.queries:
        shown = forms.fields(query.parameters, {})

        assert [field.name.split(".")[0] for field in shown] == list(query.parameters.model_fields)


def test_every_sort_of_value_survives() -> None:
    given = parse(Everything, VALUES)

    read = forms.read(Everything, forms.texts(Everything, given.model_dump(mode="json")))

    assert parse(Everything, read) == given


def test_a_change_is_kept_and_the_rest_is_dropped() -> None:
    values = Everything().model_dump(mode="json")
    typed = forms.texts(Everything, values) | {"level": "0.9", "seed": " 42 "}

    assert forms.changed(Everything, values, typed) == {"level": "0.9"}


def test_a_setting_can_be_opened_again() -> None:
    values = Everything(shares={"red": 1.0}).model_dump(mode="json")

    changed = forms.changed(Everything, values, {"shares": ""})

    assert forms.read(Everything, changed) == {"shares": None}


def test_another_variant_of_a_union_is_kept_whole() -> None:
    values = Everything().model_dump(mode="json")
    typed = forms.texts(Everything, values) | {
        "prior.kind": "mean",
        "prior.mean.mean": "0.1",
        "prior.mean.effective_sample_size": "20",
    }

    read = forms.read(Everything, forms.changed(Everything, values, typed))

    expected = BetaMean(mean=0.1, effective_sample_size=20)
    assert list(read) == ["prior"]
    assert parse(Everything, read).prior == expected


def test_one_field_of_a_union_brings_the_others_along() -> None:
    values = Everything(prior=BetaMean(mean=0.1, effective_sample_size=20)).model_dump(mode="json")

    changed = forms.changed(Everything, values, {"prior.kind": "mean", "prior.mean.mean": "0.3"})

    read = parse(Everything, forms.read(Everything, changed))
    assert read.prior == BetaMean(mean=0.3, effective_sample_size=20)


def test_an_error_lands_beside_its_field() -> None:
    typed = {"set.prior.kind": "mean", "set.prior.mean.mean": "7", "set.level": "2"}

    with pytest.raises(BadConfig) as caught:
        parse(Everything, forms.read(Everything, typed, "set."))
    shown = by_name(forms.fields(Everything, {}, typed=typed, error=caught.value, prefix="set."))

    _, mean = shown["set.prior.kind"].variants
    assert "less than or equal to 0.999" in shown["set.level"].error
    assert "less than 1" in by_name(mean.fields)["set.prior.mean.mean"].error
    assert shown["set.seed"].error == ""


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [("shares", "red 0.5", "name = value"), ("priors", "{not json", "is not JSON")],
)
def test_text_that_cannot_be_read_says_how_it_should_look(
    name: str, text: str, reason: str
) -> None:
    with pytest.raises(BadConfig, match=reason) as caught:
        forms.read(Everything, {name: text})

    assert caught.value.extras["fields"][0]["field"] == name


def test_few_names_are_a_choice_and_many_are_suggestions() -> None:
    class Which(Parameters):
        cohort: str = setting(..., "The cohort.")

    few = ("north", "south")
    many = tuple(f"c{number}" for number in range(forms.FEW + 1))

    (choice,) = forms.fields(Which, {}, suggestions={"cohort": few})
    (free,) = forms.fields(Which, {}, suggestions={"cohort": many})

    assert (choice.widget, [value for value, _ in choice.choices]) == ("select", ["", *few])
    assert (free.widget, free.suggestions) == ("text", many)


def test_a_name_that_is_not_known_stays_in_the_choice() -> None:
    class Which(Parameters):
        cohort: str = setting(..., "The cohort.")

    (field,) = forms.fields(
        Which, {}, typed={"cohort": "east"}, suggestions={"cohort": ("north", "south")}
    )

    assert [value for value, _ in field.choices] == ["east", "north", "south"]
