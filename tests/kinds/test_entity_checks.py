"""Counts that are simulated before the data follow the whole prior."""

from pymc_vibes.kinds.entity_rates.checks import DRAWS, STATISTICS, prior_check
from tests.contract.bench import Bench
from tests.kinds.entity_worlds import analyze

COUNTS = {f"e{i}": [3, 5, 4, 6, 2, 4] for i in range(12)}


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
