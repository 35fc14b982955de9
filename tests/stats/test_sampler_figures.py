"""Figures of a sampler say in their titles whether to trust it."""

import numpy as np

from pymc_vibes.stats.sampler_figures import trace_and_ranks


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
    assert "One draw in 20" in trace.spec.note


def test_a_trace_shows_how_many_draws_it_is_worth() -> None:
    trace, _ = trace_and_ranks("alpha", chains(), label="alpha")

    assert "R-hat is 1.00" in trace.spec.note
    assert "effective sample size" in trace.spec.note
