"""Which of many is best: quadrature held against closed forms, integration and draws."""

import numpy as np
import pytest

from pymc_vibes.stats.best import best_of, pairwise, ranks
from pymc_vibes.stats.calibrate import distance, dkw_bound
from pymc_vibes.stats.compare import expected_loss, probability_greater
from pymc_vibes.stats.exact import Beta, Gamma

ARMS = Beta(np.array([11.0, 23.0, 18.0, 3.0]), np.array([90.0, 80.0, 85.0, 30.0]))
RATES = Gamma(np.array([8.5, 11.5, 0.5, 10.5]), np.array([30.0, 31.0, 30.0, 12.5]))
DRAWS = 400_000


def drawn(contest: Beta | Gamma) -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.column_stack([contest.sample(i, DRAWS, rng) for i in range(len(contest))])


@pytest.mark.parametrize("contest", [ARMS, RATES], ids=["beta", "gamma"])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_chances_and_losses_agree_with_draws(contest: Beta | Gamma, direction: str) -> None:
    found = best_of(contest, direction)  # type: ignore[arg-type]
    draws = drawn(contest) if direction == "higher" else -drawn(contest)
    top = draws.max(axis=1)
    shares = np.bincount(draws.argmax(axis=1), minlength=len(contest)) / DRAWS
    errors = np.sqrt(found.probability * (1 - found.probability) / DRAWS) + 1 / DRAWS

    # 6 standard errors: false alarm 2e-9 for each of 32 checks
    assert np.all(np.abs(shares - found.probability) < 6 * errors)
    regret = top[:, None] - draws
    assert np.all(
        np.abs(regret.mean(axis=0) - found.expected_loss)
        < 6 * regret.std(axis=0) / DRAWS**0.5 + 1e-12
    )
    sign = 1 if direction == "higher" else -1
    assert abs(sign * top.mean() - found.expected_max) < 6 * top.std() / DRAWS**0.5


@pytest.mark.parametrize("contest", [ARMS, RATES], ids=["beta", "gamma"])
def test_two_contenders_agree_with_the_pair(contest: Beta | Gamma) -> None:
    two = contest.take([0, 1])
    found = best_of(two)

    assert found.probability[0] == pytest.approx(probability_greater(two, 0, two, 1), abs=1e-10)
    assert found.expected_loss[0] == pytest.approx(
        expected_loss(two, 0, two, 1, "higher"), rel=1e-8
    )


@pytest.mark.parametrize("count", [2, 3, 10, 100, 1000])
def test_chances_sum_to_one_and_equals_share_evenly(count: int) -> None:
    found = best_of(Beta(np.full(count, 12.0), np.full(count, 90.0)))

    assert found.probability.sum() == pytest.approx(1, abs=1e-10)
    assert found.probability == pytest.approx(np.full(count, 1 / count), rel=1e-8)


@pytest.mark.parametrize(
    "contest",
    [
        Beta(np.array([1.0, 1.0, 1e9]), np.array([1.0, 1e9, 1.0])),
        Beta(np.array([0.5, 0.5, 5e8]), np.array([0.5, 2.0, 5e8])),
        Gamma(np.array([0.5, 1e9, 3.0]), np.array([1e-6, 1e9, 1e6])),
        Gamma(np.full(3, 1e12), np.array([1.0, 1.0 + 1e-9, 2.0])),
    ],
)
def test_extreme_counts_give_chances(contest: Beta | Gamma) -> None:
    found = best_of(contest)

    assert np.all((found.probability >= 0) & (found.probability <= 1))
    assert found.probability.sum() == pytest.approx(1, abs=1e-9)
    assert np.all(np.isfinite(found.expected_loss) & (found.expected_loss >= 0))


@pytest.mark.parametrize("contest", [ARMS, RATES], ids=["beta", "gamma"])
def test_every_pair_of_the_matrix_is_the_pair(contest: Beta | Gamma) -> None:
    matrix = pairwise(contest)
    by_hand = [
        [0.5 if i == j else probability_greater(contest, i, contest, j) for j in range(4)]
        for i in range(4)
    ]

    assert matrix == pytest.approx(np.array(by_hand), abs=1e-9)


@pytest.mark.parametrize("contest", [ARMS, RATES], ids=["beta", "gamma"])
def test_ranks_agree_with_draws(contest: Beta | Gamma) -> None:
    found = ranks(contest, "higher", 0.9)
    places = 1 + (-drawn(contest)).argsort(axis=1).argsort(axis=1)

    assert found.is_exact
    error = places.std(axis=0) / DRAWS**0.5
    assert np.all(np.abs(places.mean(axis=0) - found.expected) < 6 * error + 1e-9)
    inside = np.mean((places >= found.low) & (places <= found.high), axis=0)
    # a rank is whole, so its interval may hold more than 90 %, never less
    assert np.all(inside > 0.9 - 6 * (0.09 / DRAWS) ** 0.5)


def test_expected_ranks_sum_as_ranks_do() -> None:
    rng = np.random.default_rng(8)
    contest = Gamma(rng.gamma(2, 20, 700), rng.gamma(5, 1, 700))
    found = ranks(contest)

    assert not found.is_exact
    assert found.expected.sum() == pytest.approx(700 * 701 / 2, rel=1e-6)
    assert np.all((found.low >= 1) & (found.low <= found.high) & (found.high <= 700))


def test_uniform_places_stay_within_the_bound_and_crooked_ones_do_not() -> None:
    rng = np.random.default_rng(4)
    places = rng.uniform(size=2000)

    # the bound is passed with probability 1e-6 when places are uniform
    assert distance(places) < dkw_bound(2000)
    # too narrow by a fifth: places pile up at both ends by more than the bound at this size
    assert distance(rng.beta(0.7, 0.7, size=2000)) > dkw_bound(2000)
