"""Stopping rules: exact behavior against simulation, published numbers and identities."""

from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.spending import Guard, ObrienFleming, Pocock
from pymc_vibes.stats.stopping import (
    Behavior,
    Boundaries,
    bayesian,
    behavior,
    fixed_level,
    spending,
)

EQUAL = (0.2, 0.4, 0.6, 0.8, 1.0)
TRIALS = 200_000
BAYES = bayesian(EQUAL, 4.0, prior_sd=0.8, benefit=0.95, futility=0.05)
RULES = {
    "bayesian": BAYES,
    "unequal": bayesian((0.1, 0.15, 0.7, 1.0), 9.0, prior_sd=0.3, benefit=0.975, futility=0.1),
    "spending": spending(Guard(spending=ObrienFleming()), EQUAL),
    "one-sided": spending(Guard(spending=Pocock(), sides=1), EQUAL),
}


def simulated(rule: Boundaries, drift: float, seed: int) -> dict[str, np.ndarray]:
    """Walk many trials, one look after the other."""
    rng = np.random.default_rng(seed)
    score = np.zeros(TRIALS)
    ended = np.full(TRIALS, len(rule.fractions) - 1)
    benefit, other = np.zeros(TRIALS, dtype=bool), np.zeros(TRIALS, dtype=bool)
    estimate, before = np.zeros(TRIALS), 0.0
    for look, fraction in enumerate(rule.fractions):
        step = fraction - before
        score += drift * step + sqrt(step) * rng.standard_normal(TRIALS)
        z, before = score / sqrt(fraction), fraction
        is_open = ~(benefit | other)
        up, down = is_open & (z >= rule.upper[look]), is_open & (z <= rule.lower[look])
        estimate[up] = score[up] / fraction
        ended[up | down] = look
        benefit, other = benefit | up, other | down
    return {"benefit": benefit, "other": other, "ended": ended, "estimate": estimate[benefit]}


def off(value: float, draws: np.ndarray) -> float:
    """Give how many standard errors the mean of draws is away."""
    return abs(value - draws.mean()) / (draws.std() / sqrt(len(draws)))


@pytest.mark.parametrize("drift", [0.0, 1.0, 2.8])
@pytest.mark.parametrize("name", sorted(RULES))
def test_behavior_agrees_with_simulation(name: str, drift: float) -> None:
    rule, days = RULES[name], np.array([10.0, 25.0, 40.0, 60.0, 90.0])[: len(RULES[name].upper)]
    exact, drawn = behavior(rule, drift), simulated(rule, drift, seed=3)

    assert exact.estimate is not None
    # 60 comparisons at 5 standard errors: a false alarm in 4 runs of 100,000
    assert off(exact.chance_of_benefit, drawn["benefit"]) < 5
    assert off(exact.expected(days.tolist()), days[drawn["ended"]]) < 5
    assert off(exact.estimate, drawn["estimate"]) < 5
    expected = stats.binom(TRIALS, exact.chance_of_other)
    assert expected.sf(drawn["other"].sum() - 1) > 1e-6
    assert expected.cdf(drawn["other"].sum()) > 1e-6


@pytest.mark.parametrize(("looks", "rate"), [(5, 0.142), (13, 0.214), (45, 0.312)])
def test_unadjusted_looks_have_the_known_type_one_error(looks: int, rate: float) -> None:
    fractions = [(look + 1) / looks for look in range(looks)]

    found = behavior(fixed_level(fractions, 0.95), 0.0)

    assert round(found.chance_of_benefit + found.chance_of_other, 3) == rate


def test_error_spending_spends_its_error_and_no_more() -> None:
    found = behavior(RULES["spending"], 0.0)

    assert found.chance_of_benefit + found.chance_of_other == pytest.approx(0.05, abs=1e-10)


def test_a_flat_prior_makes_a_chance_a_p_value() -> None:
    flat = bayesian((1.0,), 7.0, prior_sd=inf, benefit=0.975, futility=0.025)

    assert behavior(flat, 0.0).chance_of_benefit == pytest.approx(0.025, abs=1e-12)


def test_a_boundary_is_where_the_posterior_says_so() -> None:
    information, prior_sd, look = 4.0, 0.8, 1
    precision = EQUAL[look] * information
    estimate = BAYES.upper[look] / sqrt(precision)
    spread = 1 / sqrt(precision + 1 / prior_sd**2)

    assert stats.norm.cdf(estimate * precision * spread**2 / spread) == pytest.approx(0.95)


def test_the_unit_of_the_effect_does_not_matter() -> None:
    other = bayesian(EQUAL, 4.0 / 50**2, prior_sd=0.8 * 50, benefit=0.95, futility=0.05)

    assert other.upper == pytest.approx(BAYES.upper, rel=1e-12)


def test_stopping_early_exaggerates_more_than_one_look() -> None:
    at_once = behavior(bayesian((1.0,), 4.0, prior_sd=0.8, benefit=0.95, futility=0.05), 1.0)
    again_and_again = behavior(BAYES, 1.0)

    assert at_once.estimate is not None
    assert again_and_again.estimate is not None
    assert again_and_again.estimate > at_once.estimate > 1.0


def test_every_trial_ends_once() -> None:
    found = behavior(BAYES, 0.7)

    assert isinstance(found, Behavior)
    ends = found.benefit + found.other
    assert found.reached[0] == pytest.approx(1.0)
    assert found.reached[1:] == pytest.approx(1 - np.cumsum(ends)[:-1], abs=1e-12)


def test_a_rule_that_never_stops_for_benefit_has_no_estimate() -> None:
    never = Boundaries(fractions=(0.5, 1.0), upper=(inf, inf), lower=(-1.0, -1.0))

    assert behavior(never, 1.0).estimate is None


@pytest.mark.parametrize(("benefit", "futility"), [(0.5, 0.1), (0.9, 0.5), (1.0, 0.1), (0.9, 0.0)])
def test_thresholds_must_lie_on_their_sides(benefit: float, futility: float) -> None:
    with pytest.raises(BadConfig):
        bayesian(EQUAL, 1.0, prior_sd=1.0, benefit=benefit, futility=futility)
