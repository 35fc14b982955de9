"""One change of a rate: against published data, brute force, high precision and simulation."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.changepoint import (
    ChangePrior,
    chances_of_change,
    find_change,
    log_bayes_factors,
)

# British coal-mining disasters per year, 1851-1961, by the dates in Jarrett (1979), Biometrika 66,
# 191-193; a common version of these counts has lost a year of the 1940s
COAL = np.array(
    [
        *(4, 5, 4, 1, 0, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 6, 3, 3, 5, 4, 5, 3, 1, 4, 4, 1, 5, 5, 3),
        *(4, 2, 5, 2, 2, 3, 4, 2, 1, 3, 2, 2, 1, 1, 1, 1, 3, 0, 0, 1, 0, 1, 1, 0, 0, 3, 1, 0, 3),
        *(2, 2, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 1, 1, 0, 2, 3, 3, 1, 1, 2, 1, 1),
        *(1, 1, 2, 3, 3, 0, 0, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0),
    ]
)
YEARS = np.ones(len(COAL))


def brute_force(counts: np.ndarray, exposure: np.ndarray, boundary: int, shape: float) -> float:
    """Integrate both rates on a plane of logs, after integrating the scale by hand.

    With dm/m over two Gamma(a, a/m): l1^(a-1) l2^(a-1) G(2a) / (G(a)^2 (l1+l2)^(2a)).
    """
    k1, k2 = counts[:boundary].sum(), counts[boundary:].sum()
    e1, e2 = exposure[:boundary].sum(), exposure[boundary:].sum()
    x = np.linspace(-25, 10, 3501)
    y = x[:, None]
    logs = shape * (x + y) + special.gammaln(2 * shape) - 2 * special.gammaln(shape)
    logs = logs - 2 * shape * np.logaddexp(x, y)
    logs = logs + k1 * y + k2 * x - e1 * np.exp(y) - e2 * np.exp(x)
    total = k1 + k2
    constant = special.gammaln(total) - total * np.log(e1 + e2)
    return float(special.logsumexp(logs) + 2 * np.log(x[1] - x[0]) - constant)


@pytest.mark.parametrize("shape", [1.0, 2.0, 5.5])
def test_the_bayes_factor_is_the_integral_over_both_rates(shape: float) -> None:
    counts, exposure = np.array([2, 5, 1, 0]), np.array([1.0, 0.5, 2.0, 1.5])

    found = log_bayes_factors(counts[None], exposure[None], ChangePrior(shape=shape))[0]

    expected = [brute_force(counts, exposure, at, shape) for at in (1, 2, 3)]
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("sides", "shape", "expected"),
    [
        # by 40-digit quadrature (mpmath 1.3)
        ((400_000, 600_000, 5.0, 7.0), 2.0, 567.4699027227102927),
        ((500, 999_500, 1.0, 9.0), 1.0, 102151.2016099004791),
    ],
)
def test_a_million_events_cost_no_digits(
    sides: tuple[float, float, float, float], shape: float, expected: float
) -> None:
    k1, k2, e1, e2 = sides

    found = log_bayes_factors(np.array([[k1, k2]]), np.array([[e1, e2]]), ChangePrior(shape=shape))

    assert found[0, 0] == pytest.approx(expected, rel=1e-14, abs=1e-10)


@pytest.mark.parametrize("shape", [1.0, 2.0])
def test_coal_mining_disasters_fell_from_three_a_year_to_one_around_1890(shape: float) -> None:
    """The example of Raftery and Akman (1986) and of Carlin, Gelfand and Smith (1992).

    The first year of the new rate is one after the last of the old one.
    """
    found = find_change(COAL, YEARS, ChangePrior(shape=shape))

    assert found.chance > 0.999_999
    assert {1890, 1891, 1892} == {1851 + at for at in found.likely(0.5)}
    first, last = (1851 + at for at in found.interval(0.9))
    assert 1886 <= first <= 1889 < 1893 <= last <= 1896
    assert 1851 + found.likely(0.5)[1] == 1891
    before, after = COAL[:40].mean(), COAL[40:].mean()  # 3.1 and 0.92: until 1890, and then
    # the prior draws the two together, by less than a sixth and a third of their sds
    assert found.rates.mean() == pytest.approx([before, after], abs=0.04)
    assert found.factor.quantile(0.5) == pytest.approx(after / before, abs=0.01)
    assert found.factor.greater < 1e-10


def test_no_unit_of_exposure_enters() -> None:
    one = find_change(COAL, YEARS)
    other = find_change(COAL, YEARS * 365.25)

    assert other.log_bayes_factors == pytest.approx(one.log_bayes_factors, abs=1e-10)
    assert other.factor.quantile(0.9) == pytest.approx(one.factor.quantile(0.9), rel=1e-9)
    assert other.rates.mean() * 365.25 == pytest.approx(one.rates.mean(), rel=1e-9)


def test_backward_in_time_the_factor_is_its_reciprocal() -> None:
    exposure = np.linspace(0.5, 1.5, len(COAL))
    one = find_change(COAL, exposure)
    other = find_change(COAL[::-1], exposure[::-1])

    assert other.chance == pytest.approx(one.chance, rel=1e-12)
    assert other.mass[::-1] == pytest.approx(one.mass, rel=1e-8)
    low, high = one.factor.interval(0.9)
    assert other.factor.interval(0.9) == pytest.approx((1 / high, 1 / low), rel=1e-8)
    assert other.rates.quantile(0.3)[::-1] == pytest.approx(one.rates.quantile(0.3), rel=1e-6)


def test_the_factor_of_one_boundary_is_a_scaled_f_ratio_without_a_prior_to_speak_of() -> None:
    counts, exposure = np.array([4000, 5200]), np.array([2.0, 2.5])

    factor = find_change(counts, exposure).factor

    # Beta prime (k2 + a, k1 + a) up to terms of order a/K, rates being Gamma given their scale
    share = stats.beta(5200, 4000).ppf([0.025, 0.5, 0.975])
    expected = share / (1 - share) * 2.0 / 2.5
    assert [factor.quantile(q) for q in (0.025, 0.5, 0.975)] == pytest.approx(expected, rel=1e-3)


def test_moments_of_the_factor_are_integrals_of_its_density() -> None:
    found = find_change([3, 4, 9, 7], [1, 1, 1, 1], ChangePrior(shape=1.5)).factor

    u = np.linspace(*found.reach, 40_001)
    density = found.slope(u)
    mean = integrate.trapezoid(density * np.exp(u), u)
    square = integrate.trapezoid(density * np.exp(2 * u), u)
    assert integrate.trapezoid(density, u) == pytest.approx(1, abs=1e-9)
    assert found.mean == pytest.approx(mean, rel=1e-7)
    assert found.sd == pytest.approx((square - mean**2) ** 0.5, rel=1e-6)


def test_a_factor_without_events_before_has_no_mean() -> None:
    found = find_change([0, 4, 9], [1, 1, 1], ChangePrior(shape=1.0))

    assert found.factor.mean is None
    assert found.factor.sd is None
    assert 1 < found.factor.quantile(0.5) < np.inf


def test_draws_follow_the_posterior() -> None:
    found = find_change([3, 2, 4, 0, 1, 1], [1, 2, 1, 1, 0.5, 1])
    draws = found.draws(40_000, np.random.default_rng(1))

    bound = dkw_bound(40_000)
    places = np.array([found.factor.cdf(x) for x in np.quantile(draws.factor, [0.1, 0.5, 0.9])])
    assert np.abs(places - [0.1, 0.5, 0.9]).max() < bound
    assert distance(found.rates.cdf(0, draws.before)) < bound
    assert distance(found.rates.cdf(1, draws.after)) < bound
    assert draws.after / draws.before == pytest.approx(draws.factor, rel=1e-10)
    share = np.bincount(draws.boundary, minlength=6)[1:] / 40_000
    assert (np.abs(share - found.mass) < 6 * np.sqrt(found.mass / 40_000) + 1e-9).all()


def test_rates_agree_with_draws_in_mean_and_spread() -> None:
    found = find_change(COAL, YEARS)
    draws = found.draws(50_000, np.random.default_rng(2))

    for i, values in enumerate((draws.before, draws.after)):
        assert abs(values.mean() - found.rates.mean()[i]) < 6 * values.std() / 50_000**0.5
        spread = (values - values.mean()) ** 2
        assert abs(spread.mean() - found.rates.sd()[i] ** 2) < 6 * spread.std() / 50_000**0.5


def test_periods_without_exposure_do_not_matter() -> None:
    plain = find_change([3, 2, 4], [1, 2, 1])
    padded = find_change([0, 3, 2, 4, 0], [0, 1, 2, 1, 0])

    assert np.isneginf(padded.log_bayes_factors[[0, -1]]).all()
    assert padded.log_bayes_factors[1:-1] == pytest.approx(plain.log_bayes_factors, rel=1e-12)
    assert padded.chance == pytest.approx(plain.chance, rel=1e-12)
    assert padded.factor.quantile(0.5) == pytest.approx(plain.factor.quantile(0.5), rel=1e-9)


def test_all_events_in_the_first_period_are_a_fall() -> None:
    found = find_change([40, 0, 0, 0], [1, 1, 1, 1])

    assert found.chance > 0.999
    assert found.likeliest == 1
    assert found.factor.greater < 1e-6
    assert found.factor.hdi(0.9)[0] == pytest.approx(0, abs=1e-3)


def test_one_event_says_next_to_nothing() -> None:
    found = find_change([0, 1, 0, 0], [1, 1, 1, 1])

    assert found.chance == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("counts", "exposure", "said"),
    [
        ([0, 0, 0], [1, 1, 1], "no events"),
        ([5], [1], "Need 2 periods"),
        ([5, 0, 0], [1, 0, 0], "Need 2 periods"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    counts: list[int], exposure: list[float], said: str
) -> None:
    with pytest.raises(InsufficientData, match=said):
        find_change(counts, exposure)


def test_impossible_counts_are_an_error() -> None:
    with pytest.raises(ValueError, match="without exposure"):
        find_change([1, 2, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="negative"):
        find_change([-1, 2], [1, 1])


def test_many_cohorts_at_once_are_each_their_own() -> None:
    counts = np.random.default_rng(3).poisson(3, size=(7, 9))
    counts[2] = 0
    exposure = np.random.default_rng(4).uniform(0.5, 2, size=(7, 9))

    together = chances_of_change(counts, exposure)

    alone = [find_change(counts[i], exposure[i]).chance for i in range(7) if i != 2]
    assert together[[0, 1, 3, 4, 5, 6]] == pytest.approx(alone, rel=1e-10)
    assert np.isnan(together[2])


@pytest.mark.parametrize("shape", [1.0, 2.0])
def test_the_prior_on_the_factor_is_as_documented(shape: float) -> None:
    limits = {1.0: (19.0, 3.0), 2.0: (6.4, 2.06)}[shape]

    prior = ChangePrior(shape=shape)

    assert (prior.factor_limit(0.9), prior.factor_limit(0.5)) == pytest.approx(limits, rel=5e-3)


def world(rng: np.random.Generator, periods: int, prior: ChangePrior) -> tuple[np.ndarray, ...]:
    """Draw boundary, log factor and counts from the prior, the scale being known to the world."""
    before, after = rng.gamma(prior.shape, 3.0, size=2)
    at = int(rng.integers(1, periods))
    rates = np.where(np.arange(periods) < at, before, after)
    return np.array(at), np.array(np.log(after / before)), rng.poisson(rates)


def places_of_truth(worlds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give where the true boundary and the true log factor lie in their posteriors."""
    prior, rng = ChangePrior(), np.random.default_rng(seed)
    boundaries, factors = [], []
    while len(factors) < worlds:
        at, log_factor, counts = world(rng, 8, prior)
        if counts.sum() == 0:
            continue
        found = find_change(counts, np.ones(8), prior)
        below = found.mass[: int(at) - 1].sum()
        boundaries.append(below + rng.uniform() * found.mass[int(at) - 1])
        factors.append(found.factor.cdf(float(np.exp(log_factor))))
    return np.array(boundaries), np.array(factors)


