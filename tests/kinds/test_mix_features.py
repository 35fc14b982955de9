"""What a model is given of a panel: media with their own zero, and priors in its units."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.marketing_mix.canonical import panel_of
from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.kinds.marketing_mix.features import Features, features_of
from pymc_vibes.kinds.marketing_mix.samples import regions, sample
from pymc_vibes.kinds.marketing_mix.windows import span_of
from pymc_vibes.stats import nuts
from pymc_vibes.stats.media_effects import contributions
from pymc_vibes.stats.media_sampling import (
    HalfNormalEffects,
    LogNormalEffects,
    SharedScaleEffects,
    brand_draws,
    brand_model,
    total_share,
)
from tests.kinds.mix_worlds import cells, settings, table, weeks


def features(events: pa.Table, **given: Any) -> Features:
    config = settings(**given)
    found = panel_of(cells(events, **given), config)
    return features_of(found, span_of(found, config), config)


def test_media_are_neither_centered_nor_scaled() -> None:
    block = weeks(60)
    (one,) = features(table(block)).series

    assert one.activity[8:, 1].tolist() == block["act_tv"].tolist()
    assert (one.activity[:8] == 0).all()


def test_media_before_the_first_sales_stand_before_the_window() -> None:
    block = weeks(70)
    sales = np.array(block["sales"])
    sales[:10] = np.nan

    (one,) = features(table(block | {"sales": sales})).series

    assert len(one.sales) == 60
    assert one.activity[:, 1].tolist() == block["act_tv"][2:].tolist()


def test_a_short_carry_over_window_leaves_out_what_is_before() -> None:
    block = weeks(110)
    given = {"windows": {"estimation_months": 18, "carryover_months": 1}}

    (one,) = features(table(block), **given).series

    assert np.count_nonzero(one.activity[:8, 1]) == 4
    assert one.activity[8:, 1].tolist() == block["act_tv"][-len(one.sales) :].tolist()


def test_controls_are_standard_over_what_is_fitted() -> None:
    found = features(table(weeks(80)), holdout_periods=20)
    price = found.series[0].columns[:, 0]

    assert found.form.columns[0] == "ctrl_price"
    assert price[:60].mean() == pytest.approx(0, abs=1e-12)
    assert price[:60].std() == pytest.approx(1)
    assert found.scaler.mean[0] == pytest.approx(weeks(80)["ctrl_price"][:60].mean())


def test_a_brand_without_controls_has_only_columns_of_time() -> None:
    block = {name: column for name, column in weeks(80).items() if name != "ctrl_price"}

    found = features(table(block), harmonics=1, trend={"kind": "none"})

    assert found.form.columns == ("sin 1", "cos 1")


def test_what_is_held_out_is_not_fitted() -> None:
    block = weeks(80)
    changed = block | {"sales": np.r_[block["sales"][:60], 9 * block["sales"][60:]]}

    one, other = (features(table(b), holdout_periods=20) for b in (block, changed))

    assert np.isnan(one.series[0].sales[60:]).all()
    assert one.fitted == 60
    assert (one.series[0].columns == other.series[0].columns).all()
    assert one.sales[0, 60:].tolist() == block["sales"][60:].tolist()


def test_a_year_later_the_season_is_the_same() -> None:
    daily = features(table(weeks(1462, step=1)), harmonics=2)
    places = [daily.form.columns.index(name) for name in ("sin 1", "cos 1", "sin 2", "cos 2")]
    season = daily.series[0].columns[:, places]

    assert season[1461] == pytest.approx(season[0], abs=1e-9)  # four years are 1461 days


def test_a_trend_goes_from_zero_to_one_and_on() -> None:
    found = features(table(weeks(80)), holdout_periods=20)
    trend = found.series[0].columns[:, found.form.columns.index("trend")]

    assert (trend[0], trend[59]) == (0, 1)
    assert trend[79] == pytest.approx(79 / 59)


def test_bends_begin_at_their_knot() -> None:
    found = features(table(weeks(61)), trend={"kind": "piecewise", "knots": 2})
    bends = found.series[0].columns[:, [found.form.columns.index(f"bend {i}") for i in (1, 2)]]

    assert (bends[:21, 0] == 0).all()
    assert bends[60] == pytest.approx([2 / 3, 1 / 3])


def test_holidays_are_a_column() -> None:
    found = features(table(weeks(60)), holidays=["2023-02-20", "2023-02-21"])

    assert found.form.columns[-1] == "holidays"
    assert found.series[0].columns[7, -1] == 2


def test_every_column_has_its_prior() -> None:
    found = features(
        table(weeks(60)), harmonics=1, priors={"control": 0.1, "season": 0.2, "trend": 0.4}
    )

    assert found.form.columns == ("ctrl_price", "sin 1", "cos 1", "trend")
    assert found.priors.column_sd.tolist() == [0.1, 0.2, 0.2, 0.4]


def test_entities_are_series_of_one_model() -> None:
    found = features(regions()[1], panel="entities")

    assert len(found.series) == 20
    assert found.form.geos == tuple(f"region-{i:02d}" for i in range(1, 21))


def test_the_reference_is_fixed_and_not_normalized() -> None:
    adstock = {"kind": "fixed", "decay": 0.5, "max_lag": 13, "per_channel": {"tv": 0.8}}
    found = features(table(weeks(60)), preset="reference", adstock=adstock)

    assert (found.form.spec.adstock, found.form.spec.normalized) == ("geometric", False)
    assert (found.form.spec.saturation, found.form.link) == ("none", "log")
    assert found.form.noise == "log-student"
    assert np.asarray(found.priors.parameters["decay"].first).tolist() == [0.5, 0.8]
    assert found.priors.effects == SharedScaleEffects(0.5)


@pytest.mark.parametrize(
    "adstock",
    [{"kind": k} for k in ("geometric", "delayed", "weibull", "fixed", "none")],
    ids=lambda given: given["kind"],
)
@pytest.mark.parametrize(
    "saturation",
    [{"kind": k} for k in ("logistic", "hill", "michaelis-menten", "fixed", "none")],
    ids=lambda given: given["kind"],
)
def test_every_form_has_a_prior_for_every_parameter(adstock: Any, saturation: Any) -> None:
    found = features(table(weeks(60)), adstock=adstock, saturation=saturation)

    assert set(found.priors.parameters) == set(found.form.spec.parameters)


@pytest.mark.parametrize(
    ("sales", "given", "offset"),
    [(1.0, {}, 0.0), (0.0, {}, 1.0), (0.0, {"offset": 5.0}, 5.0)],
)
def test_something_is_added_only_where_a_logarithm_needs_it(
    sales: float, given: dict[str, Any], offset: float
) -> None:
    block = weeks(60)
    block["sales"][3] = sales

    assert features(table(block), link="log", noise="lognormal", **given).form.offset == offset
    assert features(table(block)).form.offset == 0


def test_shares_are_divided_by_spend() -> None:
    block = weeks(60)
    spend = np.array([block["spend_radio"].sum(), block["spend_tv"].sum()])

    effects = features(table(block)).priors.effects

    assert isinstance(effects, HalfNormalEffects)
    assert effects.sd == pytest.approx(total_share(0.2, spend).sd)


def test_a_channel_without_spend_has_the_mean_part() -> None:
    block = weeks(60)
    del block["spend_tv"]

    effects = features(table(block)).priors.effects

    assert isinstance(effects, HalfNormalEffects)
    assert effects.sd[0] == pytest.approx(effects.sd[1])


def test_an_effect_can_have_its_prior_itself() -> None:
    prior = {"kind": "coefficient", "scale": 0.3}

    effects = features(table(weeks(60)), effect_prior=prior).priors.effects

    assert isinstance(effects, HalfNormalEffects)
    assert effects.sd.tolist() == [0.3, 0.3]


def test_a_return_becomes_an_effect_by_its_spend() -> None:
    block = weeks(60)
    prior = {"kind": "roas", "median": 2.0, "per_channel": {"tv": 3.0}}

    effects = features(table(block), effect_prior=prior).priors.effects

    assert isinstance(effects, LogNormalEffects)
    spend = np.array([2 * block["spend_radio"].sum(), 3 * block["spend_tv"].sum()])
    assert effects.median == pytest.approx(spend / block["sales"].sum())
    assert effects.log_sd.tolist() == [0.9, 0.9]


def test_the_unit_of_money_changes_no_prior() -> None:
    block = weeks(60)
    cents = block | {n: 100 * block[n] for n in ("sales", "spend_tv", "spend_radio")}

    one, other = (features(table(b)).priors.effects for b in (block, cents))

    assert isinstance(one, HalfNormalEffects)
    assert isinstance(other, HalfNormalEffects)
    assert one.sd == pytest.approx(other.sd, rel=1e-12)


@pytest.mark.slow
def test_the_returns_of_the_sample_are_found() -> None:
    known, events = sample()
    true = true_effects(known, events)
    found = features(events)

    model = brand_model(found.series, found.form, found.priors)
    sampled = nuts.sample(model, nuts.SamplerSettings(seed=1), NOBODY)
    (draws,) = brand_draws(sampled, found.series, found.form, found.priors)
    lost = contributions(draws, draws.terms(found.series[0].activity)).lost.sum(axis=1)
    roas = lost / found.spend[0].sum(axis=0)

    assert sampled.diagnostics.verdict == "good"
    off = np.abs(roas.mean(axis=0) - true["roas"].to_numpy()) / roas.std(axis=0)
    assert (off < 4).all()  # three numbers: a false alarm is at most 2e-4 likely
