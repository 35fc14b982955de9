"""Counts that are simulated before the data follow the whole prior, and are kept as they are."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from pymc_vibes.kinds.entity_rates import kind
from pymc_vibes.kinds.entity_rates.checks import posterior_check, prior_check
from pymc_vibes.stats.count_checks import DRAWS, MOST_COUNTS, STATISTICS, check_counts
from tests.contract.bench import Bench
from tests.kinds.entity_worlds import analyze, world_of

COUNTS = {f"e{i}": [3, 5, 4, 6, 2, 4] for i in range(12)}
EXTENSIONS: dict[str, dict[str, Any]] = {
    "zero inflation": {"zero_inflation": True},
    "covariates": {"covariates": True},
    "drift": {"autoregression": True},
    "exposure": {"exposure": "measured"},
}


def test_a_prior_share_of_empty_windows_is_simulated() -> None:
    posterior, config = analyze(Bench(), COUNTS)
    inflated = config.model_copy(update={"zero_inflation": True, "zero_share_prior_mean": 0.9})

    zeros = STATISTICS.index("share of zeros")
    plain = prior_check(posterior, config).simulated[:, zeros]
    found = prior_check(posterior, inflated).simulated[:, zeros]

    # zeros that come on top: share + (1 - share) * plain, in 6 standard errors of both means
    expected = 0.9 + 0.1 * plain.mean()
    error = ((found.var() + 0.01 * plain.var()) / DRAWS) ** 0.5
    assert abs(found.mean() - expected) < 6 * error


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_prior_makes_counts_as_its_worlds_do(extension: str) -> None:
    bench, given = Bench(), EXTENSIONS[extension]
    _, events, config = world_of(1, 72, **given)
    resolved, cells = bench.cells(kind, events, config)
    basic = bench.fit(kind, events, kind.example)[1]
    posterior = replace(basic, cells=cells)
    rng = np.random.default_rng(5)

    simulated = prior_check(posterior, resolved).simulated
    worlds = []
    for _ in range(400):
        counts = kind.simulate(kind.truth(config, rng), 72, rng)["count"].to_numpy()
        full = np.concatenate([counts, np.zeros(72 - len(counts))])  # a zero may have no row
        worlds.append(check_counts(full, full[None, :]).observed)

    # ranks of two samples of 1 000 and 400: false alarm 1e-6 for each of the statistics
    for one, other in zip(simulated.T, np.array(worlds).T, strict=True):
        assert ks_2samp(one, other).pvalue > 1e-6


def test_a_drift_widens_what_the_prior_expects() -> None:
    # the same populations, so that only the drift differs; large drifts, so that it can be seen
    bench = Bench()
    _, events, config = world_of(1, 240, autoregression=True, drift_prior_sd=3.0)
    resolved, cells = bench.cells(kind, events, config)
    posterior = replace(bench.fit(kind, events, kind.example)[1], cells=cells)

    steady = prior_check(posterior, resolved.model_copy(update={"autoregression": False}))
    drifting = prior_check(posterior, resolved)

    zeros = STATISTICS.index("share of zeros")
    gap = drifting.simulated[:, zeros].mean() - steady.simulated[:, zeros].mean()
    error = ((drifting.simulated[:, zeros].var() + steady.simulated[:, zeros].var()) / DRAWS) ** 0.5
    assert gap > 6 * error


def test_a_sampled_posterior_keeps_the_counts_of_its_checks() -> None:
    posterior, config = analyze(Bench(), COUNTS, engine="nuts", draws=200, tune=300, chains=2)
    assert posterior.samples is not None
    windows = 12 * 6
    groups = {
        name: posterior.samples[name] for name in ("prior_predictive", "posterior_predictive")
    }

    assert groups["prior_predictive"]["count"].shape == (1, DRAWS, windows)
    chains = posterior.samples["posterior"].sizes  # the sampler may have drawn more than asked
    kept = min(DRAWS, chains["chain"] * chains["draw"])
    assert groups["posterior_predictive"]["count"].shape == (1, kept, windows)
    assert set(groups["prior_predictive"]["entity"].to_numpy()) == set(COUNTS)
    rows = groups["posterior_predictive"]["count"].to_numpy()[0]
    check = posterior_check(posterior, config)
    assert check.simulated[:, 0] == pytest.approx(rows.mean(axis=1))


def test_simulated_counts_are_bounded_and_the_check_says_of_whom() -> None:
    rng = np.random.default_rng(4)
    counts = {f"e{i:04d}": rng.poisson(2, 5).tolist() for i in range(2_000)}
    posterior, config = analyze(Bench(), counts)

    check = prior_check(posterior, config)

    assert check.of == "Counts of 500 of 2,000 entities are compared."
    assert len(check.simulated) * 500 * 5 <= MOST_COUNTS
