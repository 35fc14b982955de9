"""The epileptic seizures: a published model by our sampler, and our own model by three methods."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from pymc_vibes.core.config import parse
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.entity_rates import kind
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from pymc_vibes.stats import nuts
from pymc_vibes.stats.chains import mcse_mean
from pymc_vibes.stats.entity_hierarchy import EntityPrior
from tests.calibration.agreement import scores, worst
from tests.calibration.seizures import COUNTS, PUBLISHED, covariates
from tests.contract.bench import Bench
from tests.kinds.entity_worlds import events_of
from tests.stats.entity_worlds import table

PATIENTS = [f"patient {number:02d}" for number in range(1, 60)]


@pytest.mark.slow
def test_the_published_model_has_its_published_posterior() -> None:
    x = np.column_stack([column - column.mean() for column in covariates().values()])
    data = {"y": COUNTS, "x": x, "last": np.array([-0.25, -0.25, -0.25, 0.75])}
    model = nuts.Model("tests.calibration.models:seizures", data=data)

    sampled = nuts.sample(model, nuts.SamplerSettings(draws=4000, seed=1), NOBODY)

    assert sampled.diagnostics.verdict == "good"
    for name, (mean, sd, error) in PUBLISHED.items():
        draws = sampled.tree["posterior"][name].to_numpy()[..., None]
        # 14 numbers at 5 standard errors of both chains: false alarms below 1 in 100 000
        assert abs(draws.mean() - mean) < 5 * np.hypot(mcse_mean(draws)[0], error)
        effective = (sd / error) ** 2
        assert draws.std() == pytest.approx(sd, rel=5 / np.sqrt(2 * effective))


@pytest.mark.slow
def test_effects_of_covariates_are_near_those_of_the_published_model() -> None:
    """Compare with a neighbor: Gamma and not lognormal effects of patients and of visits."""
    known = covariates()
    columns = {f"x_{name}": np.repeat(column, 4) for name, column in known.items()}
    columns["x_V4"] = np.tile([0.0, 0.0, 0.0, 1.0], 59)
    events = events_of(dict(zip(PATIENTS, COUNTS.tolist(), strict=True)), **columns)
    given = {"covariates": True, "effect_prior_sd": 10.0, "draws": 1500}

    _, posterior = Bench().fit(kind, events, parse(EntityConfig, given))

    assert posterior.diagnostics.verdict == "good"
    effect = posterior["effect"]
    scale = {name: column.std() for name, column in columns.items()}
    for name, mean in zip(effect.labels, effect.distribution.mean(), strict=True):
        published, sd, _ = PUBLISHED[name.removeprefix("x_")]
        assert abs(mean / scale[name] - published) < 0.75 * sd


def by_grid() -> dict[str, np.ndarray]:
    """Integrate the reference model over rows, rates and hyperparameters, all by brute force."""
    log_mu, log_alpha = np.linspace(1.2, 3.2, 41), np.linspace(-3.6, -0.6, 41)
    log_phi, log_theta = np.linspace(0.0, 2.4, 31), np.linspace(-9, 6.5, 700)
    mu, alpha = (np.exp(a).ravel() for a in np.meshgrid(log_mu, log_alpha, indexing="ij"))
    phi, theta = np.exp(log_phi), np.exp(log_theta)
    # per unit of log theta
    population = theta[:, None] * stats.gamma.pdf(theta[:, None], mu * alpha, scale=1 / alpha)
    prior = stats.expon.logpdf(mu, scale=10) + stats.halfnorm.logpdf(alpha, scale=2)
    prior = prior + np.log(mu * alpha)
    logs, rates = [], []
    for size in phi:
        each = stats.nbinom.logpmf(COUNTS[..., None], size, size / (size + theta)).sum(axis=1)
        top = each.max(axis=1, keepdims=True)
        own = np.exp(each - top)
        mass = own @ population
        logs.append(prior + (np.log(mass) + top).sum(axis=0))
        logs[-1] += stats.halfnorm.logpdf(size, scale=2) + np.log(size)
        rates.append((own * theta) @ population / mass)
    weights = np.exp(np.array(logs) - logsumexp(logs))
    return {
        "mu": weights.sum(axis=0) @ mu,
        "alpha": weights.sum(axis=0) @ alpha,
        "phi": weights.sum(axis=1) @ phi,
        "theta": np.einsum("pi,pei->e", weights, np.array(rates)),
        "edge": np.array(_edge(weights.reshape(31, 41, 41))),
    }


def _edge(weights: np.ndarray) -> float:
    inside = weights[1:-1, 1:-1, 1:-1].sum()
    return float(1 - inside)


def test_quadrature_agrees_with_brute_force() -> None:
    fit = table(COUNTS.tolist()).fit(EntityPrior.reference())

    grid = by_grid()

    assert grid["edge"] < 1e-4
    assert fit.error_estimate < 1e-3
    for name in ("mu", "alpha", "phi"):
        assert getattr(fit, name).mean()[0] == pytest.approx(grid[name], rel=2e-3)
    assert fit.rates.mean() == pytest.approx(grid["theta"], rel=2e-3)


def test_patients_are_pulled_toward_the_mean_and_keep_their_order() -> None:
    fit = table(COUNTS.tolist()).fit(EntityPrior.reference())

    own, pooled, mean = COUNTS.mean(axis=1), fit.rates.mean(), fit.mu.mean()[0]

    order = np.argsort(own, kind="stable")
    assert (np.diff(pooled[order])[np.diff(own[order]) > 0] > 0).all()
    far = np.abs(own - mean) > 3  # nearer, the skewness of the rates counts for more
    lower, upper = np.minimum(own, mean), np.maximum(own, mean)
    assert ((pooled > lower) & (pooled < upper))[far].all()
    # noise grows with the rate, so that counts of 302 in four periods are pulled by 30 %
    assert pooled[own.argmax()] == pytest.approx(55.2, abs=0.1)


@pytest.mark.slow
def test_a_sampler_agrees_with_quadrature() -> None:
    fit = table(COUNTS.tolist()).fit(EntityPrior.reference())
    who = np.repeat(np.arange(59), 4)
    data = {
        "entity_idx": who, "y_obs": COUNTS.ravel(), "known": np.ones(59),
        "prior": np.array([0.1, 2.0, 2.0]), "planted": np.zeros(3),
    }  # fmt: skip
    model = nuts.Model("tests.calibration.models:entities", data=data)

    sampled = nuts.sample(model, nuts.SamplerSettings(draws=10_000, seed=3), NOBODY)

    assert sampled.diagnostics.verdict == "good"
    engine = {"mu": fit.mu, "alpha": fit.alpha, "phi": fit.phi, "theta": fit.rates}
    found = scores(engine, sampled.tree["posterior"])
    # 434 numbers at 6 standard errors: false alarms below 1 in a million
    assert worst(found)[0] < 6
