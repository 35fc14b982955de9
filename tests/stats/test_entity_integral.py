"""Rates integrated out of the hierarchy, against Tricomi's function and closed forms."""

import mpmath
import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import nbinom, poisson

from pymc_vibes.stats.entity_integral import Hypers, count_terms, log_integrals
from pymc_vibes.stats.entity_prior import EntityPrior
from pymc_vibes.stats.entity_scale import GammaMean, HalfNormal, LogNormalMean
from pymc_vibes.stats.entity_sites import place_sites


def hypers(mu: float, alpha: float, phi: float) -> Hypers:
    return Hypers(np.array([mu]), np.array([alpha]), np.array([phi]))


def integral(mu: float, alpha: float, phi: float, total: float, windows: float) -> float:
    at = hypers(mu, alpha, phi)
    return float(log_integrals(at, np.array([total]), np.array([windows]))[0, 0])


def tricomi(mu: float, alpha: float, phi: float, total: int, windows: int) -> float:
    """Give `phi^s Gamma(s) U(s, a + 1 - n phi, alpha phi) alpha^a / Gamma(a)`, `s = a + S`."""
    with mpmath.workdps(40):
        alpha, phi = mpmath.mpf(alpha), mpmath.mpf(phi)
        base = mpmath.mpf(mu) * alpha
        shape = base + total
        value = mpmath.hyperu(shape, base + 1 - windows * phi, alpha * phi)
        logs = shape * mpmath.log(phi) + mpmath.loggamma(shape) + mpmath.log(value)
        return float(mpmath.re(logs + base * mpmath.log(alpha) - mpmath.loggamma(base)))


@pytest.mark.parametrize(
    ("mu", "alpha", "phi", "total", "windows"),
    [
        (8.0, 0.5, 1.5, 240, 30),
        (8.0, 0.5, 1.5, 0, 30),
        (0.3, 1.0, 0.5, 1, 3),
        (4.07, 0.0175, 54.6, 5, 20),
        (2.15, 0.0016, 7.01, 5, 19),
        (0.0388, 0.0254, 8.37, 5, 21),
        (0.05, 0.01, 0.02, 2, 1),
        (1e-9, 1.0, 1.0, 0, 5),
        (1e-9, 1.0, 1.0, 1, 5),
        (1e-4, 1.0, 1.0, 3, 5),
        (90.0, 2.0, 3.0, 300, 4),
    ],
)
def test_the_integral_is_tricomis_function(
    mu: float, alpha: float, phi: float, total: int, windows: int
) -> None:
    found = integral(mu, alpha, phi, total, windows)

    assert found == pytest.approx(tricomi(mu, alpha, phi, total, windows), abs=2e-9)


@pytest.mark.parametrize("phi", [1e10, 1e14, 1e20])
def test_without_noise_the_counts_are_poisson(phi: float) -> None:
    base, total, windows = 10.0, 40.0, 8.0

    found = integral(5.0, 2.0, phi, total, windows)

    shape, rate = base + total, 2.0 + windows
    known = base * np.log(2.0) - gammaln(base) + gammaln(shape) - shape * np.log(rate)
    assert found == pytest.approx(known, abs=1e-6)


def test_entities_that_are_all_equal_have_the_rate_of_the_population() -> None:
    found = integral(5.0, 2e11, 3.0, 40.0, 8.0)

    assert found == pytest.approx(40 * np.log(5) - 64 * np.log1p(5 / 3), abs=1e-8)


def test_nothing_is_learned_from_no_windows() -> None:
    assert integral(5.0, 0.1, 3.0, 0.0, 0.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("phi", [1e-3, 0.7, 40.0, 1e14])
def test_terms_of_single_counts_are_those_of_the_negative_binomial(phi: float) -> None:
    values, mean = np.array([0.0, 1.0, 2.0, 17.0, 900.0]), 6.0

    terms = count_terms(values, np.array([phi]))[0]

    rest = values * np.log(mean) - (values + phi) * np.log1p(mean / phi) - gammaln(values + 1)
    known = nbinom.logpmf(values, phi, phi / (phi + mean))
    if phi > 1e12:  # there scipy has lost its digits, and the counts are Poisson
        known = poisson.logpmf(values, mean)
    assert terms + rest == pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize("most", [1, 59, 600], ids=["one", "ragged", "very-ragged"])
def test_interpolation_changes_the_log_likelihood_by_less_than_a_millionth(most: int) -> None:
    rng = np.random.default_rng(1)
    windows = rng.integers(1, most + 1, 5_000)
    rate = rng.gamma(0.5, 10.0, 5_000)
    pairs, often = np.unique([rng.poisson(rate * windows), windows], axis=1, return_counts=True)
    at = Hypers(np.array([8.0, 5.0, 6.0]), np.array([0.5, 0.05, 0.1]), np.array([1.5, 30.0, 0.4]))

    sites = place_sites(pairs[0].astype(float), pairs[1].astype(float))

    exact = log_integrals(at, pairs[0].astype(float), pairs[1].astype(float))
    known = log_integrals(at, sites.sums, sites.windows)
    off = known @ sites.gather(often.astype(float)) - exact @ often
    assert sites.is_interpolated
    assert np.abs(off).max() < 1e-4  # of a posterior whose log density counts in units of one
    assert pytest.approx(exact, abs=1e-4) == sites.spread(known.T).T


@pytest.mark.parametrize(
    "scale", [HalfNormal(2.0), GammaMean(), GammaMean(2.0, 0.2), LogNormalMean()]
)
def test_scores_and_values_are_each_others_inverse(
    scale: HalfNormal | GammaMean | LogNormalMean,
) -> None:
    z = np.linspace(-15, 30, 91)

    assert scale.score(scale.log_value(z)) == pytest.approx(z, abs=1e-10)
    rise = (scale.log_value(z + 1e-5) - scale.log_value(z - 1e-5)) / 2e-5
    assert np.exp(scale.log_slope(z)) == pytest.approx(rise, rel=1e-6)


@pytest.mark.parametrize("prior", [EntityPrior.reference(), EntityPrior.scale_free()])
def test_the_prior_has_mass_one(prior: EntityPrior) -> None:
    line = np.linspace(-8, 8, 41)
    grid = np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)

    assert np.exp(prior.log_density(grid)).sum() * 0.4**3 == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("prior", [EntityPrior.reference(), EntityPrior.scale_free()])
def test_draws_from_the_prior_are_those_of_its_density(prior: EntityPrior) -> None:
    from scipy.stats import kstest

    drawn = prior.draw(np.random.default_rng(3), 4_000)
    second = (
        drawn.alpha if prior == EntityPrior.reference() else 1 / np.sqrt(drawn.mu * drawn.alpha)
    )
    third = drawn.phi if prior == EntityPrior.reference() else 1 / np.sqrt(drawn.phi)

    values = (drawn.mu, second, third)
    for scale, value in zip(prior.scales, values, strict=True):
        assert kstest(scale.score(np.log(value)), "norm").pvalue > 1e-6
