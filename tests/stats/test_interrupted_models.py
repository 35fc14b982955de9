"""Sampled models of a series against integrals, the exact engines, and worlds that are known."""

from dataclasses import dataclass
from math import log

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.core.run import NOBODY
from pymc_vibes.stats import interrupted_models, nuts
from pymc_vibes.stats.autoregression import (
    Grid,
    Prior,
    fixed_grid,
    make_grid,
    regress,
    state_grid,
    whiten,
)
from pymc_vibes.stats.calibrate import dkw_bound, least_distance, sbc_ranks
from pymc_vibes.stats.chains import measure
from pymc_vibes.stats.draws import sampled_posterior
from pymc_vibes.stats.interrupted_sampling import (
    Errors,
    Observation,
    count_model,
    prior_draws,
    series_draws,
    series_model,
)
from pymc_vibes.stats.latent_counts import CountModel, CountPrior, CountSeries, regress_counts
from pymc_vibes.stats.special import Array
from pymc_vibes.stats.student import StudentMixture
from tests.stats.interrupted_worlds import ar1, covariance

NAMES = ["level", "trend", "step", "ramp"]
STEP = NAMES.index("step")
PRIOR = Prior(np.array([5.0, 1.0, 3.0, 1.0]))
QUICK = nuts.SamplerSettings(seed=11)
LONG = nuts.SamplerSettings(seed=11, draws=25_000)
CORRELATIONS = [(0.0, 0.5), (0.5, 0.7), (0.9, 0.5), (0.8, 0.98)]


@dataclass(frozen=True)
class World:
    """A series of 60 days, its change at day 30 and an effect of 1."""

    day: Array
    count: Array
    columns: Array
    y: Array

    def model(
        self, observation: Observation = "normal", errors: Errors = "ar1-white"
    ) -> nuts.Model:
        return series_model(
            self.day,
            self.count,
            self.columns,
            self.y,
            PRIOR,
            observation=observation,
            errors=errors,
            names=NAMES,
        )

    def exact(self, grid: Grid | None = None) -> StudentMixture:
        columns = np.column_stack([self.columns, self.y])
        whitened = whiten(self.day, self.count, columns, grid or make_grid(len(self.day)))
        return regress(whitened, PRIOR).functional(np.eye(4)[STEP : STEP + 1])


def terms(day: Array) -> Array:
    after = (day >= 30).astype(float)
    return np.column_stack([np.ones(len(day)), day / 59 - 0.5, after, after * (day - 44.5) / 29])


def world(phi: float, share: float, seed: int, *, missing: float = 0.15) -> World:
    """Simulate days of unequal counts, some of them missing."""
    rng = np.random.default_rng(seed)
    day = np.flatnonzero(rng.random(60) >= missing).astype(float)
    count = rng.integers(1, 9, len(day)).astype(float)
    white = rng.standard_normal(len(day)) * np.sqrt((1 - share) * count.mean() / count)
    columns = terms(day)
    state = np.sqrt(share) * ar1(60, phi, rng)[day.astype(int)]
    return World(day, count, columns, columns[:, STEP] + state + white)


def counted(seed: int, *, extra: float) -> CountSeries:
    rng = np.random.default_rng(seed)
    day = np.flatnonzero(rng.random(60) >= 0.1).astype(float)
    exposure = rng.uniform(0.5, 2.0, len(day))
    columns = terms(day)
    state = 0.3 * ar1(60, 0.6, rng)[day.astype(int)]
    mean = exposure * np.exp(1.5 + 0.4 * columns[:, STEP] + state)
    mean *= rng.gamma(extra**-2, extra**2, len(day)) if extra else 1.0
    return CountSeries(day, rng.poisson(mean).astype(float), exposure, columns)


def steps(sampled: nuts.Sampled) -> Array:
    return np.asarray(sampled.tree["posterior"]["coefficients"].to_numpy()[:, :, STEP])


def standard_errors(chains: Array, known: StudentMixture) -> tuple[float, float]:
    """Those of the mean and of the ends of the 95 % interval, in sds of the posterior."""
    _, bulk, tail = measure(chains[:, :, None])
    least, sd = min(bulk[0], tail[0]), known.sd()[0]
    height = min(known.pdf(0, known.quantile(q))[0] for q in (0.025, 0.975))
    return float(least**-0.5), float(np.sqrt(0.025 * 0.975 / least) / (height * sd))


