"""Posteriors against published numbers, brute-force integration and their own symmetries."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymc_vibes.stats import special
from pymc_vibes.stats.exact import Beta, Gamma

SHAPES = st.floats(0.5, 1e7)


def test_placenta_previa_as_published() -> None:
    # Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4: 437 girls of 980 births with
    # placenta previa, uniform prior: mean .446, sd .016, central 95 % interval [.415, .477].
    posterior = Beta(437 + 1, 543 + 1)
    ends = [posterior.quantile(0.025)[0], posterior.quantile(0.975)[0]]
    numbers = [posterior.mean()[0], posterior.sd()[0], *ends]
    assert [round(float(number), 3) for number in numbers] == [0.446, 0.016, 0.415, 0.477]


def test_asthma_mortality_as_published() -> None:
    # Bayesian Data Analysis, 3rd ed., section 2.6: 3 deaths in 200 000, prior Gamma(3, 5) in deaths
    # per 100 000: posterior Gamma(6, 7), mean 0.86, P(rate > 1) = 0.30; with ten years of data
    # Gamma(33, 25), mean 1.32, P(rate > 1) = 0.93.
    first, second = Gamma(3 + 3, 5 + 2), Gamma(3 + 30, 5 + 20)
    numbers = [first.mean()[0], first.above(1.0)[0], second.mean()[0], second.above(1.0)[0]]
    assert [round(float(number), 2) for number in numbers] == [0.86, 0.30, 1.32, 0.93]


@pytest.mark.parametrize("a", [1e-3, 0.5, 1.0, 15.9, 16.1, 1e4, 1e9])
@pytest.mark.parametrize("place", [-3.0, 0.0, 2.0])
def test_gamma_density_against_many_digits(a: float, place: float) -> None:
    z = a * float(np.exp(place / np.sqrt(a + 1)))
    with mpmath.workdps(40):
        exact = float(mpmath.exp(mpmath.mpf(a) * mpmath.log(z) - z - mpmath.loggamma(a)))
    value = float(np.exp(special.gamma_log_density(np.array(a), np.array(z))))
    assert abs(value / exact - 1) < 1e-9 if a == 1e9 else abs(value / exact - 1) < 2e-13


@pytest.mark.parametrize(("a", "b"), [(1e-3, 0.5), (0.5, 1e9), (3.0, 40.0), (1e6, 2e5), (1e9, 1e9)])
def test_beta_density_against_many_digits(a: float, b: float) -> None:
    x = a / (a + b) * (1 + 1e-6)
    with mpmath.workdps(40):
        log = mpmath.mpf(a) * mpmath.log(x) + mpmath.mpf(b) * mpmath.log(1 - mpmath.mpf(x))
        exact = float(mpmath.exp(log) / mpmath.beta(mpmath.mpf(a), mpmath.mpf(b)))
    value = np.exp(special.beta_log_density(*map(np.array, (a, b, x, 1 - x))))
    assert abs(float(value) / exact - 1) < 1e-9


@pytest.mark.parametrize("x", [-1.0, -0.7, -0.5, -1e-9, 0.0, 1e-5, 0.3, 0.5, 4.0])
def test_log1p_minus_keeps_its_digits(x: float) -> None:
    with mpmath.workdps(60):
        exact = float(mpmath.log1p(x) - mpmath.mpf(x)) if x > -1 else -np.inf
    value = float(special.log1p_minus(np.array(x)))
    assert value == exact or abs(value / exact - 1) < 1e-15 * 8


@given(SHAPES, SHAPES, st.floats(0.05, 0.99))
def test_beta_hdi_holds_its_mass(a: float, b: float, mass: float) -> None:
    beta = Beta(a, b)
    low, high = beta.hdi(mass)
    held = beta.cdf(0, high)[0] - beta.cdf(0, low)[0]
    # near 1 a double resolves 1e-16, which the density there turns into probability
    assert abs(held - mass) < 1e-6


@given(st.floats(0.05, 1e9), st.floats(1e-290, 1e290), st.floats(0.05, 0.99))
def test_gamma_hdi_holds_its_mass(shape: float, rate: float, mass: float) -> None:
    gamma = Gamma(shape, rate)
    low, high = gamma.hdi(mass)
    assert abs(gamma.cdf(0, high)[0] - gamma.cdf(0, low)[0] - mass) < 1e-9


@given(st.floats(2, 1e5), st.floats(2, 1e5), st.floats(0.1, 0.99))
def test_hdi_has_equal_density_at_both_ends(a: float, b: float, mass: float) -> None:
    for posterior in (Beta(a, b), Gamma(a, b)):
        low, high = posterior.hdi(mass)
        ends = posterior.pdf(0, np.array([low[0], high[0]]))
        top = float(posterior.density(0)[1].max())
        assert abs(ends[0] - ends[1]) < 1e-5 * top


@given(st.floats(0.05, 50), st.floats(0.05, 50), st.floats(0.1, 0.95))
def test_no_interval_of_the_same_mass_is_shorter_than_the_hdi(
    a: float, b: float, mass: float
) -> None:
    for posterior in (Beta(a, b), Gamma(a, b)):
        low, high = posterior.hdi(mass)
        tails = np.linspace(0, 1 - mass, 41)
        others = [posterior.quantile(t + mass)[0] - posterior.quantile(t)[0] for t in tails[:-1]]
        assert high[0] - low[0] <= min(others) * (1 + 1e-9)


def test_hdi_touches_the_end_where_the_density_is_monotone() -> None:
    low, high = Beta([0.5, 1, 1, 1e9 + 1, 7], [7, 1e9 + 1, 1, 1, 0.5]).hdi(0.95)
    assert low[:2].tolist() == [0.0, 0.0]
    assert high[3:].tolist() == [1.0, 1.0]
    assert (low[2], high[2]) == pytest.approx((0.025, 0.975))
    assert Gamma([0.5, 1.0], 1.0).hdi(0.95)[0].tolist() == [0.0, 0.0]


@given(SHAPES, SHAPES)
def test_swapping_successes_and_failures_mirrors_a_beta(a: float, b: float) -> None:
    one, other = Beta(a, b), Beta(b, a)
    assert one.mean()[0] + other.mean()[0] == pytest.approx(1.0)
    assert one.sd()[0] == pytest.approx(other.sd()[0])
    assert one.above(0.3)[0] == pytest.approx(float(other.cdf(0, np.array([0.7]))[0]), abs=1e-9)


@given(st.floats(0.05, 1e6), st.floats(1e-250, 1e250))
def test_changing_the_unit_only_rescales_a_rate(shape: float, rate: float) -> None:
    day, other = Gamma(shape, rate), Gamma(shape, 1.0)
    for one, two in ((day.mean(), other.mean()), (day.sd(), other.sd())):
        assert one[0] * rate == pytest.approx(two[0])
    assert day.hdi(0.9)[1][0] * rate == pytest.approx(other.hdi(0.9)[1][0])
    assert day.quantile(0.3)[0] * rate == pytest.approx(other.quantile(0.3)[0])


@pytest.mark.parametrize(
    "posterior",
    [Beta(0.5, 1e9), Beta(1e9 + 1, 1), Beta(1e9, 1e9), Beta(1, 1), Gamma(0.5, 1e-300),
     Gamma(0.5, 1e300), Gamma(1e9, 1.0), Gamma(3.25, 0.125)],
)  # fmt: skip
def test_curves_integrate_to_the_mass_they_show(posterior: Beta | Gamma) -> None:
    x, y = posterior.density(0, points=4001)
    shown = float(np.diff(posterior.cdf(0, x)) @ np.ones(len(x) - 1))
    inner = slice(200, None)  # past the pole of a shape below 1
    area = float(np.trapezoid(y[inner], x[inner]))
    assert shown == pytest.approx(0.998, abs=1e-6)
    assert np.isfinite(y).all()
    assert area == pytest.approx(float(np.diff(posterior.cdf(0, x[inner])).sum()), abs=2e-4)


def test_density_at_the_ends_and_outside() -> None:
    ends = np.array([-0.1, 0.0, 1.0, 1.1])
    assert Beta(1, 3).pdf(0, ends).tolist() == [0.0, 3.0, 0.0, 0.0]
    assert Beta(0.5, 1).pdf(0, ends).tolist() == [0.0, np.inf, 0.5, 0.0]
    assert Gamma([0.5, 1, 2], 4.0).pdf(1, ends[:2]).tolist() == [0.0, 4.0]
    assert Gamma([0.5, 1, 2], 4.0).pdf(0, ends[:2]).tolist() == [0.0, np.inf]
    assert Gamma(2.0, 1.0).pdf(0, np.array([np.inf])).tolist() == [0.0]


def test_draws_have_the_exact_mean() -> None:
    rng = np.random.default_rng(20)
    for posterior in (Beta(3, 5), Gamma(0.5, 4)):
        draws = posterior.sample(0, 40_000, rng)
        standard_error = posterior.sd()[0] / np.sqrt(len(draws))
        assert abs(draws.mean() - posterior.mean()[0]) < 5 * standard_error


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_impossible_parameters_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"Gamma\.rate must be positive"):
        Gamma(1.0, bad)


def test_labels_are_taken_in_the_order_asked() -> None:
    taken = Gamma([1.0, 2.0, 3.0], 1.0).take([2, 0])
    assert (len(taken), taken.parameters()["alpha"].tolist()) == (2, [3.0, 1.0])


def test_ten_thousand_hdis_agree_with_one_at_a_time() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.lognormal(1, 2, (2, 10_000))
    low, high = Beta(a, b).hdi(0.9)
    some = rng.integers(0, 10_000, 20)
    single = [Beta(a[k], b[k]).hdi(0.9) for k in some]
    assert np.allclose(low[some], [s[0][0] for s in single], rtol=1e-7, atol=1e-14)
    assert np.allclose(high[some], [s[1][0] for s in single], rtol=1e-7)
