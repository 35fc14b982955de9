"""Two posteriors against each other, held against brute-force integration and published sums."""

from collections.abc import Callable
from fractions import Fraction
from math import comb

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from pymc_vibes.stats.compare import (
    beta_greater,
    beta_loss,
    difference,
    expected_loss,
    gamma_greater,
    gamma_loss,
    probability_greater,
    ratio,
    relative_lift,
)
from pymc_vibes.stats.exact import Beta, Gamma

SHAPES = st.floats(0.4, 500.0)
RATES = st.floats(1e-3, 1e3)
GAMMAS = [
    ((0.5, 30.0), (3.5, 30.0)),
    ((8.5, 342.0), (185.5, 4326.0)),
    ((1.0, 1.0), (1.0, 2.0)),
    ((120.3, 11.7), (95.1, 10.2)),
    ((0.5, 1e-3), (0.5, 1e3)),
]
BETAS = [
    ((1.0, 51.0), (4.0, 48.0)),
    ((4.0, 18.0), (1.0, 21.0)),
    ((0.5, 0.5), (2.0, 7.0)),
    ((177.0, 2325.0), (209.0, 2291.0)),
    ((3.0, 1.0), (1.0, 3.0)),
]


def gamma_pdf(a: float, b: float) -> Callable[[mpmath.mpf], mpmath.mpf]:
    return lambda x: mpmath.exp(
        a * mpmath.log(b) - mpmath.loggamma(a) + (a - 1) * mpmath.log(x) - b * x
    )


def integral(function: Callable[[mpmath.mpf], mpmath.mpf], cuts: list[float]) -> float:
    return float(mpmath.quad(function, cuts, maxdegree=9))


def gamma_cuts(*pairs: tuple[float, float]) -> list[float]:
    top = max((a + 40 * a**0.5 + 60) / b for a, b in pairs)
    inner = {place * a / b for a, b in pairs for place in (1e-6, 1e-3, 0.1, 0.5, 1.0, 1.5, 3.0)}
    return [0.0, *sorted(place for place in inner if place < top), top]