def assert_close(sampled: nuts.Sampled, known: StudentMixture, *, allowed: float) -> None:
    """The allowed difference is in sds of the posterior, beside four standard errors."""
    chains, sd = steps(sampled), known.sd()[0]
    of_mean, of_end = standard_errors(chains, known)
    assert abs(chains.mean() - known.mean()[0]) / sd < allowed + 4 * of_mean
    for q in (0.025, 0.975):
        gap = abs(np.quantile(chains, q) - known.quantile(q)[0]) / sd
        assert gap < allowed + 4 * of_end


def assert_clean(sampled: nuts.Sampled) -> None:
    diagnostics = sampled.diagnostics
    assert diagnostics.verdict == "good"
    assert diagnostics.divergences == 0
    assert diagnostics.ess_bulk_min is not None
    assert diagnostics.ess_bulk_min > 400


def marginal(model: nuts.Model, errors: Errors, at: dict[str, Array]) -> float:
    """Integrate the states out: the density is that of a normal in their coordinates."""
    built = interrupted_models.normal(model.data, errors=errors)
    states = [variable for variable in built.free_RVs if variable.name == "state_standard"]
    density = built.compile_logp(mode="FAST_COMPILE", jacobian=False)
    if not states:
        return float(density(at))
    slope = built.compile_dlogp(states, mode="FAST_COMPILE", jacobian=False)
    many = len(model.data["real"])
    first = slope({**at, "state_standard": np.zeros(many)})
    curve = np.array([first - slope({**at, "state_standard": e}) for e in np.eye(many)])
    top = np.linalg.solve(curve, first)
    rest = np.linalg.slogdet(curve)[1] - many * log(2 * np.pi)
    return float(density({**at, "state_standard": top}) - rest / 2)


@pytest.mark.parametrize(
    ("errors", "phi", "share"),
    [("ar1-white", 0.7, 0.4), ("ar1", 0.7, 1.0), ("independent", 0.0, 0.5)],
)
def test_the_density_is_that_of_the_model_whatever_the_coordinates(
    errors: Errors, phi: float, share: float
) -> None:
    seen = world(0.6, 0.6, 3)
    seen = World(seen.day[:20], seen.count[:20], seen.columns[:20], seen.y[:20])
    model = seen.model(errors=errors)
    start, axes = model.data["start"], model.data["axes"]

    def told(along: Array, precision: float, phi: float, share: float) -> tuple[float, float]:
        at = {"along": along, "precision_log__": np.log(precision)}
        at |= {"phi_interval__": np.log(phi / (1 - phi))} if errors != "independent" else {}
        at |= {"share_interval__": np.log(share / (1 - share))} if errors == "ar1-white" else {}
        sigma = precision**-0.5
        b = start + sigma * axes @ along
        whole = sigma**2 * covariance(seen.day, seen.count, phi, share)
        known = stats.multivariate_normal(seen.columns @ b, whole).logpdf(seen.y)
        # coordinates along axes that are in units of sigma: its constant cancels
        known += stats.norm(0, sigma * PRIOR.sd).logpdf(b).sum() + len(b) * log(sigma)
        known += stats.gamma(1.0, scale=1.0).logpdf(precision)
        return marginal(model, errors, at), float(known)

    here = told(np.zeros(4), 1.0, phi, share)
    other = (0.3, 0.8) if errors == "ar1-white" else (phi / 2, share)
    there = told(np.array([0.5, -1.0, 0.2, 1.0]), 2.5, *other)

    assert here[0] - there[0] == pytest.approx(here[1] - there[1], abs=1e-8)


@pytest.mark.parametrize(("phi", "share"), CORRELATIONS)
def test_chains_agree_with_the_exact_engine(phi: float, share: float) -> None:
    seen = world(phi, share, seed=int(100 * phi))

    sampled = nuts.sample(seen.model(), QUICK, NOBODY)

    assert_clean(sampled)
    assert_close(sampled, seen.exact(), allowed=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("phi", "share"), CORRELATIONS)
@pytest.mark.parametrize("errors", ["ar1-white", "ar1", "independent"])
def test_long_chains_are_within_two_percent_of_an_sd_of_the_exact_engine(
    errors: Errors, phi: float, share: float
) -> None:
    seen = world(phi, share, seed=int(100 * phi))
    grids = {"ar1-white": None, "ar1": state_grid(60), "independent": fixed_grid([0.0], [0.5])}

    sampled = nuts.sample(seen.model(errors=errors), LONG, NOBODY)

    known = seen.exact(grids[errors])
    assert_clean(sampled)
    assert max(standard_errors(steps(sampled), known)) < 0.02
    assert_close(sampled, known, allowed=0.02)


def places(values: Array, law: stats.rv_continuous) -> float:
    return float(stats.kstest(values, law.cdf).statistic)


