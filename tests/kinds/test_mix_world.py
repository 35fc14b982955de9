"""Worlds of marketing: what is true of them is true, computed by hand and by slow loops."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr

from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.kinds.marketing_mix.samples import SAMPLE_COLUMNS, regions, sample
from pymc_vibes.kinds.marketing_mix.schema import SCHEMA
from pymc_vibes.kinds.marketing_mix.world import confounded, simulate, truth
from tests.kinds.mix_worlds import checked, codes, panel, settings

FORMS: list[dict[str, Any]] = [
    {},
    {"preset": "reference"},
    {"link": "log", "noise": "lognormal", "adstock": {"kind": "delayed"},
     "saturation": {"kind": "hill"}, "panel": "entities"},
    {"link": "log", "adstock": {"kind": "none"}, "saturation": {"kind": "michaelis-menten"}},
    {"noise": "normal", "effect_prior": {"kind": "roas"}, "panel": "entities",
     "adstock": {"kind": "weibull", "spread": {"shape": 8, "rate": 2}}},
    {"effect_prior": {"kind": "coefficient"}, "saturation": {"kind": "fixed"}},
]  # fmt: skip


def world(form: dict[str, Any], seed: int = 1, weeks: int = 60) -> tuple[xr.Dataset, pa.Table]:
    rng = np.random.default_rng(seed)
    known = truth(settings(**form), rng)
    return known, simulate(known, weeks * known.sizes["entity"], rng)


def silent(known: xr.Dataset) -> xr.Dataset:
    """The same world without noise."""
    return known.assign(sigma=0.0)


@pytest.mark.parametrize("form", FORMS)
def test_rows_fit_the_schema(form: dict[str, Any]) -> None:
    _, events = world(form)

    for name in events.column_names:
        assert SCHEMA.resolve(name) == name
        assert events[name].null_count == 0
        if name.startswith(("act_", "spend_")):
            assert events[name].to_numpy().min() >= 0


@pytest.mark.parametrize("form", FORMS)
def test_the_same_seed_makes_the_same_world(form: dict[str, Any]) -> None:
    assert world(form, seed=3)[1] == world(form, seed=3)[1]
    assert world(form, seed=3)[1] != world(form, seed=4)[1]


@pytest.mark.parametrize("form", FORMS[:2])
def test_the_largest_activity_of_every_channel_is_its_scale(form: dict[str, Any]) -> None:
    known, events = world(form)

    largest = [events[f"act_{name}"].to_numpy().max() for name in known["channel"].values]
    assert largest == pytest.approx(known["media_scale"].to_numpy())


@pytest.mark.parametrize("form", FORMS)
def test_sales_without_noise_are_what_is_expected(form: dict[str, Any]) -> None:
    known, _ = world(form)
    events = simulate(silent(known), 60 * known.sizes["entity"], np.random.default_rng(2))

    expected = true_effects(known, events)["expected"].to_numpy()

    assert events["sales"].to_numpy().reshape(expected.shape) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_parts_add_up_to_the_cent(form: dict[str, Any]) -> None:
    found = true_effects(*world(form))

    whole = found["parts"].sum("channel") + found["rest"]

    assert whole.to_numpy() == pytest.approx(found["expected"].to_numpy(), rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_lost_is_what_is_not_sold_without_the_channel(form: dict[str, Any]) -> None:
    known, events = world(form)
    found = true_effects(known, events)
    off = known.copy()
    name = "coefficient" if "coefficient" in known else "average_effect"
    off[name] = known[name].where(known["channel"] != "tv", 0.0)

    without = true_effects(off, events)["expected"]

    lost = found["lost"].sel(channel="tv")
    assert (found["expected"] - without).to_numpy() == pytest.approx(lost.to_numpy(), abs=1e-6)


def test_an_additive_channel_is_worth_its_share() -> None:
    known, events = world({})
    found = true_effects(known, events)

    share = found["lost"].sum(["entity", "period"]) / (known["size"].sum() * 60)

    assert share.to_numpy() == pytest.approx(known["average_effect"].to_numpy(), rel=1e-12)
    assert found["roas"].to_numpy() == pytest.approx(
        (known["average_effect"] / known["spend_share"]).to_numpy(), rel=1e-12
    )


def test_a_slow_loop_gives_the_same_terms() -> None:
    known, events = world({"preset": "reference"})
    scale = float(known["media_scale"].sel(channel="tv"))
    activity = events["act_tv"].to_numpy() / scale
    carried = [
        sum(0.5**lag * activity[t - lag] for lag in range(14) if t >= lag)
        for t in range(len(activity))
    ]
    lost = true_effects(known, events)["lost"].sel(channel="tv", entity="brand_total")
    expected = true_effects(known, events)["expected"].sel(entity="brand_total")
    term = float(known["coefficient"].sel(channel="tv")) * np.array(carried)

    assert lost.to_numpy() == pytest.approx(expected.to_numpy() * (1 - np.exp(-term)), rel=1e-9)


def test_no_activity_does_nothing() -> None:
    known, events = world({})
    at = events.column_names.index("act_tv")
    off = events.set_column(at, "act_tv", pa.array(np.zeros(events.num_rows)))

    assert true_effects(known, off)["lost"].sel(channel="tv").to_numpy().tolist() == [[0.0] * 60]


def test_overlap_is_counted_more_than_once_only_in_a_product() -> None:
    added, product = (true_effects(*world({"link": link})) for link in ("identity", "log"))

    def overlap(found: xr.Dataset) -> float:
        jointly = found["expected"] - found["rest"]
        return float((found["lost"].sum("channel") - jointly).sum() / found["expected"].sum())

    assert overlap(added) == pytest.approx(0, abs=1e-12)
    assert overlap(product) > 0.001


def test_order_of_rows_does_not_matter_to_the_truth() -> None:
    known, events = world({"panel": "entities"})
    order = np.random.default_rng(1).permutation(events.num_rows)

    found = true_effects(known, events.take(order))

    assert found.equals(true_effects(known, events))


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_world_has_eight_periods_at_least(size: int) -> None:
    rng = np.random.default_rng(1)

    assert simulate(truth(settings(), rng), size, rng).num_rows == 8


def test_more_periods_than_are_known_are_refused() -> None:
    rng = np.random.default_rng(1)

    with pytest.raises(ValueError, match="at most 1200"):
        simulate(truth(settings(), rng), 5000, rng)


def test_media_from_before_are_carried_in() -> None:
    known, _ = world({})
    known.attrs["carry_in"] = 8
    events = simulate(silent(known), 60, np.random.default_rng(2))
    found = true_effects(known, events)

    assert events["sales"].null_count == 8
    assert found.sizes["period"] == 60
    assert panel(events).carry_in == 8
    assert found["expected"].to_numpy()[0] == pytest.approx(
        events["sales"].drop_null().to_numpy(), rel=1e-12
    )


# what ships


def test_the_sample_is_the_one_that_is_promised() -> None:
    _, events = sample()
    found = panel(events)

    assert tuple(events.column_names) == SAMPLE_COLUMNS
    assert set(events["entity_id"].to_pylist()) == {"brand_total"}
    assert (events.num_rows, found.grain) == (104, "week")
    assert found.channels == ("digital", "social", "tv")
    assert found.controls == ("ctrl_price", "ctrl_promo")


def test_the_sample_is_the_same_every_time() -> None:
    assert sample()[1] == sample()[1]


def test_the_large_world_has_twenty_regions() -> None:
    known, events = regions()
    found = panel(events, panel="entities")

    assert found.sales.shape == (20, 156)
    assert len(found.channels) == 8
    assert checked(events, panel="entities").is_valid
    assert codes(checked(events, panel="entities").warnings) == set()
    assert float(true_effects(known, events)["share"].sum()) == pytest.approx(0.24, abs=0.02)


def correlation_of_baseline(known: xr.Dataset, events: pa.Table, channel: str) -> float:
    rest = true_effects(known, events)["rest"].to_numpy()[0]
    return float(np.corrcoef(events[f"act_{channel}"].to_numpy(), rest)[0, 1])


def test_a_hidden_cause_moves_sales_and_media_together() -> None:
    known, _ = sample()
    rng = np.random.default_rng(3)
    hidden = confounded(known, "digital", rng)

    moved = correlation_of_baseline(hidden, simulate(hidden, 600, rng), "digital")
    other = correlation_of_baseline(hidden, simulate(hidden, 600, rng), "tv")

    assert moved > 0.4
    assert abs(other) < 0.4


def test_a_hidden_cause_is_in_no_column() -> None:
    known, events = sample()
    rng = np.random.default_rng(3)

    assert simulate(confounded(known, "tv", rng), 104, rng).num_columns == events.num_columns


def test_a_naive_regression_is_misled_by_a_hidden_cause() -> None:
    known, _ = sample()
    rng = np.random.default_rng(3)

    def slope(market: xr.Dataset) -> float:
        events = simulate(silent(market), 600, rng)
        names = [f"act_{c}" for c in ("digital", "social", "tv")]
        x = np.column_stack([events[n].to_numpy() for n in names] + [np.ones(600)])
        return float(np.linalg.lstsq(x, events["sales"].to_numpy(), rcond=None)[0][0])

    assert slope(confounded(known, "digital", rng)) > 1.5 * slope(known)


def test_a_hidden_cause_needs_a_channel_of_the_world() -> None:
    with pytest.raises(ValueError, match="no channel 'radio'"):
        confounded(sample()[0], "radio", np.random.default_rng(1))


@pytest.mark.parametrize("form", FORMS[:2])
def test_worlds_are_rarely_complained_about(form: dict[str, Any]) -> None:
    complaints = [codes(checked(world(form, seed, 110)[1], **form).warnings) for seed in range(20)]

    # heavy noise may make an outlier; nothing else is odd about a world
    assert set().union(*complaints) <= {"outlying-sales"}