def test_boundary_and_factor_are_calibrated() -> None:
    # The prior of the scale is improper, the world's is not: the check is then only near, but
    # with a total count of 50 on average the scale is known from the data.
    boundaries, factors = places_of_truth(400, seed=11)

    assert distance(boundaries) <= dkw_bound(400)
    assert distance(factors) <= dkw_bound(400)


@pytest.mark.slow
def test_boundary_and_factor_are_calibrated_over_many_worlds() -> None:
    boundaries, factors = places_of_truth(4_000, seed=12)

    assert distance(boundaries) <= dkw_bound(4_000)
    assert distance(factors) <= dkw_bound(4_000)


def test_chances_of_change_come_true_as_often_as_they_say() -> None:
    """Given its number, how events fall on both sides does not depend on the scale: exact."""
    rng, worlds, periods, total = np.random.default_rng(13), 8_000, 12, 60
    changed = rng.uniform(size=worlds) < 0.5
    at = rng.integers(1, periods, size=worlds)[:, None]
    share = rng.beta(2.0, 2.0, size=worlds)[:, None]
    rates = np.where(np.arange(periods) < at, 1 - share, share)
    rates = np.where(changed[:, None], rates, 1.0)
    counts = rng.multinomial(total, rates / rates.sum(axis=1, keepdims=True))

    chances = chances_of_change(counts, np.ones(periods))

    for low, high in [(0, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 0.95), (0.95, 1)]:
        chosen = (chances > low) & (chances <= high)
        excess = changed[chosen].sum() - chances[chosen].sum()
        assert abs(excess) < 6 * np.sqrt((chances * (1 - chances))[chosen].sum()) + 1


def test_a_constant_rate_rarely_looks_changed() -> None:
    counts = np.random.default_rng(14).poisson(20, size=(2_000, 50))

    chances = chances_of_change(counts, np.ones(50))

    # P(Bayes factor > c | no change) <= 1/c for any model: Ville's inequality, here c = 19
    assert (chances > 0.95).sum() < 2_000 / 19
    assert np.median(chances) < 0.3
