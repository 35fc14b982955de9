"""Checks of simulated counts say what a model does not make, and draw what can be seen."""

import numpy as np
import pytest

from pymc_vibes.stats.count_checks import (
    STATISTICS,
    check_counts,
    check_figure,
    not_reproduced,
    predictive_group,
)


def test_statistics_are_those_of_the_counts() -> None:
    check = check_counts(np.array([0.0, 0.0, 3.0, 9.0]), np.array([[1.0, 1.0, 0.0, 2.0]]))

    assert dict(zip(STATISTICS, check.observed, strict=True)) == {
        "mean": 3.0,
        "variance": 13.5,
        "share of zeros": 0.5,
        "maximum": 9.0,
    }
    assert check.simulated.tolist() == [[1.0, 0.5, 0.25, 2.0]]


@pytest.mark.parametrize(("mean", "outside"), [(2.0, False), (6.0, True)])
def test_a_check_says_whether_the_model_makes_such_data(mean: float, *, outside: bool) -> None:
    rng = np.random.default_rng(2)
    check = check_counts(rng.poisson(2, 60), rng.poisson(mean, (400, 60)))

    figure = check_figure(check, "posterior", 0.95)

    assert ("mean" in check.outside(0.95)) is outside
    assert ("every statistic inside" in figure.title) is not outside
    assert bool(not_reproduced(check)) is outside


def test_missing_zeros_are_found_and_the_way_out_is_named() -> None:
    rng = np.random.default_rng(2)
    observed = np.concatenate([np.zeros(40), rng.poisson(5, 40)])
    check = check_counts(observed, rng.poisson(2.5, (400, 80)))

    findings = not_reproduced(check, {"share of zeros": "Set more zeros."})

    texts = [f.text for f in findings if "share of zeros" in f.text]
    assert len(texts) == 1
    assert texts[0].endswith("Set more zeros.")


def test_the_tail_of_a_wide_prior_does_not_hide_the_data() -> None:
    rng = np.random.default_rng(3)
    wide = rng.poisson(np.exp(rng.normal(1, 4, (500, 1))), (500, 40))
    figure = check_figure(check_counts(rng.poisson(3, 40), wide), "prior", 0.95)

    drawn, known = figure.spec.tables["rows"], figure.spec.tables["numbers"]
    assert figure.spec.x.domain is not None
    edge = figure.spec.x.domain[1]
    assert edge <= 10
    assert max(v for v in drawn["high"] if isinstance(v, float)) <= edge
    assert max(v for v in known["high"] if isinstance(v, float)) > 100
    assert "variance to" in figure.spec.note
    assert figure.spec.shown == ("numbers",)


@pytest.mark.parametrize("observed", [0, 7])
def test_counts_that_never_vary_can_be_drawn(observed: int) -> None:
    check = check_counts(np.full(20, observed), np.zeros((50, 20)))

    figure = check_figure(check, "posterior", 0.95)

    assert ("every statistic inside" in figure.title) is (observed == 0)


@pytest.mark.parametrize(("highest", "kind"), [(2**31 - 1, "int32"), (2**31, "int64")])
def test_groups_hold_every_digit_in_the_smallest_type(highest: int, kind: str) -> None:
    counts = np.array([[0, highest], [1, 2]])

    group = predictive_group(counts, "obs", {"entity": ["a", "b"]}, draws=2)

    assert group["count"].dtype == kind
    assert group["count"].dims == ("chain", "draw", "obs")
    assert group["count"].sel(chain=0).to_numpy().tolist() == counts.tolist()
