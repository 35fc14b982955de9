"""The check of dispersion against simulation, by-hand sums and the classical statistic."""

import numpy as np
import pytest

from pymc_vibes.stats.dispersion import BucketSums, dispersion


def sums_of(counts: np.ndarray, shares: np.ndarray) -> BucketSums:
    """Sum buckets for counts of shape `(cells, buckets)`."""
    like = np.ones(len(counts))
    return BucketSums(
        k=counts.sum(axis=1).astype(float),
        squares=(counts.astype(float) ** 2).sum(axis=1),
        cross=(counts * shares).sum(axis=1),
        w2=like * (shares**2).sum(),
        w3=like * (shares**3).sum(),
        w4=like * (shares**4).sum(),
    )


SHARES = np.random.default_rng(3).dirichlet(np.full(20, 2.0))
WORLDS = 40_000


@pytest.mark.parametrize("k", [2, 5, 30, 400])
@pytest.mark.parametrize("shares", [np.full(30, 1 / 30), SHARES], ids=["even", "uneven"])
def test_the_moments_are_those_of_the_multinomial(k: int, shares: np.ndarray) -> None:
    counts = np.random.default_rng(7).multinomial(k, shares, size=WORLDS)

    found = dispersion(sums_of(counts, shares))

    v = found.statistic
    for values, expected in [
        (v, 0.0),
        (v**2, found.variance[0]),
        (v**3, found.third[0]),
    ]:
        assert abs(values.mean() - expected) < 6 * values.std() / WORLDS**0.5


@pytest.mark.parametrize("k", [3, 20, 300, 5000])
@pytest.mark.parametrize("shares", [np.full(60, 1 / 60), SHARES], ids=["even", "uneven"])
def test_a_constant_rate_rarely_raises_an_alarm(k: int, shares: np.ndarray) -> None:
    counts = np.random.default_rng(8).multinomial(k, shares, size=WORLDS)

    alarms = int((dispersion(sums_of(counts, shares)).chance() < 0.001).sum())

    # 40 are expected if exact; a rate of 0.002 stays below this bound but for 1 in 10^5 runs
    assert alarms < 80 + 5 * 80**0.5


def test_a_varying_rate_is_seen() -> None:
    rng = np.random.default_rng(9)
    counts = rng.poisson(rng.gamma(2.0, 5.0, size=(1, 60)))  # variance is 6 times the mean

    found = dispersion(sums_of(counts, np.full(60, 1 / 60)))

    assert found.chance()[0] < 1e-9


def test_many_small_cells_show_together_what_none_shows_alone() -> None:
    rng = np.random.default_rng(10)
    counts = rng.poisson(rng.gamma(0.5, 0.2, size=(2000, 60)))  # variance is 1.2 times the mean

    found = dispersion(sums_of(counts, np.full(60, 1 / 60)))

    assert np.median(found.chance()) > 0.01
    assert found.pooled().chance()[0] < 1e-9
    assert found.pooled().factor()[0] == pytest.approx(1.2, abs=6 * 1.2 * (2 / (2000 * 59)) ** 0.5)


def test_the_factor_is_the_classical_index_of_dispersion() -> None:
    counts = np.random.default_rng(11).poisson(4.0, size=(5, 30))

    factor = dispersion(sums_of(counts, np.full(30, 1 / 30))).factor()

    index = counts.var(axis=1, ddof=1) / counts.mean(axis=1)
    assert factor == pytest.approx(index, rel=1e-12)


@pytest.mark.parametrize("counts", [[0, 0, 0], [0, 1, 0]])
def test_no_event_or_one_says_nothing(counts: list[int]) -> None:
    found = dispersion(sums_of(np.array([counts]), np.full(3, 1 / 3)))

    assert (found.chance()[0], found.factor()[0]) == (1.0, 1.0)


def test_one_bucket_says_nothing() -> None:
    found = dispersion(sums_of(np.array([[50]]), np.ones(1)))

    assert (found.chance()[0], found.factor()[0]) == (1.0, 1.0)


def test_cells_without_exposure_say_nothing() -> None:
    none = np.zeros(1)

    found = dispersion(BucketSums(k=none, squares=none, cross=none, w2=none, w3=none, w4=none))

    assert (found.chance()[0], found.factor()[0]) == (1.0, 1.0)
