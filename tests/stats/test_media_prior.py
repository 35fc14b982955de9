"""What a marketing mix expects before any sales, against closed forms."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.stats.media_prior import (
    brand_prior,
    draw_effects,
    draw_freedom,
    draw_parameter,
    reference_prior,
)
from pymc_vibes.stats.media_reference import reference_draws
from pymc_vibes.stats.media_sampling import (
    HalfNormalEffects,
    LogNormalEffects,
    ParameterPrior,
    SharedScaleEffects,
    brand_draws,
)
from pymc_vibes.stats.media_transforms import LOGISTIC_RATE, MediaSpec
from pymc_vibes.stats.nuts import Sampled
from pymc_vibes.stats.special import Array
from tests.stats.media_worlds import geo_world, world

DRAWS = 20_000
MOST = 1.95 / np.sqrt(DRAWS)  # Kolmogorov's distance: larger once in a thousand


def distance(values: Array, law: stats.rv_continuous) -> float:
    return float(stats.kstest(values, law.cdf).statistic)


def chain(prior: xr.Dataset) -> Sampled:
    tree = xr.DataTree.from_dict({"posterior": prior})
    return Sampled(tree=tree, diagnostics=Diagnostics(method="nuts"))


@pytest.mark.parametrize(
    ("prior", "law"),
    [
        (ParameterPrior("beta", 1.0, 3.0), stats.beta(1, 3)),
        (ParameterPrior("gamma", 4.0, 2.0), stats.gamma(4, scale=1 / 2)),
        (ParameterPrior("gamma-rate", 3.0, 1.0), stats.invgamma(3, scale=LOGISTIC_RATE)),
        (ParameterPrior("half-normal", 2.0), stats.halfnorm(scale=2)),
    ],
)
def test_parameters_are_drawn_from_their_family(
    prior: ParameterPrior, law: stats.rv_continuous
) -> None:
    drawn = draw_parameter(prior, DRAWS, 2, np.random.default_rng(1))

    assert drawn.shape == (DRAWS, 2)
    assert max(distance(drawn[:, c], law) for c in range(2)) < MOST
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 4 / np.sqrt(DRAWS)


def test_what_is_given_does_not_vary() -> None:
    prior = ParameterPrior("given", np.array([0.2, 0.7]))

    drawn = draw_parameter(prior, 3, 2, np.random.default_rng(1))

    assert drawn.tolist() == [[0.2, 0.7]] * 3


def test_effects_are_half_normal_log_normal_or_share_one_spread() -> None:
    rng, sd = np.random.default_rng(2), np.array([0.1, 0.3])
    half = draw_effects(HalfNormalEffects(sd), DRAWS, 2, rng)
    both = draw_effects(LogNormalEffects(sd, np.array([0.5, 0.0])), DRAWS, 2, rng)
    shared = draw_effects(SharedScaleEffects(0.5), DRAWS, 2, rng)

    assert max(distance(half[:, c], stats.halfnorm(scale=sd[c])) for c in range(2)) < MOST
    assert distance(both[:, 0], stats.lognorm(0.5, scale=sd[0])) < MOST
    assert distance(both[:, 1], stats.halfnorm(scale=sd[1])) < MOST
    # of a product of two half-normal numbers: mean (2 / pi) scale, mean square scale^2
    assert abs(shared.mean() - 0.5 * 2 / np.pi) < 4 * 0.5 * np.sqrt(1 / DRAWS)
    assert np.corrcoef(shared.T)[0, 1] > 0.1


@pytest.mark.parametrize(
    ("tails", "law"),
    [("gamma", stats.gamma(2, loc=2, scale=10)), ("exponential", stats.expon(scale=10))],
)
def test_the_freedom_of_noise_has_its_prior(tails: str, law: stats.rv_continuous) -> None:
    drawn = draw_freedom(tails, DRAWS, np.random.default_rng(3))  # type: ignore[arg-type]  # names of pytest

    assert distance(drawn, law) < MOST


@pytest.mark.parametrize("spec", [MediaSpec(), MediaSpec(adstock="delayed", saturation="hill")])
def test_it_is_the_average_term_that_has_the_prior_whatever_the_response(spec: MediaSpec) -> None:
    seen = world(4, periods=60, spec=spec)
    assert isinstance(seen.priors.effects, HalfNormalEffects)

    prior = brand_prior(seen.series, seen.form, seen.priors, 4000, np.random.default_rng(4))
    [draws] = brand_draws(chain(prior), seen.series, seen.form, seen.priors)

    known = np.isfinite(seen.series[0].sales)
    average = draws.terms(seen.series[0].activity)[:, known].mean(axis=1)
    most = 1.95 / np.sqrt(4000)
    for c, sd in enumerate(seen.priors.effects.sd):
        assert distance(average[:, c], stats.halfnorm(scale=sd)) < most
    assert distance(draws.sigma, stats.halfnorm(scale=seen.priors.noise)) < most


def test_levels_and_columns_are_normal_around_what_sales_are_measured_in() -> None:
    seen = world(5, periods=60, link="log", noise="lognormal")

    prior = brand_prior(seen.series, seen.form, seen.priors, DRAWS, np.random.default_rng(5))

    coefficients = prior["coefficients"].to_numpy()[0]
    sds = np.r_[seen.priors.level_sd, np.broadcast_to(seen.priors.column_sd, 7)]
    for column, sd in enumerate(sds):
        assert distance(coefficients[:, column], stats.norm(0, sd)) < MOST
    assert "nu" not in prior


def test_geos_differ_around_the_common_effect() -> None:
    seen = geo_world(6, geos=4, periods=60)

    prior = brand_prior(seen.series, seen.form, seen.priors, 2000, np.random.default_rng(6))
    found = brand_draws(chain(prior), seen.series, seen.form, seen.priors)

    away = np.log([draws.params["effect"] for draws in found]) - np.log(prior["effect"].to_numpy())
    square = (away**2).mean(axis=0)[:, 0]  # geo^2 times two chi-squares of one degree: variance 8
    assert len(found) == len(seen.form.geos)
    assert abs(square.mean() / seen.priors.geo**2 - 1) < 4 * np.sqrt(8 / 2000)


def test_the_reference_model_expects_what_its_priors_say() -> None:
    seen = world(7, periods=60, link="log", noise="log-student")
    params = {"decay": np.full(3, 0.5), "half": np.full(3, 0.5)}

    prior = reference_prior(seen.form, DRAWS, np.random.default_rng(7))
    draws = reference_draws(chain(prior), seen.series[0], seen.form, params)

    assert distance(prior["intercept"].to_numpy()[0], stats.norm(0, 2)) < MOST
    assert distance(prior["gamma"].to_numpy()[0, :, 0], stats.norm(0, 0.5)) < MOST
    assert distance(draws.sigma, stats.halfnorm()) < MOST
    assert draws.baseline.shape == (DRAWS, 60)
