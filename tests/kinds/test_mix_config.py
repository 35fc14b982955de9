"""Settings and columns of a marketing mix: every bound, both presets, and the run specification."""

import json
from typing import Any

import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.marketing_mix.config import EXAMPLE, REFERENCE, MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.run_spec import RunSpec, read_run_spec
from pymc_vibes.kinds.marketing_mix.schema import SCHEMA, roles_of
from tests.contract import test_limits as limits
from tests.contract.test_kinds import BOUNDS, fields
from tests.kinds.mix_worlds import settings

COLUMNS = ("entity_id", "period_start", "sales", "act_tv", "spend_tv", "spend_radio", "ctrl_price")

SPEC = {
    "dataset_id": "sample_001",
    "grain": "week",
    "target_col": "sales",
    "drivers": ["act_tv", "act_digital", "act_social"],
    "controls": ["ctrl_price", "ctrl_promo"],
    "feature_config": {
        "adstock": {"decay_default": 0.5, "per_channel": {}, "max_lag": 13},
        "saturation": {"enabled": False},
        "seasonality": {"enabled": True, "K": 2},
        "trend": {"enabled": True},
    },
    "windows": {"carryover_months": 3, "estimation_months": 24},
    "random_seed": 42,
}


def described(model: Any) -> list[tuple[str, Any]]:
    return list(fields(model.model_json_schema()))


@pytest.mark.parametrize("model", [MarketingMixConfig, RunSpec])
def test_every_setting_is_described(model: Any) -> None:
    assert [name for name, field in described(model) if not field.get("description")] == []


@pytest.mark.parametrize("model", [MarketingMixConfig, RunSpec])
def test_every_number_has_a_bound(model: Any) -> None:
    unbounded = []
    for name, field in described(model):
        options = [field, *field.get("anyOf", [])]
        numbers = [o for o in options if o.get("type") in {"number", "integer"}]
        unbounded += [name for number in numbers if not any(bound in number for bound in BOUNDS)]

    assert unbounded == []


