"""The models of media against densities written out plainly, and the structure they share."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.stats import media_model
from pymc_vibes.stats.media_effects import Link, MediaDraws, Noise
from pymc_vibes.stats.media_experiments import (
    Evidence,
    Experiment,
    Readout,
    expected_lifts,
    gather,
    log_likelihood,
)
from pymc_vibes.stats.media_reference import reference_model
from pymc_vibes.stats.media_response import MediaResponse, expected_log
from pymc_vibes.stats.media_sampling import (
    EffectPrior,
    HalfNormalEffects,
    LogNormalEffects,
    MediaForm,
    ParameterPrior,
    SharedScaleEffects,
    brand_model,
    measures,
    total_share,
)
from pymc_vibes.stats.media_transforms import LOGISTIC_RATE, Adstock, MediaSpec, respond
from pymc_vibes.stats.nuts import Model
from tests.stats.media_points import LOGIT, both
from tests.stats.media_worlds import World, geo_world, world

FORMS: list[tuple[MediaSpec, Link, Noise]] = [
    (MediaSpec(), "identity", "student"),
    (MediaSpec(saturation="hill", max_lag=4), "identity", "normal"),
    (MediaSpec(adstock="delayed", saturation="michaelis-menten"), "log", "lognormal"),
    (MediaSpec(adstock="weibull", saturation="hill", max_lag=5), "log", "log-student"),
    (MediaSpec(adstock="geometric", normalized=False), "log", "student"),
    (MediaSpec(adstock="none", saturation="none"), "log", "normal"),
]


def density_of(model: Model) -> Any:
    built = getattr(media_model, model.builder.partition(":")[2])(model.data, **model.options)
    return built.compile_logp(mode="FAST_COMPILE", jacobian=False)


def assert_density(seen: World, prior: EffectPrior) -> None:
    """Compare differences between points, for constants are left out."""
    density = density_of(brand_model(seen.series, seen.form, seen.priors))
    points = [both(seen, seed, prior) for seed in range(4)]

    found = np.array([float(density(at)) for at, _ in points])

    written = np.array([known for _, known in points])
    np.testing.assert_allclose(found - found[0], written - written[0], rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize(("spec", "link", "noise"), FORMS, ids=str)
def test_the_density_is_the_one_written_out_with_the_response_in_numpy(
    spec: MediaSpec, link: Link, noise: Noise
) -> None:
    seen = world(3, periods=30, spec=spec, link=link, noise=noise)

    assert_density(seen, seen.priors.effects)


@pytest.mark.parametrize(
    "prior",
    [
        LogNormalEffects(np.array([0.1, 0.05, 0.2]), np.array([0.9, 0.0, 0.5])),
        SharedScaleEffects(0.5),
    ],
)
def test_other_priors_of_effects_are_the_ones_written_out(prior: EffectPrior) -> None:
    seen = world(3, periods=30, effects=prior)

    assert_density(seen, prior)


def test_effects_of_geos_are_log_normal_around_the_common_one() -> None:
    seen = geo_world(5, geos=3, periods=20)
    model = brand_model(seen.series, seen.form, seen.priors)
    density, data = density_of(model), model.data

    def told(seed: int) -> tuple[float, float]:
        rng = np.random.default_rng(seed)
        decay, rate = rng.uniform(0.2, 0.7, 2), rng.uniform(1.0, 4.0, 2)
        average, spread = rng.uniform(0.02, 0.3, 2), rng.uniform(0.1, 0.6, 2)
        away = rng.normal(size=(3, 2))
        ones = {"decay": decay[None], "half": LOGISTIC_RATE / rate[None], "effect": np.ones((1, 2))}
        bent = np.array([respond(seen.form.spec, r.T[::-1], ones)[0, 0] for r in data["lagged"]])
        of_geo = average / bent.mean(0) * np.exp(spread * away)
        media = (bent * of_geo[data["place"]]).sum(1)
        b = data["start"] - data["explained"] @ media
        unit = seen.priors.effects
        assert isinstance(unit, HalfNormalEffects)
        at = {
            "decay_interval__": LOGIT(decay),
            "half_standard_log__": np.log(rate / 3),
            "effect_standard_log__": np.log(average / unit.sd),
            "geo_spread_standard_log__": np.log(spread / seen.priors.geo),
            "geo_standard": away,
            "along": np.zeros(len(b)),
            "sigma_standard_log__": np.log(0.1 / seen.priors.noise),
        }
        known = stats.beta(1, 3).logpdf(decay).sum() + stats.gamma(3).logpdf(rate).sum()
        known += stats.halfnorm(scale=unit.sd).logpdf(average).sum()
        known += stats.halfnorm(scale=seen.priors.geo).logpdf(spread).sum()
        known += stats.norm.logpdf(away).sum()
        known += stats.norm(data["column_center"], data["column_sd"]).logpdf(b).sum()
        known += stats.norm(data["columns"] @ b + media, 0.1).logpdf(data["y"]).sum()
        return float(density(at)), float(known)

    first, second = told(1), told(2)

    assert first[0] - second[0] == pytest.approx(first[1] - second[1], abs=1e-7)


def some_experiments(seen: World) -> Evidence:
    """Give a test with its carry-over, and one with heavy tails whose weeks have no sales."""
    scaled = seen.series[0].activity / measures(seen.series, seen.form)[0].scale
    off = -scaled[seen.form.spec.lags + 8 :][:4] * [1, 0, 0]
    more = np.tile([0.0, 0.3, 0.0], (3, 1))
    tests = [
        Experiment(
            name="dark",
            start=8,
            change=off,
            readouts=(
                Readout(start=8, stop=12, lift=-900.0, sd=200.0),
                Readout(start=12, stop=16, lift=-100.0, sd=150.0),
            ),
            grade="randomized",
            is_in_panel=False,
        ),
        Experiment(
            name="more",
            start=20,
            change=more,
            readouts=(Readout(start=20, stop=25, lift=700.0, sd=300.0),),
            grade="geo",
            is_in_panel=False,
            freedom=5.0,
            weight=2.0,
        ),
    ]
    return gather(tests, scaled, seen.form.spec.lags)


@pytest.mark.parametrize(
    ("link", "noise"), [("identity", "normal"), ("log", "lognormal"), ("log", "student")]
)
def test_experiments_weigh_in_as_they_do_outside_of_the_model(link: Link, noise: Noise) -> None:
    whole = world(3, periods=30, link=link, noise=noise)
    sales = whole.series[0].sales.copy()
    sales[[9, 21]] = np.nan
    one = replace(whole.series[0], sales=sales)
    seen = replace(whole, series=(one,))
    evidence = some_experiments(seen)
    model = brand_model((one,), seen.form, seen.priors, evidence)
    without = density_of(brand_model((one,), seen.form, seen.priors))
    density, data = density_of(model), model.data

    for seed in range(3):
        at, _ = both(seen, seed, seen.priors.effects)
        decay = stats.logistic.cdf(at["decay_interval__"])
        rate = 3 * np.exp(at["half_standard_log__"])
        params = {"decay": decay[None], "half": LOGISTIC_RATE / rate[None]}
        ones = params | {"effect": np.ones((1, 3))}
        bent = np.array([respond(seen.form.spec, r.T[::-1], ones)[0, 0] for r in data["lagged"]])
        effect = data["effect_unit"] * np.exp(at["effect_standard_log__"]) / bent.mean(0)
        b = data["start"] + data["axes"] @ at["along"] - data["explained"] @ (bent @ effect)
        draws = MediaDraws(
            spec=seen.form.spec,
            link=link,
            noise=noise,
            channels=tuple(seen.form.channels),
            scale=measures((one,), seen.form)[0].scale,
            params=params | {"effect": effect[None]},
            baseline=(b[0] + one.columns @ b[1:])[None],
            sigma=seen.priors.noise * np.exp(np.atleast_1d(at["sigma_standard_log__"])),
            unit=measures((one,), seen.form)[0].unit,
        )
        mu = expected_log(draws, draws.baseline)
        known = log_likelihood(evidence, expected_lifts(evidence, MediaResponse.of(draws), mu))[0]
        assert float(density(at) - without(at)) == pytest.approx(known, rel=1e-9)


def test_experiments_are_of_the_brand_as_a_whole() -> None:
    seen, geos = world(1, periods=30), geo_world(1, geos=2, periods=30)

    with pytest.raises(ValueError, match="one series"):
        brand_model(geos.series, geos.form, geos.priors, some_experiments(seen))


@pytest.mark.parametrize("center", [True, False])
def test_the_reference_model_is_the_plain_one(center: bool) -> None:  # noqa: FBT001
    import pymc as pm

    spec = MediaSpec(saturation="none", max_lag=13, normalized=False)
    seen = world(3, periods=40, spec=spec, link="log", noise="log-student")
    one, decay = seen.series[0], np.array([0.5, 0.5, 0.3])
    model = reference_model(one, seen.form, {"decay": decay}, center=center)
    column = np.zeros((40, 3))
    for week in range(40):
        for lag in range(14):
            column[week] += decay**lag * one.activity[13 + week - lag]
    x, y = column / column.std(0), np.log(one.sales)
    with pm.Model() as plain:
        intercept = pm.Normal("intercept", 0, 2)
        sigma_beta = pm.HalfNormal("sigma_beta", 0.5)
        beta = pm.HalfNormal("beta", sigma_beta, shape=3)
        gamma = pm.Normal("gamma", 0, 0.5, shape=7)
        sigma = pm.HalfNormal("sigma", 1)
        nu = pm.Exponential("nu", 1 / 10)
        mu = intercept + x @ beta + one.columns @ gamma
        pm.StudentT("y", nu=nu, mu=mu, sigma=sigma, observed=y - center * y.mean())
    found, written = (
        built.compile_logp(mode="FAST_COMPILE", jacobian=False)
        for built in (media_model.reference(model.data), plain)
    )

    def told(seed: int) -> tuple[float, float]:
        rng = np.random.default_rng(seed)
        at = {"beta_log__": rng.normal(size=3), "gamma": rng.normal(size=7)}
        tail, noise, level = rng.normal(2, 1), rng.normal(), rng.normal()
        shift = x.mean(0) @ np.exp(at["beta_log__"]) + one.columns.mean(0) @ at["gamma"]
        at |= {"sigma_beta_log__": rng.normal(size=()), "nu_log__": np.asarray(tail)}
        here = {"level": level, "sigma_standard_log__": noise}
        there = {"intercept": level - shift, "sigma_log__": noise}
        return float(found({**at, **here})), float(written({**at, **there}))

    first, second = told(1), told(2)
    assert first[0] - second[0] == pytest.approx(first[1] - second[1], abs=1e-7)


def test_more_weeks_and_missing_sales_are_no_other_structure() -> None:
    short, long = world(1, periods=60), world(2, periods=90)
    sales = long.series[0].sales.copy()
    sales[[3, 40]] = np.nan
    gaps = (replace(long.series[0], sales=sales),)

    first = brand_model(short.series, short.form, short.priors)
    second = brand_model(gaps, long.form, long.priors)

    assert (len(first.data["y"]), len(second.data["y"])) == (60, 88)
    assert first.structure == second.structure
    other = replace(short.form, noise="student")
    assert brand_model(short.series, other, short.priors).structure != first.structure


def test_a_parameter_that_is_given_is_not_drawn() -> None:
    seen = world(1, periods=30)
    given = {**seen.priors.parameters, "decay": ParameterPrior("given", np.array([0.5, 0.2, 0.0]))}
    model = brand_model(seen.series, seen.form, replace(seen.priors, parameters=given))

    built = media_model.brand(model.data, **model.options)

    assert "decay" not in built.named_vars
    assert "half" in built.named_vars


@pytest.mark.parametrize(
    ("adstock", "fixed"),
    [
        ("weibull", {"shape": 8.0, "spread": 1e-60}),
        ("delayed", {"decay": 0.1, "peak": 80.0}),
        ("delayed", {"decay": 0.0, "peak": 3.0}),
        ("geometric", {"decay": 0.0}),
    ],
)
def test_carry_over_that_is_all_at_one_lag_has_a_density(
    adstock: Adstock, fixed: dict[str, float]
) -> None:
    seen = world(1, periods=30, spec=MediaSpec(adstock=adstock))
    given = {name: ParameterPrior("given", value) for name, value in fixed.items()}
    priors = replace(seen.priors, parameters={**seen.priors.parameters, **given})
    model = brand_model(seen.series, seen.form, priors)
    built = media_model.brand(model.data, **model.options)

    slope = built.compile_dlogp(mode="FAST_COMPILE")(built.initial_point())

    assert np.isfinite(slope).all()


def test_a_spread_that_is_next_to_nothing_can_be_sampled() -> None:
    seen = world(1, periods=30, spec=MediaSpec(adstock="weibull"))
    model = brand_model(seen.series, seen.form, seen.priors)
    built = media_model.brand(model.data, **model.options)
    at = {**built.initial_point(), "spread_standard_log__": np.full(3, -60.0)}

    slope = built.compile_dlogp(mode="FAST_COMPILE")(at)

    assert np.isfinite(slope).all()


def test_the_unit_of_sales_and_activity_does_not_reach_the_model() -> None:
    seen = world(1, periods=60)
    one = seen.series[0]
    other = replace(one, sales=1e6 * one.sales, activity=one.activity * [10, 0.1, 3])

    here, there = (brand_model((s,), seen.form, seen.priors).data for s in (one, other))

    for name, array in here.items():
        np.testing.assert_allclose(there[name], array, rtol=1e-7, atol=1e-9)


def test_geos_of_different_size_are_alike_per_size() -> None:
    seen = world(1, periods=60)
    small = seen.series[0]
    big = replace(small, sales=7 * small.sales, activity=7 * small.activity)

    first, second = measures([small, big], seen.form)

    assert second.unit == pytest.approx(7 * first.unit)
    np.testing.assert_allclose(small.activity / first.scale, big.activity / second.scale)


def test_the_prior_of_all_media_together_has_the_median_asked_for() -> None:
    weights = np.array([5.0, 1.0, 0.1])

    prior = total_share(0.3, weights)

    total = np.abs(np.random.default_rng(9).standard_normal((40_000, 3))) @ prior.sd
    # the share of draws below the median has an sd of 0.0025, that of the constant is less
    assert abs(np.mean(total < 0.3) - 0.5) < 5 * 0.004
    np.testing.assert_allclose(prior.sd / prior.sd.sum(), weights / weights.sum())


def test_what_cannot_be_fitted_is_refused() -> None:
    seen = world(1, periods=30)
    bare = replace(seen.series[0], activity=seen.series[0].activity * [1, 0, 1])

    with pytest.raises(ValueError, match="channel 1 has no activity"):
        brand_model((bare,), seen.form, seen.priors)
    with pytest.raises(ValueError, match="log link"):
        MediaForm(channels=["tv"], columns=[], noise="lognormal")
    with pytest.raises(ValueError, match="log-student"):
        reference_model(seen.series[0], seen.form, {})
