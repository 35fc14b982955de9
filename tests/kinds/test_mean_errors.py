"""The Monte Carlo errors that means of a sampled hierarchy carry, against those of ArviZ."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from pymc_vibes.kinds.poisson_cohorts import kind
from tests.kinds.test_poisson_hierarchy import PUMPS, pumps


def test_only_numbers_of_chains_carry_the_error_of_the_chains() -> None:
    exact, config = pumps()
    sampled, _ = pumps(engine="nuts", draws=4000)  # of which all are read
    assert sampled.samples is not None
    chains = sampled.samples["posterior"]
    alpha, beta = (chains[name].to_numpy() for name in ("alpha", "beta"))

    computed = kind.summarize(exact, config).estimates
    told = {estimate.label: estimate for estimate in kind.summarize(sampled, config).estimates}
    named = {estimate.name: estimate.mcse for estimate in told.values()}

    assert [estimate.mcse for estimate in computed] == [None] * len(computed)
    of_alpha = float(array_stats.mcse(alpha, chain_axis=0, draw_axis=1))
    assert named["alpha"] == pytest.approx(of_alpha, rel=1e-9)
    # given the hyperparameters a rate is a Gamma, so only its conditional mean has noise
    given = {name: (k + alpha) / (exposure + beta) for name, k, exposure in PUMPS}
    rates = sorted(given.keys() & told.keys())
    ours = [told[name].mcse for name in rates]
    of_arviz = [float(array_stats.mcse(given[n], chain_axis=0, draw_axis=1)) for n in rates]
    assert rates
    assert ours == pytest.approx(of_arviz, rel=1e-9)
    gaps = np.array([told[name].mean for name in rates]) - [given[n].mean() for n in rates]
    assert (np.abs(gaps) < 0.01 * np.array(of_arviz)).all()
