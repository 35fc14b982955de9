"""Figures of a sampler say in their titles whether to trust it."""

import numpy as np
import pytest

from pymc_vibes.stats.sampler_figures import count_checks, predictive_check, trace_and_ranks


def chains(shift: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(1).standard_normal((4, 1000))
    values[0] += shift
    return values


def test_chains_that_agree_are_said_to_agree() -> None:
    trace, ranks = trace_and_ranks("alpha", chains(), label="alpha", unit="events per day")

    assert trace.title.startswith("The 4 chains of alpha agree")
    assert "R-hat is 1.00" in ranks.alt
    assert trace.spec.y.label == "alpha, events per day"


def test_chains_that_disagree_are_said_to_disagree() -> None:
    trace, ranks = trace_and_ranks("alpha", chains(shift=1.0), label="alpha")

    assert "do not agree" in trace.title
    assert "do not agree" in ranks.title


def test_ranks_of_independent_draws_stay_in_the_band() -> None:
    _, ranks = trace_and_ranks("alpha", chains(), label="alpha")

    band = ranks.spec.tables["line_0"]
    low, high = float(band["low"][0] or 0), float(band["high"][0] or 0)
    shares = [
        float(value or 0)
        for name, columns in ranks.spec.tables.items()
        if name != "line_0"
        for value in columns["y"]
    ]
    outside = sum(not low <= share <= high for share in shares)
    assert len(shares) == 80
    assert outside <= 12  # of 80 at 5 %: more happens once in 2 000


def test_a_long_trace_is_thinned_and_says_so() -> None:
    trace, _ = trace_and_ranks("alpha", np.tile(chains(), (1, 5)), label="alpha")

    assert len(trace.spec.tables["line_0"]["x"]) == 250
    assert "Every 20th draw" in trace.spec.note


@pytest.mark.parametrize(
    ("mean", "words"),
    [(2.0, "Data of the model have the observed"), (6.0, "have a larger mean than observed")],
)
def test_a_check_says_whether_the_model_makes_such_data(mean: float, words: str) -> None:
    rng = np.random.default_rng(2)
    observed, replicated = rng.poisson(2, 60), rng.poisson(mean, (400, 60))

    checks = count_checks(observed, replicated)
    figures = [predictive_check(f"check_{i}", check) for i, check in enumerate(checks)]

    assert [c.statistic for c in checks] == ["mean", "variance", "share of zeros", "maximum"]
    assert words in figures[0].title


def test_missing_zeros_are_found() -> None:
    rng = np.random.default_rng(2)
    observed = np.concatenate([np.zeros(40), rng.poisson(5, 40)])

    zeros = count_checks(observed, rng.poisson(2.5, (400, 80)))[2]

    assert not zeros.is_reproduced
    assert predictive_check("zeros", zeros).title.endswith("smaller share of zeros than observed")


@pytest.mark.parametrize("observed", [0, 7])
def test_a_statistic_that_never_varies_can_be_drawn(observed: int) -> None:
    checks = count_checks(np.full(20, observed), np.zeros((50, 20)))

    figures = [predictive_check(f"check_{i}", check) for i, check in enumerate(checks)]

    assert [check.is_reproduced for check in checks] == [
        observed == 0,
        True,
        observed == 0,
        observed == 0,
    ]
    assert len(figures) == 4