@pytest.mark.parametrize("model", [MarketingMixConfig, RunSpec])
def test_nothing_that_can_be_sent_is_without_a_bound(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    monkeypatch.setattr(limits, "SCHEMAS", schema.get("$defs", {}))

    found = [
        fault
        for name, field in schema["properties"].items()
        for fault in limits.faults(field, (name,))
    ]

    assert found == []


@pytest.mark.parametrize(
    "config", [MarketingMixConfig(), EXAMPLE, MarketingMixConfig(preset="reference")]
)
def test_settings_survive_json(config: MarketingMixConfig) -> None:
    assert parse(MarketingMixConfig, json.loads(config.model_dump_json())) == config


def test_the_reference_is_the_reference() -> None:
    found = settings(preset="reference").model_dump()

    for name in REFERENCE.keys() - {"priors", "adstock", "effect_prior"}:
        assert found[name] == REFERENCE[name]
    assert found["adstock"]["decay"] == 0.5
    assert found["adstock"]["max_lag"] == 13
    assert found["priors"]["intercept"] == 2.0


def test_a_preset_gives_way_to_what_is_given() -> None:
    found = settings(preset="reference", harmonics=4, priors={"noise": 0.7})

    assert found.harmonics == 4
    assert (found.priors.noise, found.priors.intercept) == (0.7, 2.0)


@pytest.mark.parametrize(
    "given",
    [
        {"noise": "lognormal"},
        {"noise": "log-student", "link": "identity"},
        {"offset": 1.0},
        {"start": "2024-01-01", "end": "2023-01-01"},
        {"controls": ["ctrl_price"], "control_rules": {"ctrl_promo": "max"}},
        {"adstock": {"kind": "fixed", "per_channel": {"tv": 1.0}}},
        {"adstock": {"kind": "carry"}},
        {"drivers": ["x" * 101]},
        {"harmonics": 27},
        {"preset": "robyn"},
        {"priors": {"noise": 0}},
        {"unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadConfig):
        settings(**given)


def test_a_run_specification_means_the_reference_model() -> None:
    spec = read_run_spec(SPEC)
    config = spec.config()

    assert spec.dataset_id == "sample_001"
    assert config == settings(
        preset="reference",
        grain="week",
        drivers=SPEC["drivers"],
        controls=SPEC["controls"],
        windows=SPEC["windows"],
        seed=42,
    )


@pytest.mark.parametrize("word", ["W", "weekly", " Week ", "WEEK"])
def test_a_grain_has_many_words(word: str) -> None:
    assert read_run_spec({**SPEC, "grain": word}).config().grain == "week"


def test_a_decay_can_be_given_by_column_or_by_channel() -> None:
    adstock = {"per_channel": {"act_tv": 0.8, "digital": 0.2}}

    config = read_run_spec({**SPEC, "feature_config": {"adstock": adstock}}).config()

    assert config.adstock.kind == "fixed"
    assert config.adstock.per_channel == {"tv": 0.8, "digital": 0.2}


def test_features_that_are_off_are_not_in_the_model() -> None:
    off = {"enabled": False}
    features = {"seasonality": {**off, "K": 3}, "trend": off, "saturation": {"enabled": True}}

    config = read_run_spec({**SPEC, "feature_config": features}).config()

    assert config.harmonics == 0
    assert config.trend.kind == "none"
    assert config.saturation.kind == "fixed"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"grain": "fortnight"}, "grain"),
        ({"random_seed": -1}, "random_seed"),
        ({"windows": {"estimation_months": 0}}, "windows.estimation_months"),
        ({"feature_config": {"adstock": {"decay_default": 1}}},
         "feature_config.adstock.decay_default"),
        ({"targets": "sales"}, "targets"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(BadConfig) as refused:
        read_run_spec({**SPEC, **wrong})

    assert [fault["field"] for fault in refused.value.extras["fields"]] == [field]


def test_two_decays_of_one_channel_are_refused() -> None:
    adstock = {"per_channel": {"act_tv": 0.8, "tv": 0.2}}

    with pytest.raises(BadConfig, match="two decays"):
        read_run_spec({**SPEC, "feature_config": {"adstock": adstock}}).config()


def test_activity_comes_before_spend() -> None:
    roles = roles_of(COLUMNS)

    assert roles.drivers == {"radio": "spend_radio", "tv": "act_tv"}
    assert roles.spends == {"radio": "spend_radio", "tv": "spend_tv"}
    assert roles.controls == ("ctrl_price",)


def test_spend_drives_where_it_is_chosen() -> None:
    assert roles_of(COLUMNS, drivers=("spend_tv",)).drivers == {"tv": "spend_tv"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"drivers": ("act_radio",)}, "no column 'act_radio'"),
        ({"controls": ("price",)}, "no column 'price'"),
        ({"target": "revenues"}, "no column 'revenues'"),
        ({"drivers": ("act_tv", "spend_tv")}, "one channel"),
        ({"drivers": ("act_tv", "act_tv")}, "named twice"),
        ({"controls": ("act_tv",)}, "something else too"),
    ],
)
def test_a_column_that_is_not_there_is_named(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadConfig, match=reason):
        roles_of(COLUMNS, **given)


def test_columns_that_differ_by_their_prefix_alone_are_refused() -> None:
    with pytest.raises(BadConfig, match="prefix alone"):
        roles_of((*COLUMNS, "price"), controls=("price", "ctrl_price"))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Week", "period_start"),
        ("geo", "entity_id"),
        ("Revenue", "sales"),
        ("ACT_TV", "act_tv"),
        ("spend_", None),
        ("tv_spend", None),
    ],
)
def test_headers_of_spreadsheets_are_understood(header: str, name: str | None) -> None:
    assert SCHEMA.resolve(header) == name
