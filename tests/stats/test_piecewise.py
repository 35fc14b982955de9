"""Rates over time: against brute force, limits that are known, symmetries and simulation."""

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.piecewise import PiecewiseRates, SmoothingPrior, WalkJoint, fit_rates
from pymc_vibes.stats.refused import QuadratureRefused
from pymc_vibes.stats.retrace import retrace
from pymc_vibes.stats.walk import Series, Walk, settle, stand, walk


def series(counts: list[float], exposure: list[float]) -> Series:
    return Series(np.array(counts, dtype=float), np.array(exposure, dtype=float))


def at_speed(data: Series, sigma: float, fineness: float = 1.2) -> Walk:
    return walk(data, settle(data, sigma, np.full(len(data.counts), data.constant())), fineness)


def dense(data: Series, sigma: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Give log evidence, mean rates and the joint of three periods on a dense grid."""
    x = np.linspace(-16, 10, 521)
    step = x[1] - x[0]
    told = [np.exp(k * x - e * np.exp(x)) for k, e in zip(data.counts, data.exposure, strict=True)]
    jump = stats.norm.pdf((x[:, None] - x) / sigma) / sigma
    joint = told[0][:, None, None] * jump[:, :, None] * told[1][:, None] * jump * told[2]
    total = joint.sum()
    means = [(joint.sum(axis=tuple({0, 1, 2} - {t})) * np.exp(x)).sum() / total for t in range(3)]
    return float(np.log(total * step**3)), np.array(means), joint.sum(axis=1) / total


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.5])
@pytest.mark.parametrize(
    ("counts", "exposure"),
    [([3, 0, 7], [1, 0.5, 2]), ([5, 0, 2], [1, 0, 3]), ([0, 1, 0], [1, 1, 1])],
    ids=["plain", "bridged", "one event"],
)
def test_one_speed_agrees_with_a_dense_grid(
    counts: list[float], exposure: list[float], sigma: float
) -> None:
    data = series(counts, exposure)
    evidence, means, joint = dense(data, sigma)

    found = at_speed(data, sigma)

    assert found.log_evidence == pytest.approx(evidence, abs=1e-5)
    assert found.moments()[0] == pytest.approx(means, rel=1e-5)
    rise = np.triu(joint, 1).sum() + np.trace(joint) / 2  # off by the square of the step: 5e-4
    assert found.rise() == pytest.approx(rise, abs=5e-4)


def test_speeds_are_averaged_by_prior_times_evidence() -> None:
    data, prior = series([3, 0, 7], [1, 0.5, 2]), SmoothingPrior()
    found = fit_rates(data.counts, data.exposure, prior)

    sigma = np.linspace(0.005, 3.5, 350)
    logs = [at_speed(data, s).log_evidence for s in sigma]
    weights = np.exp(np.array(logs) + prior.log_density(sigma))
    means = np.array([at_speed(data, s).moments()[0] for s in sigma[::10]])

    assert found.sigma.mean()[0] == pytest.approx(np.average(sigma, weights=weights), rel=2e-3)
    assert found.sigma.cdf(0, np.array([0.5]))[0] == pytest.approx(
        weights[sigma <= 0.5].sum() / weights.sum(), abs=5e-3
    )
    rough = np.average(means, weights=weights[::10], axis=0)
    assert found.rates.mean() == pytest.approx(rough, rel=2e-2)


def test_huge_counts_are_smoothed_as_normal_data_are() -> None:
    """The Kalman smoother's equations solved at once, log counts being normal with variance 1/k."""
    counts = 1e8 * np.exp(np.array([0.0, 0.3e-4, -2e-4, 1e-4, 2.5e-4, 4e-4]))
    sigma = 1e-4
    ties = np.diag([1.0, 2, 2, 2, 2, 1]) - np.eye(6, k=1) - np.eye(6, k=-1)
    covariance = np.linalg.inv(ties / sigma**2 + np.diag(counts))
    center = np.log(counts[0])
    mean = covariance @ (counts * (np.log(counts) - center))

    found = at_speed(Series(counts, np.ones(6)), sigma)

    x = found.grid() - center
    smoothed = (found.share * x).sum(axis=1)
    spread = (found.share * (x - smoothed[:, None]) ** 2).sum(axis=1) ** 0.5
    sd = np.sqrt(np.diag(covariance))
    assert np.abs(smoothed - mean).max() < 1e-3 * sd.min()
    assert spread == pytest.approx(sd, rel=1e-3)


def test_a_rate_that_hardly_wanders_is_a_gamma() -> None:
    data = series([2, 5, 3, 1], [1, 2, 1.5, 0.5])
    exact = stats.gamma(11, scale=1 / 5)

    still, slow = stand(data, 2.0), at_speed(data, 0.01)

    assert slow.log_evidence == pytest.approx(still.log_evidence, abs=1e-3)
    assert still.moments()[0] == pytest.approx(np.full(4, exact.mean()), rel=1e-9)
    assert slow.moments()[0] == pytest.approx(still.moments()[0], rel=1e-3)
    found = fit_rates(data.counts, data.exposure, SmoothingPrior(scale=1e-4))
    assert found.rates.quantile(0.05) == pytest.approx(np.full(4, exact.ppf(0.05)), rel=1e-4)
    assert found.rates.quantile(0.975) == pytest.approx(np.full(4, exact.ppf(0.975)), rel=1e-4)
    assert found.rates.cdf(1, exact.ppf([0.2, 0.6])) == pytest.approx([0.2, 0.6], abs=1e-4)


COUNTS = np.random.default_rng(5).poisson(6 * np.exp(np.sin(np.arange(25) / 4)))
EXPOSURE = np.random.default_rng(6).uniform(0.5, 2, size=25)


def test_no_unit_of_exposure_enters() -> None:
    one, other = fit_rates(COUNTS, EXPOSURE), fit_rates(COUNTS, EXPOSURE * 3600)

    assert other.rates.quantile(0.9) * 3600 == pytest.approx(one.rates.quantile(0.9), rel=1e-8)
    assert other.sigma.mean() == pytest.approx(one.sigma.mean(), rel=1e-8)
    assert other.rise == pytest.approx(one.rise, abs=1e-8)


def test_time_may_run_backward() -> None:
    one, other = fit_rates(COUNTS, EXPOSURE), fit_rates(COUNTS[::-1], EXPOSURE[::-1])

    assert other.rates.mean()[::-1] == pytest.approx(one.rates.mean(), rel=1e-6)
    assert other.rates.hdi(0.9)[0][::-1] == pytest.approx(one.rates.hdi(0.9)[0], rel=1e-4)
    assert other.rise == pytest.approx(1 - one.rise, abs=1e-4)


def test_a_finer_grid_says_the_same() -> None:
    rough, fine = fit_rates(COUNTS, EXPOSURE), fit_rates(COUNTS, EXPOSURE, tolerance=1e-6)

    assert fine.error_estimate <= 1e-6 < rough.error_estimate <= 2e-3
    assert rough.distance(fine) <= rough.error_estimate


def test_draws_follow_the_posterior() -> None:
    found = fit_rates(COUNTS, EXPOSURE)
    rates, sigma = found.draws(20_000, np.random.default_rng(7))

    bound = dkw_bound(20_000)
    for period in (0, 11, 24):
        assert distance(found.rates.cdf(period, rates[:, period])) < bound
    assert distance(found.sigma.cdf(0, sigma)) < bound
    rise = (rates[:, -1] > rates[:, 0]).mean()
    assert abs(rise - found.rise) < 6 * 0.5 / 20_000**0.5


def test_paths_at_one_speed_have_the_joint_of_a_dense_grid() -> None:
    data = series([3, 0, 7], [1, 0.5, 2])
    paths = np.log(retrace(at_speed(data, 0.7, 0.9), 40_000, np.random.default_rng(8)))

    joint = dense(data, 0.7)[2]  # of the first and the last period
    x = np.linspace(-16, 10, 521)
    first, last = joint.sum(axis=1) @ x, joint.sum(axis=0) @ x
    product = (paths[:, 0] - first) * (paths[:, 2] - last)
    expected = (x - first) @ joint @ (x - last)
    assert abs(product.mean() - expected) < 6 * product.std() / 40_000**0.5


def test_one_seed_is_one_set_of_joint_draws() -> None:
    joint = WalkJoint(fit_rates(COUNTS[:6], EXPOSURE[:6]), "cohort A")

    both = joint.draw("rate", [4, 1], 50, seed=3)
    alone = joint.draw("rate", [1], 50, seed=3)

    assert (both[:, 1] == alone[:, 0]).all()
    assert joint.draw("sigma", [0], 50, seed=3).shape == (50, 1)


def test_numbers_of_a_period_agree_with_each_other() -> None:
    rates = fit_rates(COUNTS, EXPOSURE).rates
    draws = rates.sample(3, 50_000, np.random.default_rng(9))
    low, high = rates.hdi(0.8)

    assert abs(draws.mean() - rates.mean()[3]) < 6 * rates.sd()[3] / 50_000**0.5
    assert rates.cdf(3, np.array([high[3]]))[0] - rates.cdf(3, np.array([low[3]]))[
        0
    ] == pytest.approx(0.8, abs=1e-6)
    assert rates.pdf(3, np.array([low[3]]))[0] == pytest.approx(
        rates.pdf(3, np.array([high[3]]))[0], rel=0.02
    )
    assert rates.take([3]).quantile(0.3)[0] == pytest.approx(rates.quantile(0.3)[3], rel=1e-12)
    assert 1 - rates.above(high[3])[3] == pytest.approx(rates.cdf(3, high[3:4])[0], abs=1e-12)


def test_a_gap_is_bridged_and_wider_than_its_neighbors() -> None:
    found = fit_rates([20, 25, 0, 0, 0, 22, 24], [1, 1, 0, 0, 0, 1, 1])

    sd = found.log_rates[1]
    assert (sd[2:5] > sd[[1, 1, 5]]).all()
    assert found.rates.quantile(0.5)[3] == pytest.approx(23, abs=2)


def test_far_from_any_exposure_the_mean_does_not_exist() -> None:
    rates = fit_rates([8, 11, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]).rates

    assert np.isfinite(rates.mean()).tolist() == [True] * 5 + [False] * 2
    assert np.isfinite(rates.sd()).tolist() == [True] * 2 + [False] * 5
    assert np.isfinite(rates.quantile(0.99)).all()


def test_a_step_is_recovered() -> None:
    rng = np.random.default_rng(10)
    truth = np.where(np.arange(40) < 20, 4.0, 16.0)

    found = fit_rates(rng.poisson(truth), np.ones(40))

    low, high = found.rates.quantile(0.0005), found.rates.quantile(0.9995)
    far = np.abs(np.arange(40) - 19.5) > 2  # a walk cannot jump: next to the step it is pulled
    assert ((low < truth) & (truth < high))[far].all()
    assert found.rise > 0.95
    assert found.log_bayes_factor > 10


def test_a_drift_is_recovered() -> None:
    rng = np.random.default_rng(11)
    truth = 30 * np.exp(-0.04 * np.arange(60))

    found = fit_rates(rng.poisson(truth), np.ones(60))

    low, high = found.rates.quantile(0.0005), found.rates.quantile(0.9995)
    assert ((low < truth) & (truth < high)).all()
    assert found.rise < 0.001
    assert 0.01 < found.sigma.quantile(0.5)[0] < 0.15


def test_a_long_silence_before_a_burst_is_affordable() -> None:
    found = fit_rates([0] * 30 + [1000] * 10, np.ones(40))

    assert found.error_estimate <= 2e-3
    assert found.rates.quantile(0.5)[0] < 0.05
    assert found.rates.quantile(0.5)[-1] == pytest.approx(1000, rel=0.03)


@pytest.mark.parametrize(
    ("counts", "exposure", "said"),
    [([0, 0], [1, 1], "no events"), ([4], [1], "Need 2"), ([4, 0], [1, 0], "Need 2")],
)
def test_what_cannot_be_asked_is_refused(
    counts: list[float], exposure: list[float], said: str
) -> None:
    with pytest.raises(InsufficientData, match=said):
        fit_rates(counts, exposure)


def test_what_no_grid_can_do_is_refused_with_a_reason() -> None:
    with pytest.raises(QuadratureRefused, match="finer grid"):
        fit_rates([3, 0, 7], [1, 1, 1], tolerance=0.0)


def test_impossible_counts_are_an_error() -> None:
    with pytest.raises(ValueError, match="without exposure"):
        fit_rates([1, 2], [0, 1])
    with pytest.raises(ValueError, match="one length"):
        fit_rates([1, 2], [1, 1, 1])


def places_of_truth(worlds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give where a true rate and the true speed lie in their posteriors, over many worlds."""
    rng, prior, periods = np.random.default_rng(seed), SmoothingPrior(), 8
    rates, speeds = [], []
    for _ in range(worlds):
        sigma = abs(rng.normal(0, prior.scale))
        x = np.cumsum(np.concatenate([[np.log(40) + rng.normal(0, 0.5)], rng.normal(0, sigma, 7)]))
        counts = rng.poisson(np.exp(x))
        found: PiecewiseRates = fit_rates(np.maximum(counts, 0), np.ones(periods), prior)
        period = int(rng.integers(periods))
        rates.append(found.rates.cdf(period, np.exp(x[[period]]))[0])
        speeds.append(found.sigma.cdf(0, np.array([sigma]))[0])
    return np.array(rates), np.array(speeds)


def test_rates_and_speed_are_calibrated() -> None:
    # The level of the world has a prior, the fit's is flat: with some 300 events it is known to
    # 6 % from the data, against 50 % from the prior, so the check is exact for all that it sees.
    rates, speeds = places_of_truth(200, seed=12)

    assert distance(rates) <= dkw_bound(200)
    assert distance(speeds) <= dkw_bound(200)


@pytest.mark.slow
def test_rates_and_speed_are_calibrated_over_many_worlds() -> None:
    rates, speeds = places_of_truth(4_000, seed=13)

    assert distance(rates) <= dkw_bound(4_000)
    assert distance(speeds) <= dkw_bound(4_000)