@pytest.mark.parametrize(("first", "second"), GAMMAS)
def test_gamma_chances_and_losses_against_integration(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    f, cuts = gamma_pdf(*first), gamma_cuts(first, second)

    def below(x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.gammainc(second[0], 0, second[1] * x, regularized=True)

    greater = integral(lambda x: f(x) * below(x), cuts)
    # E[max(second - first, 0)] is the integral of P(first <= x < second)
    loss = integral(
        lambda x: mpmath.gammainc(first[0], 0, first[1] * x, regularized=True) * (1 - below(x)),
        cuts,
    )
    ours = [np.array([value]) for value in (*first, *second)]

    assert gamma_greater(*ours)[0] == pytest.approx(greater, abs=1e-9)
    assert gamma_loss(*ours)[0] == pytest.approx(loss, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize(("first", "second"), BETAS)
def test_beta_chances_and_losses_against_integration(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    one, two = stats.beta(*first), stats.beta(*second)

    def over_logits(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
        # in logits there is no pole at the ends, and a weight of x (1 - x) belongs to each place
        nodes, weights = np.polynomial.legendre.leggauss(40)
        edges = np.linspace(-80, 36, 401)
        half = np.diff(edges)[:, None] / 2
        u = (edges[:-1, None] + half) + half * nodes
        x = special.expit(u)
        return float(np.sum(function(x, x * special.expit(-u)) * half * weights))

    greater = over_logits(lambda x, w: one.pdf(x) * two.cdf(x) * w)
    loss = over_logits(lambda x, w: one.cdf(x) * two.sf(x) * w)
    ours = [np.array([value]) for value in (*first, *second)]

    # beyond logits of 36 a double is 1: of Beta(0.5, 0.5) the sum leaves out 1e-8
    assert beta_greater(*ours)[0] == pytest.approx(greater, abs=2e-8)
    assert beta_loss(*ours)[0] == pytest.approx(loss, rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("counts", [(0, 50, 3, 50), (3, 20, 0, 20), (5, 5, 4, 5), (10, 99, 22, 99)])
def test_whole_counts_have_a_finite_sum(counts: tuple[int, int, int, int]) -> None:
    # for whole shapes P(B > A) is a sum of beta functions: E. Miller, "Formulas for Bayesian A/B
    # testing", evanmiller.org; summed here in whole numbers, so that nothing is lost
    y1, n1, y2, n2 = counts
    a1, b1, a2, b2 = 1 + y1, 1 + n1 - y1, 1 + y2, 1 + n2 - y2

    def beta(a: int, b: int) -> Fraction:
        return Fraction(1, b * comb(a + b - 1, b))

    total = sum(
        beta(a1 + i, b1 + b2) / ((b2 + i) * beta(1 + i, b2) * beta(a1, b1)) for i in range(a2)
    )
    found = probability_greater(
        Beta(np.array([a2]), np.array([b2])), 0, Beta(np.array([a1]), np.array([b1])), 0
    )

    assert found == pytest.approx(float(total), abs=1e-11)


@given(SHAPES, RATES, SHAPES, RATES)
@settings(max_examples=60)
def test_gamma_pairs_are_antisymmetric_and_lose_what_they_differ(
    a1: float, b1: float, a2: float, b2: float
) -> None:
    one, two = Gamma(np.array([a1]), np.array([b1])), Gamma(np.array([a2]), np.array([b2]))
    there, back = probability_greater(one, 0, two, 0), probability_greater(two, 0, one, 0)
    lost, saved = (expected_loss(p, 0, q, 0, "higher") for p, q in ((one, two), (two, one)))
    gap = float(two.mean()[0] - one.mean()[0])
    scale = float(one.mean()[0] + two.mean()[0])

    assert there + back == pytest.approx(1, abs=1e-12)
    assert lost - saved == pytest.approx(gap, abs=1e-11 * scale)
    assert expected_loss(one, 0, two, 0, "lower") == pytest.approx(saved, abs=1e-12 * scale)


@given(SHAPES, SHAPES, SHAPES, SHAPES)
@settings(max_examples=60)
def test_beta_pairs_are_antisymmetric_and_lose_what_they_differ(
    a1: float, b1: float, a2: float, b2: float
) -> None:
    one, two = Beta(np.array([a1]), np.array([b1])), Beta(np.array([a2]), np.array([b2]))
    there, back = probability_greater(one, 0, two, 0), probability_greater(two, 0, one, 0)
    lost, saved = (expected_loss(p, 0, q, 0, "higher") for p, q in ((one, two), (two, one)))

    assert there + back == pytest.approx(1, abs=1e-10)
    assert lost - saved == pytest.approx(float(two.mean()[0] - one.mean()[0]), abs=1e-10)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Beta(np.array([1.0]), np.array([1.0])), Beta(np.array([1.0]), np.array([1e9]))),
        (Beta(np.array([1e9]), np.array([1.0])), Beta(np.array([1.0]), np.array([1e9]))),
        (Beta(np.array([5e8]), np.array([5e8])), Beta(np.array([5e8]), np.array([5e8]))),
        (Gamma(np.array([0.5]), np.array([1e-12])), Gamma(np.array([0.5]), np.array([1e12]))),
        (Gamma(np.array([1e12]), np.array([3.7])), Gamma(np.array([1e12]), np.array([3.7]))),
        (Gamma(np.array([0.5]), np.array([1e-290])), Gamma(np.array([1e9]), np.array([1e-290]))),
    ],
)
def test_extreme_counts_give_finite_sensible_numbers(one: Beta | Gamma, two: Beta | Gamma) -> None:
    chance = probability_greater(one, 0, two, 0)
    losses = [expected_loss(one, 0, two, 0, d) for d in ("higher", "lower")]  # type: ignore[arg-type]
    contrasts = [make(one, 0, two, 0) for make in (difference, ratio, relative_lift)]

    assert 0 <= chance <= 1
    assert all(np.isfinite(loss) and loss >= 0 for loss in losses)
    for contrast in contrasts:
        low, high = contrast.interval(0.95)
        assert low <= contrast.quantile(0.5) <= high


def test_the_middle_of_a_ratio_of_equals_is_one() -> None:
    same = Beta(np.array([5e8]), np.array([5e8]))
    contrast = ratio(same, 0, same, 0)

    assert contrast.quantile(0.5) == pytest.approx(1, abs=1e-9)


def test_equal_posteriors_are_a_coin_toss() -> None:
    same = Gamma(np.array([7.5, 7.5]), np.array([3.0, 3.0]))

    assert probability_greater(same, 0, same, 1) == pytest.approx(0.5, abs=1e-14)


@pytest.mark.parametrize("make", [difference, ratio, relative_lift])
@pytest.mark.parametrize("family", [Beta, Gamma])
def test_contrasts_agree_with_draws(make: Callable[..., object], family: type) -> None:
    one, two = (
        family(np.array([30.0]), np.array([70.0])),
        family(np.array([21.0]), np.array([80.0])),
    )
    contrast = make(one, 0, two, 0)
    rng = np.random.default_rng(5)
    draws = 400_000
    x, y = (side.sample(0, draws, rng) for side in (one, two))
    simulated = x - y if make is difference else x / y - (1 if make is relative_lift else 0)

    for q in (0.025, 0.25, 0.5, 0.9, 0.975):
        share = float(np.mean(simulated <= contrast.quantile(q)))  # type: ignore[attr-defined]
        # 6 standard errors of a share: false alarm 2e-9 for each of 30 checks
        assert abs(share - q) < 6 * (q * (1 - q) / draws) ** 0.5
    error = simulated.std() / draws**0.5
    assert abs(simulated.mean() - contrast.mean) < 6 * error  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", [difference, ratio, relative_lift])
def test_a_contrast_knows_one_distribution(make: Callable[..., object]) -> None:
    rates = Gamma(np.array([9.5, 14.5]), np.array([30.0, 31.0]))
    contrast = make(rates, 0, rates, 1)
    places = [contrast.quantile(q) for q in (0.01, 0.2, 0.5, 0.8, 0.99)]  # type: ignore[attr-defined]

    assert [contrast.cdf(x) for x in places] == pytest.approx([0.01, 0.2, 0.5, 0.8, 0.99], abs=1e-8)  # type: ignore[attr-defined]
    x, y = contrast.density(2001)  # type: ignore[attr-defined]
    assert np.trapezoid(y, x) == pytest.approx(0.998, abs=1e-5)
    low, high = contrast.hdi(0.9)  # type: ignore[attr-defined]
    ends = contrast.interval(0.9)  # type: ignore[attr-defined]
    assert contrast.probability_within(low, high) == pytest.approx(0.9, abs=1e-7)  # type: ignore[attr-defined]
    assert high - low <= ends[1] - ends[0] + 1e-9


def test_a_ratio_over_what_may_be_zero_has_no_mean() -> None:
    rates = Gamma(np.array([5.0, 0.5]), np.array([1.0, 1.0]))
    contrast = ratio(rates, 0, rates, 1)

    assert contrast.mean is None
    assert contrast.sd is None
    assert contrast.interval(0.9)[0] > 0
