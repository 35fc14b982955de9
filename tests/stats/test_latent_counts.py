"""Regression of counts with a latent state against integrals, samplers, GLMs and a publication."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pymc_vibes.core.errors import BadRows, InsufficientData
from pymc_vibes.stats.latent_counts import (
    CountModel,
    CountPrior,
    CountRegression,
    CountSeries,
    regress_counts,
)
from pymc_vibes.stats.special import Array
from tests.stats.count_worlds import STEP, Truth, columns, integrated, sampled, series

INDEPENDENT = CountModel("poisson", "independent")
OVERDISPERSED = CountModel("negative-binomial", "independent")
POISSON = CountModel("poisson")
VAGUE = CountPrior(np.array([30.0, 30.0]))
PRIOR = CountPrior(np.array([2.0, 1.5]), center=np.array([0.5, 0.0]))
MODELS = [INDEPENDENT, OVERDISPERSED, POISSON, CountModel()]

# Acute coronary episodes in Sicily by month, January 2002 to November 2006, and the population at
# risk, standardized for age: Lopez Bernal, Cummins & Gasparrini (2017), IJE 46, 348-355, whose data
# and code are public.
EPISODES = """728 659 791 734 757 726 760 740 720 814 795 858 887 766 851 769 781 756 766 752 765
831 879 928 914 808 937 840 916 828 845 818 860 839 887 886 831 796 833 820 877 758 767 738 781 843
850 908 1021 859 976 888 962 838 810 876 843 936 912"""
PEOPLE = """379875.3 376495.5 377040.8 377116.4 377383.4 374113.1 379513.3 376295.5 374653.2
378485.6 375955.5 378349.7 376762.4 379032.3 379360.4 376162 377972.4 381830.7 379888.6 380872.2
380966.9 381240.4 382104.9 381802.7 381656.3 383680 383504.2 386462.9 383783.1 380836.8 383483
380906.2 382926.8 384052.4 384449.6 383428.4 388153.2 388373.2 386470.1 386033.2 383686.4 385509.3
385901.9 386516.6 388436.5 383255.2 390148.7 385874.9 391613.6 391750.4 394005.6 391364.9 391664.6
389022.3 391878.5 388575.3 392989 390018.8 390712.3"""


def a_series(
    days: int = 60, *, rate: float = 4.0, tau: float = 0.4, extra: float = 0.0, seed: int = 1
) -> CountSeries:
    truth = Truth(np.array([np.log(rate), 0.3]), 0.5, tau, extra)
    return series(truth, columns(days), np.random.default_rng(seed))


def odd_series() -> CountSeries:
    """Gaps, a day of two rows, unequal exposures."""
    day = np.array([0, 1, 1, 2, 4, 5, 6, 9, 10, 11.0])
    return CountSeries(
        day,
        np.array([3, 0, 2, 5, 1, 4, 6, 2, 7, 3.0]),
        np.array([1, 1, 0.5, 1, 2, 1, 1, 1, 1, 1]),
        np.column_stack([np.ones(10), (day >= 5) - 0.5]),
    )


def step_of(found: CountRegression) -> tuple[float, float]:
    effect = found.functional(STEP)
    return float(effect.mean()[0]), float(effect.sd()[0])


def interval(found: CountRegression, row: Array = STEP) -> Array:
    return np.array(found.functional(row).interval(0.95)).ravel()


@pytest.mark.parametrize(
    ("phi", "tau", "extra"),
    [(0.0, 0.5, 0.0), (0.6, 0.5, 0.0), (0.6, 0.5, 0.4), (0.9, 1.0, 0.3), (0.8, 1.0, 0.0)],
)
def test_a_node_is_the_integral_over_states(phi: float, tau: float, extra: float) -> None:
    data, at = odd_series(), (np.linspace(-2.5, 3.5, 61), np.linspace(-5.0, 5.0, 81))

    found = regress_at(data, phi, tau, extra)

    density, evidence = integrated(data, PRIOR, Truth(np.zeros(2), phi, tau, extra), at)
    assert found.log_evidence == pytest.approx(evidence, abs=0.01)
    for row, axis, marginal in (
        (np.array([[1.0, 0.0]]), at[0], density.sum(axis=1)),
        (STEP, at[1], density.sum(axis=0)),
    ):
        mean = float(marginal @ axis)
        sd = float(np.sqrt(marginal @ (axis - mean) ** 2))
        label = found.functional(row)
        assert abs(label.mean()[0] - mean) < 0.01 * sd
        assert label.sd()[0] == pytest.approx(sd, rel=0.02)
        below = np.interp(label.quantile(0.025)[0], axis + (axis[1] - axis[0]) / 2,
                          marginal.cumsum())  # fmt: skip
        assert below == pytest.approx(0.025, abs=0.003)


def regress_at(data: CountSeries, phi: float, tau: float, extra: float) -> CountRegression:
    """Fit where the hyperparameters are known."""
    from pymc_vibes.stats import latent_counts
    from pymc_vibes.stats.latent_counts_mode import CoefficientPrior, Nodes
    from pymc_vibes.stats.latent_counts_parts import Scanner

    middle = np.asarray(PRIOR.center)
    nodes = Nodes(*(np.array([value]) for value in (phi, tau, extra)))
    rows = latent_counts.rows_of(data, middle)
    parts = Scanner(rows, CoefficientPrior(PRIOR.sd**-2.0)).parts(nodes)
    return latent_counts.assembled(parts, nodes, parts[0].log_evidence, middle)


def test_weighted_draws_are_the_integral_over_states() -> None:
    data, at = odd_series(), (np.linspace(-2.5, 3.5, 61), np.linspace(-5.0, 5.0, 81))
    density, _ = integrated(data, PRIOR, Truth(np.zeros(2), 0.6, 0.5, 0.0), at)
    mean = float(density.sum(axis=0) @ at[1])

    draws = regress_at(data, 0.6, 0.5, 0.0).draw(40_000, np.random.default_rng(2))

    weight = np.exp(draws.log_weight - draws.log_weight.max())
    weight /= weight.sum()
    step = draws.coefficients[:, 1]
    error = np.sqrt((weight**2 * (step - weight @ step) ** 2).sum())
    assert abs(weight @ step - mean) < 4 * error
    assert draws.tail_shape < 0.5


@pytest.mark.parametrize("model", [POISSON, CountModel()])
def test_the_grid_agrees_with_a_much_finer_one(
    model: CountModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymc_vibes.stats import latent_counts_grid

    for data in (a_series(), a_series(rate=20.0), a_series(tau=0.0), a_series(16, rate=1.0)):
        ours = regress_counts(data, PRIOR, model)
        with monkeypatch.context() as patch:
            patch.setattr(latent_counts_grid, "_FINE", (20, 12, 14))
            patch.setattr(latent_counts_grid, "_LOW", 99.0)
            fine = regress_counts(data, PRIOR, model)

        mean, sd = step_of(fine)
        assert abs(step_of(ours)[0] - mean) < 0.005 * sd
        assert np.abs(interval(ours) - interval(fine)).max() < 0.015 * sd
        assert ours.log_evidence == pytest.approx(fine.log_evidence, abs=0.05)


def test_without_states_it_is_the_poisson_glm() -> None:
    import statsmodels.api as sm

    data = a_series(200, rate=20.0, tau=0.0)
    known = sm.GLM(data.count, data.columns, sm.families.Poisson()).fit()

    found = regress_counts(data, VAGUE, INDEPENDENT)

    mean, sd = step_of(found)
    assert sd == pytest.approx(known.bse[1], rel=1e-3)
    assert abs(mean - known.params[1]) < 0.01 * sd
    assert interval(found) == pytest.approx(known.conf_int()[1], abs=0.02 * sd)


def test_poisson_counts_are_taken_for_what_they_are() -> None:
    import statsmodels.api as sm

    wider, moved = [], []
    for seed in range(7):
        data = a_series(180, rate=20.0, tau=0.0, seed=seed)
        known = sm.GLM(data.count, data.columns, sm.families.Poisson()).fit()
        mean, sd = step_of(regress_counts(data, VAGUE))
        wider.append(sd / known.bse[1])
        moved.append(abs(mean - known.params[1]) / known.bse[1])

    assert 1.0 <= np.median(wider) < 1.3
    assert max(moved) < 0.25


@pytest.mark.slow
def test_a_slow_sampler_agrees() -> None:
    data = a_series(24, rate=3.0, tau=0.5, extra=0.4, seed=4)
    found = regress_counts(data, PRIOR)

    known = sampled(data, PRIOR, 500, 2_400, np.random.default_rng(3))

    ours = np.array([*(found.weights @ found.mean), *hyper_means(found)])
    chains = known["mean"]
    errors = chains.std(axis=0, ddof=1) / np.sqrt(len(chains))
    spread = np.sqrt(known["square"].mean(axis=0) - chains.mean(axis=0) ** 2)
    assert (errors < 0.05 * spread).all()
    assert (np.abs(ours - chains.mean(axis=0)) < 4 * errors + 0.01 * spread).all()
    step = np.sort(known["draws"][:, :, 1].ravel())
    low, high = interval(found)
    for end, below in ((low, 0.025), (high, 0.975)):
        by_chain = (known["draws"][:, :, 1] < end).mean(axis=0)
        error = by_chain.std(ddof=1) / np.sqrt(len(by_chain))
        assert abs(np.searchsorted(step, end) / len(step) - below) < 4 * error + 0.002


def hyper_means(found: CountRegression) -> list[float]:
    nodes = found.nodes
    return [float(found.weights @ values) for values in (nodes.phi, nodes.tau, nodes.extra)]


def sicily() -> CountSeries:
    months = np.arange(59.0)
    x = np.column_stack([np.ones(59), months >= 36, months - 29])
    episodes, people = (np.array(text.split(), dtype=float) for text in (EPISODES, PEOPLE))
    return CountSeries(months, episodes, people, x)


def test_the_smoking_ban_of_sicily_is_that_of_maximum_likelihood() -> None:
    # the first model of the paper's code, glm(aces ~ offset(log(stdpop)) + smokban + time), by
    # statsmodels 0.14: the rate ratio of the ban with its 95 % interval
    likelihood = [0.8944, 0.8647, 0.9251]
    prior = CountPrior(np.array([10.0, 3.0, 1.0]), center=np.array([-6.0, 0.0, 0.0]))

    found = regress_counts(sicily(), prior, INDEPENDENT)

    ban = np.array([[0.0, 1.0, 0.0]])
    ratio = np.exp([found.functional(ban).mean()[0], *interval(found, ban)])
    assert ratio == pytest.approx(likelihood, abs=0.001)
    wider = interval(regress_counts(sicily(), prior, OVERDISPERSED), ban)
    correlated = interval(regress_counts(sicily(), prior), ban)
    assert np.ptp(interval(found, ban)) * 1.1 < np.ptp(wider) < np.ptp(correlated)


def test_overdispersion_widens_intervals() -> None:
    quiet, loud = a_series(tau=0.0, seed=3), a_series(tau=0.0, extra=0.8, seed=3)

    found = regress_counts(loud, PRIOR)

    assert np.ptp(interval(found)) > 1.3 * np.ptp(interval(regress_counts(quiet, PRIOR)))
    assert np.ptp(interval(found)) > 1.3 * np.ptp(
        interval(regress_counts(loud, PRIOR, INDEPENDENT))
    )


@pytest.mark.parametrize("model", MODELS)
def test_row_order_does_not_matter(model: CountModel) -> None:
    data = odd_series()
    mixed = np.random.default_rng(1).permutation(len(data.day))
    other = CountSeries(*(np.asarray(v)[mixed] for v in vars(data).values()))

    ours, theirs = (regress_counts(rows, PRIOR, model) for rows in (data, other))

    assert interval(theirs) == pytest.approx(interval(ours), rel=1e-6)


@pytest.mark.parametrize("factor", [1e-9, 7.0, 1e9])
def test_exposure_in_another_unit_shifts_only_the_level(factor: float) -> None:
    data = odd_series()
    prior = replace(PRIOR, center=np.array([0.5 - np.log(factor), 0.0]))

    ours = regress_counts(data, PRIOR)
    theirs = regress_counts(replace(data, exposure=factor * data.exposure), prior)

    level = np.array([[1.0, 0.0]])
    assert interval(theirs) == pytest.approx(interval(ours), rel=1e-6)
    assert interval(theirs, level) + np.log(factor) == pytest.approx(interval(ours, level))


def test_the_first_day_may_have_any_number() -> None:
    data = odd_series()

    ours, theirs = (regress_counts(replace(data, day=data.day + d), PRIOR) for d in (0, 20_000))

    assert interval(theirs) == pytest.approx(interval(ours), rel=1e-6)


def test_days_without_rows_have_states_and_tell_nothing() -> None:
    data = odd_series()
    ours = regress_counts(data, PRIOR)

    theirs = regress_counts(data, PRIOR, also=[3.0, 7.0, 8.0, 12.0])

    assert list(theirs.day) == [*range(13)]
    assert interval(theirs) == pytest.approx(interval(ours), rel=1e-4)
    draws = theirs.draw(500, np.random.default_rng(0))
    assert draws.states.shape == (500, 13)


def test_states_of_draws_follow_their_days() -> None:
    data = a_series(80, rate=400.0, tau=0.5)
    found = regress_counts(data, PRIOR, POISSON)

    draws = found.draw(400, np.random.default_rng(1))

    log_rate = draws.states.mean(axis=0) + data.columns @ draws.coefficients.mean(axis=0)
    away = (np.log(data.count) - log_rate) * np.sqrt(data.count)
    assert np.abs(away).mean() < 1.0


def test_draws_agree_with_the_mixture() -> None:
    found = regress_counts(a_series(), PRIOR)

    draws = found.resample(10_000, np.random.default_rng(1)).coefficients @ STEP[0]

    exact = found.functional(STEP)
    for q in (0.05, 0.5, 0.95):
        below = float(np.mean(draws < exact.quantile(q)[0]))
        assert abs(below - q) < 5 * np.sqrt(q * (1 - q) / len(draws)) + 0.003  # of the mixture


def test_resampled_draws_are_the_weighted_ones() -> None:
    found = regress_counts(a_series(rate=1.0), PRIOR)
    draws = found.draw(40_000, np.random.default_rng(5))
    weight = np.exp(draws.log_weight - draws.log_weight.max())

    again = found.resample(4_000, np.random.default_rng(6))

    for ours, theirs in ((again.coefficients[:, 1], draws.coefficients[:, 1]),
                         (again.tau, draws.tau)):  # fmt: skip
        known = np.average(theirs, weights=weight)
        assert abs(ours.mean() - known) < 5 * theirs.std() / np.sqrt(2_000)
    assert np.ptp(again.log_weight) == 0


def test_the_same_seed_draws_the_same() -> None:
    found = regress_counts(a_series(), PRIOR)

    one, two = (found.resample(50, np.random.default_rng(9)).coefficients for _ in range(2))

    assert (one == two).all()
    again = regress_counts(a_series(), PRIOR)
    assert (found.check.log_weight == again.check.log_weight).all()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "change",
    [
        lambda y: y * 1_000_000,
        lambda y: np.where(np.arange(len(y)) == 20, 1_000_000, y),
        lambda y: np.where(np.arange(len(y)) == 20, 1, 0),
        lambda y: np.where(np.arange(len(y)) < 30, y, 0),
        lambda y: np.where(np.arange(len(y)) < 30, 0, y),
        lambda y: 0 * y + 7,
    ],
    ids=["millions", "one-huge", "one-event", "none-after", "none-before", "constant"],
)
def test_extreme_counts_have_a_finite_answer(
    change: Callable[[Array], Array], model: CountModel
) -> None:
    data = a_series()

    found = regress_counts(replace(data, count=change(data.count).astype(float)), PRIOR, model)

    assert np.isfinite(interval(found)).all()
    assert np.isfinite(found.draw(200, np.random.default_rng(1)).log_weight).all()


@pytest.mark.parametrize("rate", [0.5, 5.0, 100.0])
@pytest.mark.parametrize("days", [16, 90, 400])
def test_the_check_vouches_for_usual_series(days: int, rate: float) -> None:
    found = regress_counts(a_series(days, rate=rate), PRIOR)

    assert not found.is_doubtful
    assert found.check.effective > 1_000


def test_the_check_doubts_what_it_should() -> None:
    data = a_series()
    alone = np.where(np.arange(60) == 20, 1e6, 0.0)  # nothing, and once a million

    assert regress_counts(replace(data, count=alone), PRIOR).is_doubtful


def test_no_events_are_no_answer() -> None:
    data = a_series()

    with pytest.raises(InsufficientData, match="no events"):
        regress_counts(replace(data, count=0 * data.count), PRIOR)


@pytest.mark.parametrize("bad", [-1.0, 0.5, np.nan, np.inf])
def test_counts_must_be_counts(bad: float) -> None:
    data = a_series()
    count = data.count.copy()
    count[3] = bad

    with pytest.raises(BadRows, match="whole numbers"):
        regress_counts(replace(data, count=count), PRIOR)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_exposures_must_be_positive(bad: float) -> None:
    data = a_series()
    exposure = data.exposure.copy()
    exposure[3] = bad

    with pytest.raises(BadRows, match="Exposures"):
        regress_counts(replace(data, exposure=exposure), PRIOR)