@pytest.mark.parametrize("errors", ["ar1-white", "ar1", "independent"])
def test_prior_draws_of_a_series_have_their_laws(errors: Errors) -> None:
    drawn = prior_draws(world(0.5, 0.5, 1).model(errors=errors), 20_000, np.random.default_rng(1))

    most = 1.95 / np.sqrt(20_000)  # larger once in a thousand
    coefficients = drawn["coefficients"].to_numpy()[0]
    for column, sd in enumerate(PRIOR.sd):  # a normal whose scale is drawn too is Student-t
        law = stats.t(PRIOR.weight, scale=PRIOR.spread * sd)
        assert places(coefficients[:, column], law) < most
    given = {"ar1-white": {"phi", "share"}, "ar1": {"phi"}, "independent": set()}[errors]
    assert {"phi", "share"} & set(drawn) == given
    for name in given:
        assert places(drawn[name].to_numpy()[0], stats.uniform()) < most


def test_prior_draws_of_counts_and_of_heavy_tails_have_their_laws() -> None:
    rng, most = np.random.default_rng(2), 1.95 / np.sqrt(20_000)
    prior = CountPrior(np.array([5.0, 1.0, 1.0, 1.0]), np.array([2.0, 0.0, 0.0, 0.0]))
    counts = prior_draws(count_model(counted(1, extra=0.3), prior), 20_000, rng)
    tails = prior_draws(world(0.5, 0.5, 1).model("student"), 20_000, rng)

    level = counts["coefficients"].to_numpy()[0, :, 0]
    assert places(level, stats.norm(2, 5)) < most
    assert places(counts["tau"].to_numpy()[0], stats.expon(scale=prior.state_spread)) < most
    extra = counts["alpha"].to_numpy()[0] ** -0.5
    assert places(extra, stats.expon(scale=prior.extra_spread)) < most
    assert places(tails["nu"].to_numpy()[0], stats.gamma(2, loc=2, scale=10)) < most


def test_student_noise_hardly_changes_the_answer_where_noise_is_normal() -> None:
    seen = world(0.5, 0.6, seed=2)

    sampled = nuts.sample(seen.model("student"), QUICK, NOBODY)

    known = seen.exact()
    sd = known.sd()[0]
    assert_clean(sampled)
    assert abs(steps(sampled).mean() - known.mean()[0]) < sd / 4
    assert 0.8 < steps(sampled).std() / sd < 1.2


def test_student_noise_finds_the_effect_among_gross_outliers() -> None:
    errors, widths = [], []
    for seed in range(6):
        seen = world(0.5, 0.6, seed)
        rng = np.random.default_rng(seed)
        wrong = rng.choice(len(seen.day), 3, replace=False)  # 5 % of the days
        y = seen.y.copy()
        y[wrong] += 20 * rng.choice([-1, 1], 3)
        spoiled = World(seen.day, seen.count, seen.columns, y)

        sampled = nuts.sample(spoiled.model("student"), QUICK, NOBODY)

        drawn = series_draws(sampled).coefficients[:, STEP]
        errors.append((drawn.mean() - 1.0) / drawn.std())
        widths.append(drawn.std() / spoiled.exact().sd()[0])
    # about standard normal: false alarms below 1e-3
    assert abs(np.mean(errors)) < 4 / np.sqrt(6)
    assert max(np.abs(errors)) < 4
    assert max(widths) < 0.5


@pytest.mark.parametrize("extra", [0.5, 0.2])
def test_chains_of_counts_agree_with_the_laplace_engine(extra: float) -> None:
    series, prior = counted(5, extra=extra), CountPrior(np.array([5.0, 1.0, 1.0, 1.0]))

    sampled = nuts.sample(count_model(series, prior, names=NAMES), QUICK, NOBODY)

    found = regress_counts(series, prior, CountModel("negative-binomial"))
    assert_clean(sampled)
    assert_close(sampled, found.functional(np.eye(4)[STEP : STEP + 1]), allowed=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("errors", ["ar1", "independent"])
@pytest.mark.parametrize("family", ["poisson", "negative-binomial"])
def test_all_chains_of_counts_agree_with_the_laplace_engine(family: str, errors: str) -> None:
    series, prior = counted(6, extra=0.3), CountPrior(np.array([5.0, 1.0, 1.0, 1.0]))

    model = count_model(series, prior, family=family, errors=errors)  # type: ignore[arg-type]  # names of pytest
    sampled = nuts.sample(model, LONG, NOBODY)

    found = regress_counts(series, prior, CountModel(family, errors))  # type: ignore[arg-type]  # the same
    assert_clean(sampled)
    assert_close(sampled, found.functional(np.eye(4)[STEP : STEP + 1]), allowed=0.05)


def test_counts_give_back_what_made_them() -> None:
    prior, scores = CountPrior(np.array([5.0, 1.0, 1.0, 1.0])), []
    for seed in range(6):
        drawn = series_draws(
            nuts.sample(count_model(counted(seed, extra=0.3), prior), QUICK, NOBODY)
        )
        assert drawn.tau is not None
        assert drawn.alpha is not None
        for found, truth in (
            (drawn.coefficients[:, STEP], 0.4),
            (np.log(drawn.tau), log(0.3)),
            (np.log(drawn.alpha), -2 * log(0.3)),
        ):
            scores.append((found.mean() - truth) / found.std())
    # posteriors of logarithms have a long tail to the left, so four sds are rarer than of a normal
    assert max(np.abs(scores)) < 4


def test_a_refit_with_other_days_is_no_other_structure() -> None:
    first, other = world(0.5, 0.5, 1), world(0.5, 0.5, 2, missing=0.3)
    counts = counted(1, extra=0.0), counted(2, extra=0.0)
    prior = CountPrior(np.ones(4))

    assert len(first.day) != len(other.day)
    assert first.model().structure == other.model().structure
    assert first.model().structure != first.model("student").structure
    assert len(counts[0].day) != len(counts[1].day)
    assert count_model(counts[0], prior).structure == count_model(counts[1], prior).structure


def test_draws_are_rows_of_the_chains_in_order() -> None:
    seen = world(0.5, 0.5, 1)

    sampled = nuts.sample(seen.model(), nuts.SamplerSettings(seed=1, draws=400), NOBODY)

    drawn, posterior = series_draws(sampled), sampled.tree["posterior"]
    draws = posterior.sizes["draw"]
    assert drawn.sigma is not None
    assert drawn.share is not None
    assert drawn.nu is drawn.tau is drawn.alpha is None
    assert drawn.sigma[draws + 3] == posterior["sigma"].to_numpy()[1, 3]
    assert drawn.share[2 * draws] == posterior["share"].to_numpy()[2, 0]
    expected = posterior["coefficients"].sel(coefficient="step").to_numpy()[1, 3]
    assert drawn.coefficients[draws + 3, STEP] == expected


def test_a_state_without_white_noise_takes_one_row_a_day_and_no_student_noise() -> None:
    seen = world(0.5, 0.5, 1)
    twice = World(
        *(np.repeat(part, 2, axis=0) for part in (seen.day, seen.count, seen.columns, seen.y))
    )

    with pytest.raises(ValueError, match="one row"):
        twice.model(errors="ar1")
    with pytest.raises(ValueError, match="no Student-t noise"):
        seen.model("student", "ar1")


@pytest.mark.slow
def test_student_noise_is_calibrated() -> None:
    import pyarrow as pa
    import xarray as xr

    day = np.delete(np.arange(60.0), [7, 8, 20, 41])
    columns, count = terms(day), 1.0 + (day % 4)

    def truth(rng: np.random.Generator) -> xr.Dataset:
        sigma = rng.gamma(1.0) ** -0.5
        numbers = {
            "sigma": sigma,
            "phi": rng.uniform(),
            "share": rng.uniform(),
            "nu": 2 + rng.gamma(2.0, 10.0),
        }
        b = sigma * PRIOR.sd * rng.standard_normal(4)
        return xr.Dataset(
            {**numbers, "coefficients": ("coefficient", b)}, coords={"coefficient": NAMES}
        )

    def learn(world: xr.Dataset, rng: np.random.Generator) -> object:
        sigma, phi, share, nu = (float(world[n]) for n in ("sigma", "phi", "share", "nu"))
        state = np.sqrt(share) * ar1(60, phi, rng)[day.astype(int)]
        white = np.sqrt((1 - share) * count.mean() / count) * rng.standard_t(nu, len(day))
        y = columns @ world["coefficients"].to_numpy() + sigma * (state + white)
        settings = nuts.SamplerSettings(seed=int(rng.integers(2**31)), draws=800, tune=600)
        model = World(day, count, columns, y).model("student")
        return sampled_posterior(
            nuts.sample(model, settings, NOBODY),
            cells=pa.table({"day": day}),
            constants={},
            units=dict.fromkeys(("coefficients", "sigma", "phi", "share", "nu"), ""),
        )

    places = sbc_ranks(truth, learn, worlds=120, seed=8)  # type: ignore[arg-type]  # pyarrow is slow

    # five numbers: a false alarm is at most 5e-6 likely
    assert max(least_distance(found) for found in places.values()) < dkw_bound(120)
